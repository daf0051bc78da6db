//! The clients: paced, on connections that live long, some of whom connect anew or leave early; each answer is checked whole.

use super::origins::Book;
use super::plan::{Leaves, Plan, chunked};
use crate::support::wire::Client;
use std::net::SocketAddr;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

/// What the clients have done.
#[derive(Default)]
pub(super) struct Load {
    /// Requests begun; also the next one's number.
    pub(super) sent: AtomicUsize,
    /// Clients that left, each as it was planned.
    pub(super) left: AtomicU64,
    pub(super) answered: AtomicU64,
    pub(super) bytes: AtomicU64,
    pub(super) failed: AtomicU64,
    /// The first of what went wrong.
    pub(super) errors: Mutex<Vec<String>>,
    /// The longest wait for an answer, in microseconds …
    pub(super) slowest_us: AtomicU64,
    /// … and what was waited for, and when.
    pub(super) slowest: Mutex<String>,
}

/// How much, and how long.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) clients: usize,
    pub(super) per_second: f64,
    pub(super) lasts: Duration,
    /// Goes on beyond its time until so many were sent.
    pub(super) at_least: usize,
}

impl Load {
    /// All clients at once, until the time is over.
    pub(super) fn run(&self, tee: SocketAddr, seed: u64, primary: &Book, pace: Pace) {
        let start = Instant::now();
        thread::scope(|scope| {
            for client in 0..pace.clients {
                scope.spawn(move || self.client(tee, seed, primary, pace, (client, start)));
            }
        });
    }
    fn client(&self, tee: SocketAddr, seed: u64, primary: &Book, pace: Pace, (at, start): (usize, Instant)) {
        let between = Duration::from_secs_f64(pace.clients as f64 / pace.per_second);
        let mut due = start + between * at as u32 / pace.clients as u32;
        let mut client = Client::connect(tee);
        while start.elapsed() < pace.lasts || self.sent.load(SeqCst) < pace.at_least {
            // Late, it hurries: the number is what counts.
            thread::sleep(due.saturating_duration_since(Instant::now()));
            due += between;
            let n = self.sent.fetch_add(1, SeqCst);
            let plan = Plan::of(seed, n);
            let asked = Instant::now();
            let outcome = match plan.leaves {
                Some(leaves) => {
                    leave(&mut client, n, &plan, leaves, primary).map(|()| _ = self.left.fetch_add(1, SeqCst))
                }
                None => ask(&mut client, n, &plan).map(|()| {
                    self.answered.fetch_add(1, SeqCst);
                    self.bytes.fetch_add((plan.answer + plan.upload) as u64, SeqCst);
                    let waited_us = asked.elapsed().as_micros() as u64;
                    if self.slowest_us.fetch_max(waited_us, SeqCst) < waited_us {
                        *self.slowest.lock().unwrap() = format!("{n}, asked after {:?}: {plan:?}", asked - start);
                    }
                }),
            };
            let failed = outcome.is_err();
            if let Err(what) = outcome {
                self.failed.fetch_add(1, SeqCst);
                let mut errors = self.errors.lock().unwrap();
                if errors.len() < 20 {
                    errors.push(format!("{n} after {:?}: {what}: {plan:?}", start.elapsed()));
                }
            }
            if failed || plan.leaves.is_some() || plan.reconnects {
                client = Client::connect(tee);
            }
        }
    }
}

/// The bytes of the request, and where its body begins.
fn bytes(n: usize, plan: &Plan) -> (Vec<u8>, usize) {
    let (target, body) = (plan.target(n), plan.upload_body());
    let framing = match (plan.method, plan.upload_chunked) {
        ("POST", true) => "Transfer-Encoding: chunked\r\n".to_owned(),
        ("POST", false) => format!("Content-Length: {}\r\n", body.len()),
        _ => String::new(),
    };
    let head = format!("{} {target} HTTP/1.1\r\nHost: shop.example\r\n{framing}\r\n", plan.method);
    let (mut bytes, head) = (head.clone().into_bytes(), head.len());
    if plan.upload_chunked {
        bytes.extend(chunked(body))
    } else {
        bytes.extend_from_slice(body)
    }
    (bytes, head)
}

fn ask(client: &mut Client, n: usize, plan: &Plan) -> Result<(), String> {
    if !client.try_send(&bytes(n, plan).0) {
        return Err("the connection was closed".to_owned());
    }
    let answer = client.answer(plan.method == "HEAD").map_err(|error| format!("no whole answer: {error}"))?;
    let length = plan.answer.to_string();
    let framed = match plan.answer_chunked {
        true => answer.header("content-length").is_none(),
        false => answer.header("content-length") == Some(&*length),
    };
    let own = answer.header("x-n") == Some(&*n.to_string());
    let body = if plan.method == "HEAD" { b"" } else { plan.answer_body() };
    match answer.status == 200 && own && framed && answer.body == body {
        true => Ok(()),
        false => Err(format!(
            "not the primary's answer: {} with {} bytes, {:?}",
            answer.head,
            answer.body.len(),
            start_of(&answer.body)
        )),
    }
}

/// Leaves once the primary has the head: then the request counts, on every side.
fn leave(client: &mut Client, n: usize, plan: &Plan, leaves: Leaves, primary: &Book) -> Result<(), String> {
    let (bytes, head) = bytes(n, plan);
    let sent = if leaves == Leaves::InUpload { head + (bytes.len() - head) / 2 } else { bytes.len() };
    if !client.try_send(&bytes[..sent]) {
        return Err("the connection was closed".to_owned());
    }
    let deadline = Instant::now() + Duration::from_secs(10);
    while !primary.has(n) {
        if Instant::now() >= deadline {
            return Err("it did not come to the primary".to_owned());
        }
        thread::sleep(Duration::from_millis(1));
    }
    if leaves == Leaves::InAnswer {
        client.head().map_err(|error| format!("no head: {error}"))?;
        client.exactly(1).map_err(|error| format!("no body: {error}"))?;
    }
    Ok(())
}

fn start_of(body: &[u8]) -> String {
    String::from_utf8_lossy(&body[..body.len().min(100)]).into_owned()
}
