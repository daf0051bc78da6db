//! HTTP/1.1 as a shadow leg speaks it: one request on a connection at a time, its answer read where it is needed, with no task,
//! no channel and no buffer of its own for each. On the live path hyper does this; here the answer never leaves the tee, and
//! what it costs to fetch is a third of what a mirrored exchange costs (docs/decisions/0018).

mod framing;
mod head;

use super::failure::{of_wire, unanswered, untold};
use super::idle::Idle;
use super::reach::{Dialled, Reach};
use super::wire::Wire;
use crate::exchange::{Chunks, Failure, FailureKind};
use bytes::{Buf, BytesMut};
use framing::{Framing, Step, Wrong};
use head::Answered;
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};
use std::cell::RefCell;
use std::future::poll_fn;
use std::io::IoSlice;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll, Waker, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, ReadBuf};
use tokio::time::Instant;

/// Bytes of the buffer that all connections to a side read into.
const READ: usize = 64 << 10;
/// Bytes that are read at once behind what is not whole yet.
const MORE: usize = 8 << 10;
/// Parts of a request that are written at once.
const PARTS: usize = 16;
/// Answers that are none yet (1xx) before the one.
const INTERIM: u32 = 64;

/// What is asked.
#[derive(Clone, Copy)]
pub struct Question<'q> {
    /// The method.
    pub method: &'q Method,
    /// Path and query as they go to the side.
    pub target: &'q str,
    /// All fields; of framing nothing is taken from here.
    pub headers: &'q HeaderMap,
    /// Fields besides.
    pub added: &'q [(HeaderName, HeaderValue)],
    /// What is sent.
    pub body: &'q Chunks,
    /// An empty body says that it is one.
    pub says_length: bool,
    /// Asking twice is asking once.
    pub safe: bool,
}

/// One thread's connections to one side.
pub struct Lines {
    reach: Arc<Reach>,
    idle: Idle<Box<Line>>,
    room: Room,
}

/// The one buffer that the connections to a side read into, one after the other: it stays in the cache, where a body is compared,
/// and a connection that waits holds none.
struct Room(RefCell<BytesMut>);

impl Room {
    fn take(&self) -> BytesMut {
        let mut room = self.0.take();
        room.reserve(READ);
        room
    }
    /// Whatever is in it is over.
    fn put(&self, mut room: BytesMut) {
        room.clear();
        self.0.replace(room);
    }
}

/// A connection that is being used; dropped, it closes.
struct Line {
    wire: Wire,
    /// What was read and is not told yet.
    buffer: BytesMut,
    /// The buffer is the one that all share.
    borrowed: bool,
}

/// An answer: its head is here, its body comes.
pub struct Reply {
    /// The status.
    pub status: StatusCode,
    /// All fields.
    pub headers: HeaderMap,
    /// The trailers, at the end.
    pub trailers: Option<Box<HeaderMap>>,
    lines: Rc<Lines>,
    line: Option<Box<Line>>,
    epoch: u64,
    framing: Framing,
    keep: bool,
}

/// Why there is no answer, and whether the request may be sent again.
struct Broken {
    failure: Failure,
    written: bool,
    heard: bool,
}

