//! One thread's connections to one side.

use super::failure::{failure_of, is_unprocessed, untold};
use super::head::{to_http1, to_http2};
use super::idle::{IDLE_AT_MOST, Idle, LOOK_AFTER};
use super::mux::{Link, Mux, STREAMS, Stream};
use super::reach::{Dialled, Reach};
use crate::exchange::{Failure, FailureKind};
use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::client::conn::{TrySendError, http1};
use hyper_util::rt::TokioIo;
use pin_project_lite::pin_project;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::time::{Instant, timeout_at};

/// How often a request of which not one byte was sent may look for another connection.
const ATTEMPTS: u8 = 4;

/// How a pool speaks.
#[derive(Clone, Copy, Debug)]
pub struct Dialect {
    /// Header names keep the case in which they came, where the protocol has any.
    pub preserve_case: bool,
    /// Bytes of a connection's read buffer, and so of a head, at most.
    pub buffer: usize,
}

/// Connections of one thread to one side.
pub struct Pool<B: Body + 'static> {
    reach: Arc<Reach>,
    dialect: Dialect,
    idle: Idle<http1::SendRequest<B>>,
    /// Where HTTP/2 may be spoken.
    mux: Option<Mux<B>>,
}

/// A connection taken out of its pool, or a place on one that others use as well. Dropped, it closes, and the place is free;
/// given back, it serves again.
pub struct Lease<B: Body + 'static> {
    pool: Rc<Pool<B>>,
    way: Way<B>,
    /// How often the request on it has looked for a connection.
    attempts: u8,
    /// It has been written before.
    repeated: bool,
}

enum Way<B: Body + 'static> {
    One { sender: http1::SendRequest<B>, epoch: u64, reused: bool },
    Many(Stream<B>),
}

/// What sending comes to; the request comes back with the error where not one byte of it was written.
pub type Sent<B> = Result<Response<Incoming>, TrySendError<Request<B>>>;

