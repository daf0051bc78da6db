//! HTTP/2 to clients, in frames made by hand: what is refused hurts its own stream, what floods ends its own connection, and
//! neither side ever sees any of it.

use crate::support::frames::{
    CONTINUATION, DATA, END_HEADERS, END_STREAM, ENHANCE_YOUR_CALM, End, Frames, GOAWAY, HEADERS, PING, PREFACE,
    RST_STREAM, SETTINGS, block, frame,
};
use crate::support::origin::{Fault, Next, Origin, plain};
use crate::support::tee::{Tee, adds_up, number};
use crate::support::until;
use std::io::{Read as _, Write};
use std::net::TcpListener;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const PROTOCOL_ERROR: u32 = 1;
const CANCEL: [u8; 4] = [0, 0, 0, 8];
const NO_ERROR: [u8; 4] = [0, 0, 0, 0];
const ALLOW_POST: &str = "[[route]]\nmatch = \"POST /{any}\"\nmirror = \"allow\"\n";

fn tee() -> (Origin, Origin, Tee) {
    let (primary, candidate) = (Origin::answering(plain(b"same")), Origin::answering(plain(b"same")));
    let tee = Tee::start(&primary, &candidate, ALLOW_POST);
    (primary, candidate, tee)
}

/// A head as a browser sends it, with one field changed, added or (`-name`) left out.
fn head<'f>(change: &[(&'f str, &'f str)]) -> Vec<(&'f str, &'f str)> {
    let mut fields = vec![(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", "/a")];
    for (name, value) in change {
        match (name.strip_prefix('-'), fields.iter_mut().find(|(field, _)| field == name)) {
            (Some(gone), _) => fields.retain(|(field, _)| *field != gone),
            (None, Some(field)) if name.starts_with(':') => field.1 = value,
            _ => fields.push((name, value)),
        }
    }
    fields
}

#[test]
fn a_malformed_head_is_refused_on_its_stream_alone() {
    let (primary, candidate, tee) = tee();
    let twice = |name, value| {
        let mut fields = head(&[]);
        fields.insert(0, (name, value));
        fields
    };
    let cases = [
        ("no method", head(&[("-:method", "")])),
        ("no scheme", head(&[("-:scheme", "")])),
        ("no path", head(&[("-:path", "")])),
        ("an empty path", head(&[(":path", "")])),
        ("no path and no authority", head(&[("-:path", ""), ("-:authority", ""), ("host", "a")])),
        ("a path that is none", head(&[(":path", "a")])),
        ("a URL for a path", head(&[(":path", "http://other/a")])),
        ("a star for GET", head(&[(":path", "*")])),
        ("a blank in the path", head(&[(":path", "/a b")])),
        ("no host at all", head(&[("-:authority", "")])),
        ("a host that is not the authority", head(&[("host", "b")])),
        ("two hosts", head(&[("-:authority", ""), ("host", "a"), ("host", "b")])),
        ("a user in the authority", head(&[(":authority", "u@a")])),
        ("a list for an authority", head(&[(":authority", "a,b")])),
        ("an empty authority", head(&[(":authority", "")])),
        ("two methods", twice(":method", "GET")),
        ("two paths", twice(":path", "/a")),
        ("two authorities", twice(":authority", "a")),
        (
            "a pseudo field behind another field",
            [head(&[("x-a", "1"), ("-:path", "")]), vec![(":path", "/a")]].concat(),
        ),
        ("an unknown pseudo field", twice(":other", "a")),
        ("an answer's pseudo field", twice(":status", "200")),
        ("a protocol", head(&[(":method", "CONNECT"), (":protocol", "websocket")])),
        ("a name in capitals", head(&[("X-A", "1")])),
        ("a blank in a name", head(&[("x a", "1")])),
        ("a colon in a name", head(&[("x:a", "1")])),
        ("an empty name", head(&[("", "1")])),
        ("a line feed in a value", head(&[("x-a", "1\nx-b: 2")])),
        ("a NUL in a value", head(&[("x-a", "1\0")])),
        ("a carriage return in a value", head(&[("x-a", "1\r")])),
        ("a blank around a value", head(&[("x-a", " 1")])),
        ("connection", head(&[("connection", "x-a"), ("x-a", "1")])),
        ("keep-alive", head(&[("keep-alive", "timeout=5")])),
        ("proxy-connection", head(&[("proxy-connection", "keep-alive")])),
        ("transfer-encoding", head(&[(":method", "POST"), ("transfer-encoding", "chunked")])),
        ("upgrade", head(&[("upgrade", "websocket")])),
        ("te with gzip", head(&[("te", "gzip")])),
        ("te with gzip and trailers", head(&[("te", "trailers, gzip")])),
        ("a length without data", head(&[("content-length", "3")])),
        ("a length that is none", head(&[("content-length", "0x3")])),
        ("a signed length", head(&[("content-length", "+0")])),
        ("two lengths", head(&[("content-length", "0"), ("content-length", "0")])),
        ("two different lengths", head(&[("content-length", "0"), ("content-length", "1")])),
    ];
    let mut client = Frames::connect(tee.live);
    let mut stream = 1;
    let mut ended = Vec::new();
    for (name, fields) in cases {
        client.head(stream, &fields, true);
        let end = client.end_of(stream);
        match end {
            End::Answer(400) | End::Reset(PROTOCOL_ERROR) => {
                stream += 2;
                client.get(stream, "/good");
                assert_eq!(client.end_of(stream), End::Answer(200), "{name}: the connection lives on");
                stream += 2;
            }
            // The fields of this one end h2's decoder, which all streams share.
            End::GoAway(PROTOCOL_ERROR) => {
                assert!(client.closes(), "{name}");
                client = Frames::connect(tee.live);
                stream = 1;
                ended.push(name);
            }
            other => panic!("{name}: {other:?}"),
        }
    }
    let known = [
        "an unknown pseudo field",
        "a name in capitals",
        "a blank in a name",
        "a colon in a name",
        "an empty name",
        "a line feed in a value",
        "a NUL in a value",
        "a carriage return in a value",
    ];
    assert_eq!(ended, known);
    client.head(stream, &[(":method", "CONNECT"), (":authority", "a:80")], true);
    assert_eq!(client.end_of(stream), End::Answer(0), "CONNECT is refused with a 405");
    assert!(primary.seen().iter().all(|seen| seen.target() == "/good"), "{:?}", primary.seen());
    until("copies are there", || (candidate.count() == primary.count()).then_some(()));
    let ledger = tee.settled();
    adds_up(&ledger);
    assert_eq!(number(&ledger, "received"), primary.count() as u64);
}

/// What a primary has read of each connection, and whether it has ended. It answers whole GETs.
type Read = Arc<Mutex<Vec<(Vec<u8>, bool)>>>;

fn reading() -> (std::net::SocketAddr, Read) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let read = Read::default();
    let kept = read.clone();
    std::thread::spawn(move || {
        for (number, mut stream) in listener.incoming().flatten().enumerate() {
            kept.lock().unwrap().push((Vec::new(), false));
            let kept = kept.clone();
            std::thread::spawn(move || {
                let mut byte = [0];
                while let Ok(1) = stream.read(&mut byte) {
                    let mut kept = kept.lock().unwrap();
                    kept[number].0.push(byte[0]);
                    if kept[number].0.starts_with(b"GET ") && kept[number].0.ends_with(b"\r\n\r\n") {
                        stream.write_all(&plain(b"same")).unwrap();
                    }
                }
                kept.lock().unwrap()[number].1 = true;
            });
        }
    });
    (address, read)
}

