//! A client that speaks HTTP/2 in frames made by hand: what a library would never send.

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

pub(crate) const PREFACE: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
pub(crate) const DATA: u8 = 0;
pub(crate) const HEADERS: u8 = 1;
pub(crate) const RST_STREAM: u8 = 3;
pub(crate) const SETTINGS: u8 = 4;
pub(crate) const PING: u8 = 6;
pub(crate) const GOAWAY: u8 = 7;
pub(crate) const CONTINUATION: u8 = 9;
pub(crate) const END_STREAM: u8 = 1;
pub(crate) const END_HEADERS: u8 = 4;
pub(crate) const ENHANCE_YOUR_CALM: u32 = 11;

/// A frame that came.
#[derive(Clone, Debug)]
pub(crate) struct Frame {
    pub(crate) kind: u8,
    pub(crate) flags: u8,
    pub(crate) stream: u32,
    pub(crate) payload: Vec<u8>,
}

impl Frame {
    /// The code of a reset or of a GOAWAY.
    pub(crate) fn code(&self) -> u32 {
        let at = if self.kind == GOAWAY { 4 } else { 0 };
        u32::from_be_bytes(self.payload[at..at + 4].try_into().unwrap())
    }
    /// The status of an answer that HPACK's static table has.
    fn status(&self) -> u16 {
        match self.payload.first() {
            Some(0x88) => 200,
            Some(0x89) => 204,
            Some(0x8b) => 304,
            Some(0x8c) => 400,
            Some(0x8d) => 404,
            _ => 0,
        }
    }
}

/// How a stream ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum End {
    /// An answer with this status (0: one that is not in the static table), whole.
    Answer(u16),
    /// Reset, with this code.
    Reset(u32),
    /// The connection ended with this code.
    GoAway(u32),
    /// The connection closed, or nothing came.
    Nothing,
}

/// The client.
pub(crate) struct Frames {
    stream: TcpStream,
    buffer: Vec<u8>,
    /// Of the buffer, what was read already.
    at: usize,
}

impl Frames {
    /// Connected, the preface and its SETTINGS sent.
    pub(crate) fn connect(to: SocketAddr) -> Frames {
        let mut frames = Frames::bare(to);
        frames.bytes(PREFACE);
        frames.frame(SETTINGS, 0, 0, &[]);
        frames
    }
    /// Connected, and not one byte sent.
    pub(crate) fn bare(to: SocketAddr) -> Frames {
        let stream = TcpStream::connect(to).unwrap();
        stream.set_nodelay(true).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(5))).unwrap();
        Frames { stream, buffer: Vec::new(), at: 0 }
    }
    /// False once the tee does not take any more.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) -> bool {
        self.stream.write_all(bytes).is_ok()
    }
    pub(crate) fn frame(&mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> bool {
        self.bytes(&frame(kind, flags, stream, payload))
    }
    /// A whole head.
    pub(crate) fn head(&mut self, stream: u32, fields: &[(&str, &str)], ends: bool) -> bool {
        let flags = if ends { END_HEADERS | END_STREAM } else { END_HEADERS };
        self.frame(HEADERS, flags, stream, &block(fields))
    }
    pub(crate) fn get(&mut self, stream: u32, path: &str) -> bool {
        self.head(stream, &[(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", path)], true)
    }
    /// The next frame, within five seconds; `None` where the tee closes.
    pub(crate) fn next(&mut self) -> Option<Frame> {
        let until = Instant::now() + Duration::from_secs(5);
        loop {
            let rest = &self.buffer[self.at..];
            if let Some(length) = rest.get(..9).map(|h| u32::from_be_bytes([0, h[0], h[1], h[2]]) as usize)
                && let Some(whole) = rest.get(..9 + length)
            {
                let stream = u32::from_be_bytes(whole[5..9].try_into().unwrap()) & 0x7fff_ffff;
                let frame = Frame { kind: whole[3], flags: whole[4], stream, payload: whole[9..].to_vec() };
                self.at += 9 + length;
                return Some(frame);
            }
            self.buffer.drain(..self.at);
            self.at = 0;
            let left = until.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return None;
            }
            self.stream.set_read_timeout(Some(left)).unwrap();
            let mut more = [0; 16 << 10];
            match self.stream.read(&mut more) {
                Ok(0) => return None,
                Ok(read) => self.buffer.extend_from_slice(&more[..read]),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        }
    }
    /// Reads until this stream has ended, or the connection.
    pub(crate) fn end_of(&mut self, stream: u32) -> End {
        let mut status = None;
        while let Some(frame) = self.next() {
            match frame.kind {
                GOAWAY if frame.code() != 0 => return End::GoAway(frame.code()),
                RST_STREAM if frame.stream == stream => return End::Reset(frame.code()),
                HEADERS | DATA if frame.stream == stream => {
                    if frame.kind == HEADERS && status.is_none() {
                        status = Some(frame.status());
                    }
                    if frame.flags & END_STREAM != 0 {
                        return End::Answer(status.unwrap_or(0));
                    }
                }
                _ => {}
            }
        }
        End::Nothing
    }
    /// Reads on a thread of its own until the tee closes; the code of its GOAWAY, if that came.
    pub(crate) fn last_word(&self) -> JoinHandle<Option<u32>> {
        let mut reader = Frames { stream: self.stream.try_clone().unwrap(), buffer: Vec::new(), at: 0 };
        std::thread::spawn(move || {
            let mut code = None;
            while let Some(frame) = reader.next() {
                if frame.kind == GOAWAY {
                    code = Some(frame.code());
                }
            }
            code
        })
    }
    /// True when the tee closes within five seconds, whatever it still says.
    pub(crate) fn closes(&mut self) -> bool {
        let start = Instant::now();
        while self.next().is_some() {}
        start.elapsed() < Duration::from_secs(5)
    }
}

/// One frame's bytes.
pub(crate) fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    let mut bytes = vec![length[1], length[2], length[3], kind, flags];
    bytes.extend_from_slice(&stream.to_be_bytes());
    bytes.extend_from_slice(payload);
    bytes
}

/// Fields as HPACK literals, never indexed, in the order given.
pub(crate) fn block(fields: &[(&str, &str)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (name, value) in fields {
        bytes.push(0x10);
        for text in [name, value] {
            length(text.len(), &mut bytes);
            bytes.extend_from_slice(text.as_bytes());
        }
    }
    bytes
}

/// An integer with a prefix of seven bits (RFC 7541, 5.1).
fn length(mut number: usize, bytes: &mut Vec<u8>) {
    if number < 127 {
        return bytes.push(number as u8);
    }
    bytes.push(127);
    number -= 127;
    while number >= 128 {
        bytes.push((number % 128 + 128) as u8);
        number /= 128;
    }
    bytes.push(number as u8);
}
