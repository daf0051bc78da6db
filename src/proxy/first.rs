//! The first bytes of a connection in the clear: HTTP/2 by prior knowledge begins with a preface that no HTTP/1.1 request
//! can begin with (RFC 9113, 3.4).
//!
//! They are read once, in the place of the first read of whoever serves the connection, and handed on: no request costs a
//! system call more. The HTTP/1.1 side sees the bytes that it would have read itself.

use super::writes::writes_pass;
use bytes::{Buf, BytesMut};
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};
use tokio::net::TcpStream;
use tokio_rustls::server::TlsStream;

const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
/// Bytes read before anybody serves the connection: a usual head fits, so that it is still one read.
const AHEAD: usize = 4 << 10;

/// What a client speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spoken {
    /// HTTP/1.1, HTTP/1.0, or nothing that is known: that is refused by whoever reads HTTP/1.1.
    Http1,
    /// HTTP/2.
    Http2,
}

/// A connection whose first bytes were read already.
pub(super) struct Begun<S> {
    stream: S,
    first: BytesMut,
}

impl<S: AsyncRead + Unpin> Begun<S> {
    /// A connection of which nothing was read.
    pub(super) fn new(stream: S) -> Begun<S> {
        Begun { stream, first: BytesMut::new() }
    }
    /// Reads until it is clear what the client speaks: at the first byte that is not the preface's, or at its end. `None`
    /// where the client is gone, or has closed without a word.
    pub(super) async fn hear(mut stream: S) -> Option<(Spoken, Begun<S>)> {
        let mut first = BytesMut::with_capacity(AHEAD);
        loop {
            let read = stream.read_buf(&mut first).await.ok()?;
            let spoken = match first.len().min(PREFACE.len()) {
                0 => return None,
                seen if first.get(..seen) != PREFACE.get(..seen) => Spoken::Http1,
                seen if seen == PREFACE.len() => Spoken::Http2,
                // The end of what it says, in the middle of the preface.
                _ if read == 0 => Spoken::Http1,
                _ => continue,
            };
            return Some((spoken, Begun { stream, first }));
        }
    }
}

impl Begun<TlsStream<TcpStream>> {
    /// What was agreed on in the handshake; a client that named nothing speaks HTTP/1.1 (RFC 9113, 3.2: over TLS there is no
    /// prior knowledge).
    pub(super) fn chosen(&self) -> Spoken {
        match self.stream.get_ref().1.alpn_protocol() {
            Some(b"h2") => Spoken::Http2,
            _ => Spoken::Http1,
        }
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for Begun<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buf: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.first.is_empty() {
            return Pin::new(&mut self.stream).poll_read(cx, buf);
        }
        let part = self.first.len().min(buf.remaining());
        buf.put_slice(self.first.get(..part).unwrap_or_default());
        self.first.advance(part);
        if self.first.is_empty() {
            // Its memory is not kept while the connection lives.
            self.first = BytesMut::new();
        }
        Poll::Ready(Ok(()))
    }
}

writes_pass!(Begun);

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::AsyncWriteExt;

    /// What is heard of these pieces, one write each, and what is read afterwards.
    async fn heard(pieces: &[&[u8]]) -> Option<(Spoken, Vec<u8>)> {
        let (mut client, server) = tokio::io::duplex(64);
        let said = async move {
            for piece in pieces {
                client.write_all(piece).await.unwrap();
                tokio::task::yield_now().await;
            }
        };
        let read = async {
            let (spoken, mut begun) = Begun::hear(server).await?;
            let mut all = Vec::new();
            begun.read_to_end(&mut all).await.unwrap();
            Some((spoken, all))
        };
        tokio::join!(said, read).1
    }

    #[tokio::test]
    async fn the_preface_is_told_from_anything_else_however_it_is_cut_and_no_byte_is_lost() {
        let more = [PREFACE, b"frames"].concat();
        for cut in 1..more.len() {
            let (spoken, all) = heard(&[&more[..cut], &more[cut..]]).await.unwrap();
            assert_eq!((spoken, all.as_slice()), (Spoken::Http2, more.as_slice()), "cut at {cut}");
        }
        for other in ["GET / HTTP/1.1\r\n", "P", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r", "PRI * HTTP/1.1\r\n\r\n", "\r\n"] {
            let (spoken, all) = heard(&[other.as_bytes()]).await.unwrap();
            assert_eq!((spoken, all.as_slice()), (Spoken::Http1, other.as_bytes()));
        }
        assert_eq!(heard(&[]).await, None);
    }
}
