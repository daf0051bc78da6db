//! The bytes on the live path: what is refused, what is passed on, what is never passed on.

use crate::support::origin::{Next, Origin, plain};
use crate::support::tee::{Tee, adds_up, number};
use crate::support::until;
use std::io::Write;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

const ALLOW_POST: &str = "[[route]]\nmatch = \"POST /{any}\"\nmirror = \"allow\"\n";

fn tee_with(config: &str) -> (Origin, Origin, Tee) {
    let (primary, candidate) = (Origin::answering(plain(b"same")), Origin::answering(plain(b"same")));
    let tee = Tee::start(&primary, &candidate, config);
    (primary, candidate, tee)
}

#[test]
fn a_malformed_request_is_refused_and_reaches_neither_side() {
    let (primary, candidate, tee) = tee_with(ALLOW_POST);
    let cases = [
        ("no host", "GET / HTTP/1.1\r\n\r\n"),
        ("two hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
        ("a bad host", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
        ("a port of letters", "GET / HTTP/1.1\r\nHost: a:abc\r\n\r\n"),
        ("an empty host", "GET / HTTP/1.1\r\nHost:\r\n\r\n"),
        (
            "a length and chunks",
            "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
        (
            "chunks and a length",
            "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nContent-Length: 3\r\n\r\n0\r\n\r\n",
        ),
        ("two lengths", "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd"),
        ("a signed length", "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: +3\r\n\r\nabc"),
        ("a length in hex", "POST /a HTTP/1.1\r\nHost: a\r\nContent-Length: 0x3\r\n\r\nabc"),
        ("chunked not last", "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"),
        (
            "chunked twice",
            "POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        ),
        ("chunks in 1.0", "POST /a HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
        ("a folded field", "GET / HTTP/1.1\r\nHost: a\r\nX-A: b\r\n c\r\n\r\n"),
        ("a space before the colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
        ("a NUL", "GET / HTTP/1.1\r\nHost: a\r\nX-A: b\0c\r\n\r\n"),
        ("no version", "GET /\r\n\r\n"),
        ("not HTTP", "\x16\x03\x01 hello\r\n\r\n"),
    ];
    for (name, bytes) in cases {
        let mut client = tee.client();
        client.send(bytes.as_bytes());
        let answer = client.answer(false).unwrap_or_else(|error| panic!("{name}: {error}"));
        assert_eq!(answer.status, 400, "{name}: {}", answer.head);
        assert_eq!(client.rest(), b"", "{name}: the connection is closed");
    }
    let mut client = tee.client();
    client.send(b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n");
    assert_eq!(client.answer(false).unwrap().status, 405);
    let mut client = tee.client();
    client.send(format!("GET / HTTP/1.1\r\nHost: a\r\nX-A: {}", "x".repeat(300 << 10)).as_bytes());
    assert_eq!(client.answer(false).unwrap().status, 431);
    assert_eq!((primary.count(), candidate.count()), (0, 0));
    assert_eq!(number(&tee.ledger(), "received"), 0);
}

#[test]
fn an_upload_cut_short_reaches_neither_side_as_a_whole_one() {
    let (primary, candidate, tee) = tee_with(ALLOW_POST);
    let heads = [
        "Content-Length: 10\r\n\r\nhalf",
        "Transfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        "Transfer-Encoding: chunked\r\n\r\n9\r\nhal",
    ];
    for (n, rest) in heads.into_iter().enumerate() {
        let mut client = tee.client();
        client.send(format!("POST /a HTTP/1.1\r\nHost: a\r\n{rest}").as_bytes());
        until("the primary has the head", || {
            (primary.count() > n || primary.connections.load(SeqCst) > n).then_some(())
        });
        drop(client);
        let ledger = tee.settled();
        adds_up(&ledger);
    }
    until("the primary has seen three cut requests", || (primary.count() == 3).then_some(()));
    assert!(primary.seen().iter().all(|seen| !seen.whole), "{:?}", primary.seen());
    assert_eq!((candidate.count(), number(&tee.ledger(), "judgements.match")), (0, 0));
}

#[test]
fn a_clients_broken_body_is_the_clients_fault() {
    let (primary, candidate, tee) = tee_with(ALLOW_POST);
    let bodies = [
        (400, "g\r\nhello\r\n0\r\n\r\n".to_owned()),
        (400, "5\nhello\r\n0\r\n\r\n".to_owned()),
        (400, "5;a\0b\r\nhello\r\n0\r\n\r\n".to_owned()),
        (400, "5\r\nhello\r\n0\r\nX-A: 1\nX-B: 2\r\n\r\n".to_owned()),
        // As long as a head may be, and not one byte more: what is left unread would reset the connection.
        (431, format!("0\r\nX-A: {}", "x".repeat((64 << 10) - 5))),
    ];
    for (n, (status, body)) in bodies.iter().enumerate() {
        let mut client = tee.client();
        client.send(b"POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n");
        // The primary's connection stands before the body breaks, so that it can be blamed.
        until("the primary has the head", || (primary.connections.load(SeqCst) > n).then_some(()));
        client.send(body.as_bytes());
        assert_eq!(client.answer(false).unwrap().status, *status, "{n}");
        assert_eq!(client.rest(), b"", "{n}: the connection is closed");
    }
    let ledger = tee.settled();
    adds_up(&ledger);
    assert_eq!((number(&ledger, "mirrored"), number(&ledger, "inconclusive.client_left")), (5, 5), "{ledger}");
    assert!(primary.seen().iter().all(|seen| !seen.whole), "{:?}", primary.seen());
    assert_eq!(candidate.count(), 0);
}

#[test]
fn an_answer_that_ends_with_trailers_is_judged() {
    let chunks =
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n4\r\nsame\r\n0\r\nX-Sum: 9\r\n\r\n";
    let (primary, candidate) = (Origin::answering(chunks.into()), Origin::answering(chunks.into()));
    let tee = Tee::start(&primary, &candidate, "");
    let mut client = tee.client();
    (0..3).for_each(|_| assert_eq!(client.get("/a").body, b"same"));
    let ledger = tee.settled();
    adds_up(&ledger);
    assert_eq!((number(&ledger, "judgements.match"), candidate.count()), (3, 3), "{ledger}");
    assert_eq!(primary.connections.load(SeqCst), 1, "its connection serves again");
}

#[test]
fn only_a_websocket_is_an_upgrade_and_an_absolute_target_keeps_its_query() {
    let (primary, candidate, tee) = tee_with("");
    let mut client = tee.client();
    for upgrade in ["TLS/1.2, HTTP/1.1", "h2c", "websocket, h2c"] {
        let headers = format!("Connection: Upgrade\r\nUpgrade: {upgrade}\r\n");
        assert_eq!(client.request("GET", "/a", &headers, b"").status, 200);
    }
    client.send(b"GET http://other.test?q=1 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_eq!(client.answer(false).unwrap().status, 200);
    assert_eq!(number(&tee.settled(), "judgements.match"), 4);
    for seen in [primary.seen(), candidate.seen()] {
        assert!(seen.iter().all(|seen| seen.header("upgrade").is_none() && seen.header("connection").is_none()));
        let last = seen.iter().find(|seen| seen.header("host") == Some("other.test")).expect("the absolute one");
        assert_eq!(last.target(), "/?q=1");
    }
}

#[test]
fn the_client_cannot_tell_whether_mirroring_is_on() {
    let (_primary, _candidate, tee) = tee_with(ALLOW_POST);
    let ask = || {
        let mut client = tee.client();
        let mut answers =
            vec![client.get("/a"), client.request("HEAD", "/a", "", b""), client.request("POST", "/a", "", b"x")];
        // The date is the only thing that the clock decides.
        for answer in &mut answers {
            answer.head = answer.head.lines().filter(|line| !line.to_lowercase().starts_with("date")).collect();
        }
        answers
    };
    let on = ask();
    assert_eq!(number(&tee.settled(), "judgements.match"), 3);
    tee.signal("-USR1");
    until("off", || tee.said("mirroring is off").then_some(()));
    assert_eq!(on, ask());
    assert!(on[0].head.contains("X-Kept-Case: Yes"), "{}", on[0].head);
    assert_eq!(number(&tee.settled(), "not_mirrored.off"), 3);
}

#[test]
fn both_sides_see_the_same_head_but_for_the_markers() {
    let (primary, candidate, tee) = tee_with("");
    let headers = "Connection: keep-alive, X-Mine\r\nX-Mine: 1\r\nKeep-Alive: timeout=5\r\nTE: trailers, gzip\r\n\
        Upgrade: h2c\r\nX-Forwarded-For: 1.2.3.4\r\nX-Twice: a\r\nX-Twice: b\r\nX-Shadow-Request: 1\r\nX-Paritee-Exchange: forged\r\n";
    assert_eq!(tee.client().request("GET", "/a?b=%20c", headers, b"").status, 200);
    assert_eq!(number(&tee.settled(), "judgements.match"), 1);
    let fields = |origin: &Origin| {
        let seen = &origin.seen()[0];
        assert_eq!(seen.target(), "/a?b=%20c");
        let mut lines: Vec<String> =
            seen.head.lines().skip(1).filter(|line| !line.is_empty()).map(str::to_lowercase).collect();
        lines.retain(|line| !line.starts_with("x-paritee-") && !line.starts_with("x-shadow-request"));
        lines.sort();
        lines
    };
    let expected = [
        "host: shop.example",
        "te: trailers",
        "x-forwarded-for: 1.2.3.4, 127.0.0.1",
        "x-forwarded-host: shop.example",
        "x-forwarded-proto: http",
        "x-twice: a",
        "x-twice: b",
    ];
    assert_eq!(fields(&primary), expected);
    assert_eq!(fields(&candidate), expected);
    assert!(
        primary.seen()[0].header("x-shadow-request").is_none()
            && primary.seen()[0].header("x-paritee-exchange").is_none()
    );
    assert_eq!(candidate.seen()[0].header("x-shadow-request"), Some("1"));
    assert!(primary.seen()[0].head.contains("X-Twice: a"), "the case of names is kept");
}

#[test]
fn a_failed_primary_is_the_tees_own_answer_and_a_cut_one_is_cut() {
    let dead = Origin::failing(crate::support::origin::Fault::Closed);
    let candidate = Origin::answering(plain(b"same"));
    let tee = Tee::start(&dead, &candidate, "");
    assert_eq!(tee.client().get("/a").status, 502);
    for bytes in [
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
    ] {
        let primary = Origin::start(Arc::new(move |_, stream| {
            let _ = stream.write_all(bytes.as_bytes());
            Next::Close
        }));
        let tee = Tee::start(&primary, &candidate, "");
        let mut client = tee.client();
        client.send(b"GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
        assert!(client.answer(false).is_err(), "a cut answer never looks whole");
        let ledger = tee.settled();
        adds_up(&ledger);
        assert_eq!(number(&ledger, "inconclusive.primary_aborted"), 1, "{ledger}");
    }
}

#[test]
fn a_write_is_never_sent_twice_and_a_read_once_more_at_most() {
    // Each connection answers once, then closes when the next request has come.
    let primary = Origin::start(Arc::new({
        let count = AtomicUsize::new(0);
        move |_, stream| {
            if count.fetch_add(1, SeqCst) % 2 == 1 {
                return Next::Close;
            }
            let _ = stream.write_all(&plain(b"once"));
            Next::Again
        }
    }));
    let candidate = Origin::answering(plain(b"once"));
    let tee = Tee::start(&primary, &candidate, "");
    let mut client = tee.client();
    assert_eq!(client.get("/a").status, 200);
    assert_eq!(client.request("POST", "/b", "", b"x").status, 502);
    assert_eq!(client.get("/c").status, 200);
    assert_eq!(client.get("/d").status, 200, "sent again on a new connection");
    let targets: Vec<String> = primary.seen().iter().map(|seen| seen.target().to_owned()).collect();
    assert_eq!(targets, ["/a", "/b", "/c", "/d", "/d"]);
}

#[test]
fn expect_chunks_trailers_and_http_1_0_pass() {
    let primary = Origin::start(Arc::new(|seen, stream| {
        let answer = format!(
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum\r\n\r\n{:x}\r\n{}\r\n0\r\nX-Sum: 9\r\n\r\n",
            seen.body.len(),
            String::from_utf8_lossy(&seen.body)
        );
        if stream.write_all(answer.as_bytes()).is_ok() { Next::Again } else { Next::Close }
    }));
    let candidate = Origin::answering(plain(b"hello"));
    let tee = Tee::start(&primary, &candidate, ALLOW_POST);
    let mut client = tee.client();
    client.send(b"POST /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nTE: trailers\r\nContent-Length: 5\r\n\r\n");
    assert!(client.head().unwrap().starts_with("HTTP/1.1 100"));
    client.send(b"hello");
    assert!(client.head().unwrap().starts_with("HTTP/1.1 200"));
    let expected = b"5\r\nhello\r\n0\r\nx-sum: 9\r\n\r\n";
    assert_eq!(client.exactly(expected.len()).unwrap().to_ascii_lowercase(), expected);
    let mut old = tee.client();
    old.send(b"GET /a HTTP/1.0\r\n\r\n");
    let answer = old.answer(false).unwrap();
    assert_eq!((answer.status, answer.header("transfer-encoding")), (200, None));
    assert_eq!(primary.seen()[1].header("host"), Some(&*primary.address.to_string()));
}

#[test]
fn an_upgrade_passes_raw_after_the_primarys_101() {
    let primary = Origin::start(Arc::new(|seen, stream| {
        assert_eq!(seen.header("upgrade"), Some("websocket"));
        let _ = stream
            .write_all(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\nfirst");
        let mut copy = stream.try_clone().unwrap();
        let _ = std::io::copy(&mut copy, stream);
        Next::Close
    }));
    let candidate = Origin::answering(plain(b"same"));
    let tee = Tee::start(&primary, &candidate, "");
    let mut client = tee.client();
    client.send(b"GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Key: x3JJHMbDL1EzLkh9GBhXDw==\r\n\r\n");
    let head = client.head().unwrap().to_lowercase();
    assert!(head.starts_with("http/1.1 101") && head.contains("upgrade: websocket"), "{head}");
    assert_eq!(client.exactly(5).unwrap(), b"first");
    client.send(b"\x00raw\xff");
    assert_eq!(client.exactly(5).unwrap(), b"\x00raw\xff");
    assert_eq!(number(&tee.ledger(), "not_mirrored.upgrade"), 1);
}
