//! What only the room itself can see: half-written changes, bounds, formats.

use super::disk::{Disk, OPERATIONS, Operations};
use super::handle::StoreHandle;
use super::keys::{self, Table};
use super::record::{self, MAX_VALUE, Meta};
use super::state::{Bounds, Change, State};
use super::{AtRest, Options, SignatureRecord, StoreError, open};
use crate::compare::{Kind, Place, Severity};
use crate::evidence::{
    CellDelta, CellKey, Counts, EvidenceBatch, Exemplar, Mark, MarkCounts, SignatureDelta, SignatureFacts, Source,
    StoredAnswer, StoredRequest,
};
use crate::exchange::ExchangeId;
use crate::judge::{SignatureId, Verdict};
use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;
use tempfile::tempdir;

const CACHE: u64 = 1 << 20;
const LONG: Duration = Duration::from_secs(60);
const WIDE: Bounds = Bounds { exemplars: 3, signatures: 10_000, cells: 1_000, pairs: 100, places: 1_000 };

fn cell_key(hour: u32) -> CellKey {
    CellKey {
        route: "GET /x".to_owned(),
        inferred: false,
        primary_version: String::new(),
        candidate_version: String::new(),
        rule_set: 0,
        comparator: 1,
        principal: "anonymous".to_owned(),
        hour,
    }
}

/// A batch of one mismatching exchange for each of these signatures, and a cell for each of these hours.
fn batch(
    source: Source,
    sequence: u64,
    signatures: std::ops::Range<u64>,
    hours: std::ops::Range<u32>,
) -> EvidenceBatch {
    let mut counts = Counts::default();
    let facts = SignatureFacts {
        route: "GET /x".to_owned(),
        inferred: false,
        place: Place::Body,
        path: "/a".to_owned(),
        kind: Kind::Value,
        detail: None,
        shape: "number:+1".to_owned(),
        severity: Severity::Medium,
    };
    let delta = |id| {
        counts.count_verdict(Verdict::Mismatch);
        let delta = SignatureDelta {
            facts: facts.clone(),
            count: 1,
            marks: MarkCounts::default(),
            first_seen_ms: sequence,
            last_seen_ms: sequence,
            candidate_versions: [format!("v{sequence:03}")].into(),
            builds: Default::default(),
            agreed_after_ms: Default::default(),
        };
        (SignatureId(id), delta)
    };
    let signatures: BTreeMap<_, _> = signatures.map(delta).collect();
    EvidenceBatch {
        source,
        sequence,
        closed_at_ms: 2_000 + sequence,
        received_so_far: 0,
        counts,
        cells: hours.map(|hour| (cell_key(hour), CellDelta { leaves: 1, ..CellDelta::default() })).collect(),
        signatures,
        ..EvidenceBatch::empty(source, sequence)
    }
}

/// Text of this length that does not compress well.
fn noise(seed: u64, length: usize) -> String {
    let word = |i: u64| {
        format!(
            "{:016x}",
            (seed + i).wrapping_mul(0x9e37_79b9_7f4a_7c15).rotate_left(31).wrapping_mul(0xbf58_476d_1ce4_e5b9)
        )
    };
    (0..length as u64 / 16).map(word).collect()
}

/// Adds a mismatching exchange of this number, received then, with bodies of this size.
pub(super) fn mismatch(batch: &mut EvidenceBatch, id: SignatureId, number: u64, body: usize) {
    let one = super::tests::batch(batch.source, 1, id.0..id.0 + 1, 3..4);
    let mut delta = one.signatures[&id].clone();
    (delta.first_seen_ms, delta.last_seen_ms) = (number, number);
    match batch.signatures.get_mut(&id) {
        Some(there) => there.merge(&delta),
        None => drop(batch.signatures.insert(id, delta)),
    }
    batch.cells.entry(cell_key((number / 3_600_000) as u32)).or_default().leaves += 1;
    batch.counts.count_verdict(Verdict::Mismatch);
    let answer = |side: u64| StoredAnswer {
        status: Some(200),
        failure: None,
        headers: Vec::new(),
        body: Some(noise(number * 2 + side, body)),
        partial: true,
        body_length: body as u64,
        elapsed_us: 1,
    };
    let request = StoredRequest {
        method: "GET".into(),
        target: format!("/x/{number}"),
        headers: vec![],
        body: None,
        body_length: 0,
    };
    let exemplar = Exemplar {
        exchange: ExchangeId(u128::from(number)),
        received_at_ms: number,
        route: "GET /x".into(),
        principal: "anonymous".into(),
        subject: None,
        request,
        session_requests: Vec::new(),
        primary: answer(0),
        candidate: answer(1),
        differences: Vec::new(),
        differences_total: 1,
        rules: Vec::new(),
        rule_set: 0,
        primary_version: None,
        candidate_version: None,
    };
    batch.exemplars.push((id, exemplar));
}

