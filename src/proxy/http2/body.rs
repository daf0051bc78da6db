//! A request's body on a stream of HTTP/2. It ends with END_STREAM or with an error: whatever else stops it, a reset with the
//! code NO_ERROR too, is a body that was cut, and must not look whole to anybody.

use super::Line;
use bytes::Bytes;
use h2::RecvStream;
use http::{HeaderMap, Response, StatusCode};
use http_body::{Frame, SizeHint};
use std::rc::Rc;
use std::task::{Context, Poll, ready};
use tokio::sync::mpsc;

/// A request's body on its stream.
pub(in crate::proxy) struct Received {
    stream: RecvStream,
    line: Rc<Line>,
    /// Bytes still to come, where the head says so; that they do is h2's to see.
    left: Option<u64>,
    data_done: bool,
    /// The client waits for a 100 before it sends.
    owed: Option<mpsc::Sender<Response<()>>>,
}

impl Received {
    pub(super) fn new(stream: RecvStream, line: Rc<Line>, headers: &HeaderMap) -> Received {
        let length = headers.get(http::header::CONTENT_LENGTH);
        let left = length.and_then(|length| length.to_str().ok()?.parse().ok());
        Received { stream, line, left, data_done: false, owed: None }
    }
    /// The client is told to go on as soon as somebody reads.
    pub(super) fn owe_continue(&mut self, interim: mpsc::Sender<Response<()>>) {
        self.owed = Some(interim);
    }
    pub(in crate::proxy) fn poll_frame(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, h2::Error>>> {
        if let Some(interim) = self.owed.take() {
            let mut response = Response::new(());
            *response.status_mut() = StatusCode::CONTINUE;
            // Full or closed: the final answer is on its way.
            let _ = interim.try_send(response);
        }
        while !self.data_done {
            match ready!(self.stream.poll_data(cx)) {
                Some(Ok(data)) if data.is_empty() => {}
                Some(Ok(data)) => {
                    // What is asked for is passed on at once: the window is the side's to fill.
                    self.stream.flow_control().release_capacity(data.len())?;
                    self.left = self.left.map(|left| left.saturating_sub(data.len() as u64));
                    self.line.meter.carried(data.len());
                    return Poll::Ready(Some(Ok(Frame::data(data))));
                }
                Some(Err(error)) => return Poll::Ready(Some(Err(error))),
                None => self.data_done = true,
            }
        }
        match ready!(self.stream.poll_trailers(cx)) {
            Ok(trailers) => Poll::Ready(trailers.map(|trailers| Ok(Frame::trailers(trailers)))),
            Err(error) => Poll::Ready(Some(Err(error))),
        }
    }
    pub(in crate::proxy) fn is_end_stream(&self) -> bool {
        self.stream.is_end_stream()
    }
    pub(in crate::proxy) fn size_hint(&self) -> SizeHint {
        self.left.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