pin_project! {
    /// Either of two futures, awaited where it lies: a request is in it until it is sent, and would be moved along.
    #[project = EitherHere]
    enum Either<A, B> {
        One { #[pin] sending: A },
        Many { sending: Pin<Box<B>> },
    }
}

impl<A: Future, B: Future<Output = A::Output>> Future for Either<A, B> {
    type Output = A::Output;
    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<A::Output> {
        match self.project() {
            EitherHere::One { sending } => sending.poll(cx),
            EitherHere::Many { sending } => sending.as_mut().poll(cx),
        }
    }
}

impl<B> Pool<B>
where
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// A pool without connections.
    pub fn new(reach: Arc<Reach>, dialect: Dialect) -> Rc<Pool<B>> {
        let mux = reach.may_multiplex().then(Mux::new);
        Rc::new(Pool { reach, dialect, idle: Idle::new(), mux })
    }
    /// The way that its connections were made by.
    pub fn reach(&self) -> &Arc<Reach> {
        &self.reach
    }
    /// An idle connection, or a new one; where many requests share one, a place on it.
    ///
    /// What is seldom is boxed: each request would else carry room for a TLS handshake.
    pub async fn checkout(self: &Rc<Self>) -> Result<Lease<B>, Failure> {
        match &self.mux {
            Some(mux) if !mux.plain.get() => Box::pin(self.place(mux)).await,
            _ => self.alone().await,
        }
    }
    /// A connection that no other request uses: an idle one, or a new one.
    async fn alone(self: &Rc<Self>) -> Result<Lease<B>, Failure> {
        match self.take_idle().await {
            Some(lease) => Ok(lease),
            None => Box::pin(self.connect()).await,
        }
    }
    async fn take_idle(self: &Rc<Self>) -> Option<Lease<B>> {
        let mut looked = false;
        loop {
            let (mut sender, epoch) = self.idle.take(&mut looked).await?;
            if !sender.is_closed() && (sender.is_ready() || sender.ready().await.is_ok()) {
                return Some(self.lease(Way::One { sender, epoch, reused: true }));
            }
        }
    }
    /// A place on a connection that others use as well. One connection is made at a time, for all who wait.
    async fn place(self: &Rc<Self>, mux: &Mux<B>) -> Result<Lease<B>, Failure> {
        let deadline = Instant::now() + self.reach.connect_timeout();
        mux.look(LOOK_AFTER).await;
        loop {
            if let Some(stream) = mux.pick(self.reach.epoch()) {
                return Ok(self.lease(Way::Many(stream)));
            }
            if mux.plain.get() {
                return self.alone().await;
            }
            if !mux.may_dial() {
                if timeout_at(deadline, mux.freed.notified()).await.is_err() {
                    let message = format!("all connections carry {STREAMS} requests, or as many as the side allows");
                    return Err(untold(FailureKind::Connect, message));
                }
                continue;
            }
            let (dial, begin) = mux.dial();
            if begin {
                let (pool, dial) = (self.clone(), dial.clone());
                // In a task of its own: whoever asked first may leave, and the others still wait.
                tokio::task::spawn_local(async move {
                    let opened = pool.open().await;
                    dial.end(opened.map(|way| pool.keep(way)));
                });
            }
            dial.wait().await?;
        }
    }
    /// Puts a new connection where the next request finds it.
    fn keep(self: &Rc<Self>, opened: Opened<B>) {
        match (opened, &self.mux) {
            (Opened::One(way), mux) => {
                mux.iter().for_each(|mux| mux.plain.set(true));
                self.lease(way).give_back();
            }
            (Opened::Many(link), mux) => mux.iter().for_each(|mux| mux.add(link.clone())),
        }
    }
    /// A new connection.
    async fn connect(self: &Rc<Self>) -> Result<Lease<B>, Failure> {
        match (self.open().await?, &self.mux) {
            (Opened::One(way), _) => Ok(self.lease(way)),
            (Opened::Many(link), Some(mux)) => {
                // The side has learnt HTTP/2 since.
                mux.plain.set(false);
                mux.add(link.clone());
                Ok(self.lease(Way::Many(link.take(mux.freed.clone()))))
            }
            (Opened::Many(_), None) => {
                Err(untold(FailureKind::Protocol, "it chose HTTP/2, which was not offered".into()))
            }
        }
    }
    async fn open(&self) -> Result<Opened<B>, Failure> {
        let epoch = self.reach.epoch();
        let Dialled { wire, http2 } = self.reach.dial().await?;
        let failed = |error: hyper::Error| untold(FailureKind::Connect, error.to_string());
        if http2 {
            return Link::open(wire, self.dialect.buffer, epoch).await.map(Opened::Many).map_err(failed);
        }
        let mut builder = http1::Builder::new();
        builder.preserve_header_case(self.dialect.preserve_case).max_buf_size(self.dialect.buffer);
        let (sender, connection) = builder.handshake(TokioIo::new(wire)).await.map_err(failed)?;
        tokio::task::spawn_local(async move {
            // How a connection ends is told to the request on it.
            let _ = connection.with_upgrades().await;
        });
        Ok(Opened::One(Way::One { sender, epoch, reused: false }))
    }
    fn lease(self: &Rc<Self>, way: Way<B>) -> Lease<B> {
        Lease { pool: self.clone(), way, attempts: 1, repeated: false }
    }
    /// Closes connections that lay idle too long.
    pub fn sweep(&self) {
        self.reach.refresh();
        let epoch = self.reach.epoch();
        self.idle.sweep(epoch, |sender| !sender.is_closed());
        self.mux.iter().for_each(|mux| mux.sweep(epoch, IDLE_AT_MOST));
    }
}

/// A new connection, by what is spoken on it.
enum Opened<B: Body + 'static> {
    One(Way<B>),
    Many(Rc<Link<B>>),
}