/// Looks again and again, since nobody tells.
fn wait_until(holds: impl Fn() -> bool) {
    let started = std::time::Instant::now();
    while !holds() {
        assert!(started.elapsed() < LONG, "it never came");
        std::thread::yield_now();
    }
}

fn state(disk: &Disk) -> State {
    let meta = open::meta(disk).expect("the test's own store").expect("the test's own store");
    State::load(disk, &meta, WIDE).expect("the test's own store")
}

fn new_store(dir: &Path) -> (Disk, State) {
    let (found, state) = open::for_writing(dir, CACHE, 1_000, false, |d, meta| State::load(d, meta, WIDE))
        .expect("the test's own store");
    assert!(found.set_aside.is_none());
    (found.disk, state)
}

/// Applies batches as the writer does.
fn apply(batches: &[EvidenceBatch], state: &mut State, disk: &Disk) {
    let write = |disk: &Disk, change: &Change| super::applying::commit(disk, change).map(|()| true);
    super::applying::apply(batches, state, disk, super::applying::Together::MOST, write).unwrap();
}

#[test]
fn a_large_change_cut_short_is_there_whole_or_not_at_all() {
    let dir = tempdir().unwrap();
    let (disk, mut counters) = new_store(dir.path());
    let source = Source { tee: counters.meta.tee, incarnation: 1 };
    let mut change = Change::default();
    assert!(counters.apply(&batch(source, 1, 0..2_500, 0..5), &mut change, &disk).unwrap());
    counters.finish(&mut change, &disk).unwrap();
    assert!(change.operations.len() > OPERATIONS * 2);

    // a journal without its mark: the crash came before it was whole
    let half = Operations::from([(keys::journal_part(0), Some(record::encode(&vec![0u8; 9]).unwrap()))]);
    disk.in_parts(&half).unwrap();
    drop(disk);
    let disk = open::disk(dir.path(), CACHE).unwrap();
    let before = state(&disk);
    assert_eq!((before.signatures.len(), before.totals.applied), (0, 0));
    assert_eq!(disk.get(&keys::journal_part(0)).unwrap(), None);

    // a whole journal, of which a part was applied already
    disk.write_journal(&change.operations).unwrap();
    let part: Operations = change.operations.clone().into_iter().take(150).collect();
    disk.in_parts(&part).unwrap();
    drop(disk);
    let disk = open::disk(dir.path(), CACHE).unwrap();
    let after = state(&disk);
    assert_eq!((after.signatures.len(), after.totals.applied, after.counts.mismatched), (2_500, 1, 2_500));
    assert_eq!(disk.table(Table::Journal, Table::Journal.prefix(), false).unwrap().count(), 0);
}

