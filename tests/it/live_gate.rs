//! The gate of a running tee and of its store at rest: nothing is no evidence, enough is, and what differs stands against it.

use crate::support::origin::{Next, Origin, Seen};
use crate::support::tee::{Tee, sides};
use serde_json::Value;
use std::io::Write;
use std::path::Path;
use std::process::Command;
use std::sync::Arc;

const CONFIG: &str = "[[role]]\nname = \"http-api\"\n[[route]]\nmatch = \"GET /api/review/{id}\"\nrole = \"http-api\"\n\
    [[route]]\nmatch = \"GET /api/book/{id}\"\n\
    [[gate]]\nname = \"cutover\"\nmismatch_rate_below = 0.05\n\
    [[gate]]\nname = \"strict\"\nmismatch_rate_below = 0.05\nopen_signatures = 0\n";

/// Answers with the number it is asked for; above a thousand the candidate says it as a string.
fn origin(build: &'static str, strings: bool) -> Origin {
    Origin::start(Arc::new(move |seen: &Seen, stream| {
        let n: u64 = seen.target().rsplit('/').next().and_then(|n| n.parse().ok()).unwrap_or_default();
        let body = if strings && n > 1_000 { format!("{{\"stars\":\"{n}\"}}") } else { format!("{{\"stars\":{n}}}") };
        let head = format!(
            "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Build: {build}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        if stream.write_all((head + &body).as_bytes()).is_ok() { Next::Again } else { Next::Close }
    }))
}

/// What `paritee gate` prints as JSON, and its exit code.
fn asked(arguments: &[&str]) -> (i32, Value) {
    let output = Command::new(env!("CARGO_BIN_EXE_paritee")).arg("gate").args(arguments).output().expect("it runs");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let view = serde_json::from_slice(&output.stdout).unwrap_or(Value::String(told));
    (output.status.code().expect("a code"), view)
}

fn running(tee: &Tee, more: &[&str]) -> (i32, Value) {
    let url = format!("http://{}", tee.admin);
    asked(&[&["--admin", &url, "--format", "json"][..], more].concat())
}

fn at_rest(dir: &Path, more: &[&str]) -> (i32, Value) {
    let (config, store) = (dir.join("paritee.toml"), dir.join("store"));
    let place = ["--config", config.to_str().expect("a path"), "--store", store.to_str().expect("a path")];
    asked(&[&place[..], &["--format", "json"], more].concat())
}

fn word<'v>(view: &'v Value, route: &str) -> (&'v str, Vec<&'v str>) {
    let routes = view["routes"].as_array().unwrap_or_else(|| panic!("{view}"));
    let route = routes.iter().find(|one| one["route"] == route).unwrap_or_else(|| panic!("{view}"));
    let reasons = route["reasons"].as_array().expect("reasons").iter();
    let kinds = reasons.map(|reason| reason.as_str().expect("text").split(':').next().expect("a kind"));
    (route["verdict"].as_str().expect("a word"), kinds.collect())
}

const REVIEW: &str = "GET /api/review/{id}";

#[test]
fn a_route_becomes_ready_and_a_difference_takes_it_back() {
    let (primary, candidate) = (origin("m1", false), origin("c1", true));
    let config = sides(&primary.url(), &candidate.url(), CONFIG);
    let tee = Tee::with(0, &config);
    let (code, view) = running(&tee, &["--route", REVIEW]);
    assert_eq!((code, word(&view, REVIEW)), (4, ("not_enough_evidence", vec!["nothing_compared"])), "{view}");

    let mut client = tee.client();
    let mut ask = |numbers: std::ops::Range<u64>, path: &str| {
        for n in numbers {
            assert_eq!(client.get(&format!("{path}/{n}")).status, 200);
            // One after the other, so that none is kept from the mirror for want of a place.
            tee.settled();
        }
    };
    // The same ten again and again are ten.
    (0..5).for_each(|_| ask(0..10, "/api/review"));
    let (code, view) = running(&tee, &["--role", "http-api"]);
    assert_eq!((code, word(&view, REVIEW)), (4, ("not_enough_evidence", vec!["too_few"])), "{view}");
    let needed = view["routes"][0]["needed"].as_u64().expect("how many more");
    assert_eq!(view["routes"][0]["distinct"], 10);
    ask(10..10 + needed - 1, "/api/review");
    assert_eq!(running(&tee, &["--route", REVIEW]).0, 4);
    ask(10 + needed - 1..10 + needed, "/api/review");
    let (code, view) = running(&tee, &["--route", REVIEW]);
    assert_eq!((code, word(&view, REVIEW)), (0, ("ready", vec![])), "{view}");
    // Another route was never asked for: all together are not ready.
    assert_eq!(running(&tee, &[]).0, 4);

    // One difference leaves the rate open, and is an open signature.
    ask(1_001..1_002, "/api/review");
    let (code, view) = running(&tee, &["--gate", "strict", "--route", REVIEW]);
    assert_eq!((code, word(&view, REVIEW).0), (1, "not_ready"), "{view}");
    assert!(word(&view, REVIEW).1.contains(&"open_signatures"), "{view}");
    assert_eq!(view["routes"][0]["signatures"].as_array().map(Vec::len), Some(1));
    let (code, view) = running(&tee, &["--route", REVIEW]);
    assert_eq!((code, word(&view, REVIEW)), (4, ("not_enough_evidence", vec!["too_few"])), "{view}");
    ask(1_002..1_060, "/api/review");
    let (code, view) = running(&tee, &["--route", REVIEW]);
    assert_eq!((code, word(&view, REVIEW)), (1, ("not_ready", vec!["mismatch_rate", "too_few"])), "{view}");

    let (code, live) = running(&tee, &[]);
    assert_eq!(code, 1, "one that is not ready beats one without evidence");
    assert_eq!(running(&tee, &["--route", "GET /nothing"]).0, 2);
    assert_eq!(running(&tee, &["--gate", "cut"]).0, 2);
    let dir = tee.stopped();
    assert_eq!(at_rest(dir.path(), &[]), (1, live), "a store at rest says the same");
}

#[test]
fn a_route_that_nobody_declared_is_never_ready() {
    let (primary, candidate) = (origin("m1", false), origin("c1", false));
    let tee = Tee::with(0, &sides(&primary.url(), &candidate.url(), ""));
    let mut client = tee.client();
    for n in 0..200 {
        client.get(&format!("/api/review/{n}"));
        tee.settled();
    }
    let (code, view) = running(&tee, &[]);
    let route = view["routes"][0]["route"].as_str().expect("a route").to_owned();
    assert_eq!(code, 4, "{view}");
    assert!(word(&view, &route).1.contains(&"inferred"), "{view}");
}
