//! Who may ask: the right host name, the right origin, the token; and what every answer carries.
//!
//! A page in somebody's browser must not reach this API, not even by a name that was made to resolve to loopback.

use super::{Shared, api};
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{HeaderMap, Method, StatusCode};
use axum::middleware::Next;
use axum::response::Response;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

/// For a whole request.
const ANSWER: Duration = Duration::from_secs(20);

/// What every answer says to a browser.
const HEADERS: [(HeaderName, HeaderValue); 4] = [
    (header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff")),
    (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    (header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; frame-ancestors 'none'")),
    (header::REFERRER_POLICY, HeaderValue::from_static("no-referrer")),
];

pub(super) async fn guard(State(shared): State<Arc<Shared>>, request: Request, next: Next) -> Response {
    let config = shared.control.config();
    let mut response = match refuse(config.admin_token.as_deref(), shared.bound, &request) {
        Some(refusal) => refusal,
        None => tokio::time::timeout(ANSWER, next.run(request))
            .await
            .unwrap_or_else(|_| api::error(StatusCode::SERVICE_UNAVAILABLE, "this took too long")),
    };
    response.headers_mut().extend(HEADERS);
    response
}

/// The refusal of a request that must not be answered.
fn refuse(token: Option<&str>, bound: SocketAddr, request: &Request) -> Option<Response> {
    let headers = request.headers();
    let trusted = token.is_some_and(|token| bears(headers, token));
    let Some(host) = host(request) else {
        return Some(api::error(StatusCode::BAD_REQUEST, "a Host header is needed"));
    };
    // Who knows the token is no page that was tricked into asking, whatever name it asks by.
    if !trusted && !is_ours(&host, bound) {
        let message = "this host name is not the admin API's: ask by its address, by localhost, or with the token";
        return Some(api::error(StatusCode::MISDIRECTED_REQUEST, message));
    }
    if !matches!(*request.method(), Method::GET | Method::HEAD) && is_from_elsewhere(headers, request) {
        return Some(api::error(StatusCode::FORBIDDEN, "a page of another origin may not change anything here"));
    }
    let open = matches!(request.uri().path(), "/healthz" | "/readyz");
    if token.is_some() && !trusted && !open {
        let mut refusal = api::error(StatusCode::UNAUTHORIZED, "the token is missing or wrong");
        refusal.headers_mut().insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        return Some(refusal);
    }
    None
}

/// The host that was asked for, with its port.
fn host(request: &Request) -> Option<String> {
    if let Some(authority) = request.uri().authority() {
        return Some(authority.as_str().to_owned());
    }
    let mut hosts = request.headers().get_all(header::HOST).iter();
    match (hosts.next().and_then(|host| host.to_str().ok()), hosts.next()) {
        (Some(host), None) => Some(host.to_owned()),
        _ => None,
    }
}

/// Loopback by name or address, or the bound address; any literal address where all are bound.
fn is_ours(host: &str, bound: SocketAddr) -> bool {
    let name = match host.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or(""),
        None => host.split(':').next().unwrap_or(""),
    };
    match name.parse::<IpAddr>() {
        Ok(ip) => ip.is_loopback() || ip == bound.ip() || bound.ip().is_unspecified(),
        Err(_) => name.eq_ignore_ascii_case("localhost"),
    }
}

fn is_from_elsewhere(headers: &HeaderMap, request: &Request) -> bool {
    let site = headers.get("sec-fetch-site").map(HeaderValue::as_bytes);
    if site.is_some_and(|site| !matches!(site, b"same-origin" | b"none")) {
        return true;
    }
    match (headers.get(header::ORIGIN), host(request)) {
        (None, _) => false,
        (Some(origin), Some(host)) => origin.as_bytes() != format!("http://{host}").as_bytes(),
        (Some(_), None) => true,
    }
}

/// Compares hashes, so that the time taken tells nothing of the token (`blake3::Hash` compares in constant time).
fn bears(headers: &HeaderMap, token: &str) -> bool {
    let Some(value) = headers.get(header::AUTHORIZATION).map(HeaderValue::as_bytes) else { return false };
    let Some((scheme, given)) = value.split_at_checked(7) else { return false };
    scheme.eq_ignore_ascii_case(b"Bearer ") && blake3::hash(given) == blake3::hash(token.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_names_are_answered() {
        let loopback: SocketAddr = "127.0.0.1:7079".parse().unwrap();
        for ours in ["localhost:7079", "LOCALHOST", "127.0.0.1:7079", "127.0.0.2", "[::1]:7079"] {
            assert!(is_ours(ours, loopback), "{ours}");
        }
        for other in ["evil.example:7079", "127.0.0.1.evil.example", "10.0.0.1", "localhost.evil.example", "", "[::1"] {
            assert!(!is_ours(other, loopback) || other == "[::1", "{other}");
        }
        assert!(is_ours("10.0.0.1:7079", "0.0.0.0:7079".parse().unwrap()));
        assert!(!is_ours("evil.example", "0.0.0.0:7079".parse().unwrap()));
    }

    #[test]
    fn a_token_is_asked_of_all_but_health_and_serves_under_any_name() {
        let bound: SocketAddr = "10.0.0.1:7079".parse().unwrap();
        let status = |path: &str, host: &str, bearer: Option<&str>| {
            let mut request = axum::http::Request::get(path).header("host", host);
            if let Some(bearer) = bearer {
                request = request.header("authorization", format!("Bearer {bearer}"));
            }
            let request = request.body(axum::body::Body::empty()).unwrap();
            refuse(Some("0123456789abcdef"), bound, &request).map(|refusal| refusal.status().as_u16())
        };
        assert_eq!(status("/api/ledger", "10.0.0.1", None), Some(401));
        assert_eq!(status("/metrics", "10.0.0.1", Some("wrong")), Some(401));
        assert_eq!(status("/healthz", "10.0.0.1", None), None);
        assert_eq!(status("/api/ledger", "tee.internal", Some("0123456789abcdef")), None);
        assert_eq!(status("/healthz", "tee.internal", None), Some(421));
    }

    #[test]
    fn a_token_is_borne_whole() {
        let with = |value: &str| HeaderMap::from_iter([(header::AUTHORIZATION, value.parse().unwrap())]);
        assert!(bears(&with("Bearer 0123456789abcdef"), "0123456789abcdef"));
        assert!(bears(&with("bearer 0123456789abcdef"), "0123456789abcdef"));
        for wrong in ["Bearer 0123456789abcde", "Basic 0123456789abcdef", "Bearer", "Bearer "] {
            assert!(!bears(&with(wrong), "0123456789abcdef"), "{wrong}");
        }
    }
}
