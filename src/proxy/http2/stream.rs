//! One stream: a request in, the path of every request, an answer out. What goes wrong here hurts this stream alone.

use super::super::answer::ToClient;
use super::super::from_client::FromClient;
use super::super::serve::serve as serve_request;
use super::{Line, Received, SEND_BUFFER};
use crate::mirror::ECHO;
use crate::upstream::strip_hop_by_hop;
use bytes::Bytes;
use h2::server::SendResponse;
use h2::{Reason, RecvStream, SendStream};
use http::header::{CONTENT_LENGTH, DATE, EXPECT};
use http::{HeaderMap, HeaderValue, Method, Request, Response, StatusCode};
use http_body::{Body, Frame};
use std::future::poll_fn;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::task::{Context, Poll};
use tokio::sync::{OwnedSemaphorePermit, mpsc};

/// Interim answers that wait to be sent; more at once than anybody sends.
const INTERIM: usize = 8;
/// What a field takes beside its bytes (RFC 9113, 6.5.2).
const FIELD: usize = 32;

/// Why a stream's answer did not come to its end.
enum Ended {
    /// The client took the request back, or is gone.
    ByClient,
    /// The answer was cut, and so is the stream.
    Cut,
}

/// Counts a stream while its answer is not at its end.
struct Open<'l>(&'l Line);

impl Drop for Open<'_> {
    fn drop(&mut self) {
        self.0.open.set(self.0.open.get() - 1);
    }
}

/// Serves one stream.
pub(super) async fn serve(line: Rc<Line>, request: Request<RecvStream>, mut reply: SendResponse<Bytes>) {
    line.meter.opened();
    line.meter.carried(weight(request.headers()) + request.uri().path().len());
    line.open.set(line.open.get() + 1);
    let _open = Open(&line);
    if let Err(Ended::ByClient) = exchange(&line, request, &mut reply).await {
        line.meter.reset();
    }
}

fn weight(headers: &HeaderMap) -> usize {
    headers.iter().map(|(name, value)| name.as_str().len() + value.len() + FIELD).sum()
}

async fn exchange(line: &Rc<Line>, request: Request<RecvStream>, reply: &mut SendResponse<Bytes>) -> Result<(), Ended> {
    let _place = place(line, reply).await?;
    let (interim, mut interims) = mpsc::channel(INTERIM);
    let is_head = *request.method() == Method::HEAD;
    let request = receive(line, request, interim);
    let response = {
        let worker = line.thread.worker();
        let mut serving = pin!(serve_request(&worker, &line.hop, &line.raw, request));
        loop {
            tokio::select! {
                biased;
                // First, so that none comes behind the final answer.
                Some(interim) = interims.recv() => reply.send_informational(interim).map_err(|_| Ended::ByClient)?,
                response = &mut serving => break response,
                _ = poll_fn(|cx| reply.poll_reset(cx)) => return Err(Ended::ByClient),
            }
        }
    };
    answer(line, reply, response, is_head).await
}

/// Waits for room: a stream may have a connection to the side behind it. The connection's own place serves one stream at a
/// time, so that each connection gets on whatever the others hold.
async fn place(line: &Line, reply: &mut SendResponse<Bytes>) -> Result<OwnedSemaphorePermit, Ended> {
    let (own, shared) = (line.place.clone().acquire_owned(), line.thread.places.clone().acquire_owned());
    let place = tokio::select! {
        biased;
        place = own => place,
        place = shared => place,
        _ = poll_fn(|cx| reply.poll_reset(cx)) => return Err(Ended::ByClient),
    };
    // Nobody closes them.
    place.map_err(|_| Ended::ByClient)
}

/// The request as the path of every request takes it, its interim answers on their way to the client.
fn receive(line: &Rc<Line>, request: Request<RecvStream>, interim: mpsc::Sender<Response<()>>) -> Request<FromClient> {
    let (parts, stream) = request.into_parts();
    let waits = !stream.is_end_stream()
        && parts.headers.get(EXPECT).is_some_and(|expect| expect.as_bytes().eq_ignore_ascii_case(b"100-continue"));
    let mut received = Received::new(stream, line.meter.clone(), &parts.headers);
    if waits {
        received.owe_continue(interim.clone());
    }
    let mut request = Request::from_parts(parts, FromClient::Http2(received));
    hyper::ext::on_informational(&mut request, move |response| {
        // A 100 is between us and the side: ours was sent when somebody began to read.
        if matches!(response.status(), StatusCode::EARLY_HINTS | StatusCode::PROCESSING) {
            let mut passed = Response::new(());
            *passed.status_mut() = response.status();
            *passed.headers_mut() = response.headers().clone();
            strip_hop_by_hop(passed.headers_mut());
            passed.headers_mut().remove(ECHO);
            // Over the bound it is dropped: hints are hints.
            let _ = interim.try_send(passed);
        }
    });
    request
}

