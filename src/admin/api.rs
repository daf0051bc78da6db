//! The JSON answers: the same views that the command line prints.

use super::Shared;
use crate::mirror::Health;
use crate::report::build::{self, NotFound};
use crate::report::curl::Sides;
use crate::report::views::Whole;
use crate::report::{Query, SCHEMA};
use axum::extract::{Path, Query as Parameters, State};
use axum::http::header::{self, HeaderValue};
use axum::http::{StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::sync::Arc;
use std::time::Duration;

pub(super) type Tee = State<Arc<Shared>>;

/// How long a report waits for what is on its way to the store.
pub(super) const SETTLE: Duration = Duration::from_secs(1);

pub(super) fn json<T: Serialize>(status: StatusCode, view: &T) -> Response {
    match serde_json::to_vec(view) {
        Ok(body) => {
            (status, [(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))], body).into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// `{"schema":1,"error":"…"}`.
pub(super) fn error(status: StatusCode, message: impl Into<String>) -> Response {
    #[derive(Serialize)]
    struct Refusal {
        schema: u32,
        error: String,
    }
    json(status, &Refusal { schema: SCHEMA, error: message.into() })
}

pub(super) async fn not_found(uri: Uri) -> Response {
    let path = crate::report::text::short(uri.path(), 100);
    error(StatusCode::NOT_FOUND, format!("there is nothing at {path}"))
}

pub(super) async fn method_not_allowed() -> Response {
    error(StatusCode::METHOD_NOT_ALLOWED, "this method is not for this path")
}

/// While the store is with the process before, nobody knows what is in it: half an account would look like one.
pub(super) fn not_open(shared: &Shared) -> Option<Response> {
    let message = "the store is with the process before; it is opened when that one has ended: try again";
    shared.control.store().opened().is_none().then(|| error(StatusCode::SERVICE_UNAVAILABLE, message))
}

pub(super) async fn ledger(State(shared): Tee) -> Response {
    if let Some(wait) = not_open(&shared) {
        return wait;
    }
    json(StatusCode::OK, &Whole::from(build::ledger(&shared.control.ledger())))
}

#[derive(serde::Deserialize)]
pub(super) struct Asked {
    #[serde(default)]
    q: String,
}

pub(super) async fn report(State(shared): Tee, Parameters(asked): Parameters<Asked>) -> Response {
    let query = match Query::parse(&asked.q) {
        Ok(query) => query,
        Err(wrong) => return error(StatusCode::BAD_REQUEST, wrong.to_string()),
    };
    if let Some(wait) = not_open(&shared) {
        return wait;
    }
    // What was judged before this call is in the report; a store that does not take writes shows in the health facts.
    shared.control.settle(SETTLE).await;
    let now_ms = crate::sys::now_ms();
    let records = shared.control.store().signatures_where(|record| query.keeps(record, now_ms));
    let figures = shared.control.store().figures();
    json(StatusCode::OK, &build::report(&records, &shared.control.ledger(), &figures, &query, now_ms))
}

pub(super) async fn signature(State(shared): Tee, Path(id): Path<String>) -> Response {
    if let Some(wait) = not_open(&shared) {
        return wait;
    }
    shared.control.settle(SETTLE).await;
    let prefix = id.to_ascii_lowercase();
    let records = shared.control.store().signatures_where(|record| record.id.to_string().starts_with(&prefix));
    let record = match build::find(&records, &id) {
        Ok(record) => record,
        Err(wrong @ NotFound::None(_)) => return error(StatusCode::NOT_FOUND, wrong.to_string()),
        Err(wrong @ NotFound::Many(..)) => return error(StatusCode::CONFLICT, wrong.to_string()),
    };
    match shared.control.store().exemplars(record.id) {
        Ok(exemplars) => json(
            StatusCode::OK,
            &build::show(
                record,
                &exemplars,
                &Sides::of(&shared.control.config()),
                &shared.control.store().suppression(),
            ),
        ),
        Err(wrong) => error(StatusCode::SERVICE_UNAVAILABLE, wrong.to_string()),
    }
}

#[derive(Serialize)]
struct Switch {
    schema: u32,
    mirroring: bool,
}

pub(super) async fn mirror(State(shared): Tee) -> Response {
    json(StatusCode::OK, &Switch { schema: SCHEMA, mirroring: shared.control.mirroring() })
}

pub(super) async fn switch(State(shared): Tee, Path(word): Path<String>) -> Response {
    match word.as_str() {
        "on" => shared.control.set_mirroring(true),
        "off" => shared.control.set_mirroring(false),
        _ => return error(StatusCode::NOT_FOUND, "a mirror is switched `on` or `off`"),
    }
    json(StatusCode::OK, &Switch { schema: SCHEMA, mirroring: shared.control.mirroring() })
}

#[derive(Serialize)]
struct HealthView {
    schema: u32,
    status: &'static str,
    accepting: bool,
    draining: bool,
    candidate: bool,
    mirroring: bool,
    breaker: &'static str,
    /// The share of clients that backing off leaves mirrored.
    #[serde(skip_serializing_if = "Option::is_none")]
    back_off_share: Option<f64>,
    /// Live threads that do not mirror, since they are late.
    late_threads: u64,
    in_flight: u64,
    in_flight_bytes: u64,
    connections: u64,
    uptime_s: u64,
    /// The number of the config in force, from 1.
    config: u64,
    /// The last config that was read was not this one; `/api/reload` says why.
    config_refused: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    store_failing: Option<String>,
}

fn health(status: &'static str, health: Health) -> HealthView {
    HealthView {
        schema: SCHEMA,
        status,
        accepting: health.accepting,
        draining: health.draining,
        candidate: health.candidate,
        mirroring: health.mirroring,
        breaker: health.breaker.as_str(),
        back_off_share: health.back_off.map(|figures| figures.share),
        late_threads: health.lag.late,
        in_flight: health.in_flight,
        in_flight_bytes: health.in_flight_bytes,
        connections: health.connections,
        uptime_s: health.uptime_s,
        config: health.reloads.number,
        config_refused: health.reloads.refusal.is_some(),
        store_failing: health.store_failing,
    }
}

/// The process lives; what ails it is in the body, since a restart would cure none of it.
pub(super) async fn healthz(State(shared): Tee) -> Response {
    json(StatusCode::OK, &health("ok", shared.control.health()))
}

pub(super) async fn readyz(State(shared): Tee) -> Response {
    match shared.control.ready() {
        true => json(StatusCode::OK, &health("ready", shared.control.health())),
        false => json(StatusCode::SERVICE_UNAVAILABLE, &health("not_ready", shared.control.health())),
    }
}
