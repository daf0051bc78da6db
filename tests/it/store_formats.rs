//! A store that an earlier format wrote is read as it is, goes on as one of today's, and loses nothing.
//!
//! `tests/stores/` holds what sled wrote: the log, compressed, and its settings. Format 1 is of a tee between two small servers
//! whose answers to ten of thirty reviews differed in the type of `stars`.

use super::store_support::*;
use paritee::evidence::Word;
use paritee::evidence::{Policy, RouteKnown, Suppression, decide, pool};
use paritee::store::{AtRest, Options, StoreHandle};
use std::path::Path;

const LOG: &[u8] = include_bytes!("../stores/format-1.db.zst");
const SETTINGS: &[u8] = include_bytes!("../stores/format-1.conf");
/// Some minutes after it was written.
const THEN_MS: u64 = 1_795_620_000_000;

fn written_by_format_1(dir: &Path) {
    std::fs::create_dir_all(dir).expect("the test's own files");
    std::fs::write(dir.join("db"), zstd::decode_all(LOG).expect("the log unpacks")).expect("the test's own files");
    std::fs::write(dir.join("conf"), SETTINGS).expect("the test's own files");
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
    written_by_format_1(&dir);
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
