//! Hostile answers: bodies of every kind, damaged and packed in every way, under headers that are read by meaning.

use super::{Random, Text, document, mutated};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use paritee::exchange::{Answer, Body, Failure, FailureKind, Outcome, Response};
use std::io::Write;

/// Two answers to one request, and what is known of them.
pub(crate) struct Pair {
    pub(crate) method: &'static str,
    pub(crate) primary: Answer,
    pub(crate) candidate: Answer,
    /// The bodies, where both are whole JSON under one plain header.
    pub(crate) documents: Option<(Text, Text)>,
    /// What to print of it when a law breaks.
    pub(crate) told: String,
}

type Fields = Vec<(&'static str, String)>;

impl Pair {
    /// Two JSON documents under one plain header.
    pub(crate) fn of_texts(primary: String, candidate: String) -> Pair {
        let told = format!("{primary}\n{candidate}");
        let json = |text: String| {
            answer(StatusCode::OK, vec![("content-type", "application/json".to_owned())], text.into_bytes())
        };
        Pair { method: "GET", primary: json(primary), candidate: json(candidate), documents: None, told }
    }
}

/// One pair in two is whole JSON without more ado; the others are any body under any header.
pub(crate) fn pair(random: &mut Random) -> Pair {
    if random.below(2) == 0 {
        let a = document(random, 4);
        let b = if random.below(5) == 0 { document(random, 4) } else { mutated(random, &a) };
        let plain = Pair::of_texts(a.text(), spelled(random, &b));
        return Pair { documents: Some((a, b)), ..plain };
    }
    let media = random.pick(MEDIA);
    let body = body(random, media);
    let other = match random.below(4) {
        0 => self::body(random, media),
        1 => body.clone(),
        _ => damaged(random, body.clone()),
    };
    let status = random.pick(&["200", "200", "200", "200", "404", "204", "304", "401", "500", "503"]);
    let also = if random.below(8) == 0 { random.pick(&["200", "404", "403", "502", "429"]) } else { status };
    let mut told = Vec::new();
    let mut side = |random: &mut Random, status: &str, body: Vec<u8>| {
        let (mut fields, body) = packed(random, media, body);
        zoo(random, &mut fields);
        told.push(format!("{status} {fields:?}\n{}", String::from_utf8_lossy(&body[..body.len().min(2_000)])));
        if random.below(40) == 0 {
            let failure = Failure { kind: FailureKind::Timeout, status: None, message: "planted".into() };
            return Answer { outcome: Outcome::Failed(failure), elapsed_us: 1 };
        }
        answer(StatusCode::from_bytes(status.as_bytes()).unwrap(), fields, body)
    };
    let (primary, candidate) = (side(random, status, body), side(random, also, other));
    let method = if random.below(12) == 0 { "HEAD" } else { "GET" };
    Pair { method, primary, candidate, documents: None, told: told.join("\n") }
}

fn answer(status: StatusCode, fields: Fields, body: Vec<u8>) -> Answer {
    let mut headers = HeaderMap::new();
    for (name, value) in fields {
        headers.append(HeaderName::from_static(name), HeaderValue::from_bytes(value.as_bytes()).unwrap());
    }
    let body = Body::from(body);
    Answer { outcome: Outcome::Answered(Response { status, headers, body, trailers: None }), elapsed_us: 1 }
}

/// The document with its members in another order and its numbers spelled otherwise.
pub(crate) fn spelled(random: &mut Random, of: &Text) -> String {
    match of {
        Text::Scalar(text) if text.parse::<u64>().is_ok() && random.below(3) == 0 => {
            format!("{text}{}", random.pick(&[".0", "e0", "E+0", ".00e-0"]))
        }
        Text::Scalar(text) => text.clone(),
        Text::Array(all) => {
            let texts: Vec<_> = all.iter().map(|one| spelled(random, one)).collect();
            format!("[{}]", texts.join(random.pick(&[",", " , ", ",\n\t"])))
        }
        Text::Object(all) => {
            let mut members: Vec<_> =
                all.iter().map(|(name, value)| format!("\"{name}\" :{}", spelled(random, value))).collect();
            for at in (1..members.len()).rev() {
                members.swap(at, random.below(at + 1));
            }
            format!("{{{}}}", members.join(", "))
        }
    }
}

const MEDIA: &[&str] = &[
    "application/json",
    "application/json",
    "application/problem+json",
    "text/html",
    "text/html",
    "application/xml",
    "application/xhtml+xml",
    "application/x-www-form-urlencoded",
    "text/plain",
    "application/octet-stream",
    "",
];

fn body(random: &mut Random, media: &str) -> Vec<u8> {
    match media {
        "text/html" => soup(random, HTML),
        "application/xml" | "application/xhtml+xml" => match random.below(3) {
            0 => soup(random, XML),
            _ => element(random, 4).into_bytes(),
        },
        "application/x-www-form-urlencoded" | "text/plain" => soup(random, FORM),
        "application/octet-stream" => (0..random.below(60)).map(|_| random.below(256) as u8).collect(),
        _ => json(random),
    }
}

/// JSON with names that repeat, numbers of any length, and now and then as deep as the judge walks, or one level deeper.
fn json(random: &mut Random) -> Vec<u8> {
    let text = match random.below(60) {
        0 => {
            let levels = 9_999 + random.below(3);
            let (open, close) = if random.below(2) == 0 { ("[", "]") } else { ("{\"a\":", "}") };
            format!("{}{}{}", open.repeat(levels), random.below(3), close.repeat(levels))
        }
        1..=12 => {
            let mut members = Vec::new();
            for _ in 0..random.below(5) {
                members.push((random.pick(&["a", r"\u0061", "b"]).to_owned(), document(random, 2)));
            }
            Text::Object(members).text()
        }
        13..=20 => format!("[{},{}]", number(random), number(random)),
        _ => document(random, 4).text(),
    };
    text.into_bytes()
}

fn number(random: &mut Random) -> String {
    let digits = |random: &mut Random, most: usize| -> String {
        (0..=random.below(most)).map(|_| char::from(b'0' + random.below(10) as u8)).collect()
    };
    let mut text = format!("{}{}{}", random.pick(&["", "-"]), 1 + random.below(9), digits(random, 30));
    if random.below(2) == 0 {
        text += &format!(".{}", digits(random, 400));
    }
    if random.below(2) == 0 {
        text += &format!("{}{}{}", random.pick(&["e", "E"]), random.pick(&["", "+", "-"]), digits(random, 25));
    }
    text
}

const HTML: &[&str] = &[
    "<!doctype html>",
    "<html>",
    "<body>",
    "<p>",
    "</p>",
    "<b>",
    "</b>",
    "<i class=' a  b'>",
    "</i>",
    "<div id=x>",
    "</div>",
    "<pre>\n",
    "</pre>",
    "<textarea>",
    "</textarea>",
    "<table>",
    "<tr><td>",
    "</table>",
    "<ul><li>",
    "<li>",
    "<script>a < b",
    "</script>",
    "<style>",
    "</style>",
    "<!-- c -->",
    "<input disabled value=1>",
    "<br>",
    " ",
    "\n",
    "a",
    "b ",
    "&amp;",
    "&nbsp;",
    "&#0;",
    "&#xD800;",
    "\u{0}",
    "<svg viewBox=0>",
    "<math><mi>",
    "</svg>",
    "<template>",
    "</template>",
    "<select><option selected>",
    "<a href='/x?a=1&b'>",
    "</a>",
    "<![CDATA[x]]>",
    "<",
    "</",
    "<a =\"",
];
const XML: &[&str] = &[
    "<?xml version='1.0'?>",
    "<?xml version='1.0' encoding='iso-8859-1'?>",
    "<a>",
    "</a>",
    "<b/>",
    "<p:a xmlns:p='u'>",
    "</p:a>",
    "<a xmlns='u'>",
    "<!DOCTYPE a [<!ENTITY e 'x'>]>",
    "<!DOCTYPE a>",
    "&e;",
    "&amp;",
    "&#233;",
    "&#0;",
    "<![CDATA[<x>]]>",
    "<!-- c -->",
    "<?pi x?>",
    " ",
    "x",
    "<a b='1' c=\"2\">",
    "<a b='1' b='1'>",
    "]]>",
    "<",
];
const FORM: &[&str] = &["a", "b", "=", "&", "=", "&", "+", "%20", "%FF", "%zz", "%", "é", "1", ";", "\u{0}", "%00"];

fn soup(random: &mut Random, of: &[&str]) -> Vec<u8> {
    (0..random.below(24)).map(|_| random.pick(of)).collect::<String>().into_bytes()
}

/// XML that is well-formed.
fn element(random: &mut Random, depth: usize) -> String {
    let name = random.pick(&["a", "b", "item"]);
    let attributes = random.pick(&["", " b='1'", " xmlns='u'", " xml:space='preserve'", " xmlns:q='v' q:b='2'"]);
    let inside: String = (0..random.below(if depth == 0 { 1 } else { 5 }))
        .map(|_| match random.below(4) {
            0 => random.pick(&["x", " ", "\n ", "<!---->", "<![CDATA[ ]]>", "&lt;", "<?p?>"]).to_owned(),
            _ => element(random, depth - 1),
        })
        .collect();
    format!("<{name}{attributes}>{inside}</{name}>")
}

/// Cut short, with a byte changed, with what is no text, with more at either end.
fn damaged(random: &mut Random, mut body: Vec<u8>) -> Vec<u8> {
    let at = random.below(body.len() + 1);
    match random.below(8) {
        0 => body.truncate(at),
        1 if at < body.len() => body[at] = random.below(256) as u8,
        2 => body.insert(at, [0xFF, 0xC0, 0xED, 0x00, b'"'][random.below(5)]),
        3 => body.splice(0..0, *b"\xEF\xBB\xBF").for_each(drop),
        4 => body.extend_from_slice(b" x"),
        5 => body.extend_from_slice(b"\n"),
        6 if at < body.len() => drop(body.remove(at)),
        _ => body.splice(at..at, *b"\xED\xA0\x80").for_each(drop),
    }
    body
}

/// The body under a type, a charset and content codings, which may be wrong.
fn packed(random: &mut Random, media: &str, mut body: Vec<u8>) -> (Fields, Vec<u8>) {
    let mut fields = Vec::new();
    let charset =
        random.pick(&["", "", "", "", "; charset=utf-8", "; charset=latin1", "; charset=utf-16le", "; charset=no"]);
    if !media.is_empty() {
        fields.push(("content-type", format!("{media}{charset}")));
    }
    let mut codings = Vec::new();
    for _ in 0..random.below(8).saturating_sub(5) {
        let coding = random.pick(&["gzip", "deflate", "br", "zstd", "identity", "x-no"]);
        body = encoded(coding, &body);
        codings.push(coding);
    }
    if !codings.is_empty() {
        fields.push(("content-encoding", codings.join(", ")));
        if random.below(6) == 0 {
            body = damaged(random, body);
        }
    }
    (fields, body)
}

fn encoded(coding: &str, body: &[u8]) -> Vec<u8> {
    match coding {
        "gzip" => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(body).unwrap();
            encoder.finish().unwrap()
        }
        "deflate" => {
            let mut encoder = flate2::write::ZlibEncoder::new(Vec::new(), flate2::Compression::fast());
            encoder.write_all(body).unwrap();
            encoder.finish().unwrap()
        }
        "br" => {
            let mut out = Vec::new();
            brotli::CompressorWriter::new(&mut out, 1024, 1, 18).write_all(body).unwrap();
            out
        }
        "zstd" => zstd::encode_all(body, 1).unwrap(),
        _ => body.to_vec(),
    }
}

