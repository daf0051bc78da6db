//! A store that an earlier format wrote is read as it is, goes on as one of today's, and loses nothing.
//!
//! `tests/stores/` holds what sled wrote: the log, compressed, and its settings. Format 1 is of a tee between two small servers
//! whose answers to ten of thirty reviews differed in the type of `stars`. Format 2 is of two signatures with six exemplars each,
//! five kept, which had records of their own: the small ones whole, the large ones in chunks.

use super::store_support::*;
use paritee::evidence::Word;
use paritee::evidence::{Policy, RouteKnown, Suppression, decide, pool};
use paritee::judge::SignatureId;
use paritee::store::{AtRest, Options, StoreHandle};
use std::path::Path;

const LOG: &[u8] = include_bytes!("../stores/format-1.db.zst");
const SETTINGS: &[u8] = include_bytes!("../stores/format-1.conf");
const LOG_2: &[u8] = include_bytes!("../stores/format-2.db.zst");
const SETTINGS_2: &[u8] = include_bytes!("../stores/format-2.conf");
/// Some minutes after it was written.
const THEN_MS: u64 = 1_795_620_000_000;

fn written(dir: &Path, log: &[u8], settings: &[u8]) {
    std::fs::create_dir_all(dir).expect("the test's own files");
    std::fs::write(dir.join("db"), zstd::decode_all(log).expect("the log unpacks")).expect("the test's own files");
    std::fs::write(dir.join("conf"), settings).expect("the test's own files");
}

/// Received, mismatching, signatures, exemplars, distinct requests and those of them that mismatch.
fn figures(dir: &Path) -> [u64; 6] {
    let rest = AtRest::open(dir).expect("it opens");
    let (ledger, signatures) = (rest.ledger().expect("an account"), rest.signatures().expect("signatures"));
    let cells = rest.cells().expect("cells");
    let pool = pool(cells.iter().map(|(key, cell)| (key, cell)), &Policy::default(), &Suppression::default(), THEN_MS);
    let found = decide(&Policy::default(), &RouteKnown::default(), &pool, &[], 0.0);
    assert_eq!(found.word, Word::NotReady, "a third of its requests mismatch: {found:?}");
    let exemplars: usize = signatures.iter().map(|one| rest.exemplars(one.id).expect("exemplars").len()).sum();
    let mismatching = ledger.counts.mismatched;
    [ledger.received(), mismatching, signatures.len() as u64, exemplars as u64, found.distinct, found.mismatches]
}

#[test]
fn a_store_of_format_1_is_read_and_goes_on() {
    let dir = tempfile::tempdir().expect("the test's own files");
    let dir = dir.path().join("store");
    written(&dir, LOG, SETTINGS);
    let before = figures(&dir);
    assert_eq!((before[..3].to_vec(), before[4..].to_vec()), (vec![30, 10, 1], vec![30, 10]));
    let options = Options { cache_bytes: 8 << 20, exemplars: 3, ..Options::default() };
    for incarnation in 1..3 {
        let (store, opened) = StoreHandle::start(&dir, &options, incarnation, THEN_MS, 0).expect("it opens");
        assert_eq!(opened.set_aside, None);
        assert!(store.close(LONG));
        assert_eq!(figures(&dir), before);
    }
}

#[test]
fn exemplars_of_format_2_are_read_kept_and_make_room_as_those_of_today() {
    let dir = tempfile::tempdir().expect("the test's own files");
    let dir = dir.path().join("store");
    written(&dir, LOG_2, SETTINGS_2);
    let kept = |id| {
        let rest = AtRest::open(&dir).expect("it opens");
        check_agreement(&rest, 5);
        rest.exemplars(SignatureId(id)).expect("they read")
    };
    let before = [kept(1), kept(2)];
    for (id, kept) in (0..).zip(&before) {
        let body = if id == 0 { 300 } else { 12_000 };
        assert_eq!(kept.len(), 5);
        kept.iter().for_each(|one| assert_eq!(*one, exemplar(one.received_at_ms, body)));
    }
    // it goes on: a new generation is made of what lives, since nobody knows how much that is
    let store = open(&dir, 2, THEN_MS);
    let started = std::time::Instant::now();
    while store.space().generations == 0 {
        assert!(started.elapsed() < LONG, "no generation was made");
        std::thread::yield_now();
    }
    assert!(store.space().keys > 10 && store.space().live_bytes > 30_000, "{:?}", store.space());
    assert!(store.close(LONG));
    assert!(!dir.join("db").exists() && dir.join("generation-1/db").exists());
    assert_eq!([kept(1), kept(2)], before);
    // what comes pushes out what there is, whichever format it has
    let store = open(&dir, 3, THEN_MS + 1);
    for sequence in 1..=30 {
        let mut batch = empty(store.source(), sequence);
        (0..4).for_each(|n| add_mismatch(&mut batch, SignatureId(1 + n % 2), 100 + sequence * 4 + n, 300));
        assert!(store.offer(batch).is_ok() && store.settle(LONG));
    }
    assert!(store.close(LONG));
    let ours = |one: &paritee::evidence::Exemplar| one.received_at_ms >= 100;
    assert!(kept(1).iter().any(ours) && kept(2).iter().any(ours));
}