impl<B> Lease<B>
where
    B: Body<Data = Bytes> + Unpin + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// Sends a request whose target is a path; it gets the head that the protocol demands.
    pub fn send(&mut self, mut request: Request<B>) -> impl Future<Output = Sent<B>> + use<B> {
        match &mut self.way {
            Way::One { sender, .. } => {
                to_http1(&mut request);
                Either::One { sending: sender.try_send_request(request) }
            }
            Way::Many(stream) => {
                to_http2(&mut request, self.pool.reach.scheme());
                // Boxed, since its state is large and every request would carry room for it.
                Either::Many { sending: Box::pin(stream.send(request)) }
            }
        }
    }
    /// True where others use the connection as well: nothing can be switched to another protocol on it.
    pub fn is_shared(&self) -> bool {
        matches!(self.way, Way::Many(_))
    }
    /// True where it has served before: the side may have closed it meanwhile.
    pub fn is_reused(&self) -> bool {
        match &self.way {
            Way::One { reused, .. } => *reused,
            Way::Many(stream) => stream.reused,
        }
    }
    /// Another connection for a request that may be sent again: `unsent` where not one byte of it was written, `safe` where
    /// doing it twice is doing it once. `None` where it may not be. What may have been done is never sent again, and what
    /// the side says it has not done once.
    pub async fn again(self, error: &hyper::Error, unsent: bool, safe: bool) -> Option<Result<Lease<B>, Failure>> {
        let shared = self.is_shared();
        let may = match unsent {
            true => (shared || self.is_reused()) && self.attempts < if shared { ATTEMPTS } else { 2 },
            false => !self.repeated && (safe && self.is_reused() || is_unprocessed(error)),
        };
        if !may {
            return None;
        }
        let (pool, attempts, repeated) = (self.pool.clone(), self.attempts + 1, self.repeated || !unsent);
        let lease = match &self.way {
            Way::One { .. } => Box::pin(pool.connect()).await,
            Way::Many(stream) => {
                stream.retire();
                drop(self);
                pool.checkout().await
            }
        };
        Some(lease.map(|lease| Lease { attempts, repeated, ..lease }))
    }
    /// The failure that this error is, where it ends the request. What is wrong with a certificate is said in the log too.
    pub fn failure(&self, error: &hyper::Error) -> Failure {
        let failure = failure_of(error, None);
        if failure.kind == FailureKind::Tls {
            self.pool.reach.say(&failure);
        }
        failure
    }
    /// The head of the answer has come.
    pub fn heard(&self) {
        if let Way::Many(stream) = &self.way {
            stream.heard();
        }
    }
    /// No answer came in time.
    pub fn silent(&self) {
        if let Way::Many(stream) = &self.way {
            stream.silent();
        }
    }
    /// Puts it back, once request and answer are both at their end.
    pub fn give_back(self) {
        let Way::One { sender, epoch, .. } = self.way else {
            return;
        };
        if !sender.is_closed() && epoch == self.pool.reach.epoch() {
            self.pool.idle.put(sender, epoch);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Endpoint, Upstream};
    use std::time::Duration;

    #[test]
    fn a_request_carries_no_room_for_what_is_seldom() {
        let upstream = Upstream {
            endpoint: Endpoint::Tcp { host: "127.0.0.1".into(), port: 1, tls: None },
            authority: "127.0.0.1:1".into(),
            http2: false,
            base_path: String::new(),
            timeout: Duration::from_secs(1),
            connect_timeout: Duration::from_secs(1),
            version_header: None,
        };
        let dialect = Dialect { preserve_case: false, buffer: 1 << 16 };
        let pool: Rc<Pool<http_body_util::Empty<Bytes>>> = Pool::new(Reach::new("primary", &upstream), dialect);
        let size = std::mem::size_of_val(&pool.checkout());
        assert!(size <= 256, "{size} bytes are moved for each request");
    }
}
