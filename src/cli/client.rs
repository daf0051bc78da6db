//! A tiny HTTP client for a running tee's admin API: one request, one connection, everything bounded.

use http_body_util::{BodyExt, Empty, Limited};
use hyper::body::Bytes;
use std::fmt::Write;
use std::time::Duration;

/// For a connection.
const CONNECT: Duration = Duration::from_secs(3);
/// For an answer; a report waits up to a second for what is on its way to the store.
const ANSWER: Duration = Duration::from_secs(30);
/// Of an answer.
const MOST_BYTES: usize = 256 << 20;

/// A running tee's admin API.
pub(crate) struct Client {
    authority: String,
    base_path: String,
    token: Option<String>,
}

/// What it answered.
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) body: Bytes,
}

impl Client {
    /// For a URL or a bare `host:port`.
    pub(crate) fn new(url: &str, token: Option<String>) -> Result<Client, String> {
        let whole = if url.contains("://") { url.to_owned() } else { format!("http://{url}") };
        let bad = || format!("`{url}` is not the address of an admin API: http://host:port");
        let uri: http::Uri = whole.parse().map_err(|_| bad())?;
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@')).ok_or_else(bad)?;
        if uri.scheme_str() != Some("http") {
            return Err(format!("{}; https is not in this version", bad()));
        }
        let port = authority.port_u16().unwrap_or(80);
        let authority = format!("{}:{port}", authority.host());
        Ok(Client { authority, base_path: uri.path().trim_end_matches('/').to_owned(), token })
    }
    /// True when something accepts connections there.
    pub(crate) fn is_there(&self) -> bool {
        run(async { self.connect().await.is_ok() }).unwrap_or(false)
    }
    /// Asks for one path.
    pub(crate) fn get(&self, path: &str) -> Result<Answer, String> {
        run(async {
            match tokio::time::timeout(ANSWER, self.ask(path)).await {
                Ok(answer) => answer,
                Err(_) => Err(format!("the admin API at {} did not answer within {ANSWER:?}", self.authority)),
            }
        })?
    }
    async fn connect(&self) -> Result<tokio::net::TcpStream, String> {
        let authority = &self.authority;
        let why = match tokio::time::timeout(CONNECT, tokio::net::TcpStream::connect(authority)).await {
            Ok(Ok(stream)) => return Ok(stream),
            Ok(Err(error)) => error.to_string(),
            Err(_) => format!("no connection within {CONNECT:?}"),
        };
        Err(format!("no tee answers at {authority} ({why}): start it, or name its --store"))
    }
    async fn ask(&self, path: &str) -> Result<Answer, String> {
        let broken = |error: &dyn std::fmt::Display| format!("the admin API at {} broke off: {error}", self.authority);
        let stream = self.connect().await?;
        let io = hyper_util::rt::TokioIo::new(stream);
        let (mut sender, connection) =
            hyper::client::conn::http1::handshake(io).await.map_err(|error| broken(&error))?;
        let driver = tokio::spawn(connection);
        let mut request = http::Request::get(format!("{}{path}", self.base_path))
            .header("host", &self.authority)
            .header("accept", "application/json");
        if let Some(token) = &self.token {
            request = request.header("authorization", format!("Bearer {token}"));
        }
        let request = request
            .body(Empty::<Bytes>::new())
            .map_err(|error| format!("this cannot be asked of an admin API: {error}"))?;
        let answer = sender.send_request(request).await.map_err(|error| broken(&error))?;
        let status = answer.status().as_u16();
        let body = Limited::new(answer.into_body(), MOST_BYTES).collect().await;
        let body = body.map_err(|error| broken(&error))?.to_bytes();
        driver.abort();
        Ok(Answer { status, body })
    }
}

fn run<T>(work: impl Future<Output = T>) -> Result<T, String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.map(|runtime| runtime.block_on(work)).map_err(|error| format!("cannot start a runtime: {error}"))
}

/// Percent-encodes a query value.
pub(crate) fn percent(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' => out.push(byte as char),
            _ => {
                let _ = write!(out, "%{byte:02X}");
            }
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses() {
        let authority = |url| Client::new(url, None).map(|client| client.authority);
        assert_eq!(authority("http://127.0.0.1:7079/"), Ok("127.0.0.1:7079".into()));
        assert_eq!(authority("localhost:7079"), Ok("localhost:7079".into()));
        assert!(authority("https://h:1").is_err() && authority("http://a@b").is_err() && authority("").is_err());
    }

    #[test]
    fn queries_are_encoded() {
        assert_eq!(percent("route:\"GET /ä\""), "route%3A%22GET%20%2F%C3%A4%22");
    }
}
