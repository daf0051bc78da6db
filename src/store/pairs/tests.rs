//! Pairs on disk: added up, bounded, and absent from what older versions wrote.

use super::super::handle::StoreHandle;
use super::super::{AtRest, Options};
use super::*;
use crate::compare::{Kind, Place, Severity};
use crate::evidence::{
    Builds, Counts, EvidenceBatch, Group, Mark, MarkCounts, NoisePlace, Paired, Shape, SignatureDelta, SignatureFacts,
    Source,
};
use crate::judge::{SignatureId, Verdict};
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;
use tempfile::tempdir;

const LONG: Duration = Duration::from_secs(60);
const ID: SignatureId = SignatureId(7);

fn options() -> Options {
    Options { cache_bytes: 1 << 20, exemplars: 3, ..Options::default() }
}

fn builds(n: u64) -> Builds {
    Builds { primary: "m1".into(), candidate: format!("c{n:02}") }
}

fn key(n: u64) -> PairKey {
    PairKey { route: "GET /x".into(), builds: builds(n) }
}

fn place(n: u64) -> NoisePlace {
    NoisePlace { place: Place::Body, path: format!("/{n}"), kind: Kind::Value }
}

/// Pairs in which so many places differ on both sides, each time.
fn always(pairs: u64, places: u64, last_ms: u64) -> PairDelta {
    let paired = Paired { both: pairs, ..Paired::default() };
    let shapes = BTreeMap::from([(ID, Shape { paired, pinned: false })]);
    let groups = (0..places).map(|n| (place(n), Group { paired, shapes: shapes.clone() })).collect();
    PairDelta { pairs, groups, mixes: BTreeMap::from([(vec![ID], pairs)]), left_out: 0, last_ms }
}

/// A batch of this many mismatches under these builds, and of their pairs.
fn batch(source: Source, sequence: u64, n: u64, count: u64) -> EvidenceBatch {
    let mut counts = Counts::default();
    (0..count).for_each(|_| counts.count_verdict(Verdict::Mismatch));
    let mut marks = MarkCounts::default();
    marks.0[Mark::Unconfirmed as usize] = count as i64;
    let facts = SignatureFacts {
        route: "GET /x".into(),
        inferred: false,
        place: Place::Body,
        path: "/0".into(),
        kind: Kind::Value,
        detail: None,
        shape: "number".into(),
        severity: Severity::Medium,
    };
    let delta = SignatureDelta {
        facts,
        count,
        marks,
        first_seen_ms: 1,
        last_seen_ms: 1,
        candidate_versions: BTreeSet::new(),
        builds: BTreeMap::from([(builds(n), count)]),
        agreed_after_ms: BTreeMap::new(),
    };
    let mut batch = EvidenceBatch { counts, ..EvidenceBatch::empty(source, sequence) };
    batch.signatures.insert(ID, delta);
    let cell = crate::evidence::CellDelta { marks, ..Default::default() };
    let cell_key = crate::evidence::CellKey {
        route: "GET /x".into(),
        inferred: false,
        primary_version: "m1".into(),
        candidate_version: builds(n).candidate,
        rule_set: 0,
        comparator: 1,
        principal: "anonymous".into(),
        hour: 1,
    };
    batch.cells.insert(cell_key, cell);
    batch.pairs.insert(key(n), always(count, 1, sequence));
    batch
}

#[test]
fn pairs_add_up_over_restarts_and_noise_is_told_alike() {
    let dir = tempdir().unwrap();
    for incarnation in 1..=3 {
        let (store, opened) = StoreHandle::start(dir.path(), &options(), incarnation, 1_000, 0).unwrap();
        assert_eq!(opened.ledger.marks.0[Mark::Noise as usize], 0, "what is noise is told, never stored");
        let (first, again) = (batch(store.source(), 1, 1, 60), batch(store.source(), 1, 1, 60));
        [first, again, batch(store.source(), 2, 2, 1)].into_iter().for_each(|batch| store.offer(batch).unwrap());
        let alone = EvidenceBatch {
            pairs: BTreeMap::from([(key(1), always(40, 1, 9))]),
            ..EvidenceBatch::empty(store.source(), 3)
        };
        store.offer(alone).unwrap();
        assert!(store.settle(LONG));
        let told = store.suppression();
        assert_eq!((told.places.len(), told.places[0].pairs, &told.places[0].key), (1, 100 * incarnation, &key(1)));
        assert_eq!(told.exchanges, 100 * incarnation);
        assert_eq!(store.ledger().durable_seq, 2 * incarnation, "pairs alone account for no request");
        assert!(store.close(LONG));
        let rest = AtRest::open(dir.path()).unwrap();
        assert_eq!(rest.figures().suppression, told);
        let signature = &rest.signatures().unwrap()[0];
        assert_eq!((signature.count, told.noise_of(ID, &signature.builds)), (61 * incarnation, 60 * incarnation));
        // 40 of the pairs came without their mismatches here: no more can be noise than there are.
        assert_eq!(rest.ledger().unwrap().marks.0[Mark::Noise as usize], 61 * incarnation as i64);
        rest.verify().unwrap();
    }
}

