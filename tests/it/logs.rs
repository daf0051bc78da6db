//! No secret reaches the log, whatever passes through and however much is asked for; and each line of JSON is one object.

use crate::support::frames::Frames;
use crate::support::origin::{Fault, Next, Origin, plain};
use crate::support::tee::{Tee, adds_up};
use crate::support::until;
use serde_json::Value;
use std::io::Write;
use std::process::Command;
use std::sync::Arc;

/// Every secret that goes through holds this.
const SECRET: &str = "hunter2hunter2";

fn logging(format: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_paritee"));
    command.env("PARITEE_LOG", "trace,h2=trace,hyper=trace,paritee=trace").env("PARITEE_LOG_FORMAT", format);
    command
}

fn config(primary: &str, candidate: &str) -> String {
    format!(
        "[upstreams.primary]\nurl = \"{primary}\"\ntimeout = \"1s\"\n[upstreams.candidate]\nurl = \"{candidate}\"\n\
         timeout = \"1s\"\n[[route]]\nmatch = \"POST /{{any}}\"\nmirror = \"allow\"\nsplit_by = \"json:$.operationName\"\n"
    )
}

/// Sends this on a connection of its own; however it is answered, and whether or not the tee reads all of it.
fn send(tee: &Tee, bytes: &[u8]) {
    let mut client = tee.client();
    client.try_send(bytes);
    let _ = client.answer(false);
}

/// Well-formed requests with a secret wherever one may stand.
fn asks(tee: &Tee) {
    let fields = format!("Authorization: Bearer {SECRET}\r\nCookie: sessionid={SECRET}\r\nX-Api-Key: {SECRET}\r\n");
    let head = format!("GET /a/{SECRET}?token={SECRET} HTTP/1.1\r\nHost: shop.example\r\n{fields}\r\n");
    send(tee, head.as_bytes());
    for body in [format!("{{\"operationName\":\"{SECRET}\",\"password\":\"{SECRET}\"}}"), format!("password={SECRET}")]
    {
        let head = format!("POST /login HTTP/1.1\r\nHost: a\r\n{fields}Content-Length: {}\r\n\r\n", body.len());
        send(tee, format!("{head}{body}").as_bytes());
    }
    send(tee, format!("GET http://ann:{SECRET}@shop.example/x HTTP/1.1\r\nHost: shop.example\r\n\r\n").as_bytes());
}

/// Requests that are none, with a secret in what is wrong.
fn breaks(tee: &Tee) {
    for head in [
        format!("GET / HTTP/1.1\r\nHost: {SECRET} x\r\n\r\n"),
        format!("GET /{SECRET}\0 HTTP/1.1\r\nHost: a\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: a\r\nCookie {SECRET}\r\n\r\n"),
        format!("GET / HTTP/1.1\r\nHost: a\r\nCookie: {SECRET}\r\nContent-Length: {SECRET}\r\n\r\n"),
        format!("POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n{SECRET}\r\n"),
        format!("POST /a HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: {SECRET}\r\nCookie: {SECRET}\r\n\r\n"),
        format!("{SECRET}\r\n\r\n"),
        format!("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n{SECRET}{SECRET}{SECRET}{SECRET}"),
        format!("GET /{} HTTP/1.1\r\nHost: a\r\n\r\n", SECRET.repeat(8_000)),
    ] {
        send(tee, head.as_bytes());
    }
}

fn http2(tee: &Tee) {
    let mut client = Frames::connect(tee.live);
    let path = format!("/{SECRET}?token={SECRET}");
    let head = [(":method", "GET"), (":scheme", "http"), (":authority", "a"), (":path", &*path)];
    client.head(1, &[&head[..], &[("cookie", SECRET), ("authorization", SECRET)]].concat(), true);
    client.end_of(1);
    // A field that no head may hold.
    client.head(3, &[&head[..], &[("connection", SECRET), ("x-Upper", SECRET)]].concat(), true);
    client.end_of(3);
}