/// Sends the answer. It ends with END_STREAM where it is whole, and with RST_STREAM where it is not.
async fn answer(
    line: &Line,
    reply: &mut SendResponse<Bytes>,
    response: Response<ToClient>,
    is_head: bool,
) -> Result<(), Ended> {
    let (mut parts, body) = response.into_parts();
    strip_hop_by_hop(&mut parts.headers);
    if !parts.headers.contains_key(DATE)
        && let Some(now) = date()
    {
        parts.headers.insert(DATE, now);
    }
    if let (false, Some(length)) = (body.is_end_stream(), body.size_hint().exact())
        && !parts.headers.contains_key(CONTENT_LENGTH)
    {
        parts.headers.insert(CONTENT_LENGTH, length.into());
    }
    let ends = is_head || body.is_end_stream();
    line.meter.carried(weight(&parts.headers));
    let stream = reply.send_response(Response::from_parts(parts, ()), ends).map_err(|_| Ended::ByClient)?;
    if ends { Ok(()) } else { pass_on(line, body, stream).await }
}

/// The time, as a recipient must say it who passes an answer on that does not (RFC 9110, 6.6.1).
fn date() -> Option<HeaderValue> {
    let text = jiff::fmt::rfc2822::DateTimePrinter::new().timestamp_to_rfc9110_string(&jiff::Timestamp::now());
    HeaderValue::from_maybe_shared(Bytes::from(text.ok()?)).ok()
}

async fn pass_on(line: &Line, mut body: ToClient, mut stream: SendStream<Bytes>) -> Result<(), Ended> {
    loop {
        match poll_fn(|cx| next_frame(&mut body, &mut stream, cx)).await? {
            None => return stream.send_data(Bytes::new(), true).map_err(|_| Ended::ByClient),
            Some(Err(_)) => {
                stream.send_reset(Reason::INTERNAL_ERROR);
                return Err(Ended::Cut);
            }
            Some(Ok(frame)) => match frame.into_data() {
                Ok(data) => {
                    line.meter.carried(data.len());
                    let ends = body.is_end_stream();
                    send(&mut stream, data, ends).await?;
                    if ends {
                        return Ok(());
                    }
                }
                Err(frame) => {
                    if let Ok(trailers) = frame.into_trailers() {
                        return stream.send_trailers(trailers).map_err(|_| Ended::ByClient);
                    }
                }
            },
        }
    }
}

type Passed = Option<Result<Frame<Bytes>, super::super::answer::Cut>>;

fn next_frame(
    body: &mut ToClient,
    stream: &mut SendStream<Bytes>,
    cx: &mut Context<'_>,
) -> Poll<Result<Passed, Ended>> {
    if stream.poll_reset(cx).is_ready() {
        return Poll::Ready(Err(Ended::ByClient));
    }
    Pin::new(body).poll_frame(cx).map(Ok)
}

/// Sends a frame as the client has room for it. Room is asked for only where there is something to send: what a stream that
/// waits for its side had asked for would be missing to the others.
async fn send(stream: &mut SendStream<Bytes>, mut data: Bytes, ends: bool) -> Result<(), Ended> {
    while !data.is_empty() {
        stream.reserve_capacity(data.len().min(SEND_BUFFER));
        let room = poll_fn(|cx| {
            if stream.poll_reset(cx).is_ready() {
                return Poll::Ready(Err(Ended::ByClient));
            }
            match stream.capacity() {
                0 => stream.poll_capacity(cx).map(|room| room.and_then(Result::ok).ok_or(Ended::ByClient)),
                room => Poll::Ready(Ok(room)),
            }
        })
        .await?;
        let part = data.split_to(room.min(data.len()));
        if part.is_empty() {
            continue;
        }
        let last = ends && data.is_empty();
        stream.send_data(part, last).map_err(|_| Ended::ByClient)?;
        if last {
            return Ok(());
        }
    }
    if ends { stream.send_data(Bytes::new(), true).map_err(|_| Ended::ByClient) } else { Ok(()) }
}