#[test]
fn builds_longest_without_a_request_make_room_and_are_counted() {
    let dir = tempdir().unwrap();
    let bounds = Bounds { exemplars: 3, signatures: 10, cells: 10, pairs: 3, places: 100 };
    let (store, _) = StoreHandle::start_bounded(dir.path(), &options(), bounds, 1, 1_000, 0).unwrap();
    for n in 1..=5 {
        store.offer(batch(store.source(), n, n, 100)).unwrap();
        assert!(store.settle(LONG));
    }
    let kept = |told: &crate::evidence::Suppression| {
        told.places.iter().map(|one| one.key.builds.candidate.clone()).collect::<Vec<_>>()
    };
    assert_eq!(kept(&store.suppression()), ["c03", "c04", "c05"]);
    assert_eq!(store.left_out().pairs, 200);
    // A record of many places takes the room of several.
    let large = EvidenceBatch {
        pairs: BTreeMap::from([(key(6), always(100, 64, 9)), (key(5), always(1, 40, 8))]),
        ..EvidenceBatch::empty(store.source(), 6)
    };
    store.offer(large).unwrap();
    assert!(store.settle(LONG));
    assert!(store.suppression().places.iter().all(|one| one.key == key(6)));
    assert!(store.close(LONG));
    AtRest::open(dir.path()).unwrap().verify().unwrap();
}

/// What was written before there were pairs reads, and says nothing of builds.
#[test]
fn older_records_read() {
    #[derive(Serialize)]
    struct Older<'a> {
        facts: &'a SignatureFacts,
        count: u64,
        marks: MarkCounts,
        first_seen_ms: u64,
        last_seen_ms: u64,
        candidate_versions: BTreeSet<String>,
    }
    #[derive(Serialize)]
    struct OlderBatch<'a> {
        source: Source,
        sequence: u64,
        closed_at_ms: u64,
        received_so_far: u64,
        counts: &'a Counts,
        cells: &'a BTreeMap<crate::evidence::CellKey, crate::evidence::CellDelta>,
        signatures: BTreeMap<SignatureId, Older<'a>>,
        exemplars: [(); 0],
    }
    let batch = batch(Source { tee: 1, incarnation: 1 }, 1, 1, 1);
    let facts = &batch.signatures[&ID].facts;
    let older = Older {
        facts,
        count: 3,
        marks: MarkCounts::default(),
        first_seen_ms: 1,
        last_seen_ms: 2,
        candidate_versions: BTreeSet::new(),
    };
    let bytes = record::encode(&older).unwrap();
    let delta: SignatureDelta = record::decode(&bytes, |_| None).unwrap();
    assert!(delta.builds.is_empty() && delta.count == 3);
    let stored: record::StoredSignature = record::decode(&bytes, |_| None).unwrap();
    assert!(stored.builds.is_empty() && stored.facts == *facts);
    let whole: EvidenceBatch = record::decode(&record::encode(&batch).unwrap(), |_| None).unwrap();
    assert_eq!(whole, batch);
    let older = OlderBatch {
        source: batch.source,
        sequence: 1,
        closed_at_ms: 0,
        received_so_far: 0,
        counts: &batch.counts,
        cells: &batch.cells,
        signatures: BTreeMap::from([(ID, older)]),
        exemplars: [],
    };
    let read: EvidenceBatch = record::decode(&record::encode(&older).unwrap(), |_| None).unwrap();
    assert!(read.pairs.is_empty() && read.cells == batch.cells && read.signatures[&ID] == delta);
}
