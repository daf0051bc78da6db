//! A client that speaks HTTP/2 well: h2's own, in the clear or over TLS.

use bytes::Bytes;
use h2::client::{ResponseFuture, SendRequest};
use h2::{Reason, SendStream};
use http::{HeaderMap, Request, Response};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;

/// A whole answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) head: http::response::Parts,
    pub(crate) body: Vec<u8>,
    pub(crate) trailers: Option<HeaderMap>,
}

impl Answer {
    pub(crate) fn status(&self) -> u16 {
        self.head.status.as_u16()
    }
    pub(crate) fn header(&self, name: &str) -> Option<&str> {
        self.head.headers.get(name).and_then(|value| value.to_str().ok())
    }
}

/// A connection; its reading and writing is a task of its own.
pub(crate) struct Http2 {
    pub(crate) send: SendRequest<Bytes>,
    /// Ends with the connection.
    pub(crate) driver: JoinHandle<Result<(), h2::Error>>,
    scheme: &'static str,
}

impl Http2 {
    pub(crate) async fn connect(to: SocketAddr) -> Http2 {
        let stream = TcpStream::connect(to).await.unwrap();
        stream.set_nodelay(true).unwrap();
        Http2::over(stream, "http").await
    }
    pub(crate) async fn over<S>(stream: S, scheme: &'static str) -> Http2
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let (send, connection) = h2::client::handshake(stream).await.unwrap();
        Http2 { send, driver: tokio::spawn(connection), scheme }
    }
    /// A request to `shop.example`.
    pub(crate) fn request(&self, method: &str, path: &str) -> http::request::Builder {
        Request::builder().method(method).uri(format!("{}://shop.example{path}", self.scheme))
    }
    /// Sends a head; the body follows on the stream where it does not end with it.
    pub(crate) async fn start(
        &mut self,
        head: http::request::Builder,
        ends: bool,
    ) -> (ResponseFuture, SendStream<Bytes>) {
        let mut ready = self.send.clone().ready().await.unwrap();
        ready.send_request(head.body(()).unwrap(), ends).unwrap()
    }
    pub(crate) async fn get(&mut self, path: &str) -> Result<Answer, h2::Error> {
        let head = self.request("GET", path);
        let (response, _) = self.start(head, true).await;
        whole(soon(response).await?).await
    }
    pub(crate) async fn post(&mut self, head: http::request::Builder, body: &[u8]) -> Result<Answer, h2::Error> {
        let (response, mut stream) = self.start(head, false).await;
        stream.send_data(Bytes::copy_from_slice(body), true)?;
        whole(soon(response).await?).await
    }
}

/// What must happen within ten seconds.
pub(crate) async fn soon<T>(what: impl Future<Output = T>) -> T {
    tokio::time::timeout(Duration::from_secs(10), what).await.expect("it happens within ten seconds")
}

/// An answer to its end.
pub(crate) async fn whole(response: Response<h2::RecvStream>) -> Result<Answer, h2::Error> {
    let (head, mut stream) = response.into_parts();
    let mut body = Vec::new();
    while let Some(data) = stream.data().await {
        let data = data?;
        stream.flow_control().release_capacity(data.len())?;
        body.extend_from_slice(&data);
    }
    let trailers = stream.trailers().await?;
    Ok(Answer { head, body, trailers })
}

/// The code of the reset that an error is.
pub(crate) fn reset_code(error: &h2::Error) -> Option<Reason> {
    error.is_reset().then(|| error.reason()).flatten()
}
