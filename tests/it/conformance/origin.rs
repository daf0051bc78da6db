//! A scripted origin: records every request of every connection, checks how it is encoded, answers from a script.

use super::message::{Fill, Framing, Head, Reader, find, shown};
use std::collections::HashMap;
use std::io::Write;
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

/// A connection that lives longer than this is a fault of the test.
const CONNECTION: Duration = Duration::from_secs(60);

/// What the origin does once the head of a request is there.
#[derive(Clone)]
pub(super) enum Step {
    /// Reads the body to its end; on a cut body the connection ends.
    Body,
    Send(Vec<u8>),
    /// Waits until the test opens the gate.
    Await(Gate),
    /// Ends its own direction, then reads until the tee has closed too.
    Finish,
    /// Reads and forgets until the tee closes.
    Drain,
    Reset,
    Close,
    /// Sends back what it reads: the far end of a tunnel.
    Echo,
    /// Sends these bytes again and again until the tee closes, at most this many times, with this pause between.
    Repeat(Vec<u8>, usize, Duration),
}

/// A door that the test opens for a step.
#[derive(Clone, Default)]
pub(super) struct Gate(Arc<(Mutex<bool>, Condvar)>);

impl Gate {
    pub(super) fn open(&self) {
        *lock(&self.0.0) = true;
        self.0.1.notify_all();
    }

    fn wait(&self) {
        let (held, _) = self
            .0
            .1
            .wait_timeout_while(lock(&self.0.0), Duration::from_secs(10), |open| !*open)
            .unwrap_or_else(PoisonError::into_inner);
        drop(held);
    }
}

/// One request as it came in.
#[derive(Clone, Debug)]
pub(super) struct Seen {
    pub(super) token: String,
    pub(super) connection: usize,
    pub(super) head: Head,
    pub(super) body: Vec<u8>,
    pub(super) complete: bool,
    /// What is wrong with its encoding.
    pub(super) faults: Vec<String>,
}

#[derive(Default)]
pub(super) struct Log {
    pub(super) requests: Vec<Seen>,
    /// Connections that ended with bytes that are no whole head.
    pub(super) strays: Vec<String>,
    /// Tokens whose last step saw the tee close the connection.
    pub(super) closed: Vec<String>,
    /// What a tunnel carried.
    pub(super) tunnelled: Vec<u8>,
}

struct Shared {
    scripts: Mutex<HashMap<String, Vec<Vec<Step>>>>,
    otherwise: Mutex<Vec<Step>>,
    log: Mutex<Log>,
    changed: Condvar,
    stopping: AtomicBool,
}

/// The origin; it stops when dropped.
pub(super) struct Origin {
    pub(super) address: SocketAddr,
    shared: Arc<Shared>,
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A plain answer with a length.
pub(super) fn ok(body: &str) -> Vec<u8> {
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: {}\r\n\r\n{body}", body.len()).into_bytes()
}

impl Origin {
    pub(super) fn start() -> Origin {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = listener.local_addr().expect("its address");
        let shared = Arc::new(Shared {
            scripts: Mutex::default(),
            otherwise: Mutex::new(vec![Step::Body, Step::Send(ok("ok"))]),
            log: Mutex::default(),
            changed: Condvar::new(),
            stopping: AtomicBool::new(false),
        });
        let accepting = Arc::clone(&shared);
        thread::spawn(move || {
            for (number, stream) in listener.incoming().enumerate() {
                let shared = Arc::clone(&accepting);
                if shared.stopping.load(Ordering::Relaxed) {
                    return;
                }
                if let Ok(stream) = stream {
                    thread::spawn(move || Connection { shared, number, reader: Reader::new(stream) }.serve());
                }
            }
        });
        Origin { address, shared }
    }

    /// What it does for the requests that carry `token`: one list of steps an attempt, the last one again and again.
    pub(super) fn script(&self, token: &str, attempts: Vec<Vec<Step>>) {
        lock(&self.shared.scripts).insert(token.to_owned(), attempts);
    }

