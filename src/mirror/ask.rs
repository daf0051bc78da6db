//! A leg of the shadow side: the copy of a request, sent with deadlines of its own; the answer captured up to the cap.

use super::copy_head::CopyHead;
use super::lane::Job;
use super::session::{Jar, Passport};
use super::shared::Shared;
use crate::config::{Config, Upstream};
use crate::evidence::NotJudged;
use crate::exchange::{
    Answer, Body as Captured, Chunks, ExchangeId, Failure, FailureKind, Outcome, Request as Asked, Response,
};
use crate::upstream::{
    Capture, Dialect, Hop, Lease, Lines, Pool, Question, Reach, Reply, compact, deadline, failure_of, stopped,
    unanswered,
};
use bytes::Bytes;
use http::header::CONTENT_LENGTH;
use http::{HeaderMap, HeaderValue, Method, Request, StatusCode, Version};
use http_body::{Body, Frame, SizeHint};
use http_body_util::BodyExt;
use hyper::body::Incoming;
use std::borrow::Cow;
use std::convert::Infallible;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Instant;

/// A whole answer may take so many times the side's timeout, however long it is.
const WHOLE: u32 = 4;
/// Bytes a second that it must come at, on average, once the timeout is over: what trickles keeps a place that others wait for.
const LEAST_RATE: u32 = 1 << 10;
/// A marker holds so long beyond the deadline of its shadow request.
const MARKER_GRACE_S: u64 = 30;

/// Until when the marker of a request holds that is answered within this patience.
pub(super) fn marker_expiry_s(patience: Duration) -> u64 {
    (crate::sys::now_ms() / 1_000) + (patience * WHOLE).as_secs() + MARKER_GRACE_S
}

/// A captured request body on its way to a side.
pub(super) struct CopyBody {
    parts: std::vec::IntoIter<Bytes>,
    left: u64,
}

impl CopyBody {
    /// No body.
    pub(super) fn none() -> CopyBody {
        CopyBody { parts: Vec::new().into_iter(), left: 0 }
    }
    fn new(chunks: &Chunks) -> CopyBody {
        CopyBody { parts: chunks.iter().cloned().collect::<Vec<_>>().into_iter(), left: chunks.len() as u64 }
    }
}

impl Body for CopyBody {
    type Data = Bytes;
    type Error = Infallible;
    fn poll_frame(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        let part = self.parts.next();
        self.left -= part.as_ref().map_or(0, |part| part.len() as u64);
        Poll::Ready(part.map(|part| Ok(Frame::data(part))))
    }
    fn is_end_stream(&self) -> bool {
        self.left == 0
    }
    fn size_hint(&self) -> SizeHint {
        SizeHint::with_exact(self.left)
    }
}

/// Bytes of a connection's read buffer, and so of an answer's head.
const BUFFER: usize = 256 << 10;

/// An answer would take the copies over their bounds.
#[derive(Debug)]
pub(super) struct NoRoom;

/// The candidate or the secondary as the shadow thread asks it.
pub(super) struct Leg {
    pub(super) upstream: Upstream,
    pub(super) pool: Rc<Pool<CopyBody>>,
    /// Where HTTP/2 is not spoken: the cheaper way there.
    lines: Option<Rc<Lines>>,
    max_body: usize,
    /// What a client of HTTP/1.0 that names no host has asked for.
    default_host: Option<HeaderValue>,
    /// Its answers are let go of at once, so they need not be copied out of the connection's read buffer.
    for_now: bool,
}