#[test]
fn no_secret_is_logged_whatever_fails() {
    let answer = format!("HTTP/1.1 200 OK\r\nSet-Cookie: sessionid={SECRET}\r\nContent-Length: 14\r\n\r\n{SECRET}");
    let other = answer.replace("200 OK", "201 Created");
    let garbage = Origin::start(Arc::new(|_, stream| {
        let _ = stream.write_all(format!("HTTP/1.1 2{SECRET} \0\r\nSet-Cookie {SECRET}\r\n\r\n").as_bytes());
        Next::Close
    }));
    let broken_chunks = Origin::start(Arc::new(|_, stream| {
        let _ =
            stream.write_all(format!("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n{SECRET}\r\n").as_bytes());
        Next::Close
    }));
    let good = (Origin::answering(answer.into_bytes()), Origin::answering(other.into_bytes()));
    let failing = [Fault::Closed, Fault::Reset, Fault::HangInBody, Fault::Garbage].map(Origin::failing);
    let mut pairs = vec![(&good.0, &good.1), (&garbage, &good.1), (&good.0, &garbage), (&good.0, &broken_chunks)];
    pairs.push((&broken_chunks, &good.1));
    pairs.extend(failing.iter().flat_map(|bad| [(bad, &good.1), (&good.0, bad)]));
    for (at, (primary, candidate)) in pairs.into_iter().enumerate() {
        let format = if at % 2 == 0 { "json" } else { "text" };
        let tee = Tee::by(logging(format), 0, &config(&primary.url(), &candidate.url()));
        asks(&tee);
        breaks(&tee);
        http2(&tee);
        adds_up(&tee.settled());
        tee.signal("-TERM");
        let lines = tee.lines_at_the_end();
        assert!(lines.iter().any(|line| line.contains("stopping")), "{lines:?}");
        let leaks: Vec<&String> = lines.iter().filter(|line| line.contains(SECRET)).collect();
        assert!(leaks.is_empty(), "{leaks:#?}");
        // What fails is logged, or there would be nothing to look through.
        let logged = lines.iter().any(|line| line.contains("no answer") || line.contains("HTTP/2 is broken"));
        assert!(logged, "{at}: {lines:#?}");
    }
}

#[test]
fn each_line_of_json_is_one_object_with_its_parts() {
    let primary = Origin::failing(Fault::Closed);
    let tee = Tee::by(logging("json"), 0, &config(&primary.url(), &Origin::answering(plain(b"x")).url()));
    assert_eq!(tee.client().get("/a").status, 502);
    until("it is logged", || tee.said("no connection").then_some(()));
    tee.signal("-TERM");
    let lines = tee.lines_at_the_end();
    let mut fields = 0;
    for line in &lines {
        let object: Value = serde_json::from_str(line).unwrap_or_else(|error| panic!("{error}: {line}"));
        assert!(object["time"].as_str().is_some_and(|time| time.ends_with('Z')), "{line}");
        assert!(["error", "warn", "info", "debug", "trace"].contains(&object["level"].as_str().unwrap()), "{line}");
        assert!(object["target"].as_str().is_some_and(|target| target.starts_with("paritee")), "{line}");
        assert!(object["message"].as_str().is_some_and(|message| !message.is_empty()), "{line}");
        fields += usize::from(object["fields"]["side"] == "primary");
    }
    assert!(fields >= 1, "{lines:#?}");
    assert!(lines.iter().any(|line| line.contains("\"message\":\"listening on ")), "{lines:#?}");
}

#[test]
fn a_setting_that_does_not_read_is_refused() {
    for (name, value, says) in
        [("PARITEE_LOG", "paritee=loud", "allowed: off"), ("PARITEE_LOG_FORMAT", "yaml", "allowed: text, json")]
    {
        let mut command = Command::new(env!("CARGO_BIN_EXE_paritee"));
        let output = command.args(["serve", "--primary", "http://127.0.0.1:1"]).env(name, value).output().unwrap();
        let said = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(output.status.code() == Some(2) && said.contains(name) && said.contains(says), "{said}");
    }
}