impl Lines {
    /// No connection yet.
    pub fn new(reach: Arc<Reach>) -> Rc<Lines> {
        Rc::new(Lines { reach, idle: Idle::new(), room: Room(RefCell::default()) })
    }
    /// Asks, and waits for the answer's head for so long. A request that met a connection which the side had closed meanwhile is
    /// sent again, once, on a new one, where not a byte of it was written or where it is safe to repeat.
    pub async fn ask(self: &Rc<Self>, question: Question<'_>, patience: Duration) -> Result<Reply, Failure> {
        let says = question.says_length || !question.body.is_empty();
        let head = head::write(&question, says.then(|| question.body.len()));
        let (mut line, mut epoch, mut reused) = match self.take_idle().await {
            Some((line, epoch)) => (line, epoch, true),
            None => Box::pin(self.connect()).await.map(|(line, epoch)| (line, epoch, false))?,
        };
        loop {
            let asked = line.ask(&self.room, &head, question.body, question.method);
            let broken = match super::deadline::by(|| Instant::now() + patience, asked).await {
                Ok(Ok((answered, framing, sent))) => {
                    let keep = sent && answered.keeps();
                    let Answered { status, headers, .. } = answered;
                    let (lines, line) = (self.clone(), Some(line));
                    return Ok(Reply { status, headers, trailers: None, lines, line, epoch, framing, keep });
                }
                Ok(Err(broken)) => broken,
                Err(super::deadline::Late) => return Err(unanswered(patience)),
            };
            if !reused || broken.heard || broken.written && !question.safe {
                if broken.failure.kind == FailureKind::Tls {
                    self.reach.say(&broken.failure);
                }
                return Err(broken.failure);
            }
            (line, epoch) = Box::pin(self.connect()).await?;
            reused = false;
        }
    }
    async fn take_idle(&self) -> Option<(Box<Line>, u64)> {
        let mut looked = false;
        loop {
            let (mut line, epoch) = self.idle.take(&mut looked).await?;
            if epoch == self.reach.epoch() && line.is_quiet() {
                return Some((line, epoch));
            }
        }
    }
    async fn connect(&self) -> Result<(Box<Line>, u64), Failure> {
        let epoch = self.reach.epoch();
        let Dialled { wire, http2 } = self.reach.dial().await?;
        if http2 {
            return Err(untold(FailureKind::Protocol, "it chose HTTP/2, which was not offered".into()));
        }
        Ok((Box::new(Line { wire, buffer: BytesMut::new(), borrowed: false }), epoch))
    }
    /// Closes connections that lay idle too long, or were closed.
    pub fn sweep(&self) {
        self.reach.refresh();
        self.idle.sweep(self.reach.epoch(), |line| line.is_quiet());
    }
    fn give_back(&self, line: Box<Line>, epoch: u64) {
        if epoch == self.reach.epoch() {
            self.idle.put(line, epoch);
        }
    }
}

impl Line {
    /// True where the side has said nothing since, not even that it closes: anything else belongs to no request of ours.
    fn is_quiet(&mut self) -> bool {
        let (mut byte, mut unheard) = ([0; 1], Context::from_waker(Waker::noop()));
        let read = Pin::new(&mut self.wire).poll_read(&mut unheard, &mut ReadBuf::new(&mut byte));
        self.buffer.is_empty() && read.is_pending()
    }
    /// Sends, and reads as far as the answer's head: an answer may come before all is sent. Says too whether all was.
    async fn ask(
        &mut self,
        room: &Room,
        head: &[u8],
        body: &Chunks,
        method: &Method,
    ) -> Result<(Answered, Framing, bool), Broken> {
        let mut sending = Sending { head, body, written: 0, error: None };
        let (mut interim, mut heard) = (0, false);
        loop {
            let answered = match head::read(&mut self.buffer) {
                Ok(Some(answered)) => answered,
                Ok(None) => {
                    let read = poll_fn(|cx| {
                        sending.go_on(&mut self.wire, cx);
                        self.poll_more(room, cx)
                    });
                    match read.await {
                        Ok(true) => heard = true,
                        ended => {
                            let failure = sending.failure(ended.err().as_ref());
                            return Err(Broken { failure, written: sending.written > 0, heard });
                        }
                    }
                    continue;
                }
                Err(wrong) => return Err(Broken { failure: refused(wrong, None), written: true, heard: true }),
            };
            if answered.status.is_informational() && answered.status != StatusCode::SWITCHING_PROTOCOLS {
                interim += 1;
                if interim > INTERIM {
                    let wrong = Wrong::TooLong("interim answers without an end");
                    return Err(Broken { failure: refused(wrong, None), written: true, heard: true });
                }
                continue;
            }
            let framing = Framing::of(method, answered.version, answered.status, &answered.headers);
            return match framing {
                Ok(framing) => Ok((answered, framing, sending.is_over())),
                Err(wrong) => {
                    let failure = refused(wrong, Some(answered.status));
                    Err(Broken { failure, written: true, heard: true })
                }
            };
        }
    }
    /// Reads once; false where the connection has ended.
    fn poll_more(&mut self, room: &Room, cx: &mut Context<'_>) -> Poll<std::io::Result<bool>> {
        if self.buffer.is_empty() {
            self.let_go(room);
            self.buffer = room.take();
            self.borrowed = true;
        } else {
            self.buffer.reserve(MORE);
        }
        let read = std::pin::pin!(self.wire.read_buf(&mut self.buffer)).poll(cx);
        if read.is_pending() {
            self.let_go(room);
        }
        Poll::Ready(Ok(ready!(read)? > 0))
    }
    /// Lets go of the shared buffer; what is still in it is copied out.
    fn let_go(&mut self, room: &Room) {
        if std::mem::take(&mut self.borrowed) {
            let rest = BytesMut::from(&*self.buffer);
            room.put(std::mem::replace(&mut self.buffer, rest));
        }
    }
}

