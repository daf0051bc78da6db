//! The steps of the move as the tee sees them: what is only passed on proves nothing, however the passing-on is hidden, and
//! what has been handed over is served and no longer compared.

use super::stack::{Stack, available};
use super::table::{FIXED_SEED, assert_identity, fresh_seed, reported};
use serde_json::Value;
use std::collections::BTreeMap;

fn number(value: &Value) -> u64 {
    value.as_u64().unwrap_or(0)
}

/// Runs the traffic at a step; gives the settled ledger and the report, which names nothing.
fn at(words: &[&str], seed: u64) -> (Value, Value) {
    let stack = Stack::with(&[], words);
    stack.traffic(seed);
    let (ledger, report) = (stack.settled_ledger(), stack.report());
    stack.stop();
    assert_identity(&ledger);
    assert_eq!(reported(&report), BTreeMap::new(), "{words:?}, seed {seed}: {report}");
    (ledger, report)
}

/// A proxy in front of the monolith is equal to it by nature: all of it is vacuous, with the headers that tell or without.
#[test]
fn a_transparent_proxy_is_never_called_equal() {
    if !available() {
        return;
    }
    let seed = fresh_seed();
    for words in [
        &["--step", "1"][..],
        &["--step", "1", "--past-tee"],
        &["--step", "1", "--forward", "cookies"],
        &["--step", "1", "--forward", "cookies", "--past-tee"],
        &["--step", "1", "--tees", "2"],
        &["--step", "1", "--tees", "2", "--forward", "cookies"],
    ] {
        let (ledger, _) = at(words, seed);
        let judged = number(&ledger["judged"]);
        assert!(judged > 300, "{words:?}: {ledger}");
        assert_eq!(number(&ledger["vacuous"]["proxied"]), judged, "{words:?}: {ledger}");
    }
}

#[test]
fn each_step_leaves_less_that_proves_nothing() {
    if !available() {
        return;
    }
    let mut before = u64::MAX;
    for step in ["1", "2", "3", "4", "5"] {
        let (ledger, _) = at(&["--step", step], FIXED_SEED);
        let vacuous = number(&ledger["judgements"]["vacuous"]);
        assert!(vacuous < before, "step {step}: {ledger}");
        before = vacuous;
    }
    assert!(before < 40, "what stays with the monolith: {before}");
}

/// Clients are served by the new API, logged-in ones too, and nothing is held against a monolith that has let go.
#[test]
fn what_was_handed_over_is_served_and_not_compared() {
    if !available() {
        return;
    }
    let (ledger, report) = at(&["--step", "6"], fresh_seed());
    assert!(number(&ledger["not_mirrored"]["owned"]) > 300, "{ledger}");
    let routes: Vec<_> = report["owned"].as_array().expect("owned routes").iter().map(|one| &one["route"]).collect();
    assert_eq!(routes.len(), 6, "{report}");
    for route in report["owned"].as_array().into_iter().flatten() {
        assert!(route["since"].is_string(), "not dated: {route}");
    }
}
