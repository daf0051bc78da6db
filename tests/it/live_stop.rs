//! How a tee ends, and what it says of clients that end first.

use crate::support::origin::{Fault, Next, Origin, plain};
use crate::support::tee::{Tee, adds_up, number};
use crate::support::until;
use std::io::Write;
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::Ordering::SeqCst;
use std::time::{Duration, Instant};

#[test]
fn told_to_stop_it_answers_what_is_under_way_and_closes_what_is_idle() {
    let (primary, go) = Origin::holding("/slow", plain(b"same"));
    let candidate = Origin::answering(plain(b"same"));
    let tee = Tee::start(&primary, &candidate, "");
    let (mut idle, mut busy) = (tee.client(), tee.client());
    assert_eq!(idle.get("/a").status, 200);
    busy.send(b"GET /slow HTTP/1.1\r\nHost: a\r\n\r\n");
    until("the primary is asked", || (primary.count() == 2).then_some(()));
    let start = Instant::now();
    tee.signal("-TERM");
    assert_eq!(idle.rest(), b"", "an idle connection closes");
    until("nobody listens", || TcpStream::connect(tee.live).is_err().then_some(()));
    go.send(()).unwrap();
    assert_eq!(busy.answer(false).unwrap().body, b"same");
    assert_eq!(busy.rest(), b"");
    assert!(tee.ended().success());
    assert!(start.elapsed() < Duration::from_secs(5), "{:?}", start.elapsed());
    assert_eq!(candidate.count(), 2, "what was admitted is judged");
}

#[test]
fn a_hanging_candidate_does_not_keep_it_from_stopping() {
    let (primary, candidate) = (Origin::answering(plain(b"same")), Origin::failing(Fault::HangBeforeHead));
    let tee = Tee::start(&primary, &candidate, "[mirror]\nmax_in_flight = 1000");
    let mut client = tee.client();
    (0..300).for_each(|_| assert_eq!(client.get("/a").status, 200));
    let start = Instant::now();
    tee.signal("-TERM");
    assert!(tee.ended().success());
    assert!(start.elapsed() < Duration::from_secs(15), "{:?}", start.elapsed());
}

#[test]
fn a_client_that_leaves_is_not_a_mismatch() {
    let primary = Origin::start(Arc::new(|_, stream| {
        let _ = stream.write_all(b"HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n");
        while stream.write_all(&[b'x'; 65_536]).is_ok() {}
        Next::Close
    }));
    let candidate = Origin::answering(plain(b"same"));
    let tee = Tee::start(&primary, &candidate, "");
    let mut client = tee.client();
    client.send(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    client.exactly(100_000).unwrap();
    drop(client);
    let ledger = tee.settled();
    adds_up(&ledger);
    assert_eq!(number(&ledger, "inconclusive.client_left"), 1, "{ledger}");
    assert_eq!(candidate.connections.load(SeqCst), 0, "it is not asked for nothing");
}
