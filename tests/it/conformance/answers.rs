//! The primary's answers: bodies that are none, lengths that lie, upstreams that stop halfway.

use super::case::{Case, Copies, get, play, post};
use super::origin::Step;

const GATEWAY: &[u16] = &[502];

fn answer(lines: &str, body: &str) -> String {
    format!("HTTP/1.1 200 OK\r\n{lines}\r\n{body}")
}

#[test]
fn answers_keep_their_bodies_and_their_lack_of_them() {
    let chunked = answer("Transfer-Encoding: chunked\r\n", "2\r\nok\r\n0\r\n\r\n");
    let old = "GET /{t} HTTP/1.0\r\nHost: example.test\r\n\r\n";
    let old_alive = "GET /{t} HTTP/1.0\r\nHost: example.test\r\nConnection: keep-alive\r\n\r\n";
    let ask_head = "HEAD /{t} HTTP/1.1\r\nHost: example.test\r\n\r\n";
    let errors = "HTTP/1.1 503 Busy\r\nRetry-After: 1\r\nContent-Length: 4\r\n\r\nbusy";
    play(
        "bodies",
        &[
            Case::new("length", get("")).answers(answer("Content-Length: 2\r\n", "ok")).at_client("content-length: 2"),
            Case::new("chunked", get("")).answers(&chunked),
            Case::new("chunked-extension", get(""))
                .answers(answer("Transfer-Encoding: chunked\r\n", "2;a=b\r\nok\r\n0\r\n\r\n")),
            Case::new("trailers", get("")).answers(answer(
                "Transfer-Encoding: chunked\r\nTrailer: X-Sum\r\n",
                "2\r\nok\r\n0\r\nX-Sum: 1\r\n\r\n",
            )),
            Case::new("until-close", get("")).answers_and_closes(answer("", "ok")),
            Case::new("old-origin", get("")).answers_and_closes("HTTP/1.0 200 OK\r\n\r\nok"),
            Case::new("empty", get("")).answers(answer("Content-Length: 0\r\n", "")).seen(200, ""),
            Case::new("no-reason", get("")).answers("HTTP/1.1 200\r\nContent-Length: 2\r\n\r\nok"),
            Case::new("odd-status", get("")).answers("HTTP/1.1 299 Odd\r\nContent-Length: 2\r\n\r\nok").seen(299, "ok"),
            Case::new("error-status", get("")).answers(errors).seen(503, "busy").at_client("retry-after: 1"),
            Case::new("redirect", get(""))
                .answers("HTTP/1.1 302 Found\r\nLocation: /{t}.smuggled\r\nContent-Length: 0\r\n\r\n")
                .seen(302, ""),
            Case::new("head-length", ask_head).answers(answer("Content-Length: 2\r\n", "")).seen(200, ""),
            Case::new("head-chunked", ask_head).answers(answer("Transfer-Encoding: chunked\r\n", "")).seen(200, ""),
            Case::new("head-large", ask_head)
                .answers(answer("Content-Length: 123456789\r\n", ""))
                .seen(200, "")
                .at_client("content-length: 123456789"),
            Case::new("204", get(""))
                .answers("HTTP/1.1 204 No Content\r\n\r\n")
                .seen(204, "")
                .not_at_client("transfer-encoding"),
            Case::new("304", get("If-None-Match: \"a\"\r\n"))
                .answers("HTTP/1.1 304 Not Modified\r\nETag: \"a\"\r\n\r\n")
                .seen(304, "")
                .not_at_client("transfer-encoding")
                .at_client("etag: \"a\""),
            Case::new("304-length", get("If-None-Match: \"a\"\r\n"))
                .answers("HTTP/1.1 304 Not Modified\r\nContent-Length: 10\r\n\r\n")
                .seen(304, ""),
            Case::new("204-body", get(""))
                .answers("HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\nhello")
                .status(&[204, 502]),
            Case::new("old-client-length", old).closes(),
            Case::new("old-client-chunked", old).answers(&chunked).not_at_client("transfer-encoding").closes(),
            Case::new("old-client-keep-alive", old_alive).not_at_client("transfer-encoding"),
            Case::new("old-client-keep-alive-chunked", old_alive)
                .answers(&chunked)
                .not_at_client("transfer-encoding")
                .closes(),
            Case::new("asked-to-close", get("Connection: close\r\n")).closes(),
            Case::new("half-closed-client", get("")).half_closes(),
            Case::new("half-closed-after-a-body", post("Content-Length: 5\r\n", "hello")).half_closes().body("hello"),
            Case::new("large-fields", get(""))
                .answers(answer(&format!("X-A: {}\r\nContent-Length: 2\r\n", "a".repeat(30 << 10)), "ok")),
            Case::new("length-twice-equal", get(""))
                .answers(answer("Content-Length: 2\r\nContent-Length: 2\r\n", "ok"))
                .status(&[200, 502]),
        ],
    );
}

