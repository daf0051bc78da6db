//! Whatever the candidate does, clients see nothing of it: no error, no wait.

use super::client::Client;
use super::origin::{Origin, Step, ok};
use super::tee::{Tee, free_port};
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Clients one after the other, and requests of each on one connection.
const CLIENTS: usize = 7;
const REQUESTS: usize = 30;

/// Plays clients against a tee with this candidate: each answer right, the middle second request fast.
fn unharmed(fault: &str, candidate: SocketAddr) {
    let primary = Origin::start();
    let tee = Tee::start(primary.address, candidate, None);
    let mut seconds = Vec::new();
    for client_number in 0..CLIENTS {
        let mut client = Client::connect(tee.address);
        for number in 0..REQUESTS {
            let begun = Instant::now();
            let path = format!("case.{fault}.{client_number}.{number}");
            client.send(format!("GET /{path} HTTP/1.1\r\nHost: a.test\r\n\r\n").as_bytes());
            let answer = client.answer("GET");
            let right = answer.status() == 200 && answer.body == b"ok" && answer.complete;
            assert!(right, "{fault}: request {number} of client {client_number} got {answer}");
            if number == 1 {
                seconds.push(begun.elapsed());
            }
        }
    }
    seconds.sort_unstable();
    let middle = seconds[seconds.len() / 2];
    assert!(middle < Duration::from_millis(50), "{fault}: a second request on a connection waits: {seconds:?}");
}

fn scripted(fault: &str, steps: Vec<Step>) {
    let candidate = Origin::start();
    candidate.otherwise(steps);
    unharmed(fault, candidate.address);
}

#[test]
fn a_closed_candidate() {
    unharmed("closed", free_port());
}

#[test]
fn a_candidate_that_hangs_before_its_head() {
    scripted("hang", vec![Step::Drain]);
}

#[test]
fn a_candidate_that_hangs_in_its_head() {
    scripted("hang-in-head", vec![Step::Send(b"HTTP/1.1 200 OK\r\nX-A".to_vec()), Step::Drain]);
}

#[test]
fn a_candidate_that_hangs_in_its_body() {
    scripted("hang-in-body", vec![Step::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no".to_vec()), Step::Drain]);
}

#[test]
fn a_candidate_that_trickles() {
    let head = Step::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n".to_vec());
    scripted("trickle", vec![head, Step::Repeat(b"x".to_vec(), 1000, Duration::from_millis(50))]);
}

#[test]
fn a_candidate_that_resets() {
    scripted("reset", vec![Step::Reset]);
}

#[test]
fn a_candidate_that_resets_in_its_body() {
    scripted(
        "reset-in-body",
        vec![Step::Send(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok".to_vec()), Step::Reset],
    );
}

#[test]
fn a_candidate_that_closes_without_an_answer() {
    scripted("closes", vec![Step::Body, Step::Close]);
}

#[test]
fn a_candidate_that_sends_garbage() {
    scripted("garbage", vec![Step::Send(b"\0\xff\xfegarbage\r\n\r\n\r\n".to_vec()), Step::Close]);
}

#[test]
fn a_candidate_that_speaks_tls() {
    let alert = [0x15, 3, 1, 0, 2, 2, 22];
    scripted("tls", vec![Step::Send(alert.to_vec()), Step::Close]);
}

#[test]
fn a_candidate_with_an_endless_head() {
    let field = [b"X-A: ".as_slice(), &[b'a'; 4000], b"\r\n"].concat();
    scripted(
        "endless-head",
        vec![Step::Send(b"HTTP/1.1 200 OK\r\n".to_vec()), Step::Repeat(field, 10_000, Duration::ZERO)],
    );
}

#[test]
fn a_candidate_with_an_endless_body() {
    let chunk = [b"1000\r\n".as_slice(), &[b'a'; 4096], b"\r\n"].concat();
    let head = Step::Send(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n".to_vec());
    scripted("endless-body", vec![head, Step::Repeat(chunk, 10_000, Duration::ZERO)]);
}

#[test]
fn a_candidate_that_answers_twice() {
    scripted("surplus", vec![Step::Body, Step::Send([ok("ok"), ok("evil")].concat())]);
}

#[test]
fn a_candidate_that_switches_protocols() {
    let switch = b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n".to_vec();
    scripted("switch", vec![Step::Send(switch), Step::Drain]);
}
