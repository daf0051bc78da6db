//! The first step of taking a monolith apart: what is not owned is sent on, body and headers both ways.
//!
//! Everything that is not about the connection itself travels, so that the markers of a tee in front of the monolith do too.

use crate::App;
use crate::answer::{self, Refusal};
use anyhow::bail;
use axum::body::Body;
use clap::ValueEnum;
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, Request, Response, Uri, header};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use std::time::Duration;

/// Until the head of the monolith's answer.
const PATIENCE: Duration = Duration::from_secs(30);

/// Fields about one connection and not about the message (RFC 9110, 7.6.1), beside those that `Connection` names.
const CONNECTION_FIELDS: [HeaderName; 8] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::PROXY_AUTHENTICATE,
    header::PROXY_AUTHORIZATION,
    header::TE,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// Which headers of a request travel with it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Passed {
    /// All that are not about the connection
    All,
    /// Cookies and what describes the body, as a first proxy is often written; a tee's markers are lost
    Cookies,
}

/// What travels where only cookies do.
const COOKIES: [HeaderName; 5] =
    [header::COOKIE, header::CONTENT_TYPE, header::CONTENT_LENGTH, header::CONTENT_ENCODING, header::CONTENT_LANGUAGE];

/// Sends requests on to the monolith.
pub(crate) struct Proxy {
    client: Client<HttpConnector, Body>,
    monolith: Authority,
    passed: Passed,
}

impl Proxy {
    /// To the monolith, or the tee in front of it, at `http://HOST:PORT`.
    pub(crate) fn new(monolith: &Uri, passed: Passed) -> anyhow::Result<Proxy> {
        let (Some("http"), Some(authority), "" | "/") = (monolith.scheme_str(), monolith.authority(), monolith.path())
        else {
            bail!("--monolith {monolith}: http://HOST:PORT is needed");
        };
        let mut connector = HttpConnector::new();
        connector.set_nodelay(true);
        let client = Client::builder(TokioExecutor::new()).pool_idle_timeout(Duration::from_secs(30)).build(connector);
        Ok(Proxy { client, monolith: authority.clone(), passed })
    }

    /// The monolith's answer to this request, as it gave it.
    pub(crate) async fn forward(&self, app: &App, mut request: Request<Body>) -> Response<Body> {
        let target = request.uri().path_and_query().cloned().unwrap_or(PathAndQuery::from_static("/"));
        let uri = Uri::builder().scheme(Scheme::HTTP).authority(self.monolith.clone()).path_and_query(target).build();
        let Ok(uri) = uri else {
            return answer::refused(app, Refusal::Internal);
        };
        *request.uri_mut() = uri;
        *request.version_mut() = http::Version::HTTP_11;
        // The Host field stays the client's, so that the monolith's absolute links are right.
        drop_connection_fields(request.headers_mut());
        if self.passed == Passed::Cookies {
            keep_cookies(request.headers_mut());
        }
        match tokio::time::timeout(PATIENCE, self.client.request(request)).await {
            Ok(Ok(response)) => {
                let (mut head, body) = response.into_parts();
                drop_connection_fields(&mut head.headers);
                Response::from_parts(head, Body::new(body))
            }
            Ok(Err(error)) => {
                tracing::warn!(%error, "the monolith cannot be asked");
                answer::refused(app, Refusal::Unavailable)
            }
            Err(_) => answer::refused(app, Refusal::TooLate),
        }
    }
}

fn keep_cookies(headers: &mut HeaderMap) {
    let others: Vec<HeaderName> = headers.keys().filter(|name| !COOKIES.contains(name)).cloned().collect();
    for name in others {
        headers.remove(name);
    }
}

fn drop_connection_fields(headers: &mut HeaderMap) {
    let named: Vec<HeaderName> = headers
        .get_all(header::CONNECTION)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .filter_map(|name| name.trim().parse().ok())
        .collect();
    for name in CONNECTION_FIELDS.iter().chain(&named) {
        headers.remove(name);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connection_fields_stay_and_markers_travel() {
        let mut headers = HeaderMap::new();
        for (name, value) in [
            ("connection", "close, X-Local"),
            ("x-local", "1"),
            ("te", "trailers"),
            ("x-shadow-request", "1"),
            ("x-paritee-exchange", "abc"),
            ("cookie", "a=b"),
        ] {
            headers.insert(name, http::HeaderValue::from_static(value));
        }
        drop_connection_fields(&mut headers);
        let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["cookie", "x-paritee-exchange", "x-shadow-request"]);
        headers.insert("content-type", http::HeaderValue::from_static("text/plain"));
        keep_cookies(&mut headers);
        let mut left: Vec<_> = headers.keys().map(HeaderName::as_str).collect();
        left.sort_unstable();
        assert_eq!(left, ["content-type", "cookie"]);
    }
}