#[test]
fn an_answer_that_lies_about_its_length_is_a_bad_gateway() {
    let bad = |name, lines: &str, body: &str| {
        Case::new(name, get("")).answers_and_closes(answer(lines, body)).status(GATEWAY)
    };
    let raw = |name, bytes: &[u8]| Case::new(name, get("")).answers_and_closes(bytes).status(GATEWAY);
    let length = |name, value: &str| bad(name, &format!("Content-Length: {value}\r\n"), "hello");
    play(
        "bad-answers",
        &[
            bad("two-lengths", "Content-Length: 5\r\nContent-Length: 6\r\n", "hello!"),
            bad("two-lengths-shorter", "Content-Length: 6\r\nContent-Length: 5\r\n", "hello!"),
            length("list", "5, 6"),
            length("plus", "+5"),
            length("minus", "-5"),
            length("hex", "0x5"),
            length("letters", "abc"),
            length("space-inside", "5 5"),
            length("empty", ""),
            length("over-64-bits", "99999999999999999999"),
            length("wraps-to-five", "18446744073709551621"),
            length("underscore", "0_5"),
            bad("space-before-colon", "Content-Length : 5\r\n", "hello"),
            bad("nul-in-value", "X-A: a\0b\r\nContent-Length: 5\r\n", "hello"),
            bad("nul-in-name", "X\0A: b\r\nContent-Length: 5\r\n", "hello"),
            bad("cr-in-value", "X-A: a\rSet-Cookie: evil\r\nContent-Length: 5\r\n", "hello"),
            bad("no-colon", "X-A\r\nContent-Length: 5\r\n", "hello"),
            raw("status-letters", b"HTTP/1.1 abc OK\r\nContent-Length: 0\r\n\r\n"),
            raw("status-two-digits", b"HTTP/1.1 20 OK\r\nContent-Length: 0\r\n\r\n"),
            raw("status-four-digits", b"HTTP/1.1 2000 OK\r\nContent-Length: 0\r\n\r\n"),
            raw("status-zero", b"HTTP/1.1 000 OK\r\nContent-Length: 0\r\n\r\n"),
            raw("no-http", b"hello there\r\n\r\n"),
            raw("other-protocol", b"SSH-2.0-OpenSSH_9.2\r\n\r\n"),
            raw("binary", b"\x15\x03\x03\x00\x02\x02\x50\r\n\r\n"),
            raw("nothing", b""),
            raw("half-a-head", b"HTTP/1.1 200 OK\r\nContent-Len"),
            raw("only-interim", b"HTTP/1.1 103 Early Hints\r\n\r\n").interim(&[103]),
            raw(
                "unasked-switch",
                b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\nhello",
            ),
            raw(
                "unasked-switch-h2c",
                b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
            ),
            Case::new("switch-after-h2c", get("Connection: Upgrade\r\nUpgrade: h2c\r\n"))
                .answers("HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\nhello")
                .status(GATEWAY),
            Case::new("reset", get("")).origin(vec![Step::Body, Step::Reset]).status(GATEWAY),
            Case::new("endless-head", get(""))
                .origin(vec![
                    Step::Body,
                    Step::Send(b"HTTP/1.1 200 OK\r\n".to_vec()),
                    Step::Repeat(
                        [b"X-A: ".as_slice(), &[b'a'; 8000], b"\r\n"].concat(),
                        2000,
                        std::time::Duration::ZERO,
                    ),
                ])
                .status(GATEWAY),
            Case::new("both-lengths", get(""))
                .answers_and_closes(answer(
                    "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n",
                    "2\r\nok\r\n0\r\n\r\n",
                ))
                .status(&[200, 502])
                .not_at_client("content-length"),
        ],
    );
}

#[test]
fn a_cut_answer_never_ends_cleanly() {
    let chunks = |name, body: &str| {
        Case::new(name, get("")).answers_and_closes(answer("Transfer-Encoding: chunked\r\n", body)).broken()
    };
    let half = |lines: &str| Step::Send(answer(lines, "hello").into_bytes());
    let large = format!("HTTP/1.1 200 OK\r\nContent-Length: 2000000\r\n\r\n{}", "a".repeat(1_000_000));
    play(
        "cut-answers",
        &[
            Case::new("length", get("")).answers_and_closes(answer("Content-Length: 10\r\n", "hello")).broken(),
            Case::new("length-large", get("")).answers_and_closes(large).broken(),
            Case::new("length-reset", get(""))
                .origin(vec![Step::Body, half("Content-Length: 10\r\n"), Step::Reset])
                .broken(),
            chunks("no-last-chunk", "5\r\nhello\r\n"),
            chunks("inside-a-chunk", "5\r\nhel"),
            chunks("inside-a-size", "5\r\nhello\r\n1"),
            chunks("inside-the-end", "5\r\nhello\r\n0\r\n"),
            chunks("no-chunk", ""),
            chunks("bad-size", "5\r\nhello\r\ng\r\n"),
            chunks("size-that-wraps", "10000000000000005\r\nhello\r\n0\r\n\r\n"),
            chunks("hex-prefix", "0x5\r\nhello\r\n0\r\n\r\n"),
            chunks("nothing-behind-data", "5\r\nhelloXX0\r\n\r\n"),
            chunks("lf-behind-size", "5\nhello\r\n0\r\n\r\n"),
            Case::new("old-client-length", "GET /{t} HTTP/1.0\r\nHost: example.test\r\n\r\n")
                .answers_and_closes(answer("Content-Length: 10\r\n", "hello"))
                .broken(),
            Case::new("whole-after-all", get("")).copies(Copies::One),
        ],
    );
}
