//! Request heads: request lines, Host, targets, line ends, control bytes, limits.

use super::case::{Case, Copies, SMUGGLED, get, play};
use super::client::Client;
use super::origin::Origin;
use super::tee::Tee;
use std::thread;
use std::time::{Duration, Instant};

const BAD: &[u16] = &[400];

#[test]
fn a_malformed_head_reaches_neither_side() {
    let line =
        |name, line: &str| Case::new(name, format!("{line}\r\nHost: example.test\r\n\r\n{SMUGGLED}")).refused(BAD);
    let field = |name, field: &str| Case::new(name, get(&format!("{field}\r\n")) + SMUGGLED).refused(BAD);
    play(
        "heads",
        &[
            line("no-version", "GET /{t}").refused(&[400, 505]),
            line("two-spaces-in-target", "GET /{t} /b HTTP/1.1"),
            line("version-two", "GET /{t} HTTP/2.0").refused(&[400, 505]),
            line("version-nine", "GET /{t} HTTP/9.9").refused(&[400, 505]),
            line("version-lower-case", "GET /{t} http/1.1").refused(&[400, 505]),
            line("version-other-word", "GET /{t} HTCPCP/1.1").refused(&[400, 505]),
            line("words-behind-version", "GET /{t} HTTP/1.1 more"),
            line("method-with-bracket", "G(T /{t} HTTP/1.1"),
            line("no-method", " /{t} HTTP/1.1"),
            line("nul-in-target", "GET /{t}\0b HTTP/1.1"),
            line("control-in-target", "GET /{t}\u{1}b HTTP/1.1"),
            line("cr-in-target", "GET /{t}\rb HTTP/1.1"),
            line("no-slash", "GET {t} HTTP/1.1"),
            field("nul-in-value", "X-A: a\0b"),
            field("nul-in-name", "X\0A: b"),
            field("cr-in-value", "X-A: a\rX-B: b"),
            field("cr-in-name", "X-\rA: b"),
            field("space-before-colon", "X-A : b"),
            field("space-in-name", "X A: b"),
            field("no-colon", "X-A"),
            field("no-name", ": b"),
            field("bracket-in-name", "X(A: b"),
            field("bytes-in-name", "X-\u{e9}: b"),
            Case::new(
                "space-before-first-field",
                format!("GET /{{t}} HTTP/1.1\r\n Host: example.test\r\n\r\n{SMUGGLED}"),
            )
            .refused(BAD),
            Case::new("folded", get("X-A: a\r\n b\r\n")).refused_or_served(BAD),
            Case::new("folded-by-tab", get("X-A: a\r\n\tb\r\n")).refused_or_served(BAD),
            Case::new("folded-only-spaces", get("X-A: a\r\n \r\n")).refused_or_served(BAD),
            Case::new("lf-lines", "GET /{t} HTTP/1.1\nHost: example.test\nX-A: b\n\n").refused_or_served(BAD),
            Case::new("lf-one-field", "GET /{t} HTTP/1.1\r\nHost: example.test\nX-A: b\r\n\r\n").refused_or_served(BAD),
            Case::new("binary", [0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 13, 10, 13, 10]).refused(BAD),
            Case::new("empty-lines-before", format!("\r\n\r\n{}", get(""))).refused_or_served(BAD),
            Case::new("bytes-in-value", get("X-A: caf\u{e9}\r\n")).at_primary("x-a: caf\u{e9}"),
            Case::new("empty-value", get("X-A:\r\n")).at_primary("x-a: "),
            Case::new("many-values", get("X-A: 1\r\nX-A: 2\r\nX-A: 3\r\n")).at_primary("x-a: 1, 2, 3"),
        ],
    );
}

#[test]
fn host_is_one_and_valid() {
    let host =
        |name, lines: &str| Case::new(name, format!("GET /{{t}} HTTP/1.1\r\n{lines}\r\n{SMUGGLED}")).refused(BAD);
    let absolute = |name, target: &str, lines: &str| Case::new(name, format!("GET {target} HTTP/1.1\r\n{lines}\r\n"));
    play(
        "hosts",
        &[
            host("missing", "X-A: b\r\n"),
            host("twice", "Host: example.test\r\nHost: evil.test\r\n"),
            host("twice-the-same", "Host: example.test\r\nHost: example.test\r\n"),
            host("twice-apart", "Host: example.test\r\nX-A: b\r\nhOST: evil.test\r\n"),
            host("space-inside", "Host: example.test evil.test\r\n"),
            host("slash", "Host: example.test/path\r\n"),
            host("user", "Host: user@example.test\r\n"),
            host("fragment", "Host: example.test#a\r\n"),
            host("question", "Host: example.test?a\r\n"),
            host("backslash", "Host: example.test\\a\r\n"),
            host("port-letters", "Host: example.test:abc\r\n"),
            host("bracket-open", "Host: [::1\r\n"),
            host("nul", "Host: example.test\0\r\n"),
            host("space-before-colon", "Host : example.test\r\n"),
            Case::new("with-port", "GET /{t} HTTP/1.1\r\nHost: example.test:8080\r\n\r\n")
                .at_primary("host: example.test:8080"),
            Case::new("upper-case", "GET /{t} HTTP/1.1\r\nHost: EXAMPLE.test\r\n\r\n").at_primary("host: EXAMPLE.test"),
            Case::new("address", "GET /{t} HTTP/1.1\r\nHost: [::1]:80\r\n\r\n").at_primary("host: [::1]:80"),
            absolute("absolute", "http://other.test/{t}?q=1", "Host: example.test\r\n")
                .at_primary("host: other.test")
                .target("/{t}?q=1"),
            absolute("absolute-port", "http://127.0.0.1:1/{t}", "Host: example.test\r\n")
                .at_primary("host: 127.0.0.1:1")
                .target("/{t}"),
            absolute("absolute-no-path", "http://other.test?q={t}", "Host: {t}\r\n").target("/?q={t}"),
            absolute("absolute-no-host", "http://other.test/{t}", "X-A: b\r\n").refused_or_served(BAD),
            absolute("absolute-user", "http://a:b@other.test/{t}", "Host: other.test\r\n").refused_or_served(BAD),
            Case::new("connect", "CONNECT {t}:443 HTTP/1.1\r\nHost: {t}:443\r\n\r\n").refused(&[400, 403, 405, 501]),
            Case::new("connect-path", "CONNECT /{t} HTTP/1.1\r\nHost: example.test\r\n\r\n")
                .refused(&[400, 403, 405, 501]),
            Case::new("options-star", "OPTIONS * HTTP/1.1\r\nHost: example.test\r\nX-Case: {t}\r\n\r\n").target("*"),
            Case::new("star-on-get", "GET * HTTP/1.1\r\nHost: example.test\r\nX-Case: {t}\r\n\r\n")
                .refused_or_served(BAD),
        ],
    );
}

