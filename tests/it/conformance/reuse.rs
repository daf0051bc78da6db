//! Connections that serve more than one request: pipelining, pooled upstreams that break, and what may be asked twice.

use super::case::{Case, get, play, post};
use super::client::{Client, PATIENCE};
use super::message::shown;
use super::origin::{Gate, Origin, Step, ok};
use super::tee::Tee;

struct Bench {
    primary: Origin,
    _candidate: Origin,
    tee: Tee,
}

impl Bench {
    fn start() -> Bench {
        let (primary, candidate) = (Origin::start(), Origin::start());
        let tee = Tee::between(&primary, &candidate);
        Bench { primary, _candidate: candidate, tee }
    }

    /// One request on a connection of its own: status and body, `(0, "")` for no answer.
    fn ask(&self, method: &str, token: &str) -> (u16, String) {
        let mut client = Client::connect(self.tee.address);
        let length = if method == "POST" { "Content-Length: 5\r\n\r\nhello" } else { "\r\n" };
        client.send(format!("{method} /{token} HTTP/1.1\r\nHost: a.test\r\n{length}").as_bytes());
        let answer = client.answer(method);
        (answer.status(), String::from_utf8_lossy(&answer.body).into_owned())
    }

    /// Leaves one idle pooled connection to the primary behind. Says which.
    fn warm(&self, token: &str) -> usize {
        assert_eq!(self.ask("GET", token), (200, "ok".to_owned()), "the warming request");
        self.primary.requests(token)[0].connection
    }
}

const SERVED: &str = "served";

#[test]
fn pipelined_requests_are_answered_in_order() {
    let more = |n: usize| (0..n).map(|_| get("")).collect::<String>();
    let three = format!("{}{}{}", post("Content-Length: 5\r\n", "hello"), get(""), post("Content-Length: 2\r\n", "hi"));
    let bench = Bench::start();
    for (name, bytes, bodies) in [
        ("two", "GET /case.p1 HTTP/1.1\r\nHost: a\r\n\r\nGET /case.p2 HTTP/1.1\r\nHost: a\r\n\r\n", ["p1", "p2"]),
        (
            "body-then-get",
            "POST /case.p1 HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhelloGET /case.p2 HTTP/1.1\r\nHost: a\r\n\r\n",
            ["p1", "p2"],
        ),
        (
            "chunks-then-get",
            "POST /case.p1 HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n1\r\na\r\n0\r\n\r\nGET /case.p2 HTTP/1.1\r\nHost: a\r\n\r\n",
            ["p1", "p2"],
        ),
        (
            "head-then-get",
            "HEAD /case.p1 HTTP/1.1\r\nHost: a\r\n\r\nGET /case.p2 HTTP/1.1\r\nHost: a\r\n\r\n",
            ["", "p2"],
        ),
    ] {
        for token in ["p1", "p2"] {
            let steps = vec![Step::Body, Step::Send(ok(token))];
            bench.primary.script(&format!("case.{token}"), vec![steps]);
        }
        if name == "head-then-get" {
            let head_only = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n".to_vec();
            bench.primary.script("case.p1", vec![vec![Step::Body, Step::Send(head_only)]]);
        }
        let mut client = Client::connect(bench.tee.address);
        client.send(bytes.as_bytes());
        let method = if name == "head-then-get" { "HEAD" } else { "GET" };
        for (number, body) in bodies.iter().enumerate() {
            let answer = client.answer(if number == 0 { method } else { "GET" });
            assert_eq!((answer.status(), shown(&answer.body)), (200, shown(body.as_bytes())), "{name}: {answer}");
        }
    }
    drop(bench);
    // The same path many times: one answer each, whatever is mirrored of it.
    let bench = Bench::start();
    let mut client = Client::connect(bench.tee.address);
    client.send((more(20) + &three).replace("{t}", "case.many").as_bytes());
    for number in 0..23 {
        let answer = client.answer("GET");
        assert_eq!((answer.status(), answer.body.as_slice()), (200, b"ok".as_slice()), "answer {number}: {answer}");
    }
    assert_eq!(bench.primary.requests("case.many").len(), 23);
}

#[test]
fn a_refused_request_ends_a_pipeline() {
    play(
        "pipelines",
        &[
            Case::new("bad-second", get("") + "GET /{t}.smuggled HTTP/1.1\r\n\r\n" + super::case::SMUGGLED)
                .status(&[200]),
            Case::new("close-first", get("Connection: close\r\n") + super::case::SMUGGLED).closes(),
            Case::new("old-first", format!("GET /{{t}} HTTP/1.0\r\nHost: a.test\r\n\r\n{}", super::case::SMUGGLED))
                .closes(),
        ],
    );
}

#[test]
fn a_post_is_never_sent_twice() {
    for broken in [vec![Step::Body, Step::Close], vec![Step::Close], vec![Step::Body, Step::Reset], vec![Step::Reset]] {
        let bench = Bench::start();
        let pooled = bench.warm("case.warm");
        bench.primary.script("case.post", vec![broken, vec![Step::Body, Step::Send(ok(SERVED))]]);
        let answer = bench.ask("POST", "case.post");
        let seen = bench.primary.requests("case.post");
        assert_eq!(seen.len(), 1, "the POST was sent {} times; the client saw {answer:?}", seen.len());
        assert_eq!(answer.0, 502, "the client of a broken POST saw {answer:?}");
        assert_eq!(seen[0].connection, pooled, "the warm connection was not used: the case proves nothing");
    }
}

