//! Bodies that go to the client, and the answers that the tee gives of its own.

use super::relay::Relay;
use bytes::Bytes;
use http::header::{CONNECTION, CONTENT_TYPE};
use http::{HeaderValue, Response, StatusCode};
use http_body::{Body, Frame, SizeHint};
use std::pin::Pin;
use std::task::{Context, Poll};

/// What goes to the client. An enum, so that no body is boxed.
#[allow(clippy::large_enum_variant, reason = "the large one is the usual one")]
pub(super) enum ToClient {
    /// Nothing.
    Empty,
    /// A line of the tee's own.
    Line(Option<Bytes>),
    /// A side's answer as it comes.
    Relay(Relay),
}

/// Why a body ended early: the connection is cut, so that a cut answer never looks whole.
#[derive(Debug, thiserror::Error)]
pub(super) enum Cut {
    /// The side's connection failed.
    #[error("the side's answer was cut: {0}")]
    Failed(#[from] hyper::Error),
    /// The side reset its stream without an error, and without an end.
    #[error("the side's answer was stopped before its end")]
    Stopped,
    /// The side stood still.
    #[error("the side's answer stood still")]
    StoodStill,
}

impl Body for ToClient {
    type Data = Bytes;
    type Error = Cut;
    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        match self.get_mut() {
            ToClient::Empty => Poll::Ready(None),
            ToClient::Line(line) => Poll::Ready(line.take().map(|line| Ok(Frame::data(line)))),
            ToClient::Relay(relay) => relay.poll(cx),
        }
    }
    fn is_end_stream(&self) -> bool {
        match self {
            ToClient::Empty => true,
            ToClient::Line(line) => line.is_none(),
            ToClient::Relay(relay) => relay.is_end_stream(),
        }
    }
    fn size_hint(&self) -> SizeHint {
        match self {
            ToClient::Empty => SizeHint::with_exact(0),
            ToClient::Line(line) => SizeHint::with_exact(line.as_ref().map_or(0, |line| line.len() as u64)),
            ToClient::Relay(relay) => relay.size_hint(),
        }
    }
}

/// An answer of the tee's own; after a refusal the connection closes, since what follows on it cannot be trusted.
pub(super) fn own(status: StatusCode, why: &str, close: bool) -> Response<ToClient> {
    let line = Bytes::from(format!("paritee: {why}\n"));
    let mut response = Response::new(ToClient::Line(Some(line)));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    if close {
        response.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
    }
    response
}
