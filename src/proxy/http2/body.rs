//! A request's body on a stream of HTTP/2. It ends with END_STREAM or with an error: whatever else stops it, a reset with the
//! code NO_ERROR too, is a body that was cut, and must not look whole to anybody.

use super::meter::Meter;
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
    meter: Rc<Meter>,
    /// Bytes still to come, where the head says so; that they do is h2's to see.
    left: Option<u64>,
    data_done: bool,
    /// The client waits for a 100 before it sends.
    owed: Option<mpsc::Sender<Response<()>>>,
}

impl Received {
    pub(super) fn new(stream: RecvStream, meter: Rc<Meter>, headers: &HeaderMap) -> Received {
        let length = headers.get(http::header::CONTENT_LENGTH);
        let left = length.and_then(|length| length.to_str().ok()?.parse().ok());
        Received { stream, meter, left, data_done: false, owed: None }
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
                    self.meter.carried(data.len());
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

#[cfg(test)]
mod tests {
    use super::*;
    use h2::{Reason, SendStream};
    use http::Request;
    use std::future::poll_fn;

    /// What is read of a body of which `half` was sent, and then this was done. The connection goes where it says so.
    async fn read(and_then: impl FnOnce(&mut SendStream<Bytes>) -> bool) -> Result<Vec<u8>, h2::Error> {
        let (client, server) = tokio::io::duplex(64 << 10);
        let (shaken, served) = tokio::join!(h2::client::handshake(client), h2::server::handshake(server));
        let ((mut send, connection), mut served) = (shaken.unwrap(), served.unwrap());
        let driver = tokio::spawn(connection);
        let (_response, mut stream) = send.send_request(Request::post("http://a/").body(()).unwrap(), false).unwrap();
        stream.send_data(Bytes::from_static(b"half"), false).unwrap();
        let (request, _reply) = served.accept().await.unwrap().unwrap();
        tokio::spawn(async move { while served.accept().await.is_some() {} });
        let mut received = Received::new(request.into_body(), Rc::new(Meter::new()), &HeaderMap::new());
        let mut all = Vec::new();
        let mut and_then = Some(and_then);
        while let Some(frame) = poll_fn(|cx| received.poll_frame(cx)).await {
            all.extend_from_slice(frame?.data_ref().unwrap());
            if and_then.take().is_some_and(|and_then| and_then(&mut stream)) {
                driver.abort();
            }
        }
        Ok(all)
    }

    #[tokio::test]
    async fn only_the_end_of_the_stream_is_an_end() {
        let whole = read(|stream| {
            stream.send_data(Bytes::from_static(b" and half"), true).unwrap();
            false
        });
        assert_eq!(whole.await.unwrap(), b"half and half");
        for code in [Reason::NO_ERROR, Reason::CANCEL, Reason::REFUSED_STREAM] {
            let reset = read(|stream| {
                stream.send_reset(code);
                false
            });
            assert_eq!(reset.await.unwrap_err().reason(), Some(code));
        }
        assert!(read(|_| true).await.unwrap_err().is_io(), "the connection is gone");
    }
}
