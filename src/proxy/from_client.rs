//! A request's body as it comes from the client, whichever protocol the client speaks. An enum, so that no body is boxed.

use super::http2::Received;
use bytes::Bytes;
use http_body::{Body, Frame, SizeHint};
use hyper::body::Incoming;
use std::pin::Pin;
use std::task::{Context, Poll};

/// A request's body as it comes.
pub(super) enum FromClient {
    /// Over HTTP/1.1 or 1.0.
    Http1(Incoming),
    /// A stream of HTTP/2.
    Http2(Received),
}

/// A body that ended before its end.
#[derive(Debug, thiserror::Error)]
pub(super) enum ClientCut {
    /// The client's framing or its connection.
    #[error("the client's body was cut: {0}")]
    Http1(#[from] hyper::Error),
    /// The client's stream or its connection.
    #[error("the client's stream was cut: {0}")]
    Http2(#[from] h2::Error),
}

impl FromClient {
    pub(super) fn poll_frame(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, ClientCut>>> {
        match self {
            FromClient::Http1(incoming) => {
                Pin::new(incoming).poll_frame(cx).map(|frame| frame.map(|frame| frame.map_err(ClientCut::Http1)))
            }
            FromClient::Http2(received) => {
                received.poll_frame(cx).map(|frame| frame.map(|frame| frame.map_err(ClientCut::Http2)))
            }
        }
    }
    pub(super) fn is_end_stream(&self) -> bool {
        match self {
            FromClient::Http1(incoming) => incoming.is_end_stream(),
            FromClient::Http2(received) => received.is_end_stream(),
        }
    }
    pub(super) fn size_hint(&self) -> SizeHint {
        match self {
            FromClient::Http1(incoming) => incoming.size_hint(),
            FromClient::Http2(received) => received.size_hint(),
        }
    }
}
