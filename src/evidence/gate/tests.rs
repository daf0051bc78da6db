//! What makes a route ready, and what keeps it from it.

use super::*;
use crate::compare::{Kind, Place};
use crate::evidence::{CellDelta, CellKey, Suppression};

const NOW: u64 = 1_000 * HOUR;
const HOUR: u64 = 3_600_000;

fn key(candidate: &str, hour: u32) -> CellKey {
    CellKey {
        route: "GET /a".into(),
        inferred: false,
        primary_version: "m1".into(),
        candidate_version: candidate.into(),
        rule_set: 1,
        comparator: 2,
        principal: "anonymous".into(),
        hour,
    }
}

/// So many distinct requests from this number on, each compared once.
fn cell(requests: std::ops::Range<u64>, mismatching: u64, last_ms: u64) -> CellDelta {
    let mut cell = CellDelta { last_ms, leaves: 100, ..CellDelta::default() };
    for n in requests.clone() {
        let name = xxhash_rust::xxh3::xxh3_64(&n.to_le_bytes());
        cell.distinct.insert(name);
        if n < requests.start + mismatching {
            cell.mismatching.count(name);
        }
        cell.primary_us.record(1_000 + n % 100);
        cell.candidate_us.record(1_000 + n % 100);
    }
    let n = requests.end - requests.start;
    cell.verdicts = BTreeMap::from([("match".to_owned(), n - mismatching), ("mismatch".to_owned(), mismatching)]);
    cell.statuses = BTreeMap::from([((200, 200), n)]);
    cell
}

fn policy() -> Policy {
    Policy { open_signatures: None, ..Policy::default() }
}

