//! The built binary over a store at rest: report, show and ledger in the promised JSON shapes, with the promised exit codes.

use crate::store_support as support;
use paritee::compare::{Kind, Place, Severity};
use paritee::evidence::{EvidenceBatch, Mark, NotMirrored, SignatureDelta, SignatureFacts, StoredDifference};
use paritee::judge::{SignatureId, Vacuous, Verdict};
use paritee::report::{DiffView, ReportView, ShowView};
use serde_json::{Value, json};
use std::path::Path;
use std::process::{Command, Output};

const ID: SignatureId = SignatureId(0x4f1c_0a9b_e2d3_7788);

/// A store with one signature, one hostile exemplar, and an account of every kind of outcome.
fn store(dir: &Path) {
    let handle = support::open(dir, 1, 1_000);
    let mut batch = EvidenceBatch {
        closed_at_ms: 1_800_000_000_000,
        received_so_far: 5,
        ..EvidenceBatch::empty(handle.source(), 1)
    };
    batch.counts.count_not_mirrored(NotMirrored::Rate);
    batch.counts.count_verdict(Verdict::Match);
    batch.counts.count_verdict(Verdict::Normalised);
    batch.counts.count_verdict(Verdict::Mismatch);
    batch.counts.count_verdict(Verdict::Vacuous(Vacuous::Proxied));
    let facts = SignatureFacts {
        route: "GET /api/review/{id}".to_owned(),
        inferred: false,
        place: Place::Body,
        path: "/stars".to_owned(),
        kind: Kind::Type,
        detail: None,
        shape: "number→string".to_owned(),
        severity: Severity::High,
    };
    let mut delta = SignatureDelta {
        facts,
        count: 1,
        marks: Default::default(),
        first_seen_ms: 1_799_999_000_000,
        last_seen_ms: 1_800_000_000_000,
        candidate_versions: ["2026.11.1".to_owned()].into(),
        builds: Default::default(),
        agreed_after_ms: Default::default(),
    };
    delta.marks.count(Mark::Unconfirmed);
    batch.signatures.insert(ID, delta);
    let mut exemplar = support::exemplar(7, 64);
    exemplar.request.target = "/api/review/7?q='$(id)'".to_owned();
    exemplar.candidate.body = Some("\u{1b}]0;owned\u{7}".to_owned());
    exemplar.differences = vec![StoredDifference {
        signature: ID,
        place: Place::Body,
        path: "/stars".to_owned(),
        kind: Kind::Type,
        detail: None,
        primary: Some("4.50".to_owned()),
        candidate: Some("\"4.50\"".to_owned()),
        severity: Severity::High,
        shape: "number→string".to_owned(),
    }];
    exemplar.differences_total = 1;
    batch.exemplars.push((ID, exemplar));
    handle.offer(batch).expect("the queue has room");
    assert!(handle.settle(support::LONG), "the batch is durable");
    assert!(handle.close(support::LONG), "the store closes");
}

fn paritee(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_paritee")).args(args).env_remove("PARITEE_TOKEN").output().expect("it runs")
}

fn json_of(output: &Output) -> Value {
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(0), "{said}");
    serde_json::from_slice(&output.stdout).expect("JSON")
}

#[test]
fn the_ledger_has_its_shape_and_adds_up() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("store");
    store(&dir);
    let ledger = json_of(&paritee(&["ledger", "--format", "json", "--store", dir.to_str().unwrap()]));
    let expected = json!({
        "schema": 1, "received": 5, "not_mirrored": {"rate": 1}, "mirrored": 4, "in_flight": 0, "not_judged": {},
        "judged": 4, "judgements": {"match": 1, "normalised": 1, "mismatch": 1, "inconclusive": 0, "vacuous": 1},
        "marks": ledger["marks"], "inconclusive": {}, "vacuous": {"proxied": 1}, "gaps": [],
        "durable_seq": ledger["durable_seq"],
    });
    assert_eq!(ledger, expected);
    assert!(ledger["durable_seq"].as_u64() >= Some(1));
}

