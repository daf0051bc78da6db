//! `/api/coverage` and `/api/roles`: what was seen, and what that says of the monolith's roles.

use super::api::{SETTLE, Tee, error, json, not_open};
use super::gate::ask;
use crate::report::coverage::{Seen, coverage};
use crate::report::gate::Asked;
use crate::report::roles::roles;
use axum::extract::{Query as Parameters, State};
use axum::http::StatusCode;
use axum::response::Response;

#[derive(serde::Deserialize)]
pub(super) struct Wanted {
    route: Option<String>,
}

pub(super) async fn of_routes(State(shared): Tee, Parameters(wanted): Parameters<Wanted>) -> Response {
    if let Some(wait) = not_open(&shared) {
        return wait;
    }
    shared.control.settle(SETTLE).await;
    let store = shared.control.store();
    let read = store.cells_by_age(0).and_then(|cells| Ok((cells, store.coverage()?)));
    match read {
        Ok((cells, seen)) => {
            let seen = Seen { cells: &cells, coverage: &seen };
            json(StatusCode::OK, &coverage(Some(&shared.control.config()), &seen, wanted.route.as_deref()))
        }
        Err(wrong) => error(StatusCode::SERVICE_UNAVAILABLE, wrong.to_string()),
    }
}

pub(super) async fn of_roles(State(shared): Tee) -> Response {
    if let Some(wait) = not_open(&shared) {
        return wait;
    }
    shared.control.settle(SETTLE).await;
    let config = shared.control.config();
    let gate = match ask(&shared, &config, &Asked::default()) {
        Ok(gate) => gate,
        Err(wrong) => return wrong,
    };
    match shared.control.store().coverage() {
        Ok(seen) => json(StatusCode::OK, &roles(&config, &gate, &seen)),
        Err(wrong) => error(StatusCode::SERVICE_UNAVAILABLE, wrong.to_string()),
    }
}