/// A request on its way out.
struct Sending<'r> {
    head: &'r [u8],
    body: &'r Chunks,
    written: usize,
    error: Option<std::io::Error>,
}

impl Sending<'_> {
    fn is_over(&self) -> bool {
        self.error.is_none() && self.written == self.head.len() + self.body.len()
    }
    /// Writes what the connection takes. An error is kept: the answer may be there all the same.
    fn go_on(&mut self, wire: &mut Wire, cx: &mut Context<'_>) {
        while self.error.is_none() && !self.is_over() {
            let (mut parts, mut count, mut skip) = ([IoSlice::new(&[]); PARTS], 0, self.written);
            for part in std::iter::once(self.head).chain(self.body.iter().map(|part| &**part)) {
                let from = skip.min(part.len());
                skip -= from;
                let (Some(slot), true) = (parts.get_mut(count), from < part.len()) else { continue };
                *slot = IoSlice::new(&part[from..]);
                count += 1;
            }
            match Pin::new(&mut *wire).poll_write_vectored(cx, &parts[..count]) {
                Poll::Ready(Ok(0)) => self.error = Some(std::io::ErrorKind::WriteZero.into()),
                Poll::Ready(Ok(written)) => self.written += written,
                Poll::Ready(Err(error)) => self.error = Some(error),
                Poll::Pending => return,
            }
        }
        if let Poll::Ready(Err(error)) = Pin::new(wire).poll_flush(cx) {
            self.error.get_or_insert(error);
        }
    }
    /// Why nothing came: the connection ended, or failed.
    fn failure(&self, error: Option<&std::io::Error>) -> Failure {
        match error.or(self.error.as_ref()) {
            Some(error) => of_wire(error, None),
            None => untold(FailureKind::Reset, "the connection was closed before an answer".into()),
        }
    }
}

impl Reply {
    /// What `told` makes of the next bytes of the body, which it sees where they lie; `None` at the body's end, where the connection
    /// serves the next request.
    pub async fn next<T>(&mut self, told: impl FnOnce(&[u8]) -> T) -> Option<Result<T, Failure>> {
        loop {
            let line = self.line.as_mut()?;
            match self.framing.next(&mut line.buffer) {
                Ok(Step::Data(n)) => {
                    let made = told(&line.buffer[..n]);
                    line.buffer.advance(n);
                    return Some(Ok(made));
                }
                Ok(Step::End(trailers)) => {
                    self.trailers = trailers.map(Box::new);
                    line.let_go(&self.lines.room);
                    let line = self.line.take().filter(|line| self.keep && line.buffer.is_empty());
                    line.into_iter().for_each(|line| self.lines.give_back(line, self.epoch));
                    return None;
                }
                Ok(Step::More) => {
                    let more = poll_fn(|cx| line.poll_more(&self.lines.room, cx)).await;
                    match more {
                        Ok(true) => {}
                        Ok(false) if self.framing.ends_with_the_connection() => {
                            self.line = None;
                            return None;
                        }
                        Ok(false) => {
                            let message = "the connection was closed before the answer's end".to_owned();
                            return self.cut(Failure { kind: FailureKind::Reset, status: Some(self.status), message });
                        }
                        Err(error) => {
                            let failure = of_wire(&error, Some(self.status));
                            return self.cut(failure);
                        }
                    }
                }
                Err(wrong) => {
                    let failure = refused(wrong, Some(self.status));
                    return self.cut(failure);
                }
            }
        }
    }
    fn cut<T>(&mut self, failure: Failure) -> Option<Result<T, Failure>> {
        self.line = None;
        Some(Err(failure))
    }
}

fn refused(wrong: Wrong, status: Option<StatusCode>) -> Failure {
    let kind = match wrong {
        Wrong::Malformed(_) => FailureKind::Protocol,
        Wrong::TooLong(_) => FailureKind::TooLarge,
    };
    Failure { kind, status, message: wrong.to_string() }
}
