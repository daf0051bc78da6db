//! The judge by example: every table in `tests/cases/*.toml` is two answers and rules in, a judgement out.

use http::{HeaderMap, HeaderName, Method, StatusCode};
use paritee::compare::Difference;
use paritee::document::Media;
use paritee::exchange::{
    Answer, Body, CandidateSession, Client, Exchange, ExchangeId, Failure, FailureKind, Outcome, Provenance, Request,
    Response, Route,
};
use paritee::judge::{Context, IdClaim, Judgement, Owners, judge};
use paritee::rules::{
    Codec, ErrorBody, Fallback, IdScope, NumberTolerance, Rename, Rewrite, RuleKind, RuleSet, RuleSpec, SameId,
    Selector, SetCookie, Shape, SideChoice, TextMode, UrlRule,
};
use serde::Deserialize;
use std::collections::BTreeMap;

/// A file of cases.
#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    #[serde(default = "get")]
    method: String,
    /// The content type of both answers, where they name none.
    #[serde(default = "json")]
    content_type: String,
    primary: Given,
    candidate: Given,
    #[serde(default)]
    proxied: bool,
    #[serde(default)]
    client_left: bool,
    /// The candidate could not be given a credential.
    #[serde(default)]
    session_missing: bool,
    /// Who asks: the subject, and whether the class is of nobody.
    subject: Option<String>,
    #[serde(default)]
    nobody: bool,
    #[serde(default)]
    owner_paths: Vec<String>,
    #[serde(default)]
    rule: Vec<RawRule>,
    judgement: String,
    reason: Option<String>,
    #[serde(default)]
    differences: Vec<Expected>,
    /// Rules that hit, with their hits.
    #[serde(default)]
    hits: BTreeMap<String, u64>,
    /// What is claimed of ids beyond the document: space, scope, place, and the ids as received.
    #[serde(default)]
    claims: Vec<String>,
    /// Also judged with the sides swapped, except where a rule or a status has a side.
    #[serde(default = "yes")]
    symmetric: bool,
}

#[derive(Deserialize, Clone)]
#[serde(deny_unknown_fields)]
struct Given {
    #[serde(default = "ok")]
    status: u16,
    #[serde(default)]
    headers: BTreeMap<String, String>,
    #[serde(default)]
    body: String,
    failure: Option<String>,
    /// The body is cut to its first bytes, with a digest of all.
    truncated: Option<u64>,
}

#[derive(Deserialize, Debug, PartialEq)]
#[serde(deny_unknown_fields)]
struct Expected {
    #[serde(rename = "in")]
    place: String,
    #[serde(default)]
    path: String,
    kind: String,
    severity: String,
    detail: Option<String>,
    shape: Option<String>,
    primary: Option<String>,
    candidate: Option<String>,
}

fn get() -> String {
    "GET".into()
}
fn json() -> String {
    "application/json".into()
}
fn ok() -> u16 {
    200
}
fn yes() -> bool {
    true
}

/// A rule in the config's spelling.
#[derive(Deserialize, Clone, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawRule {
    name: String,
    path: Option<String>,
    reason: Option<String>,
    #[serde(default)]
    of_route: bool,
    ignore: Option<bool>,
    added: Option<String>,
    unordered: Option<bool>,
    key: Option<Vec<String>>,
    shape: Option<String>,
    pattern: Option<String>,
    timestamp_us: Option<u64>,
    abs: Option<String>,
    rel: Option<String>,
    rewrite: Option<(String, String, String)>,
    fallback: Option<RawFallback>,
    error_body: Option<Vec<u16>>,
    set: Option<bool>,
    /// What is ignored, then hosts.
    url: Option<Vec<Vec<String>>>,
    text: Option<Vec<String>>,
    decode: Option<Vec<String>>,
    /// Whether every emptiness counts as none.
    absent: Option<bool>,
    rename: Option<(String, String)>,
    /// `string` or `spelling`.
    number: Option<String>,
    same_id: Option<String>,
    /// Of `same_id`: `session` or `run`.
    scope: Option<String>,
    /// The primary's name, the candidate's, and who clears alone (empty: nobody).
    set_cookie: Option<(String, String, String)>,
    body: Option<String>,
}

