//! `/api/gate`: a word for each route.

use super::Shared;
use super::api::{SETTLE, Tee, error, json, not_open};
use crate::config::Config;
use crate::report::gate::{Asked, Evidence, GateView, gate, oldest_ms};
use crate::sys::now_ms;
use axum::extract::{Query as Parameters, State};
use axum::http::StatusCode;
use axum::response::Response;

#[derive(serde::Deserialize)]
pub(super) struct Wanted {
    gate: Option<String>,
    route: Option<String>,
    role: Option<String>,
}

pub(super) async fn answer(State(shared): Tee, Parameters(wanted): Parameters<Wanted>) -> Response {
    if let Some(wait) = not_open(&shared) {
        return wait;
    }
    shared.control.settle(SETTLE).await;
    let asked = Asked { gate: wanted.gate, route: wanted.route, role: wanted.role };
    ask(&shared, &shared.control.config(), &asked).map_or_else(|wrong| wrong, |view| json(StatusCode::OK, &view))
}

/// Asks the gate of what is durable now; the answer that says why not, where it cannot be.
#[allow(clippy::result_large_err, reason = "an answer is what either way ends as")]
pub(super) fn ask(shared: &Shared, config: &Config, asked: &Asked) -> Result<GateView, Response> {
    let (store, now_ms) = (shared.control.store(), now_ms());
    let cells = store
        .cells_by_age(oldest_ms(Some(config), asked, now_ms))
        .map_err(|wrong| error(StatusCode::SERVICE_UNAVAILABLE, wrong.to_string()))?;
    let (signatures, figures, ledger) = (store.signatures(), store.figures(), shared.control.ledger());
    let evidence = Evidence { cells: &cells, signatures: &signatures, figures: &figures, ledger: &ledger };
    gate(Some(config), &evidence, asked, now_ms).map_err(|wrong| error(StatusCode::NOT_FOUND, wrong.to_string()))
}
