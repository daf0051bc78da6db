//! Proposals on labelled signatures: for most of what is noise, for nothing that is a fault and looks like it.

use crate::judge_cases::exchange;
use paritee::config::{Flags, load};
use paritee::evidence::{
    Counts, Fold, Known, OnRoute, Proposal, Refusal, Session, Source, StoreBodies, Suggested, trimmed_samples,
};
use paritee::exchange::{Answer, Body, Exchange, ExchangeId, Outcome, Response, Route};
use paritee::judge::{Context, judge};
use paritee::redact::{RedactOptions, Redactor};
use paritee::rules::{RuleSet, RuleSpec};
use serde::Deserialize;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    case: Vec<Case>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    name: String,
    /// For whoever reads the file.
    #[allow(dead_code, reason = "every case says why it is what it is")]
    why: String,
    /// The general path of the signature that is asked about.
    path: String,
    exchange: Vec<Pair>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Pair {
    target: String,
    at: String,
    primary: String,
    candidate: String,
    #[serde(default = "ok")]
    primary_status: u16,
    #[serde(default = "ok")]
    candidate_status: u16,
}

fn ok() -> u16 {
    200
}

const NOISE: &str = include_str!("../cases/suggest/noise.toml");
const PLANTED: &str = include_str!("../cases/suggest/planted.toml");
const ROUTE: &str = "GET /api/{rest}";

fn answer(status: u16, body: &str) -> Answer {
    let mut headers = http::HeaderMap::new();
    headers.insert("content-type", "application/json".parse().unwrap());
    let (status, body) = (http::StatusCode::from_u16(status).unwrap(), Body::from(body.as_bytes().to_vec()));
    Answer { outcome: Outcome::Answered(Response { status, headers, body, trailers: None }), elapsed_us: 900 }
}

fn context() -> Context {
    Context { hash_key: 42, ..Context::default() }
}

impl Case {
    fn exchanges(&self) -> Vec<Exchange> {
        let one = |(n, pair): (usize, &Pair)| {
            let (primary, candidate) =
                (answer(pair.primary_status, &pair.primary), answer(pair.candidate_status, &pair.candidate));
            let mut one = exchange("GET", primary, candidate);
            (one.id, one.route) = (ExchangeId(n as u128 + 1), Route::declared(ROUTE));
            one.request.target = pair.target.clone();
            one.received_at_ms = pair.at.parse::<jiff::Timestamp>().unwrap().as_millisecond() as u64;
            one
        };
        self.exchange.iter().enumerate().map(one).collect()
    }

    /// What is kept of it, and what is proposed.
    fn suggested(&self, rules: &[RuleSpec]) -> (Vec<Known>, Vec<Suggested>) {
        let (set, context) = (RuleSet::compile(rules).unwrap(), context());
        let redactor = Redactor::new(RedactOptions::default(), [1; 32]);
        let mut fold = Fold::new(16);
        for exchange in self.exchanges() {
            let judgement = judge(&exchange, &set, &context);
            let (full, session) = (StoreBodies::Full, Session::default());
            fold.add(&exchange, &judgement, set.hash(), (None, None), &redactor, full, session);
        }
        let batch = fold.take(Source { tee: 1, incarnation: 1 }, 1, 0, 0, Counts::default());
        let known: Vec<Known> = batch
            .signatures
            .iter()
            .map(|(id, delta)| {
                let kept = batch.exemplars.iter().filter(|(of, _)| of == id);
                let exemplars = kept.map(|(_, exemplar)| exemplar.clone()).collect();
                Known { id: *id, facts: delta.facts.clone(), count: delta.count, exemplars }
            })
            .collect();
        let samples = trimmed_samples(batch.samples, 16);
        let on = OnRoute { rules, context: &context, signatures: &known, samples: &samples };
        let suggested = on.suggest();
        (known, suggested)
    }
}

fn cases(text: &str) -> Vec<Case> {
    toml::from_str::<File>(text).unwrap().case
}

/// The config takes the proposal as it is printed, and reads the same rule out of it.
fn is_read_back(proposal: &Proposal) {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("paritee.toml");
    let head = "[upstreams.primary]\nurl = \"http://127.0.0.1:1\"\n[[route]]\nmatch = \"GET /api/{rest}\"\n";
    std::fs::write(&file, format!("{head}[[route.rule]]\n{}\n", proposal.rule.written())).unwrap();
    let config = load(Some(&file), &Flags::default()).unwrap_or_else(|error| panic!("{error}"));
    assert_eq!(config.rules.iter().map(|rule| &rule.spec).collect::<Vec<_>>(), [&proposal.rule]);
}

/// What became of the signatures at the place that a case is about.
fn at_its_place(case: &Case) -> Vec<Suggested> {
    let (known, suggested) = case.suggested(&[]);
    let asked: Vec<Suggested> = known
        .iter()
        .zip(suggested)
        .filter(|(known, _)| known.facts.path == case.path)
        .map(|(_, suggested)| suggested)
        .collect();
    assert!(!asked.is_empty(), "{}: {known:#?}", case.name);
    asked
}

#[test]
fn most_noise_gets_a_rule() {
    let cases = cases(NOISE);
    assert!(cases.len() >= 20);
    let (mut proposed, mut refused) = (Vec::new(), Vec::new());
    for case in &cases {
        match at_its_place(case).into_iter().map(|(_, found)| found).collect::<Result<Vec<_>, _>>() {
            Ok(found) => {
                found.iter().for_each(is_read_back);
                proposed.push((&case.name, found));
            }
            Err(why) => refused.push((&case.name, why)),
        }
    }
    println!("{proposed:#?}");
    assert!(proposed.len() >= 15, "{} of {}: {refused:#?}", proposed.len(), cases.len());
    // What no rule can say stays what it is.
    assert_eq!(refused.iter().map(|(_, why)| *why).collect::<Vec<_>>(), [Refusal::NoShape; 2], "{refused:#?}");
}

#[test]
fn no_fault_gets_a_rule() {
    let cases = cases(PLANTED);
    assert!(cases.len() >= 30);
    for case in &cases {
        at_its_place(case);
        let (known, suggested) = case.suggested(&[]);
        for (known, (_, found)) in known.iter().zip(suggested) {
            assert!(found.is_err(), "{}: {:#?} for {:#?}", case.name, found, known.facts);
        }
    }
}
