//! The table of planted mistakes, written by hand, and what a run is held against.

use super::stack::{Stack, folder};
use serde::Deserialize;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// What a signature is known by here.
#[derive(Clone, Debug, Deserialize, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Row {
    route: String,
    r#in: String,
    path: String,
    kind: String,
    severity: String,
}

/// Every signature that a mistake has.
pub(super) type Rows = BTreeSet<Row>;

#[derive(Debug, Deserialize)]
struct Fault {
    signatures: Rows,
}

/// Mistakes that hide one another by nature, so that together they look like something else.
#[derive(Debug, Deserialize)]
struct Mask {
    one: String,
    others: Vec<String>,
    reason: String,
}

#[derive(Debug, Deserialize)]
struct Table {
    masks: Vec<Mask>,
    #[serde(flatten)]
    faults: BTreeMap<String, Fault>,
}

fn read() -> Table {
    let text = std::fs::read_to_string(folder().join("faults.toml")).expect("the table of faults");
    toml::from_str(&text).expect("a table of faults")
}

/// Each mistake's rows.
pub(super) fn faults() -> BTreeMap<String, Rows> {
    read().faults.into_iter().map(|(name, fault)| (name, fault.signatures)).collect()
}

/// The pairs of which each has a row that the other lacks, and which do not mask each other.
pub(super) fn pairs() -> Vec<(String, String)> {
    let table = read();
    for mask in &table.masks {
        assert!(!mask.reason.is_empty(), "{} masks without a reason", mask.one);
        for name in mask.others.iter().chain([&mask.one]) {
            assert!(table.faults.contains_key(name), "the masks name {name}, which is no fault");
        }
    }
    let masked = |a: &String, b: &String| {
        table
            .masks
            .iter()
            .any(|mask| mask.one == *a && mask.others.contains(b) || mask.one == *b && mask.others.contains(a))
    };
    let mut found = Vec::new();
    for (a, of_a) in &table.faults {
        for (b, of_b) in table.faults.range::<String, _>((std::ops::Bound::Excluded(a), std::ops::Bound::Unbounded)) {
            let each_its_own =
                !of_a.signatures.is_subset(&of_b.signatures) && !of_b.signatures.is_subset(&of_a.signatures);
            if each_its_own && !masked(a, b) {
                found.push((a.clone(), b.clone()));
            }
        }
    }
    found
}

/// The seed of every run that is to be the same everywhere.
pub(super) const FIXED_SEED: u64 = 20_261_123;

/// Another seed for every run, printed so that a failure can be repeated: `PARITEE_SEED=… cargo test`.
pub(super) fn fresh_seed() -> u64 {
    let seed = std::env::var("PARITEE_SEED").ok().and_then(|text| text.parse().ok()).unwrap_or_else(|| {
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).expect("a clock after 1970");
        now.as_millis() as u64 % 1_000_000_007
    });
    eprintln!("fresh seed: {seed} (repeat with PARITEE_SEED={seed})");
    seed
}

/// True in the long tier, `./tests/run --all`.
pub(super) fn all() -> bool {
    std::env::var_os("PARITEE_ALL").is_some()
}

/// What the report says, each row with the ids of its signatures.
pub(super) fn reported(report: &Value) -> BTreeMap<Row, BTreeSet<String>> {
    let mut found: BTreeMap<Row, BTreeSet<String>> = BTreeMap::new();
    for row in report["signatures"].as_array().expect("signatures") {
        let id = row["id"].as_str().unwrap_or_default().to_owned();
        found.entry(Row::deserialize(row).unwrap_or_else(|e| panic!("{e}: {row}"))).or_default().insert(id);
    }
    found
}

/// The sum of an object's numbers.
pub(super) fn sum(map: &Value) -> u64 {
    map.as_object().map_or(0, |map| map.values().filter_map(Value::as_u64).sum())
}

/// Law 2, on what the binary prints.
pub(super) fn assert_identity(ledger: &Value) {
    let number = |name: &str| ledger[name].as_u64().unwrap_or_else(|| panic!("no {name}: {ledger}"));
    assert_eq!(number("received"), sum(&ledger["not_mirrored"]) + number("mirrored"), "{ledger}");
    assert_eq!(number("mirrored"), number("in_flight") + sum(&ledger["not_judged"]) + number("judged"), "{ledger}");
    assert_eq!(number("judged"), sum(&ledger["judgements"]), "{ledger}");
    assert_eq!(ledger["judgements"]["inconclusive"].as_u64().unwrap_or(0), sum(&ledger["inconclusive"]), "{ledger}");
    assert_eq!(ledger["judgements"]["vacuous"].as_u64().unwrap_or(0), sum(&ledger["vacuous"]), "{ledger}");
}

/// Runs these mistakes under one seed, on a stack that runs already; gives what differs from the rows that are expected.
pub(super) fn run(stack: &mut Stack, faults: &[&str], expected: &Rows, seed: u64) -> Option<String> {
    stack.again(faults);
    stack.traffic(seed);
    let ledger = stack.settled_ledger();
    assert_identity(&ledger);
    let found = reported(&stack.report());
    let missed: Vec<_> = expected.iter().filter(|row| !found.contains_key(row)).collect();
    let invented: Vec<_> = found.iter().filter(|(row, _)| !expected.contains(row)).collect();
    let shown: String =
        invented.iter().flat_map(|(_, ids)| ids.iter()).map(|id| stack.query(&["show", id]).1).collect();
    let ids: usize = found.values().map(BTreeSet::len).sum();
    let distinct = found.values().flatten().collect::<BTreeSet<_>>().len();
    let wrong = !missed.is_empty() || !invented.is_empty() || ids != distinct;
    wrong.then(|| {
        let names = faults.join(" and ");
        format!(
            "{names} (seed {seed}): missed {missed:#?}, not in the table {invented:#?}, {distinct} ids for {ids} \
             signatures\n{shown}\n{ledger}"
        )
    })
}