#[test]
fn a_body_that_does_not_have_its_length_reaches_nobody_as_a_whole_one() {
    let candidate = Origin::answering(plain(b"same"));
    let (address, read) = reading();
    let tee = Tee::between(&format!("http://{address}"), &candidate.url(), ALLOW_POST);
    let with_length = head(&[(":method", "POST"), ("content-length", "3")]);
    let without = head(&[(":method", "POST")]);
    // What comes behind the first byte: data and flags, or a reset with this code.
    let cases = [
        ("short", &with_length, Ok(("b", END_STREAM))),
        ("long", &with_length, Ok(("bcd", END_STREAM))),
        ("long and not at its end", &with_length, Ok(("bcd", 0))),
        ("cancelled", &with_length, Err(CANCEL)),
        ("reset without an error", &with_length, Err(NO_ERROR)),
        ("without a length, cancelled", &without, Err(CANCEL)),
        ("without a length, reset without an error", &without, Err(NO_ERROR)),
    ];
    let mut client = Frames::connect(tee.live);
    for (number, (name, fields, rest)) in cases.into_iter().enumerate() {
        let stream = 1 + 2 * number as u32;
        client.head(stream, fields, false);
        client.frame(DATA, 0, stream, b"a");
        let has_first = |bytes: &[u8]| bytes.ends_with(b"\r\n\r\na") || bytes.ends_with(b"1\r\na\r\n");
        until("the primary has the first byte", || {
            read.lock().unwrap().get(number).is_some_and(|(bytes, _)| has_first(bytes)).then_some(())
        });
        match rest {
            Ok((data, flags)) => {
                client.frame(DATA, flags, stream, data.as_bytes());
                assert_eq!(client.end_of(stream), End::Reset(PROTOCOL_ERROR), "{name}");
            }
            Err(code) => _ = client.frame(RST_STREAM, 0, stream, &code),
        }
        until("the primary's connection has ended", || read.lock().unwrap()[number].1.then_some(()));
        let (bytes, _) = read.lock().unwrap()[number].clone();
        assert!(has_first(&bytes), "{name}: {}", String::from_utf8_lossy(&bytes));
    }
    client.get(101, "/good");
    assert_eq!(client.end_of(101), End::Answer(200), "the connection lives on");
    let ledger = tee.settled();
    adds_up(&ledger);
    assert_eq!((number(&ledger, "received"), number(&ledger, "judgements.match")), (8, 1), "{ledger}");
    assert_eq!((number(&ledger, "inconclusive.client_left"), candidate.count()), (7, 1), "{ledger}");
}