    /// What it does for every other request.
    pub(super) fn otherwise(&self, steps: Vec<Step>) {
        *lock(&self.shared.otherwise) = steps;
    }

    /// Waits until `done` says so. Says whether it did in time.
    pub(super) fn wait(&self, within: Duration, mut done: impl FnMut(&Log) -> bool) -> bool {
        let (_held, late) = self
            .shared
            .changed
            .wait_timeout_while(lock(&self.shared.log), within, |log| !done(log))
            .unwrap_or_else(PoisonError::into_inner);
        !late.timed_out()
    }

    /// The requests that carried `token`, whole or not.
    pub(super) fn requests(&self, token: &str) -> Vec<Seen> {
        lock(&self.shared.log).requests.iter().filter(|seen| seen.token == token).cloned().collect()
    }

    pub(super) fn strays(&self) -> Vec<String> {
        lock(&self.shared.log).strays.clone()
    }

    pub(super) fn tunnelled(&self) -> Vec<u8> {
        lock(&self.shared.log).tunnelled.clone()
    }
}

impl Drop for Origin {
    fn drop(&mut self) {
        self.shared.stopping.store(true, Ordering::Relaxed);
        let _ = TcpStream::connect(self.address);
    }
}

struct Connection {
    shared: Arc<Shared>,
    number: usize,
    reader: Reader,
}

impl Connection {
    fn serve(mut self) {
        let until = Instant::now() + CONNECTION;
        let _ = self.reader.stream.set_nodelay(true);
        let _ = self.reader.stream.set_write_timeout(Some(Duration::from_secs(10)));
        loop {
            let head = match self.reader.head(until) {
                Ok(head) => head,
                Err(_) => {
                    if !self.reader.buffer.is_empty() {
                        let stray = shown(&self.reader.buffer);
                        self.note(|log| log.strays.push(stray));
                    }
                    return;
                }
            };
            let token = token_of(&head.raw);
            let faults = encoding_faults(&head);
            let framing = Framing::of(&head, Framing::Length(0));
            let seen = Seen {
                token: token.clone(),
                connection: self.number,
                head,
                body: Vec::new(),
                complete: framing == Framing::Length(0),
                faults,
            };
            let mut index = 0;
            self.note(|log| {
                index = log.requests.len();
                log.requests.push(seen);
            });
            for step in self.steps(&token) {
                if !self.step(step, &token, index, framing, until) {
                    return;
                }
            }
        }
    }

    fn steps(&self, token: &str) -> Vec<Step> {
        let mut scripts = lock(&self.shared.scripts);
        match scripts.get_mut(token) {
            Some(attempts) if attempts.len() > 1 => attempts.remove(0),
            Some(attempts) => attempts.first().cloned().unwrap_or_default(),
            None => lock(&self.shared.otherwise).clone(),
        }
    }

    /// Does one step. Says whether the connection goes on.
    fn step(&mut self, step: Step, token: &str, index: usize, framing: Framing, until: Instant) -> bool {
        match step {
            Step::Body => return self.body(index, framing, until),
            Step::Send(bytes) => return self.reader.stream.write_all(&bytes).is_ok(),
            Step::Await(gate) => gate.wait(),
            Step::Finish => {
                let _ = self.reader.stream.shutdown(Shutdown::Write);
                return self.drained(token, until);
            }
            Step::Drain => return self.drained(token, until),
            Step::Reset => {
                let _ = socket2::SockRef::from(&self.reader.stream).set_linger(Some(Duration::ZERO));
                return false;
            }
            Step::Close => return false,
            Step::Echo => return self.echo(until),
            Step::Repeat(bytes, times, pause) => {
                for _ in 0..times {
                    if self.reader.stream.write_all(&bytes).is_err() {
                        break;
                    }
                    if !pause.is_zero() && self.reader.fill(Instant::now() + pause) == Fill::End {
                        break;
                    }
                }
                return self.drained(token, until);
            }
        }
        true
    }

