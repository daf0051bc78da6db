//! Looks at the raw bytes of a head beside hyper, for what hyper mends without a word: a length beside chunks,
//! control bytes in chunk lines.
//!
//! It can only refuse. A head that was not seen whole (one of several in one read) is left to hyper, which then lets the
//! chunks count, drops the length and closes the connection after the answer, and skips chunk extensions.

use super::chunk_lines::ChunkLines;
use super::writes::writes_pass;
use http::Method;
use parking_lot::Mutex;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, ReadBuf};

/// Bytes kept of one head; a longer one is refused by its length.
const KEPT: usize = 64 << 10;

/// The raw head that is being read, shared by a connection's socket and its service. (Shared across threads by its type only:
/// hyper asks that of a socket that can be upgraded.)
#[derive(Clone)]
pub(super) struct RawHead(Arc<Mutex<Raw>>);

struct Raw {
    bytes: Vec<u8>,
    /// The next bytes belong to a head.
    open: bool,
    /// The chunked body behind the head.
    lines: ChunkLines,
    /// It holds a byte that it may not hold.
    refused: bool,
    /// The head is that of the request under way.
    confirmed: bool,
}

impl Raw {
    fn new() -> Raw {
        Raw { bytes: Vec::new(), open: true, lines: ChunkLines::Done, refused: false, confirmed: false }
    }
    /// True when this head was seen from its start, as far as its first word tells.
    fn is_of(&self, method: &Method) -> bool {
        self.bytes.strip_prefix(method.as_str().as_bytes()).is_some_and(|rest| rest.starts_with(b" "))
    }
    fn has(&self, field: &[u8]) -> bool {
        let named = |rest: &[u8]| {
            let name = memchr::memchr(b':', rest).and_then(|colon| rest.get(..colon));
            name.is_some_and(|name| name.trim_ascii().eq_ignore_ascii_case(field))
        };
        memchr::memchr_iter(b'\n', &self.bytes).any(|end| self.bytes.get(end + 1..).is_some_and(named))
    }
    /// Where the head ends in these new bytes, behind the empty line that may have begun before them.
    fn end_in(&self, new: &[u8]) -> Option<usize> {
        let before = |at: usize, back: usize| match at.checked_sub(back) {
            Some(at) => new.get(at),
            None => (self.bytes.len() + at).checked_sub(back).and_then(|at| self.bytes.get(at)),
        };
        let ends = |at: usize| (1..=3).map(|back| before(at, back)).eq(b"\r\n\r".iter().map(Some));
        memchr::memchr_iter(b'\n', new).find(|at| ends(*at)).map(|at| at + 1)
    }
}

impl RawHead {
    pub(super) fn new() -> RawHead {
        RawHead(Arc::new(Mutex::new(Raw::new())))
    }
    /// What is read from now on is a head.
    pub(super) fn begin(&self) {
        let mut raw = self.0.lock();
        let mut bytes = std::mem::take(&mut raw.bytes);
        bytes.clear();
        *raw = Raw { bytes, ..Raw::new() };
    }
    /// True when the head of this request was seen and says a length.
    pub(super) fn says_length(&self, method: &Method) -> bool {
        let raw = self.0.lock();
        raw.is_of(method) && raw.has(b"content-length")
    }
    /// Says which request is under way: nothing is refused for a head that is not its own.
    pub(super) fn confirm(&self, method: &Method) {
        let mut raw = self.0.lock();
        raw.confirmed = raw.is_of(method);
    }
    /// True once the chunk lines of the request under way hold a byte that they may not hold.
    pub(super) fn is_refused(&self) -> bool {
        let raw = self.0.lock();
        raw.confirmed && raw.refused
    }
    fn read(&self, new: &[u8]) {
        let mut raw = self.0.lock();
        if !raw.open {
            raw.refused |= raw.lines.read(new);
            return;
        }
        if new.is_empty() {
            return;
        }
        let room = KEPT.saturating_sub(raw.bytes.len());
        let end = raw.end_in(new);
        raw.open = end.is_none() && room > new.len();
        let part = new.get(..end.unwrap_or(new.len()).min(room)).unwrap_or_default();
        raw.bytes.extend_from_slice(part);
        if let Some(end) = end.filter(|_| raw.has(b"transfer-encoding")) {
            raw.lines = ChunkLines::Size(0);
            raw.refused = raw.lines.read(new.get(end..).unwrap_or_default());
        }
    }
}

/// A client's socket that shows what is read to [`RawHead`].
pub(super) struct Watched<S> {
    pub(super) stream: S,
    pub(super) head: RawHead,
}

impl<S: AsyncRead + Unpin> AsyncRead for Watched<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if let Some(new) = buf.filled().get(before..) {
            self.head.read(new);
        }
        read
    }
}

writes_pass!(Watched);

#[cfg(test)]
mod tests {
    use super::*;

    const HEAD: &[u8] = b"POST /a HTTP/1.1\r\nHost: a\r\ncontent-LENGTH: 3\r\nTransfer-Encoding: chunked\r\n\r\n";

    #[test]
    fn a_length_is_seen_however_the_head_is_cut() {
        for cut in 1..HEAD.len() {
            let raw = RawHead::new();
            raw.read(&HEAD[..cut]);
            raw.read(&[&HEAD[cut..], b"0\r\n\r\n"].concat());
            assert!(raw.says_length(&Method::POST), "cut at {cut}");
            assert_eq!(raw.0.lock().bytes, HEAD, "cut at {cut}");
        }
    }

    #[test]
    fn a_control_byte_in_a_chunk_line_refuses_its_own_request_only() {
        let bad = b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5;\0\r\nhello\r\n0\r\n\r\n";
        for cut in 1..bad.len() {
            let raw = RawHead::new();
            raw.read(&bad[..cut]);
            raw.read(&bad[cut..]);
            raw.confirm(&Method::GET);
            assert!(!raw.is_refused(), "another request's");
            raw.confirm(&Method::POST);
            assert!(raw.is_refused(), "cut at {cut}");
            raw.begin();
            assert!(!raw.is_refused(), "the next request is a new one");
        }
    }

    #[test]
    fn a_body_is_not_taken_for_a_head() {
        let raw = RawHead::new();
        raw.read(b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        raw.read(b"12\r\nContent-Length: 3\r\n\r\n0\r\n\r\n");
        assert!(!raw.says_length(&Method::POST));
        raw.begin();
        raw.read(b"the end of a body\r\nContent-Length: 3\r\n\r\n");
        assert!(!raw.says_length(&Method::POST), "not this request's head");
    }
}