/// What floods: `send` is called until the tee takes no more, and the connection must end with this code, and soon.
fn floods(name: &str, tee: &Tee, code: &[u32], mut send: impl FnMut(&mut Frames, u32) -> bool) {
    let mut client = Frames::connect(tee.live);
    // Whoever does not read the answers would be held up by them, and not by a bound.
    let said = client.last_word();
    let start = Instant::now();
    let mut round = 0;
    while send(&mut client, round) && start.elapsed() < Duration::from_secs(60) {
        round += 1;
    }
    // What was sent behind its end may have reset the connection before its last word was read.
    let said = said.join().unwrap();
    assert!(start.elapsed() < Duration::from_secs(60), "{name} goes on and on: {round} rounds");
    assert!(said.is_none_or(|said| code.contains(&said)), "{name}: {said:?}");
}

#[test]
fn floods_end_their_connection_and_nobody_elses() {
    let (primary, _candidate, tee) = tee();
    let mut other = Frames::connect(tee.live);
    let calm = [ENHANCE_YOUR_CALM];
    let pings: Vec<u8> = (0..1_000).flat_map(|_| frame(PING, 0, 0, b"01234567")).collect();
    floods("pings", &tee, &calm, |client, _| client.bytes(&pings));
    let settings: Vec<u8> = (0..1_000).flat_map(|_| frame(SETTINGS, 0, 0, &[])).collect();
    floods("settings", &tee, &calm, |client, _| client.bytes(&settings));
    let unknown = frame(0xbb, 0, 0, &[0; 16_000]);
    floods("frames of no known kind", &tee, &calm, |client, _| client.bytes(&unknown));
    let windows: Vec<u8> = (0..1_000).flat_map(|_| frame(8, 0, 0, &[0, 0, 0, 1])).collect();
    floods("windows", &tee, &[ENHANCE_YOUR_CALM, 3], |client, _| client.bytes(&windows));
    floods("continuations", &tee, &calm, |client, round| match round {
        0 => client.frame(HEADERS, 0, 1, &block(&head(&[]))),
        _ => client.frame(CONTINUATION, 0, 1, &block(&[("x-a", "b")])),
    });
    floods("continuations that are empty", &tee, &calm, |client, round| match round {
        0 => client.frame(HEADERS, 0, 1, &block(&head(&[]))),
        _ => client.frame(CONTINUATION, 0, 1, &[]),
    });
    floods("data that is empty", &tee, &calm, |client, round| match round {
        0 => client.head(1, &head(&[(":method", "POST")]), false),
        _ => client.frame(DATA, 0, 1, &[]),
    });
    other.get(1, "/good");
    assert_eq!(other.end_of(1), End::Answer(200));
    let ledger = tee.settled();
    adds_up(&ledger);
    assert!(primary.seen().iter().all(|seen| seen.target() == "/good" || !seen.whole), "{:?}", primary.seen());
    let metrics = tee.admin("GET", "/metrics", "Host: localhost\r\n");
    let metrics = String::from_utf8_lossy(&metrics.body).into_owned();
    let counted = |reason| {
        let line = format!("paritee_connections_turned_away_total{{reason=\"{reason}\"}} ");
        metrics.lines().find_map(|l| l.strip_prefix(&line)?.parse::<u64>().ok()).expect("a counter")
    };
    assert!(counted("http2_flood") >= 3 && counted("http2_broken") >= 1, "{metrics}");
}

