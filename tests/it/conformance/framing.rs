//! How the length of a request is told: Content-Length, Transfer-Encoding, and both.

use super::case::{Case, SMUGGLED, get, play, post};

const BAD: &[u16] = &[400];
const BAD_CODING: &[u16] = &[400, 501];
const FIVE: &str = "hello";

#[test]
fn both_lengths_never_let_the_rest_through() {
    let both = |first: &str, second: &str| post(&format!("{first}\r\n{second}\r\n"), &format!("0\r\n\r\n{SMUGGLED}"));
    let (te, cl) = ("Transfer-Encoding: chunked", "Content-Length: 5");
    let long = format!("Content-Length: {}", 5 + SMUGGLED.len() + 20);
    let case = |name, send: String| Case::new(name, send).refused_or_served(BAD).body("");
    play(
        "both-lengths",
        &[
            case("cl-te", both(cl, te)),
            case("te-cl", both(te, cl)),
            case("cl-over-the-rest", both(&long, te)),
            case("te-cl-over-the-rest", both(te, &long)),
            case("cl-zero-te", both("Content-Length: 0", te)),
            case(
                "get-cl-te",
                format!("GET /{{t}} HTTP/1.1\r\nHost: a.test\r\n{cl}\r\n{te}\r\n\r\n0\r\n\r\n{SMUGGLED}"),
            ),
            case("te-upper-case-cl", both("TRANSFER-ENCODING: Chunked", cl)),
            case(
                "old-client",
                format!("POST /{{t}} HTTP/1.0\r\nHost: a.test\r\n{cl}\r\n{te}\r\n\r\n0\r\n\r\n{SMUGGLED}"),
            ),
            Case::new("te-xchunked-cl", post("Transfer-Encoding: xchunked\r\nContent-Length: 5\r\n", "hello"))
                .refused(BAD_CODING),
            Case::new("te-identity-cl", post("Transfer-Encoding: identity\r\nContent-Length: 5\r\n", "hello"))
                .refused(BAD_CODING),
        ],
    );
}

#[test]
fn only_one_final_chunked_is_a_coding() {
    let case = |name, coding: &str| {
        Case::new(name, post(&format!("{coding}\r\n"), &format!("5\r\nhello\r\n0\r\n\r\n{SMUGGLED}")))
            .refused(BAD_CODING)
    };
    let zero_nine = post("Transfer-Encoding: \u{b}chunked\r\n", &format!("5\r\nhello\r\n0\r\n\r\n{SMUGGLED}"));
    play(
        "codings",
        &[
            case("identity", "Transfer-Encoding: identity"),
            case("gzip", "Transfer-Encoding: gzip"),
            case("xchunked", "Transfer-Encoding: xchunked"),
            case("chunked-identity", "Transfer-Encoding: chunked, identity"),
            case("chunked-gzip", "Transfer-Encoding: chunked, gzip"),
            case("chunked-twice", "Transfer-Encoding: chunked, chunked"),
            case("two-lines", "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
            case("two-lines-identity", "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity"),
            case("two-lines-identity-first", "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked"),
            case("quoted", "Transfer-Encoding: \"chunked\""),
            case("parameter", "Transfer-Encoding: chunked;q=1"),
            case("empty", "Transfer-Encoding:"),
            case("joined", "Transfer-Encoding: chunkedchunked"),
            case("space-inside", "Transfer-Encoding: chun ked"),
            case("space-before-colon", "Transfer-Encoding : chunked"),
            case("tab-before-colon", "Transfer-Encoding\t: chunked"),
            case("folded", "Transfer-Encoding:\r\n chunked\r\nContent-Length: 5"),
            case("nul-behind", "Transfer-Encoding: chunked\0"),
            Case::new("vertical-tab", zero_nine).refused(BAD_CODING),
            Case::new("any-case", post("Transfer-Encoding: ChUnKeD\r\n", "5\r\nhello\r\n0\r\n\r\n")).body(FIVE),
            Case::new("spaces-around", post("Transfer-Encoding: \t chunked \t\r\n", "5\r\nhello\r\n0\r\n\r\n")).body(FIVE),
            Case::new("get-with-a-body", get("Transfer-Encoding: chunked\r\n") + "5\r\nhello\r\n0\r\n\r\n").body(FIVE),
            Case::new(
                "old-client",
                format!("POST /{{t}} HTTP/1.0\r\nHost: a.test\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n{SMUGGLED}"),
            )
            .refused_or_served(BAD_CODING),
        ],
    );
}

#[test]
fn a_length_is_digits_and_one_value() {
    let case = |name, length: &str| {
        Case::new(name, post(&format!("Content-Length: {length}\r\n"), &format!("hello{SMUGGLED}"))).refused(BAD)
    };
    let lines = |name, first: &str, second: &str| {
        let head = format!("Content-Length: {first}\r\nContent-Length: {second}\r\n");
        Case::new(name, post(&head, "hello"))
    };
    play(
        "lengths",
        &[
            case("plus", "+5"),
            case("minus", "-5"),
            case("minus-zero", "-0"),
            case("hex", "0x5"),
            case("hex-digit", "a"),
            case("underscore", "0_5"),
            case("space-inside", "5 5"),
            case("decimal", "5.0"),
            case("exponent", "5e0"),
            case("semicolon", "5;"),
            case("trailing-comma", "5,"),
            case("leading-comma", ",5"),
            case("empty", ""),
            case("quoted", "\"5\""),
            case("other-digits", "\u{ff15}"),
            case("nul-behind", "5\0"),
            case("vertical-tab", "\u{b}5"),
            case("over-64-bits", "99999999999999999999"),
            case("wraps-to-five", "18446744073709551621"),
            case("wraps-32-bits-twice", "340282366920938463463374607431768211461"),
            case("list-that-differs", "5, 6"),
            case("list-that-differs-first-longer", "6, 5"),
            lines("two-that-differ", "5", "6").refused(BAD),
            lines("two-that-differ-zero-first", "0", "5").refused(BAD),
            lines("two-one-empty", "5", "").refused(BAD),
            lines("two-equal", "5", "5").refused_or_served(BAD).body(FIVE),
            Case::new("list-equal", post("Content-Length: 5, 5\r\n", FIVE)).refused_or_served(BAD).body(FIVE),
            Case::new("space-before-colon", post("Content-Length : 5\r\n", FIVE)).refused(BAD),
            Case::new("leading-zeros", post("Content-Length: 0005\r\n", FIVE)).refused_or_served(BAD).body(FIVE),
            Case::new("exact", post("Content-Length: 5\r\n", FIVE)).body(FIVE),
            Case::new("spaces-around", post("Content-Length: \t 5 \t\r\n", FIVE)).body(FIVE),
            Case::new("zero", post("Content-Length: 0\r\n", "")).body(""),
            Case::new("none-on-post", post("", "")).body(""),
            Case::new("get-with-a-body", get("Content-Length: 5\r\n") + FIVE).body(FIVE),
        ],
    );
}
