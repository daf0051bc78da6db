//! What the candidate is sent: one copy, the same bytes, or nothing at all; and nothing of its answer comes back.

use super::client::{Client, PATIENCE};
use super::message::shown;
use super::origin::{Origin, Step, ok};
use super::tee::Tee;
use std::time::Duration;

const WITH_WRITES: &str = "[[route]]\nmatch = \"POST /write/{id}\"\nmirror = \"allow\"\n";

struct Bench {
    primary: Origin,
    candidate: Origin,
    tee: Tee,
}

impl Bench {
    fn start() -> Bench {
        let (primary, candidate) = (Origin::start(), Origin::start());
        let tee = Tee::start(primary.address, candidate.address, Some(WITH_WRITES));
        Bench { primary, candidate, tee }
    }

    fn ask(&self, bytes: &[u8]) -> (u16, Vec<u8>) {
        let mut client = Client::connect(self.tee.address);
        client.send(bytes);
        let answer = client.answer("GET");
        (answer.status(), answer.body)
    }

    /// Waits for the copy of a later request: by then those of the earlier ones are there too.
    fn settle(&self) {
        assert_eq!(self.ask(b"GET /case.last HTTP/1.1\r\nHost: a.test\r\n\r\n").0, 200);
        assert!(
            self.candidate.wait(PATIENCE, |log| log.requests.iter().any(|seen| seen.token == "case.last")),
            "not mirrored"
        );
    }

    fn copied(&self, token: &str) -> usize {
        let _ =
            self.candidate.wait(PATIENCE, |log| log.requests.iter().any(|seen| seen.token == token && seen.complete));
        self.candidate.requests(token).len()
    }
}

/// Bytes without a pattern, by a linear congruence.
fn noise(length: usize) -> Vec<u8> {
    let mut state = 1u32;
    let step = |_| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        state.to_be_bytes()[0]
    };
    (0..length).map(step).collect()
}

fn chunks(body: &[u8], size: usize) -> Vec<u8> {
    let mut out = Vec::new();
    for piece in body.chunks(size) {
        out.extend_from_slice(format!("{:x}\r\n", piece.len()).as_bytes());
        out.extend_from_slice(piece);
        out.extend_from_slice(b"\r\n");
    }
    [out, b"0\r\n\r\n".to_vec()].concat()
}

#[test]
fn a_copy_is_one_and_byte_equal() {
    let bench = Bench::start();
    for (length, chunk) in
        [(0, 0), (1, 0), (1000, 0), (100_000, 0), (1 << 20, 0), (5, 1), (100_000, 777), (1 << 20, 60_000)]
    {
        let body = noise(length);
        let token = format!("case.body-{length}-{chunk}");
        let (lines, sent) = match chunk {
            0 => (format!("Content-Length: {length}"), body.clone()),
            size => ("Transfer-Encoding: chunked".to_owned(), chunks(&body, size)),
        };
        let head = format!(
            "POST /write/{token} HTTP/1.1\r\nHost: a.test\r\nX-A: 1\r\nX-A: 2\r\nCookie: c=d\r\n{lines}\r\n\r\n"
        );
        assert_eq!(bench.ask(&[head.into_bytes(), sent].concat()), (200, b"ok".to_vec()), "{token}");
        assert_eq!(bench.copied(&token), 1, "copies of {token}");
        let (first, copy) = (&bench.primary.requests(&token)[0], &bench.candidate.requests(&token)[0]);
        assert!(first.complete && first.body == body, "{token}: the primary's body differs");
        assert!(copy.complete && copy.body == body, "{token}: the copy's body differs");
        assert!(copy.faults.is_empty(), "{:?}", copy.faults);
        assert_eq!(copy.head.start, first.head.start);
        for name in ["host", "x-a", "cookie"] {
            assert_eq!(copy.head.all(name), first.head.all(name), "{token}: {name} of the copy");
        }
    }
    bench.settle();
    for seen in bench.candidate.requests("case.body-1000-0") {
        assert_eq!(seen.head.one("x-shadow-request"), Some("1"));
    }
    assert_eq!(bench.candidate.requests("case.body-1000-0").len(), 1, "a second copy came late");
}

#[test]
fn writes_are_not_copied_unless_their_route_says_so() {
    let bench = Bench::start();
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"] {
        let request = format!("{method} /other/case.{method} HTTP/1.1\r\nHost: a.test\r\nContent-Length: 2\r\n\r\nhi");
        assert_eq!(bench.ask(request.as_bytes()).0, 200, "{method}");
    }
    bench.settle();
    for method in ["POST", "PUT", "PATCH", "DELETE", "OPTIONS", "PURGE"] {
        assert_eq!(bench.candidate.requests(&format!("case.{method}")).len(), 0, "a {method} was mirrored");
    }
}