#[test]
fn streams_that_are_opened_to_be_reset_end_their_connection() {
    // It never answers, so that each request is still under way when it is taken back.
    let primary = Origin::failing(Fault::HangBeforeHead);
    let candidate = Origin::answering(plain(b"same"));
    let tee = Tee::start(&primary, &candidate, "");
    let get = |stream: u32| frame(HEADERS, END_HEADERS | END_STREAM, stream, &block(&head(&[])));
    let reset = |stream: u32| frame(RST_STREAM, 0, stream, &CANCEL);
    floods("a burst of resets", &tee, &[ENHANCE_YOUR_CALM], |client, round| {
        let burst: Vec<u8> = (0..200)
            .flat_map(|n| [get(1 + 2 * (200 * round + n)), reset(1 + 2 * (200 * round + n))].concat())
            .collect();
        client.bytes(&burst)
    });
    // One at a time, each looked at before it is reset.
    let before = number(&tee.ledger(), "received");
    let mut client = Frames::connect(tee.live);
    let mut asked = 0;
    while asked < 2_000 {
        let stream = 1 + 2 * asked;
        if !client.bytes(&[get(stream), frame(PING, 0, 0, b"01234567")].concat()) {
            break;
        }
        // The pong says that the request was read.
        let answered = loop {
            match client.next() {
                None => break false,
                Some(frame) if frame.kind == GOAWAY => {
                    assert_eq!(frame.code(), ENHANCE_YOUR_CALM);
                    break false;
                }
                Some(frame) if frame.kind == PING && frame.flags == 1 => break true,
                Some(_) => {}
            }
        };
        if !answered || !client.bytes(&reset(stream)) {
            break;
        }
        asked += 1;
    }
    assert!((100..400).contains(&asked), "it ended after {asked}");
    let ledger = tee.settled();
    adds_up(&ledger);
    assert!(number(&ledger, "received") - before <= u64::from(asked) + 1, "{ledger}");
}

#[test]
fn a_head_without_an_end_is_a_431_and_a_client_that_says_no_preface_is_refused() {
    let (primary, _candidate, tee) = tee();
    let mut client = Frames::connect(tee.live);
    let long = "x".repeat(15_000);
    client.frame(HEADERS, END_STREAM, 1, &block(&head(&[("x-a", &long)])));
    for number in 0..5 {
        client.frame(CONTINUATION, if number == 4 { END_HEADERS } else { 0 }, 1, &block(&[("x-a", &long)]));
    }
    assert!(matches!(client.end_of(1), End::Answer(0) | End::Reset(_) | End::GoAway(ENHANCE_YOUR_CALM)));
    // A head of 32 KiB is served.
    let mut client = Frames::connect(tee.live);
    client.frame(HEADERS, END_STREAM, 1, &block(&head(&[("x-a", &long)])));
    client.frame(CONTINUATION, END_HEADERS, 1, &block(&[("x-b", &long)]));
    assert_eq!(client.end_of(1), End::Answer(200));
    for first in [&b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n"[..], b"PRI * HTTP/1.1\r\nHost: a\r\n\r\n", b"PRIX"] {
        let mut client = Frames::bare(tee.live);
        client.bytes(&[first, b"\r\n\r\n"].concat());
        assert!(client.closes(), "{first:?}");
    }
    // The preface in pieces is one.
    let mut client = Frames::bare(tee.live);
    for piece in PREFACE.chunks(5) {
        client.bytes(piece);
    }
    client.frame(SETTINGS, 0, 0, &[]);
    client.get(1, "/good");
    assert_eq!(client.end_of(1), End::Answer(200));
    assert!(primary.seen().iter().all(|seen| seen.header("x-b").is_some() || seen.target() == "/good"));
}

#[test]
fn a_cut_answer_is_a_reset_and_never_an_end() {
    for cut in [
        "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nhalf\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\nhalf",
    ] {
        let primary = Origin::start(Arc::new(move |seen, stream| {
            if seen.target() == "/good" {
                return if stream.write_all(&plain(b"same")).is_ok() { Next::Again } else { Next::Close };
            }
            let _ = stream.write_all(cut.as_bytes());
            Next::Close
        }));
        let candidate = Origin::answering(plain(b"same"));
        let tee = Tee::start(&primary, &candidate, "");
        let mut client = Frames::connect(tee.live);
        client.get(1, "/a");
        assert_eq!(client.end_of(1), End::Reset(2), "INTERNAL_ERROR, whatever came before");
        client.get(3, "/good");
        assert_eq!(client.end_of(3), End::Answer(200), "the connection lives on");
        let ledger = tee.settled();
        adds_up(&ledger);
        assert_eq!(number(&ledger, "inconclusive.primary_aborted"), 1, "{ledger}");
    }
}
