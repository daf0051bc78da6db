//! One thread's connections to one side: last in, first out, so that few stay warm and the rest run out.

use crate::exchange::{Failure, FailureKind};
use bytes::Bytes;
use http::{Request, Response};
use hyper::body::{Body, Incoming};
use hyper::client::conn::{TrySendError, http1};
use hyper_util::rt::TokioIo;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio::time::Instant;

/// How long a connection may lie idle: below the keep-alive of common servers (gunicorn 2 s, Node 5 s).
const IDLE_AT_MOST: Duration = Duration::from_millis(1_500);
/// Idle longer than this, a connection may have been closed by the side without our having looked.
const LOOK_AFTER: Duration = Duration::from_millis(50);
/// Connections kept idle by one thread to one side.
const IDLE_CONNECTIONS: usize = 512;

/// How a pool speaks.
#[derive(Clone, Copy, Debug)]
pub struct Dialect {
    /// Header names keep the case in which they came.
    pub preserve_case: bool,
    /// Bytes of a connection's read buffer, and so of a head, at most.
    pub buffer: usize,
}

/// Connections of one thread to one side.
pub struct Pool<B> {
    authority: Arc<str>,
    connect_timeout: Duration,
    dialect: Dialect,
    idle: RefCell<Vec<Idle<B>>>,
}

struct Idle<B> {
    sender: http1::SendRequest<B>,
    since: Instant,
}

/// A connection taken out of its pool. Dropped, it closes; given back, it serves again.
pub struct Lease<B> {
    pool: Rc<Pool<B>>,
    sender: http1::SendRequest<B>,
    /// True when it has served before: the side may have closed it meanwhile.
    pub reused: bool,
}

impl<B> Pool<B>
where
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// A pool without connections.
    pub fn new(authority: &str, connect_timeout: Duration, dialect: Dialect) -> Rc<Pool<B>> {
        Rc::new(Pool { authority: authority.into(), connect_timeout, dialect, idle: RefCell::default() })
    }
    /// An idle connection, or a new one.
    pub async fn checkout(self: &Rc<Self>) -> Result<Lease<B>, Failure> {
        let mut looked = false;
        loop {
            let Some(mut idle) = self.idle.borrow_mut().pop() else {
                return self.connect().await;
            };
            let lay = idle.since.elapsed();
            if lay >= IDLE_AT_MOST {
                // All below it lie longer still.
                self.idle.borrow_mut().clear();
                continue;
            }
            if lay >= LOOK_AFTER && !looked {
                // Lets the runtime look at its sockets once, so that a connection closed meanwhile says so.
                looked = true;
                tokio::task::yield_now().await;
            }
            if idle.sender.is_closed() || !(idle.sender.is_ready() || idle.sender.ready().await.is_ok()) {
                continue;
            }
            return Ok(Lease { pool: self.clone(), sender: idle.sender, reused: true });
        }
    }
    /// A new connection.
    pub async fn connect(self: &Rc<Self>) -> Result<Lease<B>, Failure> {
        let failed = |kind, message: String| Failure { kind, status: None, message };
        let stream = tokio::time::timeout(self.connect_timeout, TcpStream::connect(&*self.authority))
            .await
            .map_err(|_| failed(FailureKind::Connect, format!("no connection within {:?}", self.connect_timeout)))?
            .map_err(|error| failed(FailureKind::Connect, error.to_string()))?;
        // Without it small requests wait for acknowledgements; a socket that refuses the option still works.
        let _ = stream.set_nodelay(true);
        let mut builder = http1::Builder::new();
        builder.preserve_header_case(self.dialect.preserve_case).max_buf_size(self.dialect.buffer);
        let (sender, connection) = builder
            .handshake(TokioIo::new(stream))
            .await
            .map_err(|error| failed(FailureKind::Connect, error.to_string()))?;
        tokio::task::spawn_local(async move {
            // How a connection ends is told to the request on it.
            let _ = connection.with_upgrades().await;
        });
        Ok(Lease { pool: self.clone(), sender, reused: false })
    }
    /// Closes connections that lay idle too long.
    pub fn sweep(&self) {
        self.idle.borrow_mut().retain(|idle| idle.since.elapsed() < IDLE_AT_MOST && !idle.sender.is_closed());
    }
}

impl<B> Lease<B>
where
    B: Body<Data = Bytes> + 'static,
    B::Error: Into<Box<dyn std::error::Error + Send + Sync>>,
{
    /// Sends a request; the request comes back with the error where not one byte of it was written.
    pub fn send(
        &mut self,
        request: Request<B>,
    ) -> impl Future<Output = Result<Response<Incoming>, TrySendError<Request<B>>>> + use<B> {
        self.sender.try_send_request(request)
    }
    /// The pool that it came from.
    pub fn pool(&self) -> &Rc<Pool<B>> {
        &self.pool
    }
    /// Puts it back, once request and answer are both at their end.
    pub fn give_back(self) {
        let mut idle = self.pool.idle.borrow_mut();
        if !self.sender.is_closed() && idle.len() < IDLE_CONNECTIONS {
            idle.push(Idle { sender: self.sender, since: Instant::now() });
        }
    }
}