#[test]
fn a_report_has_its_shape_its_query_and_its_exit_code() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("store");
    store(&dir);
    let dir = dir.to_str().unwrap();
    let output = paritee(&["report", "--format", "json", "--store", dir]);
    let report = json_of(&output);
    let view: ReportView = serde_json::from_slice(&output.stdout).expect("the view reads itself");
    assert_eq!(serde_json::to_value(&view).unwrap(), report);
    let signature = &report["signatures"][0];
    assert_eq!(
        signature,
        &json!({
            "id": "4f1c0a9be2d37788", "route": "GET /api/review/{id}", "in": "body", "path": "/stars", "kind": "type",
            "shape": "number→string", "severity": "high", "count": 1, "mark_counts": {"unconfirmed": 1},
            "first_seen": "2027-01-15T07:43:20.000Z", "last_seen": "2027-01-15T08:00:00.000Z", "status": "open",
            "candidate_versions": ["2026.11.1"],
        })
    );
    let none = json_of(&paritee(&["report", "severity:low", "--format", "json", "--store", dir]));
    assert_eq!(none["signatures"], json!([]));
    let code = |args: &[&str]| paritee(&[&["report", "--store", dir], args].concat()).status.code();
    assert_eq!(code(&["--fail-on", "critical"]), Some(0));
    assert_eq!(code(&["--fail-on", "high"]), Some(1));
    assert_eq!(code(&["sverity:high"]), Some(2));
    for format in ["table", "jsonl", "csv", "markdown", "html"] {
        let output = paritee(&["report", "--store", dir, "--format", format]);
        assert_eq!(output.status.code(), Some(0), "{format}");
        assert!(String::from_utf8_lossy(&output.stdout).contains("4f1c0a9be2d37788"), "{format}");
    }
}

#[test]
fn show_keeps_values_as_received_and_disarms_hostile_ones() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("store");
    store(&dir);
    let dir = dir.to_str().unwrap();
    let output = paritee(&["show", "4f1c", "--format", "json", "--store", dir]);
    json_of(&output);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("\"primary\": 4.50,"), "numbers keep their spelling: {text}");
    let view: ShowView = serde_json::from_str(&text).expect("the view reads itself");
    assert_eq!(view.signature.id, "4f1c0a9be2d37788");
    assert_eq!(view.exemplars[0].differences[0].primary.as_ref().map(|v| v.get()), Some("4.50"));
    let curl = &view.exemplars[0].curl.primary;
    assert!(curl.contains("\"$PRIMARY\"'/api/review/7?q='\\''$(id)'\\'''"), "{curl}");
    let plain = paritee(&["show", "4f1c", "--store", dir]).stdout;
    assert!(!plain.contains(&0x1b) && !plain.contains(&7), "no escape reaches the terminal");
    assert!(String::from_utf8(plain).unwrap().contains("\\u{1b}]0;owned"));
    assert_eq!(paritee(&["show", "ffff", "--store", dir]).status.code(), Some(2));
    assert_eq!(paritee(&["show", "4f1c", "--exemplar", "9", "--store", dir]).status.code(), Some(2));
    assert_eq!(paritee(&["show", "no-id", "--store", dir]).status.code(), Some(2));
}

#[test]
fn a_store_in_use_and_a_tee_that_is_not_there_end_with_3_and_say_what_to_do() {
    let folder = tempfile::tempdir().unwrap();
    let dir = folder.path().join("store");
    let handle = support::open(&dir, 1, 1_000);
    let output = paritee(&["ledger", "--store", dir.to_str().unwrap()]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("--admin"), "{said}");
    assert!(handle.close(support::LONG));
    // A port that was free a moment ago.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let output = paritee(&["ledger", "--admin", &format!("http://127.0.0.1:{port}")]);
    let said = String::from_utf8_lossy(&output.stderr).into_owned();
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("start it, or name its --store"), "{said}");
    let output = paritee(&["ledger", "--store", folder.path().join("none").to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(2));
}

#[test]
fn a_diff_view_reads_itself() {
    let text = r#"{"schema":1,"judgement":"mismatch","differences":[{"in":"body","path":"/a","kind":"value","primary":null,
        "candidate":1e400,"severity":"medium"}],"rules":[{"name":"r","hits":2}]}"#;
    let view: DiffView = serde_json::from_str(text).unwrap();
    let written = serde_json::to_string(&view).unwrap();
    assert!(written.contains("\"candidate\":1e400"), "{written}");
    assert!(!written.contains("reason") && !written.contains("approximate"), "absent is a left-out key: {written}");
}
