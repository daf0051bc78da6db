//! `/api/reload`: reads the config again, and tells what became of it.

use super::api::{Tee, error, json};
use crate::mirror::{ReloadState, Reloaded};
use crate::report::SCHEMA;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Serialize;

#[derive(Serialize)]
struct Applied {
    schema: u32,
    config: u64,
    warnings: Vec<String>,
}

#[derive(Serialize)]
struct Told {
    schema: u32,
    config: u64,
    in_force_since_ms: u64,
    applied: u64,
    refused: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<Refusal>,
}

#[derive(Serialize)]
struct Refusal {
    at_ms: u64,
    error: String,
}

/// Reads it again. A config that is refused is the asker's to put right, and its error says where.
pub(super) async fn reload(State(shared): Tee) -> Response {
    // It reads files, and this runtime answers others.
    let control = shared.control.clone();
    match tokio::task::spawn_blocking(move || control.reload()).await {
        Ok(Ok(Reloaded { number, warnings })) => {
            json(StatusCode::OK, &Applied { schema: SCHEMA, config: number, warnings })
        }
        Ok(Err(refused)) => error(StatusCode::UNPROCESSABLE_ENTITY, refused.to_string()),
        Err(_) => error(StatusCode::INTERNAL_SERVER_ERROR, "reading the config came to no end"),
    }
}

/// What has become of it so far.
pub(super) async fn state(State(shared): Tee) -> Response {
    let ReloadState { number, applied, refused, in_force_since_ms, refusal } = shared.control.reloads();
    let refusal = refusal.map(|refusal| Refusal { at_ms: refusal.at_ms, error: refusal.error });
    json(StatusCode::OK, &Told { schema: SCHEMA, config: number, in_force_since_ms, applied, refused, refusal })
}
