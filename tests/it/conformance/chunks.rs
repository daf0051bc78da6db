//! Chunked requests: sizes, line ends, extensions, trailers, and requests cut short.

use super::case::{Case, SMUGGLED, get, play, post};

const BAD: &[u16] = &[400, 413];
const CHUNKED: &str = "Transfer-Encoding: chunked\r\n";

#[test]
fn a_chunk_size_is_hex_digits_and_crlf() {
    let case = |name, body: &str| Case::new(name, post(CHUNKED, &format!("{body}{SMUGGLED}"))).cut_off(BAD);
    let fine = |name, body: &str| Case::new(name, post(CHUNKED, body)).body("hello");
    let end = "hello\r\n0\r\n\r\n";
    let endless = format!("5;{}\r\n{end}", "e".repeat(2 << 20));
    play(
        "chunk-sizes",
        &[
            case("hex-prefix", &format!("0x5\r\n{end}")),
            case("plus", &format!("+5\r\n{end}")),
            case("minus", &format!("-5\r\n{end}")),
            case("underscore", &format!("0_5\r\n{end}")),
            case("no-digit", &format!("g\r\n{end}")),
            case("empty", &format!("\r\n{end}")),
            case("space-before", &format!(" 5\r\n{end}")),
            case("wraps-to-five", &format!("10000000000000005\r\n{end}")),
            case("over-64-bits", &format!("fffffffffffffffff\r\n{end}")),
            Case::new("largest-size", post(CHUNKED, &format!("ffffffffffffffff\r\n{end}{SMUGGLED}"))).leaves(),
            case("nul", &format!("5\0\r\n{end}")),
            case("other-digits", &format!("\u{ff15}\r\n{end}")),
            case("lf-behind-size", &format!("5\n{end}")),
            case("cr-behind-size", &format!("5\r{end}")),
            case("lf-behind-data", "5\r\nhello\n0\r\n\r\n"),
            case("cr-behind-data", "5\r\nhello\r0\r\n\r\n"),
            case("nothing-behind-data", "5\r\nhello0\r\n\r\n"),
            case("two-bytes-behind-data", "5\r\nhelloXX0\r\n\r\n"),
            case("lf-behind-last", "5\r\nhello\r\n0\n\r\n"),
            case("lf-in-extension", &format!("5;a\nb\r\n{end}")),
            case("cr-in-extension", &format!("5;a\rb\r\n{end}")),
            case("nul-in-extension", &format!("5;a\0b\r\n{end}")),
            Case::new("endless-extension", post(CHUNKED, &endless)).cut_off(&[400, 413, 431]),
            fine("lower-case", "5\r\nhello\r\n0\r\n\r\n"),
            fine("leading-zeros", "0005\r\nhello\r\n0\r\n\r\n"),
            fine("last-of-many-zeros", "5\r\nhello\r\n000\r\n\r\n"),
            fine("pieces", "1\r\nh\r\n1\r\ne\r\n3\r\nllo\r\n0\r\n\r\n"),
            fine("extension", "5;name=value\r\nhello\r\n0;last\r\n\r\n"),
            fine("quoted-extension", "5;name=\"a;b\"\r\nhello\r\n0\r\n\r\n"),
            Case::new("hex-letters", post(CHUNKED, "A\r\nhellohello\r\n0\r\n\r\n")).body("hellohello"),
            Case::new("empty-body", post(CHUNKED, "0\r\n\r\n")).body(""),
        ],
    );
}

#[test]
fn trailers_never_become_headers() {
    let trailers = |name, lines: &str| Case::new(name, post(CHUNKED, &format!("5\r\nhello\r\n0\r\n{lines}\r\n")));
    play(
        "trailers",
        &[
            trailers("harmless", "X-Sum: 1\r\n").body("hello").not_at_primary("x-sum"),
            trailers("length", "Content-Length: 0\r\n")
                .refused_or_served(BAD)
                .body("hello")
                .not_at_primary("content-length"),
            trailers("host", "Host: evil.test\r\n")
                .refused_or_served(BAD)
                .body("hello")
                .at_primary("host: example.test"),
            trailers("marker", "X-Shadow-Request: 1\r\n")
                .refused_or_served(BAD)
                .body("hello")
                .not_at_primary("x-shadow-request"),
            trailers("lf", "X-Sum: 1\nX-Two: 2\r\n").refused_or_served(BAD).body("hello"),
            Case::new("endless", post(CHUNKED, &format!("0\r\nX: {}\r\n\r\n", "e".repeat(2 << 20))))
                .cut_off(&[400, 413, 431]),
            Case::new(
                "announced",
                post("Trailer: X-Sum\r\nTE: trailers\r\nTransfer-Encoding: chunked\r\n", "0\r\nX-Sum: 1\r\n\r\n"),
            )
            .body(""),
        ],
    );
}

#[test]
fn a_request_cut_short_is_whole_nowhere() {
    play(
        "cut-short",
        &[
            Case::new("no-last-chunk", post(CHUNKED, "5\r\nhello\r\n")).leaves(),
            Case::new("inside-a-chunk", post(CHUNKED, "5\r\nhel")).leaves(),
            Case::new("inside-the-last-line", post(CHUNKED, "5\r\nhello\r\n0\r\n")).leaves(),
            Case::new("inside-a-size", post(CHUNKED, "5\r\nhello\r\n1")).leaves(),
            Case::new("short-length", post("Content-Length: 10\r\n", "hello")).leaves(),
            Case::new("no-body-at-all", post("Content-Length: 10\r\n", "")).leaves(),
            Case::new("get-short-length", get("Content-Length: 10\r\n") + "hello").leaves(),
            Case::new("get-no-last-chunk", get(CHUNKED) + "5\r\nhello\r\n").leaves(),
            Case::new("inside-the-head", "GET /{t} HTTP/1.1\r\nHost: example.test\r\nX-A: ").leaves(),
            Case::new("half-closed-chunked", post(CHUNKED, "5\r\nhello\r\n")).half_closes().cut_off(&[400, 408]),
            Case::new("half-closed-length", post("Content-Length: 10\r\n", "hello")).half_closes().cut_off(&[400, 408]),
        ],
    );
}
