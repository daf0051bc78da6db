//! `/api/rules`: what each rule did; and what is kept, for whoever judges it again under other rules.

use super::api::{SETTLE, Tee, error, json, not_open};
use crate::report::build;
use crate::report::rules::{self, Asked, KeptView, SamplesView};
use axum::extract::{Path, Query as Parameters, State};
use axum::http::StatusCode;
use axum::response::Response;

#[derive(serde::Deserialize)]
pub(super) struct Wanted {
    route: Option<String>,
}

pub(super) async fn rules(State(shared): Tee, Parameters(wanted): Parameters<Wanted>) -> Response {
    if let Some(wait) = not_open(&shared) {
        return wait;
    }
    shared.control.settle(SETTLE).await;
    let now_ms = crate::sys::now_ms();
    let cells = match shared.control.store().cells_of_rules() {
        Ok(cells) => cells,
        Err(wrong) => return error(StatusCode::SERVICE_UNAVAILABLE, wrong.to_string()),
    };
    match rules::list(Some(&shared.control.config()), &cells, &Asked { route: wanted.route }, now_ms) {
        Ok(view) => json(StatusCode::OK, &view),
        Err(wrong) => error(StatusCode::NOT_FOUND, wrong.to_string()),
    }
}

/// A signature's exemplars as they are stored: redacted, and cut by `store_bodies`.
pub(super) async fn kept(State(shared): Tee, Path(id): Path<String>) -> Response {
    if let Some(wait) = not_open(&shared) {
        return wait;
    }
    let records = shared.control.store().signatures();
    let record = match build::find(&records, &id) {
        Ok(record) => record,
        Err(wrong) => return error(StatusCode::NOT_FOUND, wrong.to_string()),
    };
    match shared.control.store().exemplars(record.id) {
        Ok(exemplars) => json(StatusCode::OK, &KeptView::of(exemplars)),
        Err(wrong) => error(StatusCode::SERVICE_UNAVAILABLE, wrong.to_string()),
    }
}

#[derive(serde::Deserialize)]
pub(super) struct Page {
    after: Option<String>,
}

/// A page of the exchanges that rules made equal.
pub(super) async fn samples(State(shared): Tee, Parameters(page): Parameters<Page>) -> Response {
    if let Some(wait) = not_open(&shared) {
        return wait;
    }
    match shared.control.store().samples(page.after.as_deref()) {
        Ok(page) => json(StatusCode::OK, &SamplesView::of(page)),
        Err(wrong) => error(StatusCode::SERVICE_UNAVAILABLE, wrong.to_string()),
    }
}
