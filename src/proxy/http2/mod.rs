//! HTTP/2 to clients: one connection, its streams, and what ends it. Each stream is a request on the path of every request;
//! only reading and writing are here.
//!
//! It is h2 itself and not hyper's server on it, since hyper takes a body that is reset with NO_ERROR for a whole one, and
//! has no way to send a 100 or a 103.

mod body;
mod head;
mod life;
mod meter;
mod stream;

pub(super) use body::Received;
pub(super) use head::check;

use super::connection::{HEAD_BYTES, HEAD_WITHIN, stopped};
use super::first::Begun;
use super::heads::RawHead;
use super::worker::{LiveThread, Stop};
use crate::mirror::TurnedAway;
use crate::upstream::Hop;
use bytes::Bytes;
use h2::server::{Connection, SendResponse};
use h2::{Reason, RecvStream};
use http::Request;
use life::{Life, Next};
use meter::{Meter, Metered};
use std::cell::Cell;
use std::future::poll_fn;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::sync::{Semaphore, watch};

/// Streams open at once on a connection: the least that RFC 9113 (6.5.2) finds useful. More make no page faster, and each may
/// have a connection to the side behind it.
const STREAMS: u32 = 100;
/// Bytes of one body that wait for the side to take them …
const STREAM_WINDOW: u32 = 256 << 10;
/// … and of all bodies of a connection.
const CONNECTION_WINDOW: u32 = 1 << 20;
/// Bytes of one answer that wait for the client to take them.
const SEND_BUFFER: usize = 64 << 10;
/// The least there is: a frame is held whole before any of it passes on.
const FRAME: u32 = 16 << 10;
/// Streams reset by the client before they were looked at: reading goes on before looking, so only a burst gets there.
const RESET_UNSEEN: usize = 20;
/// Streams that were refused for their form, over a connection's life. A balancer puts many clients on one connection, and
/// one of them must not end it soon for the others.
const MALFORMED: usize = 1_024;
/// Streams reset by us of which late frames are still expected, each a few hundred bytes …
const RESET_REMEMBERED: usize = 2 * STREAMS as usize;
/// … for so long: a slow client may have a window of its upload on the way when it is told to stop.
const RESET_FOR: Duration = Duration::from_secs(10);

/// How every client connection of HTTP/2 is served.
pub(super) fn settings() -> h2::server::Builder {
    let mut builder = h2::server::Builder::new();
    builder
        .max_concurrent_streams(STREAMS)
        // From it h2 derives how many CONTINUATION frames a head may have.
        .max_header_list_size(HEAD_BYTES as u32)
        .initial_window_size(STREAM_WINDOW)
        .initial_connection_window_size(CONNECTION_WINDOW)
        .max_frame_size(FRAME)
        .max_send_buffer_size(SEND_BUFFER)
        .max_pending_accept_reset_streams(RESET_UNSEEN)
        .max_local_error_reset_streams(Some(MALFORMED))
        .max_concurrent_reset_streams(RESET_REMEMBERED)
        .reset_stream_duration(RESET_FOR);
    builder
}

/// What the streams of a connection share.
pub(super) struct Line {
    thread: Rc<LiveThread>,
    hop: Hop,
    /// HTTP/2 frames its messages itself: nothing is ever shown to it, so it refuses nothing.
    raw: RawHead,
    meter: Rc<Meter>,
    /// Streams whose answer is not at its end.
    open: Cell<usize>,
    /// The place that came with the connection. A stream beside another needs one of its own.
    place: Arc<Semaphore>,
}

impl Line {
    fn new(thread: Rc<LiveThread>, hop: Hop) -> Rc<Line> {
        Rc::new(Line {
            thread,
            hop,
            raw: RawHead::new(),
            meter: Rc::new(Meter::new()),
            open: Cell::new(0),
            place: Arc::new(Semaphore::new(1)),
        })
    }
}

/// What a connection has to say.
enum Heard {
    Request(Box<(Request<RecvStream>, SendResponse<Bytes>)>),
    Abuse(TurnedAway),
    Broken(h2::Error),
    End,
}

/// Serves a connection until it closes, or, once told to stop, until what is under way on it is answered.
pub(super) async fn run<S>(thread: Rc<LiveThread>, stream: Begun<S>, hop: Hop, mut stop: watch::Receiver<Stop>)
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let line = Line::new(thread.clone(), hop);
    let metered = Metered { stream, meter: line.meter.clone() };
    let connection = match tokio::time::timeout(HEAD_WITHIN, thread.http2.handshake(metered)).await {
        Ok(Ok(connection)) => connection,
        // Over TLS whatever was agreed on need not be spoken.
        Ok(Err(error)) => return broken(&thread, &error),
        Err(_) => return,
    };
    drive(&line, connection, &mut stop, |request, reply| {
        tokio::task::spawn_local(stream::serve(line.clone(), request, reply));
    })
    .await;
}

/// Reads and writes until there is nothing left to do, or no reason to go on.
async fn drive<S>(
    line: &Rc<Line>,
    mut connection: Connection<S, Bytes>,
    stop: &mut watch::Receiver<Stop>,
    mut serve: impl FnMut(Request<RecvStream>, SendResponse<Bytes>),
) where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let thread = &line.thread;
    let mut life = Life::new(connection.ping_pong());
    let mut stopping = false;
    loop {
        let look = life.next_look();
        let heard = tokio::select! {
            biased;
            heard = poll_fn(|cx| hear(&mut connection, line, &mut life, cx)) => heard,
            _ = stopped(stop), if !stopping => {
                stopping = true;
                connection.graceful_shutdown();
                life.close_soon();
                continue;
            }
            () = look => {
                let busy = line.open.get() > 0 || connection.has_streams();
                match life.look(busy, line.meter.read()) {
                    Next::GoOn => continue,
                    Next::Retire => {
                        connection.graceful_shutdown();
                        continue;
                    }
                    Next::End => return,
                }
            }
        };
        match heard {
            Heard::Request(request) => {
                life.used();
                serve(request.0, request.1);
            }
            Heard::Abuse(reason) => {
                thread.worker().lane.turned_away(reason);
                connection.abrupt_shutdown(Reason::ENHANCE_YOUR_CALM);
                life.cut_off();
            }
            // Counted already.
            Heard::Broken(_) if life.is_cut_off() => return,
            Heard::Broken(error) => return broken(thread, &error),
            Heard::End => return,
        }
    }
}

fn hear<S>(connection: &mut Connection<S, Bytes>, line: &Line, life: &mut Life, cx: &mut Context<'_>) -> Poll<Heard>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    life.hear_pong(cx);
    let accepted = connection.poll_accept(cx);
    if !life.is_cut_off() {
        // Looked at after each read, since a flood need not ever open a stream.
        if line.meter.is_flood() {
            return Poll::Ready(Heard::Abuse(TurnedAway::Http2Flood));
        }
        if line.meter.is_resetting() {
            return Poll::Ready(Heard::Abuse(TurnedAway::Http2Resets));
        }
    }
    accepted.map(|accepted| match accepted {
        Some(Ok(request)) => Heard::Request(Box::new(request)),
        Some(Err(error)) => Heard::Broken(error),
        None => Heard::End,
    })
}

/// A connection that ended with an error of its own is counted; one whose client is gone is not.
fn broken(thread: &LiveThread, error: &h2::Error) {
    if error.is_library() {
        tracing::debug!(%error, "a client's HTTP/2 is broken");
        thread.worker().lane.turned_away(TurnedAway::Http2Broken);
    }
}
