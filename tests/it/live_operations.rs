//! One path, many operations: each is a route of its own, however many there are, and no secret becomes a name.

use crate::support::origin::{Next, Origin};
use crate::support::tee::{Tee, adds_up, at_rest, number};
use serde_json::Value;
use std::collections::BTreeSet;
use std::io::Write;
use std::sync::Arc;

/// Answers with what it was asked, in JSON; `lies` where the body holds this word.
fn echo(lies: Option<&'static str>) -> Origin {
    Origin::start(Arc::new(move |seen, stream| {
        let body = String::from_utf8_lossy(&seen.body).into_owned();
        let wrong = lies.is_some_and(|word| body.contains(word) || seen.head.contains(word));
        let answer = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 9\r\n\r\n{{\"n\": {}}}",
            if wrong { "12" } else { "11" }
        );
        if stream.write_all(answer.as_bytes()).is_ok() { Next::Again } else { Next::Close }
    }))
}

fn routes(report: &Value) -> BTreeSet<String> {
    let signatures = report["signatures"].as_array().expect("signatures");
    signatures.iter().map(|signature| signature["route"].as_str().unwrap().to_owned()).collect()
}

const GRAPHQL: &str = "[mirror]\nmax_in_flight = 65536\n[[route]]\nmatch = \"POST /graphql\"\nmirror = \"allow\"\nsplit_by = \"json:$.operationName\"\n";

#[test]
fn of_two_operations_on_one_path_the_one_that_differs_has_the_signature() {
    let (primary, candidate) = (echo(None), echo(Some("GetReview")));
    let tee = Tee::start(&primary, &candidate, GRAPHQL);
    let mut client = tee.client();
    for operation in ["GetReview", "ListReviews", "GetReview", "ListReviews"] {
        let body = format!("{{\"operationName\":\"{operation}\"}}");
        assert_eq!(client.request("POST", "/graphql", "", body.as_bytes()).status, 200);
    }
    let ledger = tee.settled();
    adds_up(&ledger);
    assert_eq!((number(&ledger, "judgements.match"), number(&ledger, "judgements.mismatch")), (2, 2), "{ledger}");
    let dir = tee.stopped();
    let report = at_rest(dir.path(), &["report"]);
    assert_eq!(routes(&report), BTreeSet::from(["POST /graphql#GetReview".to_owned()]), "{report}");
    assert_eq!(report["signatures"][0]["count"], 2);
    for (query, found) in [("#GetReview", 1), ("", 1), ("#ListReviews", 0)] {
        let report = at_rest(dir.path(), &["report", &format!("route:POST /graphql{query}")]);
        assert_eq!(report["signatures"].as_array().unwrap().len(), found, "{query}: {report}");
    }
}

#[test]
fn ten_thousand_names_stay_five_hundred_routes_and_secrets_are_none_of_them() {
    let (primary, candidate) = (echo(None), echo(Some("POST")));
    let tee = Tee::start(&primary, &candidate, GRAPHQL);
    let mut client = tee.client();
    let mut ask = |name: &str| {
        let body = format!("{{\"operationName\":\"{name}\"}}");
        assert_eq!(client.request("POST", "/graphql", "", body.as_bytes()).status, 200);
    };
    let secret = "sk_live_4eC39HqLyjWDarjtT1zdp7dc";
    ask(secret);
    for n in 0..10_000_u32 {
        ask(&n.to_string().bytes().map(|b| char::from(b'a' + (b - b'0'))).collect::<String>());
    }
    let ledger = tee.settled();
    adds_up(&ledger);
    let judged = number(&ledger, "judgements.mismatch");
    assert!(judged > 9_000, "{ledger}");
    let metrics = tee.admin("GET", "/metrics", "Host: localhost\r\n");
    let metrics = String::from_utf8(metrics.body).unwrap();
    assert!(metrics.contains("\nparitee_operations 500\n"), "{metrics}");
    assert!(metrics.contains("\nparitee_operations_other_total{reason=\"unfit\"} 1\n"), "{metrics}");
    let full = format!("\nparitee_operations_other_total{{reason=\"full\"}} {}\n", judged - 501);
    assert!(metrics.contains(&full), "{metrics}");
    let dir = tee.stopped();
    let report = at_rest(dir.path(), &["report"]);
    let routes = routes(&report);
    assert_eq!(routes.len(), 501, "500 and (other)");
    assert!(routes.contains("POST /graphql#(other)") && routes.contains("POST /graphql#a"));
    assert!(!report.to_string().contains(secret));
}

#[test]
fn a_tee_of_flags_alone_guesses_templates_and_no_more_than_five_hundred() {
    let (primary, candidate) = (echo(None), echo(Some("GET")));
    let tee = Tee::start(&primary, &candidate, "[mirror]\nmax_in_flight = 65536");
    let mut client = tee.client();
    for n in 0..20 {
        let uuid = format!("2f1c6d7e-0000-4000-8000-{n:012}");
        for path in [format!("/api/book/{n}"), format!("/u/{uuid}/x"), format!("/by/ann{n}@example.org")] {
            assert_eq!(client.get(&path).status, 200);
        }
    }
    for n in 0..1_000_u32 {
        let word: String = n.to_string().bytes().map(|b| char::from(b'a' + (b - b'0'))).collect();
        assert_eq!(client.get(&format!("/{word}")).status, 200);
    }
    adds_up(&tee.settled());
    let dir = tee.stopped();
    let report = at_rest(dir.path(), &["report"]);
    let routes = routes(&report);
    assert_eq!(routes.len(), 501, "500 and (other)");
    for route in ["GET /api/book/{int}", "GET /u/{uuid}/x", "GET /by/{slug}", "GET (other)"] {
        assert!(routes.contains(route), "{route}");
    }
    let inferred = |signature: &Value| signature["inferred"] == true;
    assert!(report["signatures"].as_array().unwrap().iter().all(inferred), "{report}");
}
