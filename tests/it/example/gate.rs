//! The gate on the real example: what traffic never asked for is named, and what only passes requests on is never ready.

use super::stack::{Stack, available, folder};
use super::table::fresh_seed;
use crate::support::wire::{Answer, Client};
use serde_json::Value;

const REVIEW: &str = "GET /api/review/{review_id}";
/// The branch of the committed config, and how many distinct requests it wants.
const BRANCH: (&str, usize) = ("summary fell back", 20);

fn client(url: &str) -> Client {
    Client::connect(url.strip_prefix("http://").expect("an address").parse().expect("an address"))
}

/// Django answers to its own names alone.
fn get(client: &mut Client, id: u32) -> Answer {
    client.send(format!("GET /api/review/{id} HTTP/1.1\r\nHost: localhost\r\n\r\n").as_bytes());
    client.answer(false).expect("an answer")
}

/// Reviews by whether the monolith made their summary from their content; drafts, which nobody may read, are in neither.
fn reviews(monolith: &str) -> (Vec<u32>, Vec<u32>) {
    let (mut fell_back, mut whole) = (Vec::new(), Vec::new());
    let mut client = client(monolith);
    for id in 1..=90 {
        let answer = get(&mut client, id);
        if answer.status != 200 {
            continue;
        }
        let review: Value = serde_json::from_slice(&answer.body).expect("a review");
        match review["summary"].as_str().expect("a summary").ends_with("...") {
            true => fell_back.push(id),
            false => whole.push(id),
        }
    }
    (fell_back, whole)
}

fn gate(stack: &Stack) -> (i32, Value) {
    let (code, text) = stack.query(&["gate", "--route", REVIEW, "--format", "json"]);
    let view: Value = serde_json::from_str(&text).unwrap_or_else(|_| panic!("{text}"));
    (code, view["routes"][0].clone())
}

fn names_the_branch(route: &Value) -> bool {
    let reasons = route["reasons"].as_array().expect("reasons").iter().filter_map(Value::as_str);
    reasons.filter(|reason| reason.starts_with("branch: ")).any(|reason| reason.contains(BRANCH.0))
}

/// The committed config with a gate that few requests can pass.
fn soft_gate() -> tempfile::NamedTempFile {
    let file = tempfile::Builder::new().prefix("paritee").suffix(".toml").tempfile().expect("a file");
    let text = std::fs::read_to_string(folder().join("paritee.toml")).expect("the config");
    let gate = "\n[[gate]]\nname = \"soft\"\nmismatch_rate_below = 0.4\nopen_signatures = 0\n";
    std::fs::write(file.path(), text + gate).expect("a config");
    file
}

#[test]
fn traffic_without_empty_summaries_is_not_enough() {
    if !available() {
        return;
    }
    let config = soft_gate();
    let stack = Stack::with(&[], &["--config", config.path().to_str().expect("a path")]);
    let (fell_back, whole) = reviews(stack.get("monolith"));
    assert!(fell_back.len() > BRANCH.1 && whole.len() > 8, "{fell_back:?} {whole:?}");
    let mut client = client(stack.get("tee"));
    let mut ask = |ids: &[u32]| {
        for id in ids {
            assert_eq!(get(&mut client, *id).status, 200);
        }
        stack.settled_ledger();
    };
    // Erased accounts are among all of these; each is asked for twice, which makes it no more evidence.
    ask(&whole);
    ask(&whole);
    let (code, route) = gate(&stack);
    assert_eq!((code, names_the_branch(&route)), (4, true), "{route}");
    ask(&fell_back[..BRANCH.1 - 1]);
    let (code, route) = gate(&stack);
    assert_eq!((code, names_the_branch(&route)), (4, true), "{route}");
    ask(&fell_back);
    let (code, route) = gate(&stack);
    assert_eq!((code, route["verdict"].as_str()), (0, Some("ready")), "{route}");
    stack.stop();
}

#[test]
fn a_candidate_that_only_passes_requests_on_is_never_ready() {
    if !available() {
        return;
    }
    let config = soft_gate();
    let stack = Stack::with(&[], &["--step", "1", "--config", config.path().to_str().expect("a path")]);
    stack.traffic(fresh_seed());
    stack.settled_ledger();
    let (code, text) = stack.query(&["gate", "--format", "json"]);
    let view: Value = serde_json::from_str(&text).expect("JSON");
    assert_eq!((code, view["verdict"].as_str()), (4, Some("not_enough_evidence")), "{text}");
    let (_, route) = gate(&stack);
    let reasons = route["reasons"].as_array().expect("reasons").iter().filter_map(Value::as_str);
    assert!(reasons.clone().any(|reason| reason.starts_with("vacuous: ")), "{route}");
    assert_eq!(route["distinct"], 0, "{route}");
    stack.stop();
}
