//! Comparison cases drawn from other projects' own tests (`tests/cases/shared.jsonl`; `source` names where each is from,
//! and the licences of those sources apply to the data).

use crate::judge_cases::exchange;
use http::{HeaderMap, HeaderValue, StatusCode};
use paritee::exchange::{Answer, Body, Outcome, Response};
use paritee::judge::{Context, Judgement, judge};
use paritee::rules::{NumberTolerance, RuleKind, RuleSet, RuleSpec, Shape, TextMode};
use serde_json::Value;
use std::collections::BTreeSet;

fn text(value: &Value, key: &str) -> Option<String> {
    value.get(key).and_then(Value::as_str).map(str::to_string)
}

fn body(case: &Value, side: &str) -> Vec<u8> {
    match text(case, side) {
        Some(text) => text.into_bytes(),
        None => base64(&text(case, &format!("{side}_b64")).unwrap()),
    }
}

fn base64(text: &str) -> Vec<u8> {
    const LETTERS: &[u8] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let (mut bits, mut held, mut out) = (0_u32, 0, Vec::new());
    for letter in text.bytes().filter(|byte| *byte != b'=') {
        bits = bits << 6 | LETTERS.iter().position(|known| *known == letter).unwrap() as u32;
        held += 6;
        if held >= 8 {
            held -= 8;
            out.push((bits >> held) as u8);
        }
    }
    out
}

/// A rule of the cases' abstract spelling.
fn rule(at: usize, rule: &Value) -> RuleSpec {
    let word = text(rule, "rule").unwrap();
    let decimal = |key: &str| rule.get(key).map(|value| value.to_string());
    let kind = match word.as_str() {
        "ignore" => RuleKind::Ignore,
        "ignore_value" => RuleKind::Shape(Shape::SameType),
        "unordered" => RuleKind::Unordered,
        "key" => {
            let names = rule["key"].as_array().unwrap().iter();
            RuleKind::Key(names.map(|name| format!("$.{}", name.as_str().unwrap())).collect())
        }
        "number_tolerance" => {
            RuleKind::Number(NumberTolerance { abs: decimal("abs"), rel: decimal("rel"), ..Default::default() })
        }
        "number_lexical" => RuleKind::Number(NumberTolerance { spelling: true, ..Default::default() }),
        "set" => RuleKind::Set,
        "null_missing" => RuleKind::AbsentIsNull { empty: false },
        "null_empty" => RuleKind::AbsentIsNull { empty: true },
        "unicode_nfc" => RuleKind::Text(vec![TextMode::Nfc]),
        "timestamp" => RuleKind::Timestamp { within_us: (rule["tolerance_s"].as_f64().unwrap_or(0.0) * 1e6) as u64 },
        "opaque" if rule["pattern"] == "uuid" => RuleKind::Shape(Shape::Uuid),
        _ => panic!("no counterpart of {word}"),
    };
    RuleSpec {
        name: format!("rule {at}").into(),
        path: text(rule, "path"),
        kind,
        reason: Some("the case says so".into()),
        until_day: None,
        of_route: false,
    }
}

fn run(primary: &[u8], candidate: &[u8], media: &str, rules: &RuleSet) -> Judgement {
    let content_type = match media {
        "json" => "application/json",
        "html" => "text/html; charset=utf-8",
        _ => "text/plain; charset=utf-8",
    };
    let answer = |body: &[u8]| Answer {
        outcome: Outcome::Answered(Response {
            status: StatusCode::OK,
            headers: HeaderMap::from_iter([(http::header::CONTENT_TYPE, HeaderValue::from_static(content_type))]),
            body: Body::from(body.to_vec()),
            trailers: None,
        }),
        elapsed_us: 0,
    };
    judge(&exchange("GET", answer(primary), answer(candidate)), rules, &Context { hash_key: 3, ..Context::default() })
}

fn paths(value: &Value) -> BTreeSet<String> {
    value.as_array().unwrap().iter().map(|path| path.as_str().unwrap().to_string()).collect()
}

/// What is wrong with a case; nothing where it holds.
fn check(case: &Value, rules: &RuleSet) -> Option<String> {
    let (left, right, media) = (body(case, "left"), body(case, "right"), text(case, "content_type").unwrap());
    let found = run(&left, &right, &media, rules);
    let equal = matches!(found.verdict.as_str(), "match" | "normalised");
    let expected = text(case, "expect").unwrap() == "equal";
    let told = || format!("{}: {:?} {:#?}", case["id"], found.verdict, found.differences);
    if equal != expected || (!equal && found.verdict.as_str() != "mismatch") {
        return Some(told());
    }
    if !case["expect_paths"].is_null() {
        let mine: BTreeSet<String> = found.differences.iter().map(|difference| difference.path.clone()).collect();
        let others = case.get("expect_paths_any").and_then(Value::as_array).map_or(&[][..], Vec::as_slice);
        if mine != paths(&case["expect_paths"]) && !others.iter().any(|other| mine == paths(other)) {
            return Some(told());
        }
    }
    let back = run(&right, &left, &media, rules);
    if back.verdict != found.verdict || back.differences_total != found.differences_total {
        return Some(format!("swapped {}: {:?} {:#?}", case["id"], back.verdict, back.differences));
    }
    let same = run(&left, &left, &media, rules);
    (same.verdict.as_str() != "match").then(|| format!("itself {}: {:?}", case["id"], same.verdict))
}

#[test]
fn cases_of_other_projects_hold() {
    let cases = include_str!("../cases/shared.jsonl");
    let (mut held, mut wrong) = (0, Vec::new());
    for line in cases.lines() {
        let case: Value = serde_json::from_str(line).unwrap();
        let specs: Vec<RuleSpec> =
            case["rules"].as_array().unwrap().iter().enumerate().map(|(at, raw)| rule(at, raw)).collect();
        match check(&case, &RuleSet::compile(&specs).unwrap()) {
            Some(why) => wrong.push(why),
            None => held += 1,
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    assert_eq!(held, 215);
}
