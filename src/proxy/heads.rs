//! Looks at the raw bytes of a head beside hyper, for what hyper mends without a word: a length beside chunks.
//!
//! It can only refuse. A head that was not seen whole (one of several in one read) is left to hyper, which then lets the
//! chunks count, drops the length and closes the connection after the answer.

use http::Method;
use parking_lot::Mutex;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::TcpStream;

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
}

impl RawHead {
    pub(super) fn new() -> RawHead {
        RawHead(Arc::new(Mutex::new(Raw { bytes: Vec::new(), open: true })))
    }
    /// What is read from now on is a head.
    pub(super) fn begin(&self) {
        let mut raw = self.0.lock();
        raw.bytes.clear();
        raw.open = true;
    }
    /// True when the head of this request was seen and says a length.
    pub(super) fn says_length(&self, method: &Method) -> bool {
        let raw = self.0.lock();
        let mut lines = raw.bytes.split(|b| *b == b'\n');
        let first = lines.next().unwrap_or_default();
        let ours = first.strip_prefix(method.as_str().as_bytes()).is_some_and(|rest| rest.starts_with(b" "));
        ours && lines.any(|line| {
            line.split(|b| *b == b':')
                .next()
                .is_some_and(|name| name.trim_ascii().eq_ignore_ascii_case(b"content-length"))
        })
    }
    fn read(&self, new: &[u8]) {
        let mut raw = self.0.lock();
        if !raw.open || new.is_empty() {
            return;
        }
        let before = raw.bytes.len().saturating_sub(3);
        let room = KEPT.saturating_sub(raw.bytes.len());
        // An end that lies across two reads begins at most three bytes before.
        let seen = raw.bytes.len();
        let across: Vec<u8> = raw.bytes[before..].iter().chain(new.iter().take(3)).copied().collect();
        let end = match memchr::memmem::find(&across, b"\r\n\r\n") {
            Some(at) => Some(before + at + 4 - seen),
            None => memchr::memmem::find(new, b"\r\n\r\n").map(|at| at + 4),
        };
        raw.open = end.is_none() && room > new.len();
        let part = new.get(..end.unwrap_or(new.len()).min(room)).unwrap_or_default();
        raw.bytes.extend_from_slice(part);
    }
}

/// A client's socket that shows what is read to [`RawHead`].
pub(super) struct Watched {
    pub(super) stream: TcpStream,
    pub(super) head: RawHead,
}

impl AsyncRead for Watched {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buf.filled().len();
        let read = Pin::new(&mut self.stream).poll_read(cx, buf);
        if let Some(new) = buf.filled().get(before..) {
            self.head.read(new);
        }
        read
    }
}

impl AsyncWrite for Watched {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, buf)
    }
    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write_vectored(cx, bufs)
    }
    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }
    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_flush(cx)
    }
    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

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
