//! Caps that hold on the disk: a store that is written many times its size stays below them, and the account stays exact.

use super::store_support::*;
use paritee::evidence::{CellDelta, EvidenceBatch};
use paritee::judge::SignatureId;
use paritee::store::{AtRest, Caps, Options, StoreHandle};
use std::path::Path;
use std::time::Instant;
use tempfile::tempdir;

const CAP: u64 = 32 << 20;
const HOUR_MS: u64 = 3_600_000;

/// As large as the files are, or as what they take where that is more.
pub(crate) fn size(path: &Path) -> u64 {
    use std::os::unix::fs::MetadataExt;
    let Ok(found) = std::fs::symlink_metadata(path) else { return 0 };
    if found.is_dir() {
        return std::fs::read_dir(path).into_iter().flatten().flatten().map(|entry| size(&entry.path())).sum();
    }
    found.len().max(found.blocks() * 512)
}

fn start(dir: &Path, caps: Caps, incarnation: u64, now_ms: u64) -> StoreHandle {
    let options = Options { cache_bytes: 8 << 20, exemplars: 5, caps, ..Options::default() };
    StoreHandle::start(dir, &options, incarnation, now_ms, 0).expect("the store opens").0
}

fn offer(store: &StoreHandle, mut batch: EvidenceBatch) {
    while let Err(back) = store.offer(batch) {
        batch = *back;
        std::thread::yield_now();
    }
}

/// New signatures and a new hour all the time, each with an exemplar that does not compress.
fn batch(store: &StoreHandle, sequence: u64, mismatches: u64) -> EvidenceBatch {
    let mut batch = empty(store.source(), sequence);
    for n in 0..mismatches {
        let number = sequence * mismatches + n;
        add_mismatch(&mut batch, SignatureId(number / 3), number, if n % 5 == 0 { 12_000 } else { 900 });
    }
    let cells = std::mem::take(&mut batch.cells);
    batch.cells =
        cells.into_values().map(|cell| (cell_key("GET /api/review/{id}", sequence as u32 / 4), cell)).collect();
    batch
}

/// The sums that no retirement may change.
pub(crate) fn exact(store: &AtRest, mismatches: u64) {
    let ledger = store.ledger().expect("a ledger");
    assert_eq!(ledger.counts.mismatched, mismatches, "the account is never reduced");
    assert_eq!(ledger.marks.iter().map(|(_, n)| n).sum::<i64>(), mismatches as i64);
    let (left_out, signatures) = (store.left_out(), store.signatures().expect("signatures"));
    let counted: u64 = signatures.iter().map(|record| record.count).sum();
    assert_eq!(counted + left_out.signatures, mismatches, "what went is counted");
    let cells = store.cells().expect("cells");
    let in_cells: u64 = cells.iter().filter_map(|(_, cell)| cell.verdicts.get("mismatch")).sum();
    assert!(in_cells <= mismatches && (left_out.cells > 0 || in_cells == mismatches));
    store.verify().expect("it agrees");
}

#[test]
fn the_disk_stays_under_the_cap_however_much_is_written() {
    let dir = tempdir().expect("a directory");
    let dir = dir.path().join("store");
    let caps = Caps { max_bytes: CAP, ..Caps::default() };
    let per_batch = 40;
    let batches = if std::env::var_os("PARITEE_ALL").is_some() { 4_000 } else { 450 };
    let store = start(&dir, caps, 1, 1_000);
    let (mut largest, mut written) = (0, 0);
    for sequence in 1..=batches {
        let batch = batch(&store, sequence, per_batch);
        written += batch.exemplars.iter().map(|(_, one)| one.size() as u64).sum::<u64>();
        offer(&store, batch);
        largest = largest.max(size(&dir));
    }
    assert!(store.settle(LONG));
    let space = store.space();
    assert!(store.close(LONG));
    assert!(written > 3 * CAP, "{written} bytes are many times the cap");
    assert!(largest <= CAP, "{largest} bytes of {CAP}");
    assert!(space.generations > 2, "{space:?}");
    assert!(space.live_bytes > CAP / 8, "it keeps what there is room for: {space:?}");
    let rest = AtRest::open(&dir).expect("it opens");
    exact(&rest, batches * per_batch);
    // the newest is there, the oldest went
    let left_out = rest.left_out();
    assert!(left_out.exemplars > 0 && left_out.cells > 0, "{left_out:?}");
    let newest = SignatureId((batches * per_batch + per_batch - 1) / 3);
    assert!(!rest.exemplars(newest).expect("they read").is_empty());
    assert!(rest.exemplars(SignatureId(per_batch / 3)).expect("they read").is_empty());
}