#[derive(Deserialize, Clone, Default)]
#[serde(deny_unknown_fields)]
pub(crate) struct RawFallback {
    side: String,
    from: String,
    chars: Option<usize>,
    #[serde(default)]
    suffix: String,
    #[serde(default)]
    strip_html: bool,
}

fn side(word: &str) -> SideChoice {
    match word {
        "primary" => SideChoice::Primary,
        "candidate" => SideChoice::Candidate,
        _ => SideChoice::Both,
    }
}

fn mode_of(word: &str) -> TextMode {
    match word {
        "trim" => TextMode::Trim,
        "collapse" => TextMode::Collapse,
        "case" => TextMode::Case,
        "nfc" => TextMode::Nfc,
        _ => TextMode::Crlf,
    }
}

fn codec_of(word: &str) -> Codec {
    match word {
        "base64" => Codec::Base64,
        "gzip" => Codec::Gzip,
        _ => Codec::Json,
    }
}

impl RawRule {
    fn spec(&self) -> RuleSpec {
        let kind = if self.ignore.is_some() {
            RuleKind::Ignore
        } else if self.added.is_some() {
            RuleKind::Added
        } else if self.unordered.is_some() {
            RuleKind::Unordered
        } else if let Some(key) = &self.key {
            RuleKind::Key(key.clone())
        } else if let Some(shape) = &self.shape {
            RuleKind::Shape(match shape.as_str() {
                "uuid" => Shape::Uuid,
                "timestamp" => Shape::Timestamp,
                "number" => Shape::Number,
                _ => Shape::SameType,
            })
        } else if let Some(pattern) = &self.pattern {
            RuleKind::Shape(Shape::Pattern(pattern.clone()))
        } else if let Some(within_us) = self.timestamp_us {
            RuleKind::Timestamp { within_us }
        } else if let Some((pattern, with, on)) = &self.rewrite {
            RuleKind::Rewrite(Rewrite { pattern: pattern.clone(), with: with.clone(), side: side(on) })
        } else if let Some(fallback) = &self.fallback {
            RuleKind::Fallback(Fallback {
                side: side(&fallback.side),
                from: fallback.from.clone(),
                chars: fallback.chars,
                suffix: fallback.suffix.clone(),
                strip_html: fallback.strip_html,
            })
        } else if self.set.is_some() {
            RuleKind::Set
        } else if let Some(url) = &self.url {
            let ignored = |word: &str| url[0].iter().any(|known| known == word);
            RuleKind::Url(UrlRule {
                origin: ignored("origin"),
                trailing_slash: ignored("trailing_slash"),
                query_order: ignored("query_order"),
                hosts: url.get(1).cloned().unwrap_or_default(),
            })
        } else if let Some(modes) = &self.text {
            RuleKind::Text(modes.iter().map(|mode| mode_of(mode)).collect())
        } else if let Some(codecs) = &self.decode {
            RuleKind::Decode(codecs.iter().map(|codec| codec_of(codec)).collect())
        } else if let Some(empty) = self.absent {
            RuleKind::AbsentIsNull { empty }
        } else if let Some((from, to)) = &self.rename {
            RuleKind::Rename(Rename { from: from.clone(), to: to.clone() })
        } else if let Some(word) = &self.number {
            let (string, spelling) = (word == "string", word == "spelling");
            RuleKind::Number(NumberTolerance { string, spelling, ..NumberTolerance::default() })
        } else if let Some(space) = &self.same_id {
            let scope = self.scope.as_deref().unwrap_or("document");
            let scope = IdScope::ALL.into_iter().find(|known| known.as_str() == scope).unwrap();
            RuleKind::SameId(SameId { space: space.clone(), scope })
        } else if let Some((primary, candidate, cleared_by)) = &self.set_cookie {
            let cleared_by = (!cleared_by.is_empty()).then(|| side(cleared_by));
            RuleKind::SetCookie(SetCookie { primary: primary.clone(), candidate: candidate.clone(), cleared_by })
        } else if let Some(word) = &self.body {
            RuleKind::Body(match word.as_str() {
                "html" => Media::Html,
                "xml" => Media::Xml,
                "form" => Media::Form,
                "text" => Media::Text,
                _ => Media::Json,
            })
        } else if let Some(statuses) = &self.error_body {
            RuleKind::ErrorBody(ErrorBody { statuses: statuses.clone() })
        } else {
            RuleKind::Number(NumberTolerance { abs: self.abs.clone(), rel: self.rel.clone(), ..Default::default() })
        };
        RuleSpec {
            name: self.name.as_str().into(),
            path: self.path.clone(),
            kind,
            reason: self.reason.clone(),
            until_day: None,
            of_route: self.of_route,
        }
    }
}