#[test]
fn targets_and_values_travel_untouched() {
    let target = |name, target: &'static str| {
        Case::new(name, format!("GET {target} HTTP/1.1\r\nHost: a.test\r\n\r\n")).target(target)
    };
    play(
        "targets",
        &[
            target("escapes", "/{t}/%2e%2E/%2F?a=%20&b=+"),
            target("dots", "/{t}/../a/./b"),
            target("slashes", "//{t}///a"),
            target("odd-query", "/{t}?a=[1]&b={2}|3^`&&="),
            target("quote-in-query", "/{t}?a=\"b\"").refused_or_served(BAD),
            target("empty-query", "/{t}?"),
            target("backslash", "/{t}\\a"),
            target("colon", "/{t}:80/a;b=c,d@e"),
            Case::new("unknown-method", "PURGE /{t} HTTP/1.1\r\nHost: a.test\r\n\r\n").target("/{t}"),
            Case::new("credentials", get("Authorization: Basic YTpi\r\nCookie: a=1; b=2\r\n"))
                .at_primary("authorization: Basic YTpi")
                .at_primary("cookie: a=1; b=2"),
            Case::new("conditions", get("If-None-Match: \"a\"\r\nRange: bytes=0-1\r\nAccept-Encoding: br\r\n"))
                .at_primary("if-none-match: \"a\"")
                .at_primary("range: bytes=0-1")
                .at_primary("accept-encoding: br"),
            Case::new("no-via-of-our-own", get("")).not_at_primary("via"),
            Case::new("via-kept", get("Via: 1.1 front\r\n")).at_primary("via: 1.1 front"),
        ],
    );
}

#[test]
fn heads_up_to_the_limit_are_served_and_endless_ones_are_not() {
    let long = |n: usize| "a".repeat(n);
    let many: String = (0..64).map(|n| format!("X-{n}: {}\r\n", long(480))).collect();
    let flood: String = (0..20_000).map(|n| format!("X-{n}: {}\r\n", long(100))).collect();
    let large: &[u16] = &[400, 414, 431];
    play(
        "limits",
        &[
            Case::new("target-8k", format!("GET /{{t}}?{} HTTP/1.1\r\nHost: a.test\r\n\r\n", long(8 << 10))),
            Case::new("one-field-32k", get(&format!("X-A: {}\r\n", long(31 << 10)))),
            Case::new("many-fields-32k", get(&many)),
            Case::new("hundred-fields", get(&(0..95).map(|n| format!("X-{n}: a\r\n")).collect::<String>())),
            Case::new("target-2m", format!("GET /{{t}}?{} HTTP/1.1\r\nHost: a.test\r\n\r\n", long(2 << 20)))
                .refused(large),
            Case::new("field-2m", get(&format!("X-A: {}\r\n", long(2 << 20)))).refused(large),
            Case::new("name-2m", get(&format!("X{}: a\r\n", long(2 << 20)))).refused(large),
            Case::new("fields-2m", get(&flood)).refused(large),
            Case::new("method-2m", format!("{} /{{t}} HTTP/1.1\r\nHost: a.test\r\n\r\n", "M".repeat(2 << 20)))
                .refused(&[400, 405, 414, 431, 501])
                .copies(Copies::Nothing),
        ],
    );
}

#[test]
fn an_unfinished_head_is_closed_in_time() {
    let (primary, candidate) = (Origin::start(), Origin::start());
    let tee = Tee::between(&primary, &candidate);
    let limit = Duration::from_secs(31);
    thread::scope(|scope| {
        for start in ["GET /case.slow HTTP/1.1\r\nHost: example.test\r\nX-A: ", "GE"] {
            let address = tee.address;
            scope.spawn(move || {
                let begun = Instant::now();
                let mut client = Client::connect(address);
                client.send(start.as_bytes());
                // A byte now and then: the limit is on the whole head, not on silence.
                while !client.closes(Duration::from_secs(2)).0 {
                    assert!(begun.elapsed() < limit, "{start:?} is still open after {:?}", begun.elapsed());
                    client.send(b"a");
                }
            });
        }
    });
    assert!(primary.requests("case.slow").is_empty(), "the unfinished head reached the primary");
}