const ZOO: &[(&str, &[&str])] = &[
    (
        "set-cookie",
        &[
            "s=1",
            "s=2; Path=/; Secure; HttpOnly",
            "s=; Max-Age=0",
            "s=1; Max-Age=99999999999999999999",
            "=",
            "s=1; Expires=Wed, 21 Oct 2015 07:28:00 GMT",
            "s=1; SameSite=Lax; ;;",
            "a=b=c, d=e",
            "s",
            "t=1; Domain=.X",
        ],
    ),
    ("cache-control", &["no-store", "max-age=60, public", "private=\"a, b\"", "max-age=-1", ",,", "=", "max-age=\""]),
    ("vary", &["Origin, Accept", "accept,origin", "*", ""]),
    ("allow", &["GET, HEAD", "head,get", ""]),
    ("location", &["/a", "//h/a", "http://H:80/a?x#y", "http://h/%7Ea", "http://h/~a", ":", "javascript:x", ""]),
    ("etag", &["\"a\"", "W/\"a\"", "x"]),
    ("date", &["Wed, 21 Oct 2015 07:28:00 GMT", "x"]),
    ("expires", &["0", "Wed, 21 Oct 2015 08:28:00 GMT", "Thu, 01 Jan 1970 00:00:00 GMT"]),
    (
        "last-modified",
        &["Wed, 21 Oct 2015 07:28:00 GMT", "Wednesday, 21-Oct-15 07:28:00 GMT", "Wed Oct 21 07:28:00 2015"],
    ),
    ("content-length", &["0", "7", "x"]),
    ("access-control-allow-origin", &["*", "https://a", "null"]),
    ("x-own", &["1", "é", "\t2"]),
    ("link", &["<a>; rel=next", "<b>, <c>"]),
    ("connection", &["close", "x-own"]),
];

fn zoo(random: &mut Random, fields: &mut Fields) {
    for _ in 0..random.below(6).saturating_sub(2) {
        let (name, values) = ZOO[random.below(ZOO.len())];
        fields.push((name, random.pick(values).to_owned()));
    }
}