impl Given {
    fn answer(&self, content_type: &str) -> Answer {
        let outcome = match &self.failure {
            Some(word) => Outcome::Failed(Failure {
                kind: match word.as_str() {
                    "connect" => FailureKind::Connect,
                    "timeout" => FailureKind::Timeout,
                    "reset" => FailureKind::Reset,
                    "protocol" => FailureKind::Protocol,
                    "tls" => FailureKind::Tls,
                    _ => FailureKind::TooLarge,
                },
                status: None,
                message: "planted".into(),
            }),
            None => {
                let mut headers = HeaderMap::new();
                if !self.headers.contains_key("content-type") {
                    headers.insert("content-type", content_type.parse().unwrap());
                }
                for (name, value) in &self.headers {
                    if value != "-" {
                        let name: HeaderName = name.parse().unwrap();
                        headers.append(name, value.parse().unwrap());
                    }
                }
                let body = self.body.clone().into_bytes();
                let body = match self.truncated {
                    Some(digest) => {
                        Body::Truncated { length: body.len() as u64, kept: body.into(), digest: u128::from(digest) }
                    }
                    None => Body::from(body),
                };
                Outcome::Answered(Response {
                    status: StatusCode::from_u16(self.status).unwrap(),
                    headers,
                    body,
                    trailers: None,
                })
            }
        };
        Answer { outcome, elapsed_us: 1 }
    }
}

/// An exchange of two answers.
pub(crate) fn exchange(method: &str, primary: Answer, candidate: Answer) -> Exchange {
    Exchange {
        id: ExchangeId(1),
        received_at_ms: 0,
        route: Route::declared("GET /x"),
        principal: "anonymous".into(),
        subject: None,
        request: Request {
            method: method.parse::<Method>().unwrap(),
            target: "/x".into(),
            headers: HeaderMap::new(),
            body: Body::empty(),
        },
        primary,
        candidate,
        secondary: None,
        provenance: Provenance::Own,
        client: Client::Served,
        candidate_session: CandidateSession::Known,
    }
}

impl Case {
    fn exchange(&self, swapped: bool) -> Exchange {
        let (primary, candidate) = (self.primary.answer(&self.content_type), self.candidate.answer(&self.content_type));
        let (primary, candidate) = if swapped { (candidate, primary) } else { (primary, candidate) };
        let mut exchange = exchange(&self.method, primary, candidate);
        if self.proxied {
            exchange.provenance = Provenance::Proxied;
        }
        if self.client_left {
            exchange.client = Client::Left;
        }
        if self.session_missing {
            exchange.candidate_session = CandidateSession::Missing;
        }
        exchange.subject = self.subject.as_deref().map(Into::into);
        exchange
    }

    fn context(&self, hash_key: u64) -> Context {
        let paths = self.owner_paths.iter().map(|path| Selector::parse(path).unwrap()).collect();
        let owners = Owners { paths, nobody: self.nobody };
        Context { hash_key, owners: [("anonymous".into(), owners)].into(), ..Context::default() }
    }