#[test]
fn keys_are_counted_as_well_as_bytes() {
    let dir = tempdir().expect("a directory");
    let dir = dir.path().join("store");
    let caps = Caps { max_keys: 2_000, ..Caps::default() };
    let store = start(&dir, caps, 1, 1_000);
    let mut most = 0;
    for sequence in 1..=600 {
        offer(&store, batch(&store, sequence, 10));
        most = most.max(store.space().keys);
    }
    assert!(store.settle(LONG));
    assert!(store.close(LONG));
    assert!((1_500..=2_000).contains(&most), "{most}");
    let rest = AtRest::open(&dir).expect("it opens");
    assert!(rest.verify().expect("sound").keys <= 2_000);
    exact(&rest, 6_000);
}

#[test]
fn what_is_too_old_goes_without_any_traffic_and_is_counted() {
    let dir = tempdir().expect("a directory");
    let dir = dir.path().join("store");
    let caps = Caps { max_age_ms: 48 * HOUR_MS, ..Caps::default() };
    let store = start(&dir, caps, 1, 50 * HOUR_MS);
    // one signature seen long ago, one seen until now, with an exemplar of either time
    let mut one = empty(store.source(), 1);
    add_mismatch(&mut one, SignatureId(1), HOUR_MS, 300);
    add_mismatch(&mut one, SignatureId(2), HOUR_MS + 1, 300);
    add_mismatch(&mut one, SignatureId(2), 49 * HOUR_MS, 300);
    let cell = one.cells.pop_first().expect("a cell").1;
    one.cells.insert(cell_key("GET /api/review/{id}", 1), cell.clone());
    offer(&store, one);
    let mut two = empty(store.source(), 2);
    two.cells.insert(cell_key("GET /api/review/{id}", 49), CellDelta { leaves: 1, ..CellDelta::default() });
    offer(&store, two);
    assert!(store.close(LONG));
    let store = start(&dir, caps, 2, 50 * HOUR_MS);
    let started = Instant::now();
    while store.left_out().cells == 0 || store.signatures().len() == 2 {
        assert!(started.elapsed() < LONG, "{:?}", store.left_out());
        std::thread::yield_now();
    }
    assert!(store.close(LONG));
    let rest = AtRest::open(&dir).expect("it opens");
    let signatures = rest.signatures().expect("signatures");
    assert_eq!(signatures.iter().map(|record| (record.id.0, record.count)).collect::<Vec<_>>(), [(2, 2)]);
    let kept: Vec<u64> =
        rest.exemplars(SignatureId(2)).expect("they read").iter().map(|one| one.received_at_ms).collect();
    assert_eq!(kept, [49 * HOUR_MS]);
    let hours: Vec<u32> = rest.cells().expect("cells").iter().map(|(key, _)| key.hour).collect();
    assert_eq!(hours, [49]);
    let left_out = rest.left_out();
    assert_eq!((left_out.signatures, left_out.exemplars, left_out.cells), (1, 2, 1));
    assert_eq!(rest.ledger().expect("a ledger").counts.mismatched, 3);
    rest.verify().expect("it agrees");
}