#[test]
fn a_copy_over_the_cap_is_dropped_and_never_whole() {
    let bench = Bench::start();
    let body = noise((1 << 20) + 1);
    for chunked in [false, true] {
        let token = format!("case.over-{chunked}");
        let (lines, sent) = if chunked {
            ("Transfer-Encoding: chunked".to_owned(), chunks(&body, 30_000))
        } else {
            (format!("Content-Length: {}", body.len()), body.clone())
        };
        let head = format!("POST /write/{token} HTTP/1.1\r\nHost: a.test\r\n{lines}\r\n\r\n");
        assert_eq!(bench.ask(&[head.into_bytes(), sent].concat()), (200, b"ok".to_vec()), "{token}");
        assert!(bench.primary.requests(&token)[0].body == body, "{token}: the primary's body differs");
    }
    bench.settle();
    for token in ["case.over-false", "case.over-true"] {
        let whole = bench.candidate.requests(token).into_iter().filter(|seen| seen.complete).count();
        assert_eq!(whole, 0, "{token}: a truncated copy was sent as a whole one");
    }
}

#[test]
fn a_cut_upload_is_whole_at_no_side() {
    let bench = Bench::start();
    for (name, lines, sent) in [
        ("length", "Content-Length: 100000", noise(50_000)),
        ("chunked", "Transfer-Encoding: chunked", chunks(&noise(50_000), 1000)[..50_000].to_vec()),
    ] {
        let token = format!("case.cut-{name}");
        let mut client = Client::connect(bench.tee.address);
        let head = format!("POST /write/{token} HTTP/1.1\r\nHost: a.test\r\n{lines}\r\n\r\n");
        client.send(&[head.into_bytes(), sent].concat());
        assert!(
            bench.primary.wait(PATIENCE, |log| log.requests.iter().any(|seen| seen.token == token)),
            "{token} not streamed"
        );
        drop(client);
    }
    bench.settle();
    for token in ["case.cut-length", "case.cut-chunked"] {
        for (side, origin) in [("primary", &bench.primary), ("candidate", &bench.candidate)] {
            assert!(origin.requests(token).iter().all(|seen| !seen.complete), "{token} is whole at the {side}");
        }
    }
}

#[test]
fn no_side_is_followed_elsewhere() {
    let bench = Bench::start();
    for (status, token) in [("301 Moved", "case.301"), ("302 Found", "case.302"), ("307 Temporary", "case.307")] {
        let to = bench.primary.address;
        let answer =
            format!("HTTP/1.1 {status}\r\nLocation: http://{to}/{token}.followed\r\nContent-Length: 0\r\n\r\n");
        bench.candidate.script(token, vec![vec![Step::Body, Step::Send(answer.into_bytes())]]);
        let request = format!("GET /{token} HTTP/1.1\r\nHost: a.test\r\n\r\n");
        assert_eq!(bench.ask(request.as_bytes()), (200, b"ok".to_vec()));
        assert_eq!(bench.copied(token), 1);
    }
    bench.settle();
    for token in ["case.301.followed", "case.302.followed", "case.307.followed"] {
        let followed = bench.primary.requests(token).len() + bench.candidate.requests(token).len();
        assert_eq!(followed, 0, "{token}: the mirror followed a redirect");
    }
}

#[test]
fn nothing_of_the_candidates_answer_reaches_a_client() {
    let bench = Bench::start();
    let shadow = b"HTTP/1.1 103 Shadow\r\nX-Shadow: 1\r\n\r\nHTTP/1.1 418 Shadow\r\nSet-Cookie: shadow=1\r\nContent-Length: 6\r\n\r\nshadow";
    bench.candidate.otherwise(vec![Step::Body, Step::Send(shadow.to_vec()), Step::Send(ok("surplus"))]);
    let mut client = Client::connect(bench.tee.address);
    for number in 0..20 {
        client.send(format!("GET /case.n{number} HTTP/1.1\r\nHost: a.test\r\n\r\n").as_bytes());
        let answer = client.answer("GET");
        assert_eq!(
            (answer.status(), answer.body.as_slice(), answer.interim.len()),
            (200, b"ok".as_slice(), 0),
            "{answer}"
        );
        let raw = shown(&answer.head.raw).to_lowercase();
        assert!(!raw.contains("shadow") && !raw.contains("surplus"), "{raw}");
    }
    let (quiet, more) = client.closes(Duration::from_millis(200));
    assert!(!quiet && more.is_empty(), "closed or more bytes: {}", shown(&more));
}
