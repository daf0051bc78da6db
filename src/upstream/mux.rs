//! Connections that carry many requests at once (HTTP/2), few of them, each with a bound.

use super::wire::Wire;
use crate::exchange::Failure;
use bytes::Bytes;
use http::Request;
use hyper::body::Body;
use hyper::client::conn::http2::{self, Connection};
use hyper_util::rt::TokioIo;
use std::cell::{Cell, RefCell};
use std::future::poll_fn;
use std::pin::Pin;
use std::rc::Rc;
use std::task::{Poll, Waker};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Requests on one connection at once, where the side does not allow fewer.
pub(super) const STREAMS: usize = 100;
/// Connections of one thread to one side.
const CONNECTIONS: usize = 8;
/// Bytes of one answer that may wait for a slow reader …
const STREAM_WINDOW: u32 = 256 << 10;
/// … and of all answers of a connection: enough that no slow reader holds up another one's.
const CONNECTION_WINDOW: u32 = STREAM_WINDOW * STREAMS as u32;
/// Bytes of one upload that may wait for the side.
const SEND_BUFFER: usize = 256 << 10;

/// Runs what belongs to a connection on the thread that it belongs to.
#[derive(Clone, Copy)]
struct Here;

impl<F: Future + 'static> hyper::rt::Executor<F> for Here {
    fn execute(&self, task: F) {
        tokio::task::spawn_local(async move {
            task.await;
        });
    }
}

/// One connection. Requests on it hold it; dropped by the pool, it ends with the last of them.
pub(super) struct Link<B: Body + 'static> {
    sender: RefCell<http2::SendRequest<B>>,
    /// How many requests the side allows at once; 0 while it has not said.
    allowed: Box<dyn Fn() -> usize>,
    driver: Rc<RefCell<Option<Waker>>>,
    epoch: u64,
    streams: Cell<usize>,
    served: Cell<bool>,
    retired: Cell<bool>,
    idle_since: Cell<Instant>,
    heard_at: Cell<Instant>,
}

impl<B> Link<B>
where
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// Begins HTTP/2 on a connection. The first request waits for what the side allows, so that none is refused for it.
    pub(super) async fn open(wire: Wire, head: usize, epoch: u64) -> hyper::Result<Rc<Link<B>>> {
        let mut builder = http2::Builder::new(Here);
        builder
            .initial_max_send_streams(0)
            .initial_stream_window_size(STREAM_WINDOW)
            .initial_connection_window_size(CONNECTION_WINDOW)
            .max_send_buf_size(SEND_BUFFER)
            .max_header_list_size(u32::try_from(head).unwrap_or(u32::MAX));
        let (sender, connection) = builder.handshake(TokioIo::new(wire)).await?;
        let connection = Rc::new(RefCell::new(Some(connection)));
        let (driven, driver) = (connection.clone(), Rc::new(RefCell::new(None::<Waker>)));
        let kept = driver.clone();
        tokio::task::spawn_local(poll_fn(move |cx| {
            kept.borrow_mut().replace(cx.waker().clone());
            let mut slot = driven.borrow_mut();
            let ended = slot.as_mut().is_none_or(|connection| Pin::new(connection).poll(cx).is_ready());
            if ended {
                // How it ended is told to the requests on it, those in line among them: they wait for this.
                *slot = None;
                return Poll::Ready(());
            }
            Poll::Pending
        }));
        let now = Instant::now();
        Ok(Rc::new(Link {
            sender: RefCell::new(sender),
            allowed: Box::new(move || {
                // A connection that is being driven has no time to say.
                let connection = connection.try_borrow();
                connection.map_or(0, |slot| slot.as_ref().map_or(0, Connection::current_max_send_streams))
            }),
            driver,
            epoch,
            streams: Cell::new(0),
            served: Cell::new(false),
            retired: Cell::new(false),
            idle_since: Cell::new(now),
            heard_at: Cell::new(now),
        }))
    }
    /// One more request on it.
    pub(super) fn take(self: Rc<Self>, freed: Rc<Notify>) -> Stream<B> {
        self.streams.set(self.streams.get() + 1);
        let reused = self.served.replace(true);
        Stream { link: self, freed, reused, since: Instant::now() }
    }
    fn has_room(&self) -> bool {
        // Until the side says what it allows, they wait in line.
        let allowed = match (self.allowed)() {
            0 => STREAMS,
            allowed => allowed.min(STREAMS),
        };
        self.streams.get() < allowed
    }
    fn serves(&self, epoch: u64) -> bool {
        !self.retired.get() && self.epoch == epoch && !self.sender.borrow().is_closed()
    }
}