impl Leg {
    /// To a side of this config, by this way; the connections of the leg before it serve on where they went the same way.
    pub(super) fn new(
        upstream: &Upstream,
        config: &Config,
        way: &Arc<Reach>,
        before: Option<&Leg>,
        for_now: bool,
    ) -> Leg {
        let same = before.filter(|before| Arc::ptr_eq(before.pool.reach(), way));
        let dialect = Dialect { preserve_case: false, buffer: BUFFER };
        let pool = same.map_or_else(|| Pool::new(way.clone(), dialect), |same| same.pool.clone());
        let known = same.and_then(|same| same.lines.clone());
        let lines = (!upstream.http2).then(|| known.unwrap_or_else(|| Lines::new(way.clone())));
        // Whom the clients asked.
        let default_host = HeaderValue::from_str(&config.primary.authority).ok();
        let max_body = config.mirror.max_body;
        Leg { upstream: upstream.clone(), pool, lines, max_body, default_host, for_now }
    }
    /// Asks the candidate. An answer that would take the copies over their bounds is not judged.
    pub(super) async fn ask(
        &self,
        shared: &Shared,
        job: &mut Job,
        id: ExchangeId,
        passport: &Passport,
    ) -> Result<Answer, NotJudged> {
        let patience =
            if job.permit.is_probe() { job.permit.force().breaker.probe_timeout() } else { self.upstream.timeout };
        let expiry_s = marker_expiry_s(patience);
        let Job { request: asked, hop, permit, primary, .. } = job;
        let head = || self.shadow_head(shared, hop, asked, passport.jar.as_deref(), (id, expiry_s));
        let expected = Expected::of(primary);
        let answer = self.answer(shared, (asked, head), patience, (expected, |bytes| permit.charge(bytes))).await;
        answer.map_err(|NoRoom| NotJudged::Bytes)
    }
    /// The head of a copy: the client's, with the candidate's own cookies for its session, and marked.
    pub(super) fn shadow_head<'a>(
        &self,
        shared: &Shared,
        hop: &Hop,
        asked: &'a Asked,
        jar: Option<&Jar>,
        (id, expiry_s): (ExchangeId, u64),
    ) -> CopyHead<'a> {
        let mut head = self.head_for(hop, &asked.headers);
        if let Some(jar) = jar {
            jar.put_into(head.own_mut(), asked.path());
        }
        let marks = shared.markers.of_shadow(id, expiry_s, &asked.method, asked.path());
        marks.into_iter().for_each(|(name, value)| head.add(name, value));
        head
    }
    /// What the monolith was asked, to be asked of it again or of its like: as the primary got it, credentials and all, and
    /// marked, so that wherever it comes by it is not copied again.
    pub(super) fn again(&self, shared: &Shared, hop: &Hop, asked: &Asked, id: ExchangeId) -> Asked {
        let mut headers = self.head_for(hop, &asked.headers).into_map();
        shared.markers.append_hop(&mut headers);
        let expiry_s = marker_expiry_s(self.upstream.timeout);
        headers.extend(shared.markers.of_shadow(id, expiry_s, &asked.method, asked.path()));
        Asked { method: asked.method.clone(), target: asked.target.clone(), headers, body: asked.body.clone() }
    }
    /// Asks, with a head that may be made twice, and waits for the whole answer; a body that can no longer be compared is left.
    pub(super) async fn answer<'a>(
        &self,
        shared: &Shared,
        (asked, head): (&Asked, impl Fn() -> CopyHead<'a>),
        patience: Duration,
        (expected, charge): (Expected<'_>, impl FnMut(usize) -> bool),
    ) -> Result<Answer, NoRoom> {
        let start = Instant::now();
        let mut capture = Capture::new(self.max_body, shared.digest_seed());
        expected.body.into_iter().for_each(|likely| capture.expect(likely));
        let bytes = expected.length.max(self.max_body as u64);
        let bounds = Bounds { start, patience, bytes };
        let outcome = match &self.lines {
            Some(lines) => {
                let target = self.target(asked);
                let (head, safe) = (head(), is_repeatable(asked));
                let named = head.own().keys().any(|name| *name == CONTENT_LENGTH);
                let says_length = named || has_body_by_nature(&asked.method);
                let (method, headers, added, body) = (&asked.method, head.own(), head.added(), asked.body.kept());
                let question = Question { method, target: &target, headers, added, body, says_length, safe };
                match lines.ask(question, patience).await {
                    Err(failure) => Outcome::Failed(failure),
                    Ok(mut reply) => read(&mut capture, charge, &mut reply, bounds).await?,
                }
            }
            None => match self.send(|| self.request(asked, head().into_map()), patience, is_repeatable(asked)).await {
                Err(failure) => Outcome::Failed(failure),
                Ok((response, lease)) => body((capture, self.for_now), charge, response, lease, bounds).await?,
            },
        };
        Ok(Answer { outcome, elapsed_us: start.elapsed().as_micros() as u64 })
    }
    /// Sends, and waits for the head. A request that met a connection which the side had closed meanwhile is sent again on
    /// another one where not a byte of it was written, where the side says that it did nothing with it, or where it is safe
    /// to repeat.
    pub(super) async fn send(
        &self,
        request: impl Fn() -> Request<CopyBody>,
        patience: Duration,
        safe: bool,
    ) -> Result<(http::Response<Incoming>, Lease<CopyBody>), Failure> {
        let mut lease = self.pool.checkout().await?;
        loop {
            let sent = deadline::by(|| Instant::now() + patience, lease.send(request())).await;
            let mut error = match sent {
                Ok(Ok(response)) => {
                    lease.heard();
                    return Ok((response, lease));
                }
                Ok(Err(error)) => error,
                Err(_) => {
                    lease.silent();
                    return Err(unanswered(patience));
                }
            };
            let (unsent, failure) = (error.take_message().is_some(), lease.failure(error.error()));
            lease = match lease.again(error.error(), unsent, safe).await {
                Some(lease) => lease?,
                None => return Err(failure),
            };
        }
    }
    /// A copy of what was asked, with this head.
    pub(super) fn request(&self, asked: &Asked, mut headers: HeaderMap) -> Request<CopyBody> {
        let mut request = Request::new(CopyBody::new(asked.body.kept()));
        if asked.body.length() == 0 && !headers.contains_key(CONTENT_LENGTH) && has_body_by_nature(&asked.method) {
            headers.insert(CONTENT_LENGTH, HeaderValue::from_static("0"));
        }
        *request.uri_mut() = self.target(asked).parse().unwrap_or_default();
        *request.method_mut() = asked.method.clone();
        *request.version_mut() = Version::HTTP_11;
        *request.headers_mut() = headers;
        request
    }
    /// Path and query as the side gets them.
    fn target<'a>(&self, asked: &'a Asked) -> Cow<'a, str> {
        // What is kept of a request begins with a slash, or is `*`.
        match self.upstream.base_path.as_str() {
            "" => Cow::Borrowed(&asked.target),
            base if asked.target.starts_with('/') => Cow::Owned(format!("{base}{}", asked.target)),
            base => Cow::Owned(format!("{base}/")),
        }
    }
    /// Closes connections that lay idle too long.
    pub(super) fn sweep(&self) {
        self.pool.sweep();
        self.lines.iter().for_each(|lines| lines.sweep());
    }
    /// A client's head as the side gets it, but for the marker.
    pub(super) fn head_for<'a>(&self, hop: &Hop, asked: &'a HeaderMap) -> CopyHead<'a> {
        CopyHead::new(hop, asked, self.default_host.as_ref())
    }
}

