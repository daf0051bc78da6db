//! Answers of owned routes: status, the headers that Django gave, errors.

use crate::App;
use crate::faults::Fault;
use axum::body::{Body, Bytes};
use futures::stream;
use http::header::{self, HeaderName, HeaderValue};
use http::{Response, StatusCode};
use serde_json::{Value, json};

/// Why a request is not answered as asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Refusal {
    /// There is no such review, book, reviewer or page.
    NotFound(&'static str),
    /// Logging in would help.
    Unauthenticated,
    /// It belongs to somebody else.
    Forbidden,
    /// An internal API cannot be reached.
    Unavailable,
    /// An internal API took too long.
    TooLate,
    /// An internal API failed in a way that the caller can do nothing about.
    Internal,
}

impl Refusal {
    fn status(self) -> StatusCode {
        match self {
            Refusal::NotFound(_) => StatusCode::NOT_FOUND,
            Refusal::Unauthenticated => StatusCode::UNAUTHORIZED,
            Refusal::Forbidden => StatusCode::FORBIDDEN,
            Refusal::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Refusal::TooLate => StatusCode::GATEWAY_TIMEOUT,
            Refusal::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    fn words(self) -> String {
        match self {
            Refusal::NotFound(what) => format!("{what} not found"),
            Refusal::Unauthenticated => "log in first".into(),
            Refusal::Forbidden => "this is not yours".into(),
            Refusal::Unavailable => "try again later".into(),
            Refusal::TooLate => "this took too long".into(),
            Refusal::Internal => "internal error".into(),
        }
    }
}

/// A JSON answer that says how long it may be kept.
pub(crate) fn found(app: &App, document: &Value, cache_control: &'static str) -> Response<Body> {
    let mut response = framed(app, StatusCode::OK, "application/json", Body::from(document.to_string()));
    response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static(cache_control));
    if app.faults.on(Fault::NosniffLost) {
        response.headers_mut().remove(header::X_CONTENT_TYPE_OPTIONS);
    }
    response
}

/// A refusal in JSON.
pub(crate) fn refused(app: &App, refusal: Refusal) -> Response<Body> {
    let status = match refusal {
        Refusal::NotFound(_) if app.faults.on(Fault::NotFoundAs200) => StatusCode::OK,
        Refusal::Unauthenticated if app.faults.on(Fault::UnauthenticatedAs200) => StatusCode::OK,
        _ => refusal.status(),
    };
    of_status(app, status, &json!({ "error": refusal.words() }))
}

/// A JSON answer of any status.
pub(crate) fn of_status(app: &App, status: StatusCode, document: &Value) -> Response<Body> {
    framed(app, status, "application/json", Body::from(document.to_string()))
}

/// What went wrong here is for the log; the caller is told that it did.
pub(crate) fn failed(error: anyhow::Error) -> Refusal {
    tracing::error!(%error, "an answer cannot be made");
    Refusal::Internal
}

/// Says that the answer depends on who asks.
pub(crate) fn vary_on_cookie(response: &mut Response<Body>) {
    response.headers_mut().insert(header::VARY, HeaderValue::from_static("Cookie"));
}

/// Sends the client elsewhere for good, as the monolith's middleware does, which is outside the one that forbids frames.
pub(crate) fn moved(app: &App, location: &str) -> Response<Body> {
    let Ok(location) = location.parse() else {
        return refused(app, Refusal::Internal);
    };
    // That middleware does not say how long its nothing is either.
    let nothing = Body::from_stream(stream::empty::<Result<Bytes, std::io::Error>>());
    let mut response = framed(app, StatusCode::MOVED_PERMANENTLY, "text/html; charset=utf-8", nothing);
    response.headers_mut().remove(header::X_FRAME_OPTIONS);
    response.headers_mut().insert(header::LOCATION, location);
    response
}

/// An owned path with a method that it does not know.
pub(crate) fn not_allowed(app: &App, allowed: &'static str) -> Response<Body> {
    let mut response = framed(app, StatusCode::METHOD_NOT_ALLOWED, "text/html; charset=utf-8", Body::empty());
    response.headers_mut().insert(header::ALLOW, HeaderValue::from_static(allowed));
    response.headers_mut().insert(header::CONTENT_LENGTH, HeaderValue::from_static("0"));
    response
}

/// The headers that every answer has, as the monolith's middleware gave them.
fn framed(app: &App, status: StatusCode, content_type: &'static str, body: Body) -> Response<Body> {
    const COMMON: [(HeaderName, HeaderValue); 4] = [
        (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
        (header::X_FRAME_OPTIONS, HeaderValue::from_static("DENY")),
        (header::REFERRER_POLICY, HeaderValue::from_static("same-origin")),
        (HeaderName::from_static("cross-origin-opener-policy"), HeaderValue::from_static("same-origin")),
    ];
    let mut response = Response::new(body);
    *response.status_mut() = status;
    let headers = response.headers_mut();
    headers.extend(COMMON);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert("x-build", app.build.clone());
    response
}