    fn drained(&mut self, token: &str, until: Instant) -> bool {
        if self.reader.closes(until) {
            let token = token.to_owned();
            self.note(|log| log.closed.push(token));
        }
        false
    }

    fn body(&mut self, index: usize, framing: Framing, until: Instant) -> bool {
        let shared = Arc::clone(&self.shared);
        let content = self.reader.body(framing, until, |so_far| {
            if let Some(seen) = lock(&shared.log).requests.get_mut(index) {
                seen.body = so_far.to_vec();
            }
            shared.changed.notify_all();
        });
        let complete = content.complete;
        self.note(|log| {
            if let Some(seen) = log.requests.get_mut(index) {
                seen.body = content.bytes;
                seen.complete = content.complete;
                seen.faults.extend(content.faults);
            }
        });
        complete
    }

    fn echo(&mut self, until: Instant) -> bool {
        loop {
            let bytes = std::mem::take(&mut self.reader.buffer);
            if !bytes.is_empty() {
                self.note(|log| log.tunnelled.extend_from_slice(&bytes));
                if self.reader.stream.write_all(&bytes).is_err() {
                    return false;
                }
            }
            if self.reader.fill(until) != Fill::Data {
                return false;
            }
        }
    }

    fn note(&self, change: impl FnOnce(&mut Log)) {
        change(&mut lock(&self.shared.log));
        self.shared.changed.notify_all();
    }
}

/// The name that a test puts somewhere into the head: `case.` and what follows of it.
fn token_of(head: &[u8]) -> String {
    let Some(at) = find(head, b"case.") else {
        return String::from_utf8_lossy(head).lines().next().unwrap_or("").into();
    };
    let rest = head[at..].iter().take_while(|b| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-'));
    rest.map(|b| char::from(*b)).collect()
}

/// What no request may carry that a tee has re-encoded, whatever its client sent.
fn encoding_faults(head: &Head) -> Vec<String> {
    let mut faults = Vec::new();
    let mut wrong = |what: &str| faults.push(format!("{what} in {}", shown(&head.raw)));
    for (at, byte) in head.raw.iter().enumerate() {
        let crlf = match byte {
            b'\r' => head.raw.get(at + 1) == Some(&b'\n'),
            b'\n' => at > 0 && head.raw[at - 1] == b'\r',
            0 => false,
            _ => true,
        };
        if !crlf {
            wrong("a bare CR, bare LF or NUL");
            break;
        }
    }
    if find(&head.raw, b"\r\n ").is_some() || find(&head.raw, b"\r\n\t").is_some() {
        wrong("a folded line");
    }
    if head.all("host").len() != 1 {
        wrong("not exactly one Host");
    }
    let (lengths, codings) = (head.all("content-length"), head.all("transfer-encoding"));
    if lengths.len() + codings.len() > 1 || codings.iter().any(|c| *c != "chunked") {
        wrong("framing that is not one length or one `chunked`");
    }
    if lengths.iter().any(|l| l.is_empty() || !l.bytes().all(|b| b.is_ascii_digit())) {
        wrong("a length that is no number");
    }
    for name in ["keep-alive", "proxy-connection", "http2-settings"] {
        if !head.all(name).is_empty() {
            wrong(name);
        }
    }
    if head.all("te").iter().any(|value| !value.eq_ignore_ascii_case("trailers")) {
        wrong("a TE other than trailers");
    }
    if head.all("upgrade").iter().any(|value| !value.eq_ignore_ascii_case("websocket")) {
        wrong("an Upgrade other than websocket");
    }
    let named = head.all("connection").join(",").to_ascii_lowercase();
    if named.split(',').map(str::trim).any(|option| !matches!(option, "" | "close" | "keep-alive" | "upgrade" | "te")) {
        wrong("the client's Connection options");
    }
    faults
}