/// What an answer may take.
#[derive(Clone, Copy)]
struct Bounds {
    /// When it was asked.
    start: Instant,
    /// Without a byte.
    patience: Duration,
    /// Bytes of its body that can change what is said of it: over the cap it can only be the primary's, and is not once it is longer.
    bytes: u64,
}

impl Bounds {
    /// When a body that began then, and of which so many bytes are here, is given up if no more come.
    fn next(&self, began: Instant, bytes: u64) -> Instant {
        let whole = self.start + self.patience * WHOLE;
        let earned = Duration::from_secs(bytes).checked_div(LEAST_RATE).unwrap_or_default();
        whole.min(began + self.patience + earned).min(Instant::now() + self.patience)
    }
    /// True where a body has shown that it is not the primary's, and need not be read to its end.
    fn is_left(&self, capture: &Capture) -> bool {
        capture.length() > self.bytes
    }
}

/// The primary's body, as far as it bears on that of another side.
#[derive(Clone, Copy, Default)]
pub(super) struct Expected<'a> {
    /// What it is likely to be, where all of it is here.
    body: Option<&'a Chunks>,
    length: u64,
}

impl<'a> Expected<'a> {
    pub(super) fn of(primary: &'a Answer) -> Expected<'a> {
        let Some(response) = primary.outcome.response() else { return Expected::default() };
        let body = match &response.body {
            Captured::Complete(chunks) => Some(chunks),
            Captured::Truncated { .. } => None,
        };
        Expected { body, length: response.body.length() }
    }
    /// A body of so many bytes, which is not held for this.
    pub(super) fn long(length: u64) -> Expected<'a> {
        Expected { body: None, length }
    }
}

/// True where an answer says nothing of its length and was left unread, since it was longer than any that could be compared: it may
/// have no end, and whoever gives such answers is not well.
pub(super) fn is_endless(answer: &Answer, primary: &Answer) -> bool {
    let length = |answer: &Answer| answer.outcome.response().map(|response| response.body.length());
    answer.outcome.response().is_some_and(|response| {
        matches!(response.body, Captured::Truncated { .. })
            && !response.headers.contains_key(CONTENT_LENGTH)
            && length(answer) > length(primary)
    })
}

