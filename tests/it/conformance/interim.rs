//! Interim answers, early answers, and upgrades.

use super::case::{Case, Copies, get, play, post};
use super::client::{Client, PATIENCE};
use super::message::shown;
use super::origin::{Origin, Step, ok};
use super::tee::Tee;

const CONTINUE: &[u8] = b"HTTP/1.1 100 Continue\r\n\r\n";
const HINTS: &[u8] = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n";
const HANDSHAKE: &str = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\
                         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
const SWITCH: &[u8] = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                        Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

fn sends(first: &[u8]) -> Vec<Step> {
    vec![Step::Send(first.to_vec()), Step::Body, Step::Send(ok("ok"))]
}

#[test]
fn interim_answers_keep_the_final_one_in_step() {
    let expect = "Expect: 100-continue\r\nContent-Length: 5\r\n";
    let old = format!("POST /{{t}} HTTP/1.0\r\nHost: example.test\r\n{expect}\r\nhello");
    play(
        "interim",
        &[
            Case::new("unasked-continue", get("")).origin(sends(CONTINUE)),
            Case::new("hints", get("")).origin(sends(HINTS)).interim(&[103]).not_at_client("link"),
            Case::new("two-hints", get("")).origin(sends(&[HINTS, HINTS].concat())).interim(&[103]),
            Case::new("processing", get("")).origin(sends(b"HTTP/1.1 102 Processing\r\n\r\n")).interim(&[102]),
            Case::new("hints-before-304", get(""))
                .answers([HINTS, b"HTTP/1.1 304 Not Modified\r\n\r\n"].concat())
                .interim(&[103])
                .seen(304, ""),
            Case::new("old-client-hints", "GET /{t} HTTP/1.0\r\nHost: example.test\r\n\r\n")
                .origin(sends(HINTS))
                .closes(),
            Case::new("old-client-expect", old).origin(sends(CONTINUE)).body("hello").closes(),
            Case::new("expect-body-sent-along", post(expect, "hello"))
                .origin(sends(CONTINUE))
                .interim(&[100])
                .body("hello"),
            Case::new("expect-origin-says-nothing", post(expect, "hello")).interim(&[100]).body("hello"),
            Case::new("expect-something-else", post("Expect: 200-maybe\r\nContent-Length: 5\r\n", "hello"))
                .refused_or_served(&[417])
                .body("hello"),
        ],
    );
}

#[test]
fn a_client_that_expects_continue_gets_it() {
    let (primary, candidate) = (Origin::start(), Origin::start());
    let tee = Tee::between(&primary, &candidate);
    for origin_says in [true, false] {
        let token = format!("case.continue.{origin_says}");
        let steps = if origin_says { sends(CONTINUE) } else { vec![Step::Body, Step::Send(ok("ok"))] };
        primary.script(&token, vec![steps]);
        let mut client = Client::connect(tee.address);
        let head =
            format!("POST /{token} HTTP/1.1\r\nHost: a.test\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n");
        client.send(head.as_bytes());
        assert!(
            client.arrives(b"100 Continue\r\n\r\n", PATIENCE).is_some(),
            "no 100 where the origin says it: {origin_says}"
        );
        client.send(b"hello");
        let answer = client.answer("POST");
        assert_eq!((answer.status(), answer.body.as_slice()), (200, b"ok".as_slice()), "{answer}");
        assert_eq!(primary.requests(&token)[0].body, b"hello");
    }
}

#[test]
fn an_early_answer_reaches_the_client() {
    let large = "b".repeat(4 << 20);
    let early =
        |status: &str, lines: &str| format!("HTTP/1.1 {status}\r\n{lines}Content-Length: 3\r\n\r\nno!").into_bytes();
    let close = |status: &str| vec![Step::Send(early(status, "Connection: close\r\n")), Step::Finish];
    let stay = |status: &str| vec![Step::Send(early(status, "")), Step::Body];
    let length = format!("Content-Length: {}\r\n", large.len());
    let chunked = format!("{:x}\r\n{large}\r\n0\r\n\r\n", large.len());
    let expect = "Expect: 100-continue\r\nContent-Length: 5\r\n";
    play(
        "early",
        &[
            Case::new("413-large", post(&length, &large)).origin(close("413 Too Large")).status(&[413]),
            Case::new("413-chunked", post("Transfer-Encoding: chunked\r\n", &chunked))
                .origin(close("413 Too Large"))
                .status(&[413]),
            Case::new("401-close", post(&length, &large)).origin(close("401 Unauthorized")).status(&[401]),
            Case::new("401-reads-on", post(&length, &large)).origin(stay("401 Unauthorized")).status(&[401]),
            Case::new("413-while-the-client-pauses", post("Content-Length: 100\r\n", "hello"))
                .origin(close("413 Too Large"))
                .status(&[413]),
            Case::new("401-while-the-client-pauses", post("Content-Length: 100\r\n", "hello"))
                .origin(stay("401 Unauthorized"))
                .status(&[401]),
            Case::new("401-after-expect", post(expect, ""))
                .origin(stay("401 Unauthorized"))
                .interim(&[100])
                .status(&[401]),
            Case::new("417-after-expect", post(expect, ""))
                .origin(stay("417 Expectation Failed"))
                .interim(&[100])
                .status(&[417]),
            Case::new("200-before-the-body", post("Content-Length: 5\r\n", "hello"))
                .origin(vec![Step::Send(ok("ok")), Step::Body])
                .status(&[200]),
        ],
    );
}