#[test]
fn a_mark_finds_what_it_is_of_or_changes_the_account_alone() {
    let dir = tempdir().unwrap();
    let (disk, mut counters) = new_store(dir.path());
    let source = Source { tee: counters.meta.tee, incarnation: 1 };
    let marked = |sequence, signatures: std::ops::Range<u64>, hours: std::ops::Range<u32>| {
        let mut marked = batch(source, sequence, signatures, hours);
        marked.counts = Counts::default();
        for delta in marked.signatures.values_mut() {
            (delta.count, delta.candidate_versions) = (0, Default::default());
            delta.marks.confirm(Mark::Race);
            delta.agreed_after_ms.insert(60_000, 1);
        }
        for delta in marked.cells.values_mut() {
            *delta = CellDelta::default();
            delta.marks.confirm(Mark::Race);
            delta.mismatching.take_back(7);
        }
        marked
    };
    let apply = |counters: &mut State, batch: &EvidenceBatch| {
        apply(std::slice::from_ref(batch), counters, &disk);
    };
    let mut first = batch(source, 1, 0..1, 0..1);
    first.signatures.values_mut().for_each(|delta| delta.marks.count(Mark::Unconfirmed));
    first.cells.values_mut().for_each(|delta| {
        delta.marks.count(Mark::Unconfirmed);
        delta.mismatching.count(7);
    });
    apply(&mut counters, &first);
    let change = marked(2, 0..1, 0..1);
    apply(&mut counters, &change);
    apply(&mut counters, &change);
    // A cell and a signature that had to make room meanwhile: they do not come back for a mark.
    apply(&mut counters, &marked(3, 5..6, 5..6));
    drop((counters, disk));
    let rest = AtRest::open(dir.path()).unwrap();
    let (ledger, cells, signatures) = (rest.ledger().unwrap(), rest.cells().unwrap(), rest.signatures().unwrap());
    assert_eq!((cells.len(), signatures.len(), ledger.durable_seq), (1, 1, 1), "marks alone account for no request");
    assert_eq!((cells[0].1.marks, cells[0].1.mismatching.requests()), (MarkCounts([0, 0, 1, 0, 0, 0]), 0));
    assert_eq!((signatures[0].marks, signatures[0].count), (MarkCounts([0, 0, 1, 0, 0, 0]), 1));
    assert_eq!(signatures[0].agreed_after_ms, BTreeMap::from([(60_000, 1)]));
    assert_eq!(ledger.marks, MarkCounts([-1, 0, 2, 0, 0, 0]), "the account is of both");
}

#[test]
fn chunks_of_a_change_that_never_came_are_removed() {
    let dir = tempdir().unwrap();
    let (disk, state) = new_store(dir.path());
    let next = state.totals.next_blob;
    let orphans: Operations = (0..3).map(|i| (keys::chunk(next, i), Some(vec![1; MAX_VALUE]))).collect();
    disk.in_parts(&orphans).unwrap();
    drop(disk);
    assert_eq!(AtRest::open(dir.path()).unwrap().verify().unwrap().signatures, 0);
    let options = Options { cache_bytes: CACHE, exemplars: 3, ..Options::default() };
    let (store, _) = StoreHandle::start(dir.path(), &options, 1, 2_000, 0).unwrap();
    assert!(store.close(LONG));
    let disk = open::disk(dir.path(), CACHE).unwrap();
    assert_eq!(disk.table(Table::Chunk, Table::Chunk.prefix(), false).unwrap().count(), 0);
}

/// Applies twenty batches, so many at a time; what is left.
fn applied(bounds: Bounds, together: usize) -> AtRest {
    let dir = tempdir().unwrap();
    let (disk, _) = new_store(dir.path());
    let meta = open::meta(&disk).unwrap().unwrap();
    let mut counters = State::load(&disk, &meta, bounds).unwrap();
    let source = Source { tee: meta.tee, incarnation: 1 };
    let hours = |sequence: u64| (sequence * 3 % 7) as u32..(sequence * 3 % 7) as u32 + 3;
    let batches: Vec<_> = (1..=20).map(|n| batch(source, n, n..n + 3, hours(n))).collect();
    for batches in batches.chunks(together) {
        apply(batches, &mut counters, &disk);
        // they come twice
        apply(batches, &mut counters, &disk);
    }
    disk.sync().unwrap();
    drop(disk);
    let rest = AtRest::open(dir.path()).unwrap();
    rest.verify().unwrap();
    rest
}

#[test]
fn batches_that_wait_together_are_as_good_as_one_after_the_other() {
    for bounds in [WIDE, Bounds { cells: 4, ..WIDE }] {
        let all = |rest: &AtRest| (rest.cells().unwrap(), rest.signatures().unwrap(), rest.ledger().unwrap().counts);
        let (single, many) = (applied(bounds, 1), applied(bounds, 8));
        assert!(all(&single) == all(&many), "{bounds:?}");
        assert_eq!(single.ledger().unwrap().durable_seq, many.ledger().unwrap().durable_seq);
        assert_eq!((single.left_out(), single.cells().unwrap().len() as u64), (many.left_out(), bounds.cells.min(9)));
    }
}

