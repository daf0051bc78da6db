//! Merging batches: sums, extremes and bottom-k, whatever the order.

use super::*;
use crate::evidence::{Mark, StoredAnswer, StoredRequest};
use crate::exchange::ExchangeId;
use proptest::prelude::*;

const SOURCE: Source = Source { tee: 1, incarnation: 2 };

fn facts(id: u64, severity: Severity, inferred: bool) -> SignatureFacts {
    SignatureFacts {
        route: format!("GET /{id}"),
        inferred,
        place: Place::Body,
        path: "/a".into(),
        kind: Kind::Value,
        detail: None,
        shape: "number".into(),
        severity,
    }
}

fn exemplar(exchange: u128) -> Exemplar {
    let request =
        StoredRequest { method: "GET".into(), target: "/".into(), headers: vec![], body: None, body_length: 0 };
    let answer = StoredAnswer {
        status: Some(200),
        failure: None,
        headers: vec![],
        body: None,
        partial: false,
        body_length: 0,
        elapsed_us: 1,
    };
    Exemplar {
        exchange: ExchangeId(exchange),
        received_at_ms: 1,
        route: "GET /".into(),
        principal: "anonymous".into(),
        subject: None,
        request,
        session_requests: vec![],
        primary: answer.clone(),
        candidate: answer,
        differences: vec![],
        differences_total: 0,
        rules: vec![],
        rule_set: 0,
        primary_version: None,
        candidate_version: None,
    }
}

prop_compose! {
    fn batch()(
        sequence in 1u64..50,
        matched in 0u64..5,
        signatures in proptest::collection::vec((0u64..3, any::<bool>(), 1u64..9, proptest::collection::btree_set("[a-z]{1,2}", 0..30)), 0..4),
        exemplars in proptest::collection::vec((0u64..3, 0u128..60), 0..30),
        cells in proptest::collection::vec((0u32..2, any::<u16>()), 0..4),
    ) -> EvidenceBatch {
        let mut batch = EvidenceBatch::empty(SOURCE, sequence);
        batch.closed_at_ms = sequence * 50;
        batch.received_so_far = sequence * 3;
        batch.counts.matched = matched;
        for (id, high, at, versions) in signatures {
            let severity = if high { Severity::High } else { Severity::Low };
            let mut marks = MarkCounts::default();
            marks.count(Mark::Unconfirmed);
            let delta = SignatureDelta {
                facts: facts(id, severity, high), count: 1, marks, first_seen_ms: at, last_seen_ms: at + 3,
                candidate_versions: versions, builds: Default::default(), agreed_after_ms: Default::default(),
            };
            batch.signatures.insert(SignatureId(id), delta);
        }
        batch.exemplars = exemplars.into_iter().map(|(id, exchange)| (SignatureId(id), exemplar(exchange))).collect();
        for (hour, us) in cells {
            let key = CellKey {
                route: "GET /".into(), inferred: false, primary_version: String::new(), candidate_version: String::new(),
                rule_set: 0, comparator: 1, principal: "anonymous".into(), hour,
            };
            let cell = batch.cells.entry(key).or_default();
            cell.distinct.insert(u64::from(us));
            cell.primary_us.record(u64::from(us));
            *cell.verdicts.entry("match".into()).or_default() += 1;
            *cell.statuses.entry((200, us % 3)).or_default() += 1;
            cell.rules.insert("r".into(), (1, u64::from(us)));
            cell.leaves += 1;
        }
        batch
    }
}

fn merged(parts: &[EvidenceBatch], order: &[usize]) -> EvidenceBatch {
    let mut sum = EvidenceBatch::empty(SOURCE, 0);
    order.iter().for_each(|at| sum.merge(parts[*at].clone()));
    sum
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn merging_knows_no_order(a in batch(), b in batch(), c in batch()) {
        let parts = [a, b, c];
        let forward = merged(&parts, &[0, 1, 2]);
        prop_assert!(forward == merged(&parts, &[2, 0, 1]));
        prop_assert!(forward == merged(&parts, &[1, 2, 0]));
        let mut tail = parts[1].clone();
        tail.merge(parts[2].clone());
        let mut grouped = parts[0].clone();
        grouped.merge(tail);
        prop_assert!(forward == grouped);
        prop_assert_eq!(forward.counts.matched, parts.iter().map(|part| part.counts.matched).sum::<u64>());
    }
}

#[test]
fn the_lowest_ranks_stay_once_each() {
    let mut a = EvidenceBatch::empty(SOURCE, 1);
    a.exemplars = (0..40).map(|n| (SignatureId(n % 2), exemplar(u128::from(n)))).collect();
    for id in 0..2 {
        let of_this = a.exemplars.iter_mut().filter(|(of, _)| of.0 == id).map(|(_, one)| one);
        of_this.max_by_key(|one| exemplar_rank(one.exchange)).unwrap().received_at_ms = 2;
    }
    let b = a.clone();
    a.merge(b);
    // and the latest of each, which is not among them
    assert_eq!(a.exemplars.len(), 2 * (EvidenceBatch::EXEMPLARS + 1));
    let kept: Vec<u64> =
        a.exemplars.iter().filter(|(id, _)| id.0 == 0).map(|(_, e)| exemplar_rank(e.exchange)).collect();
    let mut all: Vec<u64> = (0..40).step_by(2).map(|n| exemplar_rank(ExchangeId(n))).collect();
    all.sort_unstable();
    assert_eq!(kept[..EvidenceBatch::EXEMPLARS], all[..EvidenceBatch::EXEMPLARS]);
    assert_eq!(kept.last(), all.last());
}

#[test]
fn a_merged_signature_keeps_the_worst_and_the_widest() {
    let of = |severity, at: u64, versions: std::ops::Range<u32>| SignatureDelta {
        facts: facts(1, severity, true),
        count: 1,
        marks: MarkCounts::default(),
        first_seen_ms: at,
        last_seen_ms: at,
        candidate_versions: versions.map(|v| format!("{v:03}")).collect(),
        builds: Default::default(),
        agreed_after_ms: Default::default(),
    };
    let mut a = of(Severity::Low, 5, 0..20);
    a.merge(&of(Severity::High, 3, 15..60));
    assert_eq!((a.facts.severity, a.count, a.first_seen_ms, a.last_seen_ms), (Severity::High, 2, 3, 5));
    assert_eq!(a.candidate_versions, (0..32).map(|v| format!("{v:03}")).collect(), "as a fold keeps them");
}

#[test]
fn operations_grow_with_what_is_written() {
    let mut batch = EvidenceBatch::empty(SOURCE, 1);
    assert_eq!(batch.operations(), 1);
    let mut large = exemplar(1);
    large.primary.body = Some("x".repeat(100_000));
    batch.exemplars.push((SignatureId(1), large));
    assert!(batch.operations() >= 8);
}
