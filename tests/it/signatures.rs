//! Signatures are stable across runs, machines and versions: review state hangs on them. Golden values, one for each way in
//! which two answers can differ; whoever must change one changes every store's meaning.

use crate::judge_cases::exchange;
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};
use paritee::exchange::{Answer, Body, Outcome, Response};
use paritee::judge::{Context, general_path, judge, signature};
use paritee::rules::RuleSet;
use std::collections::BTreeSet;

const ROUTE: &str = "GET /api/review/{review_id}";

fn answer(status: u16, fields: &[(&'static str, &'static str)], body: &str) -> Answer {
    let headers = HeaderMap::from_iter(
        fields.iter().map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value))),
    );
    Answer {
        outcome: Outcome::Answered(Response {
            status: StatusCode::from_u16(status).expect("a status"),
            headers,
            body: Body::from(body.as_bytes().to_vec()),
            trailers: None,
        }),
        elapsed_us: 1,
    }
}

/// The signatures of two answers: id, kind, generalised path and shape.
fn signatures(primary: Answer, candidate: Answer) -> BTreeSet<String> {
    let under = |hash_key: u64| -> BTreeSet<String> {
        let context = Context { hash_key, ..Context::default() };
        let judgement = judge(&exchange("GET", primary.clone(), candidate.clone()), &RuleSet::default(), &context);
        let told = judgement.differences.iter().map(|difference| {
            let (id, path) = (signature(ROUTE, difference), general_path(difference));
            format!("{id} {} {path} {}", difference.kind, difference.shape)
        });
        told.collect()
    };
    let found = under(1);
    assert_eq!(found, under(0xfeed), "the key of the hashes does not show");
    found
}

fn of_json(primary: &str, candidate: &str) -> BTreeSet<String> {
    let json = &[("content-type", "application/json")];
    signatures(answer(200, json, primary), answer(200, json, candidate))
}

fn one(found: BTreeSet<String>) -> String {
    assert_eq!(found.len(), 1, "{found:?}");
    found.into_iter().next().unwrap_or_default()
}

#[test]
fn golden_values() {
    let json = &[("content-type", "application/json")][..];
    let of = |a: &str, b: &str| one(of_json(a, b));
    let found = [
        of(r#"{"stars":3}"#, r#"{"stars":4}"#),
        of(r#"{"stars":3}"#, r#"{"stars":"3"}"#),
        of(r#"{"summary":"a"}"#, r#"{"summary":null}"#),
        of(r#"{"summary":"a..."}"#, r#"{"summary":"a"}"#),
        of(r#"{"summary":"A"}"#, r#"{"summary":"a"}"#),
        of(r#"{"summary":"a"}"#, r#"{"summary":""}"#),
        of(r#"{"at":"2026-01-01T00:00:00Z"}"#, r#"{"at":"2026-01-01T00:00:00"}"#),
        of(r#"{"id":9007199254740993}"#, r#"{"id":9007199254740992}"#),
        of(r#"{"price":450}"#, r#"{"price":4.5}"#),
        of(r#"{"a":1,"b":2}"#, r#"{"a":1}"#),
        of(r#"{"a":1}"#, r#"{"a":1,"b":2}"#),
        of(r#"{"tags":["x","y"]}"#, r#"{"tags":["y","x"]}"#),
        of(r#"{"a":1,"a":2}"#, r#"{"a":2,"a":1}"#),
        of(r#"{"a/b":{"~":1}}"#, r#"{"a/b":{"~":2}}"#),
        one(signatures(answer(200, json, "{}"), answer(500, json, "{}"))),
        one(signatures(answer(200, json, "{}"), answer(200, json, "{"))),
        one(signatures(
            answer(200, &[("content-type", "text/plain")], "a"),
            answer(200, &[("content-type", "text/plain")], "b"),
        )),
        one(signatures(answer(302, &[("location", "/a")], ""), answer(302, &[("location", "/b")], ""))),
        one(signatures(answer(200, &[("cache-control", "no-store")], ""), answer(200, &[], ""))),
        one(signatures(answer(200, &[("set-cookie", "s=1; HttpOnly")], ""), answer(200, &[("set-cookie", "s=1")], ""))),
    ];
    let golden = [
        "2dd5ee83c0b88804 value /stars number",
        "17cd1f1bd28255f1 type /stars number→string",
        "78f22a04faef89d2 type /summary string→null",
        "8e1a5926ec0c0812 value /summary string:suffix_lost",
        "761199205faa5202 value /summary string:case",
        "1610759b06e44e9d value /summary string→empty",
        "c060a4955e6ceff2 value /at string:zone",
        "e7cdd76913f24319 value /id number:rounded",
        "df4ba9bfc663d7c2 value /price number:scale",
        "4f5eb5c2e6119313 missing /b present→absent",
        "d660f526ca2507a8 added /b absent→present",
        "5a852a47c74f7116 order /tags order",
        "3cb280dd8d09ab60 value /a list",
        "ea38ce7c5629d84d value /a~1b/~0 number",
        "867f2edb9c69f677 status  200→500",
        "7f4e2a42b505a681 failure  document→unparseable",
        "0329ba3c764fb903 body  text",
        "e3823d7b93801e41 header location path",
        "d06f0f2872aee271 header cache-control missing",
        "13e8cc40d2777e57 header set-cookie s:lost",
    ];
    assert_eq!(found.join("\n"), golden.join("\n"));
}

#[test]
fn one_bug_is_one_signature_wherever_it_shows() {
    let records = |stars: &dyn Fn(usize) -> usize| {
        let all: Vec<String> = (0..40).map(|n| format!("{{\"id\":{n},\"stars\":{}}}", stars(n))).collect();
        format!("{{\"results\":[{}]}}", all.join(","))
    };
    let everywhere = of_json(&records(&|n| n % 5), &records(&|n| n % 5 + 1));
    let in_one = of_json(&records(&|n| n % 5), &records(&|n| n % 5 + usize::from(n == 31)));
    assert_eq!(one(everywhere.clone()), one(in_one));
    let by_id = |value: u8| {
        format!("{{\"c3d1e7a4-11aa-4b2c-9d3e-5f60718293a4\":{{\"n\":{value}}},\"2026-11-23\":{{\"n\":{value}}}}}")
    };
    one(of_json(&by_id(1), &by_id(2)));
    // the order of members and the place in an array do not show
    let (a, b) = (r#"{"x":[{"v":1,"w":1},{"v":2,"w":2}]}"#, r#"{"x":[{"w":1,"v":1},{"w":2,"v":7}]}"#);
    let turned = r#"{"x":[{"w":7,"v":1},{"v":2,"w":2}]}"#;
    assert_ne!(one(of_json(a, b)), one(of_json(a, turned)), "two bugs");
}

#[test]
fn two_bugs_are_two_signatures() {
    let found =
        of_json(r#"{"a":1,"b":"x","c":["p","q"],"d":{"e":1}}"#, r#"{"a":"1","b":"X","c":["q","p"],"d":{"f":1}}"#);
    assert_eq!(found.len(), 5, "{found:#?}");
    let other = one(of_json(r#"{"b":"x"}"#, r#"{"b":"y"}"#));
    assert!(!found.contains(&other), "another mistake at one place is another signature");
}