#[test]
fn full_tables_leave_out_and_count() {
    let dir = tempdir().unwrap();
    let options = Options { cache_bytes: CACHE, exemplars: 3, ..Options::default() };
    let bounds = Bounds { exemplars: 3, signatures: 10, cells: 4, pairs: 100, places: 1_000 };
    let (store, _) = StoreHandle::start_bounded(dir.path(), &options, bounds, 1, 1_000, 0).unwrap();
    store.offer(batch(store.source(), 1, 0..8, 3..6)).unwrap();
    store.offer(batch(store.source(), 2, 5..20, 5..8)).unwrap();
    assert!(store.settle(LONG));
    // when the table is full, those longest unseen make room for the next
    wait_until(|| store.signatures().len() < 10);
    let counted = |records: &[SignatureRecord]| records.iter().map(|record| record.count).sum::<u64>();
    assert_eq!(store.signatures().len(), 9);
    assert!(store.signatures().iter().all(|record| record.id.0 > 0), "the first was seen in the first batch alone");
    assert_eq!(counted(&store.signatures()) + store.left_out().signatures, 8 + 15);
    // the mismatches themselves are in the account all the same
    assert_eq!(store.ledger().counts.mismatched, 8 + 15);
    assert!(store.close(LONG));
    let rest = AtRest::open(dir.path()).unwrap();
    let hours: Vec<u32> = rest.cells().unwrap().iter().map(|(key, _)| key.hour).collect();
    assert_eq!((hours, rest.left_out().cells), (vec![4, 5, 6, 7], 1));
    assert_eq!(counted(&rest.signatures().unwrap()) + rest.left_out().signatures, 8 + 15);
}

#[test]
fn cells_add_up_and_versions_are_bounded_over_restarts() {
    let dir = tempdir().unwrap();
    let options = Options { cache_bytes: CACHE, exemplars: 3, ..Options::default() };
    for incarnation in 1..=40 {
        let (store, _) = StoreHandle::start(dir.path(), &options, incarnation, 1_000, 0).unwrap();
        let mut batch = batch(store.source(), 1, 0..1, 9..10);
        batch.signatures.values_mut().for_each(|s| s.candidate_versions = [format!("v{incarnation:03}")].into());
        store.offer(batch).unwrap();
        assert!(store.close(LONG));
    }
    let rest = AtRest::open(dir.path()).unwrap();
    assert_eq!(rest.cells().unwrap()[0].1.leaves, 40);
    let signature = &rest.signatures().unwrap()[0];
    assert_eq!((signature.count, signature.candidate_versions.len()), (40, SignatureDelta::VERSIONS));
    assert_eq!(signature.candidate_versions.last().map(String::as_str), Some("v040"));
    assert_eq!(rest.ledger().unwrap().durable_seq, 40);
}

#[test]
fn a_newer_format_is_refused_and_left_as_it_is() {
    let dir = tempdir().unwrap();
    let (disk, state) = new_store(dir.path());
    let newer = Meta { format: open::FORMAT + 1, ..state.meta };
    let change = Operations::from([(Table::Meta.prefix(), Some(record::encode(&newer).unwrap()))]);
    disk.commit(&change).unwrap();
    drop(disk);
    let options = Options { cache_bytes: CACHE, exemplars: 3, ..Options::default() };
    let refused = StoreHandle::start(dir.path(), &options, 1, 1_000, 0).map(|_| ());
    assert!(
        matches!(refused, Err(StoreError::Newer { found, known, .. }) if found == known + 1 && known == open::FORMAT),
        "{refused:?}"
    );
    assert!(matches!(AtRest::open(dir.path()).map(|_| ()), Err(StoreError::Newer { .. })));
    // neither set aside nor written to
    assert_eq!(open::disk(dir.path(), CACHE).and_then(|disk| disk.record(&Table::Meta.prefix())).unwrap(), Some(newer));
}

#[test]
fn a_full_desk_gives_the_batch_back_and_never_waits() {
    let dir = tempdir().unwrap();
    let options = Options { cache_bytes: CACHE, exemplars: 3, ..Options::default() };
    let (store, _) = StoreHandle::start(dir.path(), &options, 1, 1_000, 0).unwrap();
    let (mut sequence, mut refused) = (0, 0);
    while refused == 0 && sequence < 100_000 {
        match store.offer(batch(store.source(), sequence + 1, 0..50, 0..1)) {
            Ok(()) => sequence += 1,
            Err(back) => {
                refused += 1;
                assert_eq!(back.sequence, sequence + 1);
            }
        }
    }
    assert_eq!(refused, 1, "{sequence} batches were taken");
    assert!(store.close(LONG));
    assert_eq!(store.ledger().counts.mismatched, sequence * 50);
    assert!(store.offer(batch(store.source(), sequence + 1, 0..1, 0..1)).is_err(), "after the end nothing is taken");
}
