//! Words for the store's tests: batches with exemplars whose content is told by their number, and what must always hold.

use paritee::compare::{Kind, Place, Severity};
use paritee::evidence::{
    CellKey, EvidenceBatch, Exemplar, Mark, MarkCounts, SignatureDelta, SignatureFacts, Source, StoredAnswer,
    StoredRequest,
};
use paritee::exchange::ExchangeId;
use paritee::judge::{SignatureId, Verdict};
use paritee::store::{AtRest, Options, StoreHandle};
use std::path::Path;
use std::time::Duration;

pub(crate) const LONG: Duration = Duration::from_secs(60);

pub(crate) fn options() -> Options {
    Options { cache_bytes: 16 << 20, exemplars: 5, ..Options::default() }
}

pub(crate) fn open(dir: &Path, incarnation: u64, now_ms: u64) -> StoreHandle {
    StoreHandle::start(dir, &options(), incarnation, now_ms, 0).expect("the store opens").0
}

/// Numbers that look random and are the same in every run.
pub(crate) fn scrambled(n: u64) -> u64 {
    let x = (n ^ (n >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

/// Text of this length that does not compress well.
pub(crate) fn noise(seed: u64, length: usize) -> String {
    (0..length.div_ceil(16) as u64).map(|i| format!("{:016x}", scrambled(seed.wrapping_add(i)))).collect::<String>()
        [..length]
        .to_owned()
}

pub(crate) fn facts(id: SignatureId) -> SignatureFacts {
    SignatureFacts {
        route: "GET /api/review/{id}".to_owned(),
        inferred: false,
        place: Place::Body,
        path: format!("/field{}", id.0),
        kind: Kind::Value,
        detail: None,
        shape: "string→string".to_owned(),
        severity: Severity::Medium,
    }
}

pub(crate) fn exemplar(number: u64, body: usize) -> Exemplar {
    let answer = |side: u64| StoredAnswer {
        status: Some(200),
        failure: None,
        headers: vec![("content-type".to_owned(), "application/json".to_owned())],
        body: Some(noise(number.wrapping_mul(2) + side, body)),
        partial: true,
        body_length: body as u64,
        elapsed_us: 900,
    };
    Exemplar {
        exchange: ExchangeId(u128::from(scrambled(number)) << 64 | u128::from(number)),
        received_at_ms: number,
        route: "GET /api/review/{id}".to_owned(),
        principal: "anonymous".to_owned(),
        subject: None,
        request: StoredRequest {
            method: "GET".to_owned(),
            target: format!("/api/review/{number}"),
            headers: Vec::new(),
            body: None,
            body_length: 0,
        },
        session_requests: Vec::new(),
        primary: answer(0),
        candidate: answer(1),
        differences: Vec::new(),
        differences_total: 1,
        rules: Vec::new(),
        rule_set: 0,
        primary_version: None,
        candidate_version: Some("2026.11.1".to_owned()),
    }
}

pub(crate) fn cell_key(route: &str, hour: u32) -> CellKey {
    CellKey {
        route: route.to_owned(),
        inferred: false,
        primary_version: String::new(),
        candidate_version: "2026.11.1".to_owned(),
        rule_set: 1,
        comparator: 1,
        principal: "anonymous".to_owned(),
        hour,
    }
}

pub(crate) fn empty(source: Source, sequence: u64) -> EvidenceBatch {
    EvidenceBatch { closed_at_ms: 1_000_000 + sequence, ..EvidenceBatch::empty(source, sequence) }
}

/// Adds `number` as a mismatching exchange of this signature.
pub(crate) fn add_mismatch(batch: &mut EvidenceBatch, id: SignatureId, number: u64, body: usize) {
    let mut marks = MarkCounts::default();
    marks.count(Mark::Unconfirmed);
    let delta = batch.signatures.entry(id).or_insert_with(|| SignatureDelta {
        facts: facts(id),
        count: 0,
        marks: MarkCounts::default(),
        first_seen_ms: number,
        last_seen_ms: number,
        candidate_versions: ["2026.11.1".to_owned()].into(),
        builds: Default::default(),
        agreed_after_ms: Default::default(),
    });
    delta.count += 1;
    delta.marks.add(&marks);
    delta.last_seen_ms = delta.last_seen_ms.max(number);
    batch.exemplars.push((id, exemplar(number, body)));
    batch.counts.count_verdict(Verdict::Mismatch);
    let cell = batch.cells.entry(cell_key("GET /api/review/{id}", 7)).or_default();
    cell.marks.add(&marks);
    *cell.verdicts.entry("mismatch".to_owned()).or_default() += 1;
    batch.received_so_far += 1;
}

/// What holds of every store at rest, whatever happened to it.
pub(crate) fn check_agreement(store: &AtRest, exemplars: usize) {
    let ledger = store.ledger().expect("a ledger");
    let signatures = store.signatures().expect("signatures");
    let mut seen = 0;
    for record in &signatures {
        assert!(record.count > 0, "{} has no exchange", record.id);
        // the latest is kept beside those of lowest rank, where it is none of them
        let most = exemplars as u64;
        let range = record.count.min(most)..=record.count.min(most + 1);
        assert!(range.contains(&(record.exemplars as u64)), "{}: {}, {range:?}", record.id, record.exemplars);
        let kept = store.exemplars(record.id).expect("its exemplars read");
        assert_eq!(kept.len(), record.exemplars);
        assert_eq!(record.marks.iter().map(|(_, n)| n).sum::<i64>(), record.count as i64);
        seen += record.count;
    }
    // in these tests every mismatching exchange has one signature and one cell
    assert_eq!(seen, ledger.counts.mismatched, "signatures against the account");
    let cells = store.cells().expect("cells");
    let in_cells: u64 = cells.iter().filter_map(|(_, cell)| cell.verdicts.get("mismatch")).sum();
    assert_eq!(in_cells, ledger.counts.mismatched, "cells against the account");
    assert_eq!(ledger.marks.iter().map(|(_, n)| n).sum::<i64>(), ledger.counts.mismatched as i64);
    store.verify().expect("everything that is referred to is there, and nothing else");
}
