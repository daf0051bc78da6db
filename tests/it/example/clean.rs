//! Without a mistake nothing is reported, whoever asks and whatever is written in between; and rules hide next to nothing.

use super::stack::{Stack, available};
use super::table::{FIXED_SEED, all, assert_identity, fresh_seed, reported, sum};
use serde_json::Value;
use std::collections::BTreeMap;

/// Of a hundred compared values rules may hide so many.
const HIDDEN_PERCENT: u64 = 3;

/// One run; the stack has just been started.
fn finds_nothing(stack: &Stack, seed: u64, requests: u32) {
    let summary = stack.traffic_of(seed, requests);
    let ledger = stack.settled_ledger();
    let report = stack.report();
    assert_identity(&ledger);
    assert_eq!(reported(&report), BTreeMap::new(), "seed {seed}: {report}");
    // What the API calls back through the tee is received too, and marked.
    let marked = ledger["not_mirrored"]["marked"].as_u64().unwrap_or(0);
    let sent = summary["sent"].as_u64().expect("a count");
    assert!(sent >= u64::from(requests), "{summary}");
    // The one user who comes from before the tee has logged in elsewhere.
    assert_eq!(ledger["received"].as_u64(), Some(sent + marked), "seed {seed}: {ledger}");
    assert_eq!(sum(&ledger["not_judged"]), 0, "seed {seed}: {ledger}");
    assert!(ledger["judgements"]["normalised"].as_u64() > Some(100), "rules acted: {ledger}");
    let proxied = ledger["vacuous"]["proxied"].as_u64().unwrap_or(0);
    assert!(proxied > 0 && proxied <= marked, "what the API passes on proves nothing: {ledger}");
    for kind in ["anonymous", "user", "staff", "expired", "garbage"] {
        assert!(summary["callers"][kind].as_u64() > Some(15), "seed {seed}: {kind} hardly asked: {summary}");
    }
    assert!(summary["writes"].as_u64() >= Some(14), "{summary}");
    let [leaves, hidden] = ["leaves", "hidden"].map(|name| report["compared"][name].as_u64().expect("a figure"));
    assert!(leaves > 1_000 && hidden * 100 <= leaves * HIDDEN_PERCENT, "rules hid {hidden} of {leaves} values");
}

#[test]
fn without_a_fault_there_is_nothing_to_report() {
    if !available() {
        return;
    }
    let mut stack = Stack::start(&[]);
    for seed in [FIXED_SEED, fresh_seed()] {
        finds_nothing(&stack, seed, 420);
        stack.again(&[]);
    }
    stack.stop();
}

#[test]
fn long_runs_without_a_fault_have_nothing_to_report() {
    if !available() || !all() {
        return;
    }
    let fresh = fresh_seed();
    let mut stack = Stack::start(&[]);
    for seed in (fresh..fresh + 19).chain([FIXED_SEED]) {
        finds_nothing(&stack, seed, 2_000);
        stack.again(&[]);
    }
    stack.stop();
}

/// A session is judged under the class of its bearer, and a dead one is a rejected credential, on routes that tell them apart.
#[test]
fn a_session_that_ended_is_not_one_that_began() {
    if !available() {
        return;
    }
    let stack = Stack::start(&["session-lost"]);
    stack.traffic(fresh_seed());
    stack.settled_ledger();
    let report = stack.report();
    // Only those who are logged in lose a session: nobody else's answer differs.
    let [signature] = report["signatures"].as_array().map_or(&[][..], Vec::as_slice) else { panic!("{report}") };
    let (_, shown) = stack.query(&["show", signature["id"].as_str().unwrap_or_default(), "--format", "json"]);
    let shown: Value = serde_json::from_str(&shown).expect("a signature");
    assert_eq!(shown["route"], "GET /api/whoami", "{shown}");
    assert!(!shown.to_string().contains("expiredexpired"), "a session key is in the store: {shown}");
    stack.stop();
}