fn find(cells: &[(CellKey, CellDelta)], policy: &Policy, known: &RouteKnown, against: &[Against<'_>]) -> Finding {
    let pooled = pool(cells.iter().map(|(key, cell)| (key, cell)), policy, &Suppression::default(), NOW);
    decide(policy, known, &pooled, against, 0.0)
}

fn plain(cells: &[(CellKey, CellDelta)]) -> Finding {
    find(cells, &policy(), &RouteKnown::default(), &[])
}

fn kinds(finding: &Finding) -> Vec<ReasonKind> {
    finding.reasons.iter().map(|reason| reason.kind).collect()
}

fn facts(severity: Severity) -> SignatureFacts {
    SignatureFacts {
        route: "GET /a".into(),
        inferred: false,
        place: Place::Body,
        path: "/stars".into(),
        kind: Kind::Type,
        detail: None,
        shape: "number→string".into(),
        severity,
    }
}

#[test]
fn it_takes_984_clean_distinct_requests() {
    let [few, enough] = [983, 984].map(|n| plain(&[(key("c1", 999), cell(0..n, 0, NOW))]));
    assert_eq!((few.word, few.needed, kinds(&few)), (Word::NotEnoughEvidence, Some(1), vec![ReasonKind::TooFew]));
    assert_eq!((enough.word, enough.needed, enough.reasons), (Word::Ready, Some(0), vec![]));
}

#[test]
fn asking_the_same_again_and_again_is_no_evidence() {
    let cells: Vec<_> = (0..24).map(|hour| (key("c1", 976 + hour), cell(0..100, 0, NOW))).collect();
    let found = plain(&cells);
    assert_eq!((found.word, found.distinct), (Word::NotEnoughEvidence, 100));
}

#[test]
fn nothing_and_what_proves_nothing_is_not_ready() {
    assert_eq!(kinds(&plain(&[])), [ReasonKind::NothingCompared]);
    let vacuous =
        CellDelta { verdicts: BTreeMap::from([("vacuous".to_owned(), 5_000)]), last_ms: NOW, ..CellDelta::default() };
    let found = plain(&[(key("c1", 999), vacuous)]);
    assert_eq!((found.word, kinds(&found)), (Word::NotEnoughEvidence, vec![ReasonKind::Vacuous]));
    let old = plain(&[(key("c1", 700), cell(0..2_000, 0, NOW - 8 * 24 * HOUR))]);
    assert_eq!((kinds(&old), old.notes.len()), (vec![ReasonKind::Stale], 1));
}

#[test]
fn builds_are_pooled_and_earlier_ones_are_not() {
    let cells: Vec<_> =
        (0..5).map(|n| (key(&format!("c{n}"), 990), cell(n * 400..n * 400 + 400, 0, NOW - HOUR * (9 - n)))).collect();
    let found = plain(&cells);
    assert_eq!((found.word, found.distinct), (Word::Ready, 1_200));
    assert_eq!(found.versions.candidate.iter().map(String::as_str).collect::<Vec<_>>(), ["c2", "c3", "c4"]);
    let current =
        find(&cells, &Policy { evidence_from: EvidenceFrom::Last(1), ..policy() }, &RouteKnown::default(), &[]);
    assert_eq!((current.word, current.distinct), (Word::NotEnoughEvidence, 400));
    // A bug that an earlier build had is not the current one's.
    let mut mended = cells.clone();
    mended[0].1 = cell(0..400, 400, NOW - HOUR * 9);
    assert_eq!(plain(&mended).mismatches, 0);
}

#[test]
fn too_many_mismatches_stand_against_it_and_a_few_want_more_requests() {
    let many = plain(&[(key("c1", 999), cell(0..1_000, 60, NOW))]);
    assert_eq!((many.word, many.mismatches), (Word::NotReady, 60));
    assert!(kinds(&many).contains(&ReasonKind::MismatchRate));
    let few = plain(&[(key("c1", 999), cell(0..1_000, 1, NOW))]);
    assert_eq!((few.word, kinds(&few)), (Word::NotEnoughEvidence, vec![ReasonKind::TooFew]));
    let more = few.needed.unwrap();
    assert_eq!(plain(&[(key("c1", 999), cell(0..1_000 + more, 1, NOW))]).word, Word::Ready);
}

#[test]
fn open_signatures_count_where_they_were_seen_and_critical_ones_always() {
    let cells = [(key("c1", 999), cell(0..2_000, 0, NOW))];
    let (critical, high) = (facts(Severity::Critical), facts(Severity::High));
    let seen = |candidate: &str| BTreeMap::from([(Builds { primary: "m1".into(), candidate: candidate.into() }, 3)]);
    let (here, gone) = (seen("c1"), seen("c0"));
    let one = |facts, builds, open| Against { id: SignatureId(7), facts, counted: 3, builds, open };
    let strict = Policy { open_signatures: Some(0), ..policy() };
    let of = |policy: &Policy, against: &[Against<'_>]| find(&cells, policy, &RouteKnown::default(), against);
    assert_eq!(of(&strict, &[one(&high, &gone, true)]).word, Word::Ready, "no build of interest has it");
    assert_eq!(of(&strict, &[one(&high, &here, false)]).word, Word::Ready, "somebody has accepted it");
    let open = of(&strict, &[one(&high, &here, true)]);
    assert_eq!((open.word, kinds(&open)), (Word::NotReady, vec![ReasonKind::OpenSignatures]));
    assert_eq!(open.reasons[0].signatures, ["0000000000000007"]);
    assert_eq!(of(&policy(), &[one(&high, &here, true)]).word, Word::Ready, "the rate alone decides");
    let muted = of(&policy(), &[one(&critical, &here, false)]);
    assert_eq!((muted.word, kinds(&muted)), (Word::NotReady, vec![ReasonKind::Critical]));
    let broken = BTreeMap::new();
    assert_eq!(kinds(&of(&policy(), &[one(&high, &broken, true)])), [ReasonKind::BrokenIds]);
    let noise = Against { counted: 0, ..one(&critical, &here, true) };
    assert_eq!(of(&strict, &[noise]).word, Word::Ready);
}

#[test]
fn what_was_declared_must_have_been_seen() {
    let known = RouteKnown {
        branches: vec![BranchNeed { name: "summary fell back".into(), min: 20 }],
        ..RouteKnown::default()
    };
    let seen = |n: u64| {
        let mut cell = cell(0..2_000, 0, NOW);
        let witnesses = cell.branches.entry("summary fell back".into()).or_default();
        (0..n).for_each(|n| witnesses.insert(n));
        find(&[(key("c1", 999), cell)], &policy(), &known, &[])
    };
    assert_eq!(seen(20).word, Word::Ready);
    for n in [0, 19] {
        let found = seen(n);
        assert_eq!((found.word, kinds(&found)), (Word::NotEnoughEvidence, vec![ReasonKind::Branch]));
        assert!(found.reasons[0].text.contains("summary fell back"), "{:?}", found.reasons);
    }
    let inferred = RouteKnown { inferred: true, ..RouteKnown::default() };
    let found = find(&[(key("c1", 999), cell(0..2_000, 0, NOW))], &policy(), &inferred, &[]);
    assert_eq!((found.word, kinds(&found)), (Word::NotEnoughEvidence, vec![ReasonKind::Inferred]));
}

#[test]
fn what_could_not_be_told_and_what_rules_hide_is_bounded() {
    let mut unjudged = cell(0..2_000, 0, NOW);
    unjudged.verdicts.insert("inconclusive".into(), 200);
    assert_eq!(kinds(&plain(&[(key("c1", 999), unjudged)])), [ReasonKind::Unjudged]);
    let mut hidden = cell(0..2_000, 0, NOW);
    hidden.rules.insert("all of it".into(), (30, 30));
    let found = plain(&[(key("c1", 999), hidden)]);
    assert_eq!((found.word, kinds(&found)), (Word::NotReady, vec![ReasonKind::RulesHide]));
    assert!(found.reasons[0].text.contains("all of it"));
    let shed = decide(
        &policy(),
        &RouteKnown::default(),
        &pool([(&key("c1", 999), &cell(0..2_000, 0, NOW))], &policy(), &Suppression::default(), NOW),
        &[],
        0.06,
    );
    assert_eq!(kinds(&shed), [ReasonKind::Shed]);
}

#[test]
fn a_slow_candidate_is_told_and_an_unclear_one_waits() {
    let slower = |times: u64, n: u64| {
        let mut cell = cell(0..n, 0, NOW);
        cell.candidate_us = Default::default();
        (0..n).for_each(|n| cell.candidate_us.record(times * (1_000 + n % 100) / 100));
        let policy = Policy { latency_p95_ratio_below: Some(1.2), ..policy() };
        find(&[(key("c1", 999), cell)], &policy, &RouteKnown::default(), &[])
    };
    assert_eq!(slower(100, 2_000).word, Word::Ready);
    let slow = slower(150, 2_000);
    assert_eq!((slow.word, kinds(&slow)), (Word::NotReady, vec![ReasonKind::Slower]));
    let unclear = slower(120, 2_000);
    assert_eq!((unclear.word, kinds(&unclear)), (Word::NotEnoughEvidence, vec![ReasonKind::LatencyOpen]));
}