/// A request's place on a connection.
pub(super) struct Stream<B: Body + 'static> {
    link: Rc<Link<B>>,
    freed: Rc<Notify>,
    /// The connection has served before.
    pub(super) reused: bool,
    since: Instant,
}

impl<B: Body + 'static> Stream<B> {
    pub(super) fn send(&self, request: Request<B>) -> impl Future<Output = super::pool::Sent<B>> + use<B> {
        self.link.sender.borrow_mut().try_send_request(request)
    }
    /// An answer's head has come: the connection lives.
    pub(super) fn heard(&self) {
        self.link.heard_at.set(Instant::now());
    }
    /// No answer came in time. Where nothing has come for anybody since, nothing more is sent on this connection.
    pub(super) fn silent(&self) {
        if self.link.heard_at.get() <= self.since {
            self.retire();
        }
    }
    /// Nothing more is sent on this connection; what is on it goes on.
    pub(super) fn retire(&self) {
        self.link.retired.set(true);
    }
}

impl<B: Body + 'static> Drop for Stream<B> {
    fn drop(&mut self) {
        self.link.streams.set(self.link.streams.get() - 1);
        self.link.idle_since.set(Instant::now());
        self.freed.notify_one();
    }
}

/// The connections of one thread to one side that carry many requests at once.
pub(super) struct Mux<B: Body + 'static> {
    links: RefCell<Vec<Rc<Link<B>>>>,
    dial: RefCell<Option<Rc<Dial>>>,
    pub(super) freed: Rc<Notify>,
    looked_at: Cell<Instant>,
    /// The side turned out to speak HTTP/1.1 alone.
    pub(super) plain: Cell<bool>,
}

/// A connection under way, for all who wait for one.
pub(super) struct Dial {
    done: Notify,
    ended: RefCell<Option<Result<(), Failure>>>,
}

impl Dial {
    /// Tells all who wait.
    pub(super) fn end(&self, result: Result<(), Failure>) {
        *self.ended.borrow_mut() = Some(result);
        self.done.notify_waiters();
    }
    pub(super) async fn wait(&self) -> Result<(), Failure> {
        loop {
            let done = self.done.notified();
            if let Some(result) = &*self.ended.borrow() {
                return result.clone();
            }
            done.await;
        }
    }
}

impl<B> Mux<B>
where
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    pub(super) fn new() -> Mux<B> {
        Mux {
            links: RefCell::default(),
            dial: RefCell::default(),
            freed: Rc::default(),
            looked_at: Cell::new(Instant::now()),
            plain: Cell::new(false),
        }
    }
    /// Lets connections look at their sockets where that was long ago, so that one closed or leaving says so.
    pub(super) async fn look(&self, after: Duration) {
        if self.looked_at.get().elapsed() < after {
            return;
        }
        self.looked_at.set(Instant::now());
        self.links.borrow().iter().for_each(|link| link.driver.borrow().iter().for_each(Waker::wake_by_ref));
        tokio::task::yield_now().await;
    }
    /// A place on the first connection that has room: the others run out.
    pub(super) fn pick(&self, epoch: u64) -> Option<Stream<B>> {
        let mut links = self.links.borrow_mut();
        links.retain(|link| link.serves(epoch));
        links.iter().find(|link| link.has_room()).cloned().map(|link| link.take(self.freed.clone()))
    }
    /// True where one more connection may be made.
    pub(super) fn may_dial(&self) -> bool {
        self.links.borrow().len() < CONNECTIONS
    }
    /// One more connection, unless it is one too many.
    pub(super) fn add(&self, link: Rc<Link<B>>) {
        if self.may_dial() {
            self.links.borrow_mut().push(link);
        }
    }
    /// The connection under way, or the start of one (`true`): then whoever asked makes it.
    pub(super) fn dial(&self) -> (Rc<Dial>, bool) {
        let mut slot = self.dial.borrow_mut();
        match &*slot {
            Some(dial) if dial.ended.borrow().is_none() => (dial.clone(), false),
            _ => {
                let dial = Rc::new(Dial { done: Notify::new(), ended: RefCell::default() });
                *slot = Some(dial.clone());
                (dial, true)
            }
        }
    }
    /// Lets go of connections that lay idle too long, or serve no more.
    pub(super) fn sweep(&self, epoch: u64, idle_at_most: Duration) {
        self.links.borrow_mut().retain(|link| {
            link.serves(epoch) && (link.streams.get() > 0 || link.idle_since.get().elapsed() < idle_at_most)
        });
    }
}
