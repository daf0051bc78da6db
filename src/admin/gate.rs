//! `/api/gate`: a word for each route.

use super::api::{Tee, error, json, not_open};
use crate::report::gate::{self, Asked, Evidence, NoGate};
use axum::extract::{Query as Parameters, State};
use axum::http::StatusCode;
use axum::response::Response;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// How long it waits for what is on its way to the store.
pub(super) const SETTLE: Duration = Duration::from_secs(1);

#[derive(serde::Deserialize)]
pub(super) struct Wanted {
    gate: Option<String>,
    route: Option<String>,
    role: Option<String>,
}

pub(super) fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

pub(super) async fn gate(State(shared): Tee, Parameters(wanted): Parameters<Wanted>) -> Response {
    if let Some(wait) = not_open(&shared) {
        return wait;
    }
    shared.control.settle(SETTLE).await;
    let (store, now_ms) = (shared.control.store(), now_ms());
    let (asked, config) =
        (Asked { gate: wanted.gate, route: wanted.route, role: wanted.role }, shared.control.config());
    let cells = match store.cells_by_age(gate::oldest_ms(Some(&config), &asked, now_ms)) {
        Ok(cells) => cells,
        Err(wrong) => return error(StatusCode::SERVICE_UNAVAILABLE, wrong.to_string()),
    };
    let (signatures, figures, ledger) = (store.signatures(), store.figures(), shared.control.ledger());
    let evidence = Evidence { cells: &cells, signatures: &signatures, figures: &figures, ledger: &ledger };
    match gate::gate(Some(&config), &evidence, &asked, now_ms) {
        Ok(view) => json(StatusCode::OK, &view),
        Err(wrong @ (NoGate::Gate(..) | NoGate::Route(_) | NoGate::Role(_))) => {
            error(StatusCode::NOT_FOUND, wrong.to_string())
        }
    }
}