#[test]
fn a_websocket_passes_raw_after_the_primary_switched() {
    let (primary, candidate) = (Origin::start(), Origin::start());
    let tee = Tee::between(&primary, &candidate);
    let token = "case.websocket";
    primary.script(token, vec![vec![Step::Send(SWITCH.to_vec()), Step::Echo]]);
    let mut client = Client::connect(tee.address);
    client.send(format!("GET /{token} HTTP/1.1\r\nHost: a.test\r\n{HANDSHAKE}\r\n").as_bytes());
    let answer = client.answer("GET");
    assert_eq!(answer.status(), 101, "{answer}");
    assert_eq!(answer.head.one("sec-websocket-accept"), Some("s3pPLMBiTxaQ9kYGzzhZRbK+xOo="));
    assert_eq!(answer.head.one("upgrade"), Some("websocket"), "{answer}");
    // Bytes that would be HTTP travel as they are.
    let bytes = b"\x81\x05helloGET /raw HTTP/1.1\r\nTransfer-Encoding: chunked\n\0\r\n\r\n";
    client.send(bytes);
    assert!(client.arrives(bytes, PATIENCE).is_some(), "the tunnel does not echo");
    assert_eq!(shown(&primary.tunnelled()), shown(bytes));
    let seen = primary.requests(token);
    assert!(seen[0].faults.is_empty(), "{:?}", seen[0].faults);
    assert_eq!(seen[0].head.one("sec-websocket-key"), Some("dGhlIHNhbXBsZSBub25jZQ=="));
    assert_eq!(seen[0].head.one("upgrade"), Some("websocket"));
    // The client's end closes the primary's.
    drop(client);
    let mut other = Client::connect(tee.address);
    other.send(b"GET /case.after-websocket HTTP/1.1\r\nHost: a.test\r\n\r\n");
    assert_eq!(other.answer("GET").status(), 200);
    assert!(candidate.wait(PATIENCE, |log| log.requests.iter().any(|seen| seen.token == "case.after-websocket")));
    assert!(candidate.requests(token).is_empty(), "the tunnel was mirrored");
}

#[test]
fn bytes_behind_an_upgrade_stay_requests_until_the_primary_switched() {
    let (primary, candidate) = (Origin::start(), Origin::start());
    let tee = Tee::between(&primary, &candidate);
    let token = "case.no-switch";
    let mut client = Client::connect(tee.address);
    let behind = "GET /case.behind HTTP/1.1\r\nHost: a.test\r\nConnection: X-Drop\r\nX-Drop: a\r\n\r\n";
    client.send(format!("GET /{token} HTTP/1.1\r\nHost: a.test\r\n{HANDSHAKE}\r\n{behind}").as_bytes());
    let first = client.answer("GET");
    assert_eq!((first.status(), first.body.as_slice()), (200, b"ok".as_slice()), "{first}");
    let closes = first.head.one("connection") == Some("close");
    let second = client.answer("GET");
    assert!(second.status() == 200 || closes && second.status() == 0, "{second}");
    for seen in primary.requests("case.behind") {
        assert!(seen.faults.is_empty() && seen.head.one("x-drop").is_none(), "passed raw: {}", shown(&seen.head.raw));
    }
    assert!(primary.tunnelled().is_empty() && primary.strays().is_empty(), "{:?}", primary.strays());
}

#[test]
fn what_only_looks_like_a_handshake_is_a_request() {
    let with = |name, lines: &str| Case::new(name, get(lines)).copies(Copies::AtMostOne);
    play(
        "handshakes",
        &[
            with("refused-by-the-origin", HANDSHAKE)
                .answers("HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno")
                .seen(403, "no"),
            with("426", HANDSHAKE)
                .answers(
                    "HTTP/1.1 426 Upgrade\r\nConnection: upgrade\r\nUpgrade: websocket\r\nContent-Length: 2\r\n\r\nno",
                )
                .seen(426, "no"),
            with("nothing-listed", "Connection: Upgrade\r\n"),
            Case::new("handshake-by-post", post(&format!("{HANDSHAKE}Content-Length: 5\r\n"), "hello"))
                .refused_or_served(&[400]),
        ],
    );
}