    fn check(&self) -> Result<(), String> {
        let specs: Vec<RuleSpec> = self.rule.iter().map(RawRule::spec).collect();
        let rules = RuleSet::compile(&specs).map_err(|error| error.to_string())?;
        let context = self.context(42);
        let found = judge(&self.exchange(false), &rules, &context);
        let told = format!("{} {:?}: {:#?}", found.verdict.as_str(), found.verdict.reason(), found.differences);
        if found.verdict.as_str() != self.judgement || found.verdict.reason() != self.reason.as_deref() {
            return Err(told);
        }
        if found.differences.len() != self.differences.len() {
            return Err(told);
        }
        for (difference, expected) in found.differences.iter().zip(&self.differences) {
            agrees(difference, expected).map_err(|why| format!("{why}: {told}"))?;
        }
        let hits: BTreeMap<String, u64> = found.rules.iter().map(|rule| (rule.name.to_string(), rule.hits)).collect();
        if hits != self.hits {
            return Err(format!("hits {hits:?}"));
        }
        let claim = |claim: &IdClaim| {
            let [primary, candidate] = &claim.values;
            format!("{} {} {} {primary}={candidate}", claim.space, claim.scope.as_str(), claim.path)
        };
        let claims: Vec<String> = found.ids.kept.iter().map(claim).collect();
        if claims != self.claims || found.ids.left_out > 0 || found.ids.unread {
            return Err(format!("claims {:#?}", found.ids));
        }
        if self.symmetric {
            let back = judge(&self.exchange(true), &rules, &context);
            if back.verdict.as_str() != self.judgement || back.differences_total != found.differences_total {
                return Err(format!("swapped: {back:#?}"));
            }
        }
        // the key of the hashes never shows in a result
        let other = judge(&self.exchange(false), &rules, &self.context(7));
        same(&found, &other)
    }
}

fn same(a: &Judgement, b: &Judgement) -> Result<(), String> {
    if a == b { Ok(()) } else { Err(format!("another hash key, another judgement: {b:#?}")) }
}

fn agrees(found: &Difference, expected: &Expected) -> Result<(), String> {
    let pairs = [
        (found.place.as_str(), Some(expected.place.as_str())),
        (found.path.as_str(), Some(expected.path.as_str())),
        (found.kind.as_str(), Some(expected.kind.as_str())),
        (found.severity.as_str(), Some(expected.severity.as_str())),
        (found.detail.as_deref().unwrap_or(""), expected.detail.as_deref()),
        (found.shape.as_str(), expected.shape.as_deref()),
        (found.primary.as_deref().unwrap_or(""), expected.primary.as_deref()),
        (found.candidate.as_deref().unwrap_or(""), expected.candidate.as_deref()),
    ];
    match pairs.iter().find(|(found, expected)| expected.is_some_and(|expected| expected != *found)) {
        Some((found, expected)) => Err(format!("{found:?} is not {expected:?}")),
        None => Ok(()),
    }
}

fn run(text: &str) {
    let file: File = toml::from_str(text).unwrap();
    let wrong: Vec<String> =
        file.case.iter().filter_map(|case| case.check().err().map(|why| format!("{}: {why}", case.name))).collect();
    assert!(wrong.is_empty(), "{} of {} cases:\n{}", wrong.len(), file.case.len(), wrong.join("\n\n"));
}

#[test]
fn precedence() {
    run(include_str!("../cases/precedence.toml"));
}

#[test]
fn bodies() {
    run(include_str!("../cases/bodies.toml"));
}

#[test]
fn arrays() {
    run(include_str!("../cases/arrays.toml"));
}

#[test]
fn markup() {
    run(include_str!("../cases/markup.toml"));
}

#[test]
fn rules() {
    run(include_str!("../cases/rules.toml"));
}

#[test]
fn same_id() {
    run(include_str!("../cases/same_id.toml"));
}

#[test]
fn who_asks() {
    run(include_str!("../cases/who_asks.toml"));
}