#[test]
fn a_get_is_asked_once_more_only_on_a_reused_connection() {
    let broken = || vec![Step::Body, Step::Close];
    let bench = Bench::start();
    bench.primary.script("case.fresh", vec![broken()]);
    assert_eq!(bench.ask("GET", "case.fresh").0, 502);
    assert_eq!(bench.primary.requests("case.fresh").len(), 1, "a GET on a fresh connection was repeated");

    let pooled = bench.warm("case.warm-1");
    bench.primary.script("case.always", vec![broken()]);
    assert_eq!(bench.ask("GET", "case.always").0, 502);
    let tries = bench.primary.requests("case.always");
    assert_eq!(tries[0].connection, pooled, "the warm connection was not used: the case proves nothing");
    assert!(tries.len() <= 2, "a GET was sent {} times", tries.len());

    bench.warm("case.warm-2");
    bench.primary.script("case.once", vec![broken(), vec![Step::Body, Step::Send(ok(SERVED))]]);
    assert_eq!(bench.ask("GET", "case.once"), (200, SERVED.to_owned()), "a GET on a stale connection was not repeated");
    assert_eq!(bench.primary.requests("case.once").len(), 2);
}

#[test]
fn an_idle_end_is_noticed_before_reuse() {
    let bench = Bench::start();
    bench.primary.script("case.ends", vec![vec![Step::Body, Step::Send(ok("ok")), Step::Finish]]);
    let ended = bench.warm("case.ends");
    let noticed = bench.primary.wait(PATIENCE, |log| log.closed.iter().any(|token| token == "case.ends"));
    assert!(noticed, "the tee keeps a connection that its origin has ended");
    assert_eq!(bench.ask("POST", "case.post"), (200, "ok".to_owned()));
    assert_ne!(bench.primary.requests("case.post")[0].connection, ended);
}

#[test]
fn surplus_bytes_never_answer_the_next_request() {
    let evil = ok("evil");
    let chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n".to_vec();
    for (name, first) in [
        ("length", ok("ok")),
        ("chunked", chunked),
        ("204", b"HTTP/1.1 204 No Content\r\n\r\n".to_vec()),
        ("304", b"HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\n".to_vec()),
    ] {
        let bench = Bench::start();
        bench.primary.script("case.surplus", vec![vec![Step::Body, Step::Send([first, evil.clone()].concat())]]);
        let (_, body) = bench.ask("GET", "case.surplus");
        assert!(!body.contains("evil"), "{name}: surplus bytes in the answer itself");
        for method in ["GET", "POST", "GET"] {
            let token = format!("case.next-{method}");
            assert_eq!(bench.ask(method, &token), (200, "ok".to_owned()), "{name}: a {method} got the surplus bytes");
        }
    }
}

#[test]
fn a_body_behind_a_head_answer_never_answers_the_next_request() {
    let bench = Bench::start();
    let body = [ok(""), ok("evil")].concat();
    let lying = [b"HTTP/1.1 200 OK\r\nContent-Length: 69\r\n\r\n".to_vec(), body].concat();
    bench.primary.script("case.head", vec![vec![Step::Body, Step::Send(lying)]]);
    assert_eq!(bench.ask("HEAD", "case.head").0, 200);
    assert_eq!(bench.ask("GET", "case.next"), (200, "ok".to_owned()));
}

#[test]
fn bytes_on_an_idle_connection_discard_it() {
    let bench = Bench::start();
    let gate = Gate::default();
    let steps = vec![Step::Body, Step::Send(ok("ok")), Step::Await(gate.clone()), Step::Send(ok("evil")), Step::Drain];
    bench.primary.script("case.late", vec![steps]);
    let pooled = bench.warm("case.late");
    gate.open();
    let discarded = bench.primary.wait(PATIENCE, |log| log.closed.iter().any(|token| token == "case.late"));
    assert_eq!(bench.ask("GET", "case.next"), (200, "ok".to_owned()), "late bytes answered the next request");
    assert!(discarded, "the tee keeps an idle connection on which bytes came");
    assert_ne!(bench.primary.requests("case.next")[0].connection, pooled);
}

#[test]
fn a_half_read_request_never_shares_its_connection() {
    // The client leaves in the middle of its upload: the pooled connection it used must not carry another's request.
    let bench = Bench::start();
    bench.warm("case.warm");
    let mut client = Client::connect(bench.tee.address);
    client.send(b"POST /case.left HTTP/1.1\r\nHost: a.test\r\nContent-Length: 1000\r\n\r\nhello");
    assert!(
        bench.primary.wait(PATIENCE, |log| log.requests.iter().any(|s| s.token == "case.left" && s.body == b"hello"))
    );
    drop(client);
    for method in ["GET", "POST"] {
        assert_eq!(bench.ask(method, &format!("case.after-{method}")), (200, "ok".to_owned()));
    }
    let left = &bench.primary.requests("case.left")[0];
    assert!(!left.complete && left.body == b"hello", "another's bytes completed the upload: {}", shown(&left.body));
}

#[test]
fn one_connection_serves_many_requests() {
    let bench = Bench::start();
    let mut client = Client::connect(bench.tee.address);
    for number in 0..50 {
        client.send(format!("GET /case.many?{number} HTTP/1.1\r\nHost: a.test\r\n\r\n").as_bytes());
        let answer = client.answer("GET");
        assert_eq!((answer.status(), answer.body.as_slice()), (200, b"ok".as_slice()), "request {number}: {answer}");
    }
    let mut used: Vec<usize> = bench.primary.requests("case.many").iter().map(|seen| seen.connection).collect();
    assert_eq!(used.len(), 50);
    used.dedup();
    assert!(used.len() <= 3, "the primary's connection is not reused: {} connections", used.len());
}
