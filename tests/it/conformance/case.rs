//! A case: what the client sends, what the origin answers, and what must be seen at the client and at each side.

use super::client::{Answer, Client, PATIENCE};
use super::message::{Head, shown};
use super::origin::{Origin, Step, ok};
use super::tee::Tee;
use std::thread;
use std::time::Duration;

/// What the client must see.
#[derive(Clone)]
enum AtClient {
    /// One of these statuses, then the connection closes; nothing behind the request is read.
    Refused(&'static [u16]),
    /// As refused, or the connection closes without an answer.
    RefusedOrClosed(&'static [u16]),
    /// As refused, or served once.
    RefusedOrServed(&'static [u16]),
    /// A whole answer with this status and body.
    Answered(u16, Vec<u8>),
    /// One of these statuses; the connection may live on.
    Status(&'static [u16]),
    /// Never a whole answer of the primary's: cut and closed, or 502.
    Broken,
    /// The client has gone; there is nothing to see.
    Gone,
}

/// How many copies the candidate must see.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum Copies {
    Nothing,
    One,
    /// None or one.
    AtMostOne,
}

/// How the client ends its sending.
#[derive(Clone, Copy, PartialEq)]
enum Ending {
    Stays,
    HalfCloses,
    Leaves,
}

#[derive(Clone)]
pub(super) struct Case {
    name: &'static str,
    send: Vec<u8>,
    method: &'static str,
    ending: Ending,
    origin: Vec<Step>,
    client: AtClient,
    closes: bool,
    body: Option<Vec<u8>>,
    at_primary: Vec<String>,
    not_at_primary: Vec<&'static str>,
    at_client: Vec<&'static str>,
    not_at_client: Vec<&'static str>,
    interim: &'static [u16],
    target: Option<&'static str>,
    copies: Copies,
}

/// A GET of the case's own path with these further lines.
pub(super) fn get(lines: &str) -> String {
    format!("GET /{{t}} HTTP/1.1\r\nHost: example.test\r\n{lines}\r\n")
}

/// A POST of the case's own path with these further lines and these bytes behind the head.
pub(super) fn post(lines: &str, rest: &str) -> String {
    format!("POST /{{t}} HTTP/1.1\r\nHost: example.test\r\n{lines}\r\n{rest}")
}

/// A whole request that no side may ever see.
pub(super) const SMUGGLED: &str = "GET /{t}.smuggled HTTP/1.1\r\nHost: example.test\r\n\r\n";

impl Case {
    /// A case that is served: `send` with `{t}` for the case's token. Mirrored exactly once where it is a GET or a HEAD.
    pub(super) fn new(name: &'static str, send: impl AsRef<[u8]>) -> Case {
        let send = send.as_ref().to_vec();
        let method = if send.starts_with(b"HEAD ") { "HEAD" } else { "GET" };
        let mirrored = send.starts_with(b"GET ") || send.starts_with(b"HEAD ");
        Case {
            name,
            send,
            method,
            ending: Ending::Stays,
            origin: vec![Step::Body, Step::Send(ok("ok"))],
            client: AtClient::Answered(200, b"ok".to_vec()),
            closes: false,
            body: None,
            at_primary: Vec::new(),
            not_at_primary: Vec::new(),
            at_client: Vec::new(),
            not_at_client: Vec::new(),
            interim: &[],
            target: None,
            copies: if mirrored { Copies::One } else { Copies::Nothing },
        }
    }

    pub(super) fn refused(mut self, statuses: &'static [u16]) -> Case {
        self.client = AtClient::Refused(statuses);
        self.copies = Copies::Nothing;
        self
    }

    /// Refused in the middle of a body: what was streamed so far may be at the primary, never as a whole request.
    pub(super) fn cut_off(mut self, statuses: &'static [u16]) -> Case {
        self.client = AtClient::RefusedOrClosed(statuses);
        self.copies = Copies::Nothing;
        self
    }

    pub(super) fn refused_or_served(mut self, statuses: &'static [u16]) -> Case {
        self.client = AtClient::RefusedOrServed(statuses);
        self.copies = Copies::AtMostOne;
        self
    }

    /// The client leaves after its bytes; neither side may see a whole request.
    pub(super) fn leaves(mut self) -> Case {
        (self.ending, self.client, self.copies) = (Ending::Leaves, AtClient::Gone, Copies::Nothing);
        self
    }

    pub(super) fn half_closes(mut self) -> Case {
        self.ending = Ending::HalfCloses;
        self
    }

    pub(super) fn origin(mut self, steps: Vec<Step>) -> Case {
        self.origin = steps;
        self
    }

    /// The primary answers these bytes.
    pub(super) fn answers(self, bytes: impl AsRef<[u8]>) -> Case {
        self.origin(vec![Step::Body, Step::Send(bytes.as_ref().to_vec())])
    }

    /// The primary answers these bytes and closes.
    pub(super) fn answers_and_closes(self, bytes: impl AsRef<[u8]>) -> Case {
        self.origin(vec![Step::Body, Step::Send(bytes.as_ref().to_vec()), Step::Finish])
    }

    pub(super) fn seen(mut self, status: u16, body: impl AsRef<[u8]>) -> Case {
        self.client = AtClient::Answered(status, body.as_ref().to_vec());
        self
    }

    pub(super) fn status(mut self, statuses: &'static [u16]) -> Case {
        self.client = AtClient::Status(statuses);
        self.copies = Copies::AtMostOne;
        self
    }

    pub(super) fn broken(mut self) -> Case {
        self.client = AtClient::Broken;
        self.copies = Copies::AtMostOne;
        self
    }

    pub(super) fn copies(mut self, copies: Copies) -> Case {
        self.copies = copies;
        self
    }

    /// The tee must close after the answer.
    pub(super) fn closes(mut self) -> Case {
        self.closes = true;
        self
    }

    /// The body that the primary must see, and the candidate where it is mirrored.
    pub(super) fn body(mut self, body: impl AsRef<[u8]>) -> Case {
        self.body = Some(body.as_ref().to_vec());
        self
    }

    /// `name: value` that the primary must see; values of one name joined by `, `.
    pub(super) fn at_primary(mut self, field: impl Into<String>) -> Case {
        self.at_primary.push(field.into());
        self
    }

    pub(super) fn not_at_primary(mut self, name: &'static str) -> Case {
        self.not_at_primary.push(name);
        self
    }

    pub(super) fn at_client(mut self, field: &'static str) -> Case {
        self.at_client.push(field);
        self
    }

    pub(super) fn not_at_client(mut self, name: &'static str) -> Case {
        self.not_at_client.push(name);
        self
    }

    /// The interim answers that the client may see.
    pub(super) fn interim(mut self, statuses: &'static [u16]) -> Case {
        self.interim = statuses;
        self
    }

    /// The target that the primary must see.
    pub(super) fn target(mut self, target: &'static str) -> Case {
        self.target = Some(target);
        self
    }

    fn token(&self, topic: &str) -> String {
        format!("case.{topic}.{}", self.name)
    }

    /// Plays the case. Says what was not as expected at the client and at the primary.
    fn play(&self, topic: &str, tee: &Tee, primary: &Origin) -> Vec<String> {
        let token = self.token(topic);
        primary.script(&token, vec![self.origin.clone()]);
        let bytes = filled(&self.send, &token);
        let mut client = Client::connect(tee.address);
        client.send(&bytes);
        match self.ending {
            Ending::Stays => {}
            Ending::HalfCloses => client.half_close(),
            Ending::Leaves => {
                drop(client);
                let _ =
                    primary.wait(Duration::from_millis(500), |log| log.requests.iter().any(|seen| seen.token == token));
                return self.judge_primary(&token, primary, false);
            }
        }
        let mut wrong = Vec::new();
        let served = self.judge_client(&mut client, &token, &mut wrong);
        wrong.extend(self.judge_primary(&token, primary, served));
        wrong
    }

    /// Whether the client was served, with what was wrong.
    fn judge_client(&self, client: &mut Client, token: &str, wrong: &mut Vec<String>) -> bool {
        let first = client.answer(self.method);
        let status = first.status();
        if first.interim.iter().any(|code| !self.interim.contains(code)) {
            wrong.push(format!("client: interim {:?}, expected among {:?}", first.interim, self.interim));
        }
        let refused = |statuses: &[u16]| statuses.contains(&status);
        match &self.client {
            AtClient::Refused(statuses) if !refused(statuses) => {
                wrong.push(format!("client: {first}; expected one of {statuses:?} and a closed connection"));
            }
            AtClient::RefusedOrClosed(statuses) if !refused(statuses) => {
                let closed = status == 0 && client.closes(Duration::from_secs(1)).0;
                if !closed {
                    wrong.push(format!("client: {first}; expected one of {statuses:?} or closed, never served"));
                }
            }
            AtClient::RefusedOrServed(statuses) if !(refused(statuses) || status == 200 && first.complete) => {
                wrong.push(format!("client: {first}; expected one of {statuses:?} or 200"));
            }
            AtClient::RefusedOrServed(statuses) => return !refused(statuses),
            AtClient::Answered(status, body) => {
                self.judge_answer(client, &first, (*status, body), token, wrong);
                return true;
            }
            AtClient::Status(statuses) => {
                if !refused(statuses) {
                    wrong.push(format!("client: {first}; expected one of {statuses:?}"));
                }
                return true;
            }
            AtClient::Broken => {
                if first.complete && status != 502 {
                    wrong.push(format!("client: {first}; expected a cut answer or 502"));
                }
                let closed = first.complete || client.closes(PATIENCE).0;
                if !closed {
                    wrong.push("client: the cut answer leaves the connection open".to_owned());
                }
                return true;
            }
            _ => {}
        }
        if status != 0 {
            self.judge_close(client, wrong);
        }
        false
    }

    fn judge_answer(
        &self,
        client: &mut Client,
        answer: &Answer,
        (status, body): (u16, &[u8]),
        token: &str,
        wrong: &mut Vec<String>,
    ) {
        if answer.status() != status || answer.body != body || !answer.complete {
            wrong.push(format!("client: {answer}; expected {status} with whole body {}", shown(body)));
            return;
        }
        wrong.extend(judge_fields("client", &answer.head, &self.at_client, &self.not_at_client, token));
        if self.closes {
            self.judge_close(client, wrong);
        } else if self.ending == Ending::Stays && self.stays_open(answer) {
            client.send(filled(b"GET /{t}.next HTTP/1.1\r\nHost: example.test\r\n\r\n", token).as_slice());
            let next = client.answer("GET");
            if next.status() != 200 || next.body != b"ok" {
                wrong.push(format!("client: the next request on the connection got {next}"));
            }
        }
    }

    /// Whether the connection is said to live on: by default it is for 1.1, not for 1.0.
    fn stays_open(&self, answer: &Answer) -> bool {
        let said = answer.head.one("connection").unwrap_or("").to_ascii_lowercase();
        let old = super::message::find(&self.send, b" HTTP/1.0\r\n").is_some();
        if old { said == "keep-alive" } else { said != "close" }
    }

    fn judge_close(&self, client: &mut Client, wrong: &mut Vec<String>) {
        let (closed, more) = client.closes(PATIENCE);
        if !closed {
            wrong.push("client: the connection stays open; expected closed".to_owned());
        }
        if !more.is_empty() {
            wrong.push(format!("client: more bytes after the answer: {}", shown(&more)));
        }
    }

    fn judge_primary(&self, token: &str, primary: &Origin, served: bool) -> Vec<String> {
        let requests = primary.requests(token);
        if !served {
            let streamed =
                matches!(self.client, AtClient::RefusedOrClosed(_) | AtClient::Gone | AtClient::RefusedOrServed(_));
            return requests
                .iter()
                .filter(|seen| seen.complete || !streamed)
                .map(|seen| {
                    format!("primary: saw {} body {}; expected nothing whole", shown(&seen.head.raw), shown(&seen.body))
                })
                .collect();
        }
        // A GET may be asked once more where a reused connection broke; anything else once.
        let may_repeat = self.method == "GET" && self.send.starts_with(b"GET ");
        let most = if may_repeat && matches!(self.client, AtClient::Status(_) | AtClient::Broken) { 2 } else { 1 };
        let Some(seen) = requests.last().filter(|_| requests.len() <= most) else {
            return vec![format!("primary: saw {} requests; expected one", requests.len())];
        };
        let mut wrong: Vec<String> = Vec::new();
        if let Some(body) = self.body.as_ref().filter(|body| !seen.complete || **body != seen.body) {
            let whole = if seen.complete { "whole" } else { "cut" };
            wrong.push(format!("primary: {whole} body {}; expected {}", shown(&seen.body), shown(body)));
        }
        let target = self.target.map(|target| target.replace("{t}", token));
        if let Some(target) = target.filter(|target| target != seen.head.target()) {
            wrong.push(format!("primary: target {}; expected {target}", seen.head.target()));
        }
        let wanted: Vec<&str> = self.at_primary.iter().map(String::as_str).collect();
        wrong.extend(judge_fields("primary", &seen.head, &wanted, &self.not_at_primary, token));
        wrong
    }

    /// Says what was not as expected at the candidate. To be asked once every copy must have come.
    fn judge_copies(&self, topic: &str, candidate: &Origin) -> Vec<String> {
        let token = self.token(topic);
        let within = if self.copies == Copies::One { PATIENCE } else { Duration::ZERO };
        let _ = candidate.wait(within, |log| log.requests.iter().any(|seen| seen.token == token && seen.complete));
        let copies = candidate.requests(&token);
        let whole = copies.iter().filter(|seen| seen.complete).count();
        let fine = match self.copies {
            Copies::Nothing => whole == 0,
            Copies::One => whole == 1 && copies.len() == 1,
            Copies::AtMostOne => copies.len() <= 1,
        };
        let mut wrong = Vec::new();
        if !fine {
            let expected = match self.copies {
                Copies::Nothing => "none whole",
                Copies::One => "one",
                Copies::AtMostOne => "at most one",
            };
            wrong.push(format!("candidate: {} copies, {whole} whole; expected {expected}", copies.len()));
        }
        for seen in copies.iter().filter(|seen| seen.complete) {
            if let Some(body) = self.body.as_ref().filter(|body| **body != seen.body) {
                wrong.push(format!("candidate: body {}; expected {}", shown(&seen.body), shown(body)));
            }
            if seen.head.one("x-shadow-request") != Some("1") || seen.head.one("x-paritee-exchange").is_none() {
                wrong.push(format!("candidate: the copy is not marked: {}", shown(&seen.head.raw)));
            }
            wrong.extend(judge_fields("candidate", &seen.head, &[], &self.not_at_primary, &token));
        }
        wrong
    }
}

fn filled(bytes: &[u8], token: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = super::message::find(rest, b"{t}") {
        out.extend_from_slice(&rest[..at]);
        out.extend_from_slice(token.as_bytes());
        rest = &rest[at + 3..];
    }
    out.extend_from_slice(rest);
    out
}

fn judge_fields(place: &str, head: &Head, wanted: &[&str], unwanted: &[&'static str], token: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    for field in wanted {
        let (name, value) = field.split_once(": ").unwrap_or((field, ""));
        let value = value.replace("{t}", token);
        let found = head.all(name).join(", ");
        if found != value {
            wrong.push(format!("{place}: {name} is {found:?}; expected {value:?}"));
        }
    }
    for name in unwanted {
        if let Some(value) = head.one(name) {
            wrong.push(format!("{place}: has {name}: {value}; expected none"));
        }
    }
    wrong
}

/// Plays the cases of a topic on one tee, some at a time, and fails with everything that was not as expected.
pub(super) fn play(topic: &str, cases: &[Case]) {
    let (primary, candidate) = (Origin::start(), Origin::start());
    let tee = Tee::between(&primary, &candidate);
    let mut wrong = Vec::new();
    for some in cases.chunks(8) {
        let found: Vec<Vec<String>> = thread::scope(|scope| {
            let (tee, primary) = (&tee, &primary);
            let running: Vec<_> = some.iter().map(|case| scope.spawn(move || case.play(topic, tee, primary))).collect();
            running.into_iter().map(|case| case.join().unwrap_or_else(|_| vec!["the case panicked".into()])).collect()
        });
        for (case, found) in some.iter().zip(found) {
            wrong.extend(found.into_iter().map(|what| (case.name, what)));
        }
    }
    let token = format!("case.{topic}.the-last-one");
    let mut client = Client::connect(tee.address);
    client.send(get("").replace("{t}", &token).as_bytes());
    let last = client.answer("GET");
    if last.status() != 200 {
        wrong.push(("the-last-one", format!("client: {last}; expected 200")));
    }
    let _ = candidate.wait(PATIENCE, |log| log.requests.iter().any(|seen| seen.token == token));
    for case in cases {
        wrong.extend(case.judge_copies(topic, &candidate).into_iter().map(|what| (case.name, what)));
    }
    drop(tee);
    for (side, origin) in [("primary", &primary), ("candidate", &candidate)] {
        for case in cases {
            for seen in origin.requests(&format!("{}.smuggled", case.token(topic))) {
                wrong.push((case.name, format!("{side}: SMUGGLED {}", shown(&seen.head.raw))));
            }
            for fault in origin.requests(&case.token(topic)).iter().flat_map(|seen| &seen.faults) {
                wrong.push((case.name, format!("{side}: {fault}")));
            }
        }
        wrong.extend(origin.strays().into_iter().map(|stray| (side, format!("bytes that are no request: {stray}"))));
    }
    let lines: Vec<String> = wrong
        .iter()
        .map(|(name, what)| {
            let sent = cases.iter().find(|case| case.name == *name).map(|case| shown(&case.send)).unwrap_or_default();
            format!("{topic}/{name}: sent {sent}\n    {what}")
        })
        .collect();
    assert!(
        lines.is_empty(),
        "{} of {} cases of {topic} went wrong:\n{}",
        failed(&wrong),
        cases.len(),
        lines.join("\n")
    );
}

fn failed(wrong: &[(&str, String)]) -> usize {
    let mut names: Vec<&str> = wrong.iter().map(|(name, _)| *name).collect();
    names.sort_unstable();
    names.dedup();
    names.len()
}
