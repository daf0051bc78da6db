//! Which routes this service owns. Everything else is the monolith's.

use crate::App;
use crate::answer::{not_allowed, refused};
use crate::reviews;
use axum::Router;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::routing::any;
use http::{Method, Request, Response};
use std::sync::Arc;

type Shared = State<Arc<App>>;
type Segment = Result<Path<String>, PathRejection>;

/// From this step on the owned routes are composed here.
const COMPOSED: u8 = 5;

/// The owned routes once they are composed here, and the proxy for the rest.
pub(crate) fn router(app: Arc<App>, step: u8) -> Router {
    let owned = Router::new()
        .route("/api/review/{review_id}", any(review))
        .route("/api/book/{isbn}/reviews/", any(by_book))
        .route("/api/reviewer/{reviewer_id}/reviews/", any(by_reviewer));
    let routes = if step >= COMPOSED { owned } else { Router::new() };
    routes.fallback(monolith).with_state(app)
}

async fn monolith(State(app): Shared, request: Request<Body>) -> Response<Body> {
    app.proxy.forward(&app, request).await
}

async fn review(State(app): Shared, segment: Segment, request: Request<Body>) -> Response<Body> {
    match segment.ok().and_then(|Path(text)| id_of(&text)) {
        None => app.proxy.forward(&app, request).await,
        // Writing stays with the monolith.
        Some(_) if [Method::PATCH, Method::DELETE].contains(request.method()) => app.proxy.forward(&app, request).await,
        Some(_) if request.method() != Method::GET => not_allowed(&app, "GET, PATCH, DELETE"),
        Some(id) => reviews::one(&app, id).await.unwrap_or_else(|refusal| refused(&app, refusal)),
    }
}

async fn by_book(State(app): Shared, segment: Segment, request: Request<Body>) -> Response<Body> {
    match segment {
        Ok(Path(isbn)) if is_isbn(&isbn) => {
            if request.method() != Method::GET {
                return not_allowed(&app, "GET");
            }
            let (head, _) = request.into_parts();
            reviews::by_book(&app, isbn, &head).await.unwrap_or_else(|refusal| refused(&app, refusal))
        }
        _ => app.proxy.forward(&app, request).await,
    }
}

async fn by_reviewer(State(app): Shared, segment: Segment, request: Request<Body>) -> Response<Body> {
    match segment.ok().and_then(|Path(text)| id_of(&text).map(|id| (text, id))) {
        None => app.proxy.forward(&app, request).await,
        Some(_) if request.method() != Method::GET => not_allowed(&app, "GET"),
        Some((text, id)) => {
            let (head, _) = request.into_parts();
            reviews::by_reviewer(&app, &text, id, &head).await.unwrap_or_else(|refusal| refused(&app, refusal))
        }
    }
}

/// An id as the monolith's addresses spell it; other texts are no address of ours. Nothing has the largest id, so it stands
/// for all that are too large.
fn id_of(text: &str) -> Option<i64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(i64::MAX))
}

/// An ISBN as the monolith's addresses spell it, with or without dashes.
fn is_isbn(text: &str) -> bool {
    matches!(text.len(), 10..=20) && text.bytes().all(|byte| byte.is_ascii_digit() || b"Xx-".contains(&byte))
}
