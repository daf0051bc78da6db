//! What is seen of answers and requests, bounded and independent of the order of merging.

use super::*;
use crate::document::json::ParseOptions;
use crate::exchange::{
    Answer, Body, CandidateSession, Chunks, Client, ExchangeId, Failure, FailureKind, Outcome, Provenance, Request,
    Route,
};
use http::{HeaderMap, Method};

fn exchange(target: &str) -> Exchange {
    let failed = Outcome::Failed(Failure { kind: FailureKind::Timeout, status: None, message: String::new() });
    let answer = Answer { outcome: failed, elapsed_us: 1 };
    let body = Body::Complete(Chunks::new());
    let request = Request { method: Method::GET, target: target.into(), headers: HeaderMap::new(), body };
    Exchange {
        id: ExchangeId(7),
        received_at_ms: 9,
        route: Route::declared("GET /a".to_owned()),
        principal: "user".into(),
        subject: None,
        request,
        primary: answer.clone(),
        candidate: answer,
        secondary: None,
        provenance: Provenance::Own,
        client: Client::Served,
        candidate_session: CandidateSession::Known,
    }
}

fn seen(target: &str, body: &str) -> CoverageDelta {
    let document = Document::parse(body.as_bytes(), &ParseOptions::new(99, 1)).unwrap();
    let mut coverage = CoverageDelta::default();
    coverage.look(&exchange(target), Some(&document), |text| text.replace("SECRET", "(cut)"));
    coverage
}

fn types(coverage: &CoverageDelta, field: &str) -> Vec<(&'static str, u64)> {
    coverage.fields.get(field).map(|types| types.seen().collect()).unwrap_or_default()
}

#[test]
fn fields_by_type_and_parameters_by_name() {
    let seen = seen(
        "/a?page=2&size=1&page=3&=x&7=1&SECRET=1",
        r#"{"results":[{"id":1,"summary":null},{"id":2,"summary":"x"}],"by_id":{"10":{"n":true},"11":{"n":false}},"SECRET":1}"#,
    );
    assert_eq!((seen.sampled, seen.unread, seen.last_ms), (1, 0, 9));
    assert_eq!(types(&seen, ""), [("object", 1)]);
    assert_eq!(types(&seen, "/results"), [("array", 1)]);
    assert_eq!(types(&seen, "/results/*"), [("object", 2)]);
    assert_eq!(types(&seen, "/results/*/summary"), [("null", 1), ("string", 1)]);
    assert_eq!(types(&seen, "/by_id/*/n"), [("bool", 2)]);
    assert!(seen.fields.contains_key("/(cut)") && !seen.fields.keys().any(|field| field.contains("SECRET")));
    let names: Vec<&str> = seen.parameters.keys().map(String::as_str).collect();
    assert_eq!(names, ["(cut)", "*", "page", "size"]);
}

#[test]
fn an_answer_without_a_tree_is_said_to_be_unread() {
    let mut coverage = CoverageDelta::default();
    coverage.look(&exchange("/a"), None, str::to_owned);
    assert_eq!((coverage.sampled, coverage.unread, coverage.fields.len()), (1, 1, 0));
}

#[test]
fn what_is_kept_is_bounded_and_knows_no_order() {
    let wide = |from: usize| {
        let members: Vec<String> = (from..from + 700).map(|n| format!("\"name{n}x\":{n}")).collect();
        seen(&format!("/a?{}", "p&".repeat(9_000)), &format!("{{{}}}", members.join(",")))
    };
    let (mut a, mut b) = (wide(1_000), wide(1_350));
    assert_eq!((a.fields.len(), a.left_out), (FIELDS, 301));
    let first = a.clone();
    a.merge(&b);
    b.merge(&first);
    assert_eq!((&a.fields, a.sampled), (&b.fields, 2));
    assert_eq!(types(&a, "/name1398x"), [("number", 2)], "what both kept is counted in full");
    let long = format!("{{\"{}\":1}}", "n".repeat(300));
    assert_eq!(seen("/a", &long).left_out, 1);
    let mut calls = CoverageDelta::default();
    (0..100).for_each(|n| calls.call(&format!("GET /{n:03}")));
    assert_eq!((calls.calls.len(), calls.left_out), (CALLS, 36));
}
