//! Each planted mistake is found, under its own signature and no other; a clean run finds nothing.

use super::stack::{Stack, available, folder};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::process::Command;

/// One row of the table written by hand.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
struct Row {
    route: String,
    r#in: String,
    path: String,
    kind: String,
    severity: String,
}

#[derive(Debug, Deserialize)]
struct Fault {
    signatures: BTreeSet<Row>,
}

fn table() -> BTreeMap<String, Fault> {
    let text = std::fs::read_to_string(folder().join("faults.toml")).expect("the table of faults");
    toml::from_str(&text).expect("a table of faults")
}

const FIXED_SEED: u64 = 20_261_123;

/// Another seed for every run, printed so that a failure can be repeated: `PARITEE_SEED=… cargo test`.
fn fresh_seed() -> u64 {
    let seed = std::env::var("PARITEE_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock after 1970");
        now.as_millis() as u64 % 1_000_000_007
    });
    eprintln!("fresh seed: {seed} (repeat with PARITEE_SEED={seed})");
    seed
}

/// What the report says, each row with its signature's id.
fn reported(stack: &Stack) -> BTreeMap<Row, String> {
    let (code, text) = stack.query(&["report", "--format", "json"]);
    assert_eq!(code, 0, "{text}");
    let report: Value = serde_json::from_str(&text).expect("a report");
    let rows = report["signatures"].as_array().expect("signatures");
    let read = |row: &Value| Row::deserialize(row).unwrap_or_else(|e| panic!("{e}: {row}"));
    rows.iter().map(|row| (read(row), row["id"].as_str().unwrap_or_default().to_owned())).collect()
}

fn sum(map: &Value) -> u64 {
    map.as_object().map_or(0, |map| map.values().filter_map(Value::as_u64).sum())
}

/// Law 2, on what the binary prints.
fn assert_identity(ledger: &Value) {
    let number = |name: &str| ledger[name].as_u64().unwrap_or_else(|| panic!("no {name}: {ledger}"));
    assert_eq!(number("received"), sum(&ledger["not_mirrored"]) + number("mirrored"), "{ledger}");
    assert_eq!(number("mirrored"), number("in_flight") + sum(&ledger["not_judged"]) + number("judged"), "{ledger}");
    assert_eq!(number("judged"), sum(&ledger["judgements"]), "{ledger}");
    assert_eq!(ledger["judgements"]["inconclusive"].as_u64().unwrap_or(0), sum(&ledger["inconclusive"]), "{ledger}");
    assert_eq!(ledger["judgements"]["vacuous"].as_u64().unwrap_or(0), sum(&ledger["vacuous"]), "{ledger}");
}

#[test]
fn without_a_fault_there_is_nothing_to_report() {
    if !available() {
        return;
    }
    for seed in [FIXED_SEED, fresh_seed()] {
        let stack = Stack::start(&[]);
        let sent = stack.traffic(seed)["sent"].as_u64().expect("a count");
        let ledger = stack.settled_ledger();
        assert_identity(&ledger);
        let (_, report) = stack.query(&["report", "--format", "json"]);
        assert_eq!(reported(&stack), BTreeMap::new(), "seed {seed}: {report}");
        // what the API calls back through the tee is received too, and marked
        let marked = ledger["not_mirrored"]["marked"].as_u64().unwrap_or(0);
        assert_eq!(ledger["received"].as_u64(), Some(sent + marked), "seed {seed}: {ledger}");
        assert_eq!(sum(&ledger["not_judged"]), 0, "seed {seed}: {ledger}");
        assert!(ledger["judgements"]["normalised"].as_u64() > Some(100), "rules acted: {ledger}");
        let proxied = ledger["vacuous"]["proxied"].as_u64().unwrap_or(0);
        assert!(proxied > 0 && proxied <= marked, "what the API passes on proves nothing: {ledger}");
        stack.stop();
    }
}

#[test]
fn the_table_names_every_fault_of_the_api() {
    if !available() {
        return;
    }
    let api = std::path::Path::new(env!("CARGO_BIN_EXE_paritee")).with_file_name("bookreviews-api");
    let help = Command::new(api).arg("--help").output().expect("the API's help");
    let help = String::from_utf8_lossy(&help.stdout).into_owned();
    let known = table();
    for fault in known.keys() {
        assert!(help.contains(fault.as_str()), "the API does not know {fault}");
    }
    let switches = help.lines().filter(|line| line.trim_start().starts_with("- ")).count();
    assert!(switches >= 8, "{help}");
    assert_eq!(switches, known.len(), "a fault without a row in the table:\n{help}");
}

/// Runs one fault under one seed; gives what is wrong.
fn run(fault: &str, expected: &BTreeSet<Row>, seed: u64) -> Option<String> {
    let stack = Stack::start(&[fault]);
    stack.traffic(seed);
    let ledger = stack.settled_ledger();
    assert_identity(&ledger);
    let found = reported(&stack);
    let missed: Vec<_> = expected.iter().filter(|row| !found.contains_key(row)).collect();
    let invented: Vec<_> = found.iter().filter(|(row, _)| !expected.contains(row)).collect();
    let shown: String = invented.iter().map(|(_, id)| stack.query(&["show", id]).1).collect();
    stack.stop();
    let wrong = !missed.is_empty() || !invented.is_empty();
    wrong.then(|| {
        format!("{fault} (seed {seed}): missed {missed:#?}, not in the table {invented:#?}\n{shown}\n{ledger}")
    })
}

/// A quarter of the faults, so that the test threads share the work.
fn quarter(part: usize) {
    if !available() {
        return;
    }
    let fresh = fresh_seed();
    let mut wrong = Vec::new();
    for (position, (fault, expected)) in table().into_iter().enumerate() {
        if position % 4 == part {
            for seed in [FIXED_SEED, fresh] {
                wrong.extend(run(&fault, &expected.signatures, seed));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn each_fault_is_found_first_quarter() {
    quarter(0);
}

#[test]
fn each_fault_is_found_second_quarter() {
    quarter(1);
}

#[test]
fn each_fault_is_found_third_quarter() {
    quarter(2);
}

#[test]
fn each_fault_is_found_last_quarter() {
    quarter(3);
}

#[test]
fn the_tool_and_its_config_know_no_fault_by_name() {
    let mut texts = vec![std::fs::read_to_string(folder().join("paritee.toml")).expect("the example's config")];
    let mut folders = vec![std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src")];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).expect("a readable folder").flatten() {
            match entry.path() {
                path if path.is_dir() => folders.push(path),
                path => texts.push(std::fs::read_to_string(path).expect("a readable file")),
            }
        }
    }
    for fault in table().keys().filter(|fault| fault.contains('-')) {
        let spellings = [fault.clone(), fault.replace('-', "_")];
        for word in &spellings {
            assert!(!texts.iter().any(|text| text.contains(word.as_str())), "{word} is named outside the example");
        }
    }
}