/// The answer of a side that was not asked.
pub(super) fn not_asked(why: &str) -> Answer {
    let failure = Failure { kind: FailureKind::Connect, status: None, message: format!("not asked: {why}") };
    Answer { outcome: Outcome::Failed(failure), elapsed_us: 0 }
}

/// True where asking twice is asking once.
fn is_repeatable(asked: &Asked) -> bool {
    matches!(asked.method, Method::GET | Method::HEAD) && asked.body.length() == 0
}

/// Nobody asked it to.
fn switched() -> Failure {
    let message = "switched protocols without being asked".to_owned();
    Failure { kind: FailureKind::Protocol, status: Some(StatusCode::SWITCHING_PROTOCOLS), message }
}

fn stood_still(status: StatusCode, patience: Duration) -> Failure {
    let message = format!("the answer's body stood still for {patience:?}, came too slowly, or took too long in all");
    Failure { kind: FailureKind::Timeout, status: Some(status), message }
}

/// The answer behind its head, on a connection of its own. What is large is lent: what an async function is given is moved twice.
async fn read(
    capture: &mut Capture,
    mut charge: impl FnMut(usize) -> bool,
    reply: &mut Reply,
    bounds: Bounds,
) -> Result<Outcome, NoRoom> {
    let status = reply.status;
    if status == StatusCode::SWITCHING_PROTOCOLS {
        return Ok(Outcome::Failed(switched()));
    }
    let began = Instant::now();
    loop {
        let so_far = capture.length();
        let next = reply.next(|bytes| capture.copy(bytes));
        match deadline::by(|| bounds.next(began, so_far), next).await {
            Err(_) => return Ok(Outcome::Failed(stood_still(status, bounds.patience))),
            Ok(None) => break,
            Ok(Some(Err(failure))) => return Ok(Outcome::Failed(failure)),
            Ok(Some(Ok(held))) if !charge(held) => return Err(NoRoom),
            // Dropped with its rest, the connection closes.
            Ok(Some(Ok(_))) if bounds.is_left(capture) => break,
            Ok(Some(Ok(_))) => {}
        }
    }
    let (headers, trailers) = (std::mem::take(&mut reply.headers), reply.trailers.take());
    Ok(Outcome::Answered(Response { status, headers, body: capture.finish_for_now(), trailers }))
}

/// The answer behind its head.
async fn body(
    (mut capture, for_now): (Capture, bool),
    mut charge: impl FnMut(usize) -> bool,
    response: http::Response<Incoming>,
    lease: Lease<CopyBody>,
    bounds: Bounds,
) -> Result<Outcome, NoRoom> {
    let (parts, mut body) = response.into_parts();
    let failed = |failure| Ok(Outcome::Failed(failure));
    if parts.status == StatusCode::SWITCHING_PROTOCOLS {
        return failed(switched());
    }
    let headers = if for_now { parts.headers } else { compact(&parts.headers) };
    let (began, mut trailers) = (Instant::now(), None);
    while !body.is_end_stream() {
        let next = deadline::by(|| bounds.next(began, capture.length()), body.frame()).await;
        let frame = match next {
            Err(_) => return failed(stood_still(parts.status, bounds.patience)),
            Ok(None) => match stopped(parts.version, &body, parts.status) {
                Some(failure) => return failed(failure),
                None => break,
            },
            Ok(Some(Err(error))) => return failed(failure_of(&error, Some(parts.status))),
            Ok(Some(Ok(frame))) => frame,
        };
        match frame.into_data() {
            Ok(data) if !charge(capture.push(&data)) => return Err(NoRoom),
            // Dropped with its rest, the connection closes, or the stream on it.
            Ok(_) if bounds.is_left(&capture) => break,
            Ok(_) => {}
            Err(frame) => trailers = frame.into_trailers().ok().map(Box::new),
        }
    }
    if !bounds.is_left(&capture) {
        lease.give_back();
    }
    let body = if for_now { capture.finish_for_now() } else { capture.finish() };
    Ok(Outcome::Answered(Response { status: parts.status, headers, body, trailers }))
}

/// Methods whose requests have a body, so that an empty one says its length.
fn has_body_by_nature(method: &Method) -> bool {
    matches!(*method, Method::POST | Method::PUT | Method::PATCH)
}
