//! A raw client: writes bytes as they are, reads answers with deadlines.

use super::message::{Fill, Framing, Head, Reader, shown};
use std::fmt;
use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

/// How long a client waits for anything.
pub(super) const PATIENCE: Duration = Duration::from_secs(5);

/// One answer as far as it came.
#[derive(Clone, Debug, Default)]
pub(super) struct Answer {
    pub(super) interim: Vec<u16>,
    pub(super) head: Head,
    pub(super) body: Vec<u8>,
    /// The body ended as its framing says.
    pub(super) complete: bool,
    /// How the connection was when the answer stopped early.
    pub(super) ended: Option<Fill>,
}

impl Answer {
    pub(super) fn status(&self) -> u16 {
        self.head.status()
    }
}

impl fmt::Display for Answer {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.head.raw.is_empty() {
            return write!(out, "no answer ({:?}, interim {:?})", self.ended, self.interim);
        }
        let whole = if self.complete { "whole" } else { "cut" };
        write!(out, "{} with {whole} body {}", shown(&self.head.raw), shown(&self.body))
    }
}

pub(super) struct Client {
    reader: Reader,
}

impl Client {
    pub(super) fn connect(to: SocketAddr) -> Client {
        let stream = TcpStream::connect_timeout(&to, PATIENCE).expect("the tee accepts");
        stream.set_nodelay(true).expect("no delay");
        stream.set_write_timeout(Some(PATIENCE)).expect("a write deadline");
        Client { reader: Reader::new(stream) }
    }

    /// Writes from a thread of its own, so that an early answer is read while bytes still go out.
    pub(super) fn send(&mut self, bytes: &[u8]) {
        if bytes.len() < 60_000 {
            let _ = self.reader.stream.write_all(bytes);
            return;
        }
        let (mut stream, bytes) = (self.reader.stream.try_clone().expect("a second handle"), bytes.to_vec());
        thread::spawn(move || stream.write_all(&bytes));
    }

    pub(super) fn half_close(&mut self) {
        let _ = self.reader.stream.shutdown(Shutdown::Write);
    }

    /// The next final answer to a request with `method`.
    pub(super) fn answer(&mut self, method: &str) -> Answer {
        self.answer_within(method, PATIENCE)
    }

    pub(super) fn answer_within(&mut self, method: &str, within: Duration) -> Answer {
        let until = Instant::now() + within;
        let mut answer = Answer::default();
        loop {
            match self.reader.head(until) {
                Ok(head) if (100..200).contains(&head.status()) && head.status() != 101 => {
                    answer.interim.push(head.status());
                }
                Ok(head) => {
                    answer.head = head;
                    break;
                }
                Err(end) => {
                    answer.ended = Some(end);
                    answer.body = std::mem::take(&mut self.reader.buffer);
                    return answer;
                }
            }
        }
        let bodyless = method == "HEAD" || matches!(answer.status(), 101 | 204 | 304);
        let framing = if bodyless { Framing::Length(0) } else { Framing::of(&answer.head, Framing::UntilClose) };
        let content = self.reader.body(framing, until, |_| {});
        (answer.body, answer.complete) = (content.bytes, content.complete);
        answer
    }

    /// Reads until `wanted` has come. Says when it came.
    pub(super) fn arrives(&mut self, wanted: &[u8], within: Duration) -> Option<Instant> {
        let until = Instant::now() + within;
        loop {
            if super::message::find(&self.reader.buffer, wanted).is_some() {
                return Some(Instant::now());
            }
            if self.reader.fill(until) != Fill::Data {
                return None;
            }
        }
    }

    /// Whether the tee closes, and what it sent until then beyond the answers read.
    pub(super) fn closes(&mut self, within: Duration) -> (bool, Vec<u8>) {
        let closed = self.reader.closes(Instant::now() + within);
        (closed, std::mem::take(&mut self.reader.buffer))
    }
}
