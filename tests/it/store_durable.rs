//! The store in one process: what is written is read, once, bounded, and after any stop.

use super::store_support::*;
use paritee::evidence::{EvidenceBatch, Gap, Source, exemplar_rank};
use paritee::judge::{SignatureId, Verdict};
use paritee::store::{AtRest, Options, StoreError, StoreHandle};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use tempfile::tempdir;

fn offer(store: &StoreHandle, mut batch: EvidenceBatch) {
    while let Err(back) = store.offer(batch) {
        batch = *back;
        assert!(store.settle(LONG));
    }
}

#[test]
fn what_is_offered_is_read_back_at_rest_and_by_the_running_tee() {
    let dir = tempdir().expect("the test's own files and stores");
    let dir = dir.path().join("store");
    let store = open(&dir, 1, 1_000);
    let mut batch = empty(store.source(), 1);
    add_mismatch(&mut batch, SignatureId(3), 1, 700);
    add_mismatch(&mut batch, SignatureId(4), 2, 700);
    add_mismatch(&mut batch, SignatureId(4), 3, 700);
    batch.counts.count_verdict(Verdict::Match);
    batch.received_so_far = 4;
    offer(&store, batch);
    assert!(store.settle(LONG));
    assert_eq!((store.ledger().durable_seq, store.ledger().received()), (1, 4));
    let live = store.signatures();
    assert_eq!(live.iter().map(|s| (s.id.0, s.count, s.exemplars)).collect::<Vec<_>>(), [(4, 2, 2), (3, 1, 1)]);
    assert_eq!(live[0].status, "open");
    let live_exemplars = store.exemplars(SignatureId(4)).expect("the test's own files and stores");
    assert!(store.exemplars(SignatureId(99)).expect("the test's own files and stores").is_empty());
    let tee = store.source().tee;
    let live_ledger = store.ledger();
    assert!(store.close(LONG));
    assert!(store.exemplars(SignatureId(4)).is_err(), "a closed store does not answer");

    let rest = AtRest::open(&dir).expect("the test's own files and stores");
    assert_eq!(rest.ledger().expect("the test's own files and stores"), live_ledger);
    assert_eq!(rest.signatures().expect("the test's own files and stores"), live);
    assert_eq!(rest.exemplars(SignatureId(4)).expect("the test's own files and stores"), live_exemplars);
    assert_eq!(live_exemplars[0], exemplar(live_exemplars[0].received_at_ms, 700));
    check_agreement(&rest, 5);
    drop(rest);
    assert_eq!(open(&dir, 2, 2_000).source(), Source { tee, incarnation: 2 }, "the tee's id stays");
}

#[test]
fn a_batch_that_comes_twice_counts_once() {
    let dir = tempdir().expect("the test's own files and stores");
    let store = open(dir.path(), 1, 1_000);
    let mut batch = empty(store.source(), 1);
    add_mismatch(&mut batch, SignatureId(3), 1, 100);
    offer(&store, batch.clone());
    offer(&store, batch.clone());
    assert!(store.settle(LONG));
    assert_eq!((store.ledger().counts.mismatched, store.ledger().durable_seq), (1, 1));
    assert!(store.close(LONG));
    // nor after a restart
    let store = open(dir.path(), 2, 2_000);
    offer(&store, batch);
    assert!(store.settle(LONG));
    assert_eq!((store.ledger().counts.mismatched, store.ledger().durable_seq), (1, 1));
    assert!(store.close(LONG));
    check_agreement(&AtRest::open(dir.path()).expect("the test's own files and stores"), 5);
}

#[test]
fn exemplars_are_the_lowest_ranks_whatever_the_order() {
    let kept = |numbers: &[u64]| {
        let dir = tempdir().expect("the test's own files and stores");
        let store = open(dir.path(), 1, 1_000);
        for (sequence, number) in (1..).zip(numbers) {
            let mut batch = empty(store.source(), sequence);
            // large ones are cut into chunks, which go with them
            add_mismatch(&mut batch, SignatureId(3), *number, 30_000);
            offer(&store, batch);
        }
        assert!(store.settle(LONG));
        let kept = store.exemplars(SignatureId(3)).expect("the test's own files and stores");
        assert!(store.close(LONG));
        check_agreement(&AtRest::open(dir.path()).expect("the test's own files and stores"), 5);
        assert_eq!(
            std::fs::read_dir(dir.path().join("blobs")).expect("the test's own files and stores").count(),
            0,
            "sled never syncs a blob file"
        );
        kept
    };
    let forwards: Vec<u64> = (1..=40).collect();
    let backwards: Vec<u64> = (1..=40).rev().collect();
    let mut wanted: Vec<_> = forwards.iter().map(|n| exemplar(*n, 30_000)).collect();
    wanted.sort_by_key(|e| exemplar_rank(e.exchange));
    // the latest, which is none of the lowest here
    let latest = wanted.iter().position(|e| e.received_at_ms == 40).expect("it is one of them");
    assert!(latest >= 5);
    wanted.swap(5, latest);
    wanted.truncate(6);
    assert_eq!(kept(&forwards), wanted);
    assert_eq!(kept(&backwards), wanted);
}

#[test]
fn a_batch_larger_than_any_sled_batch_is_one_change() {
    let dir = tempdir().expect("the test's own files and stores");
    let store = open(dir.path(), 1, 1_000);
    let mut batch = empty(store.source(), 1);
    for n in 0..400 {
        add_mismatch(&mut batch, SignatureId(n), n, 20_000);
    }
    offer(&store, batch);
    assert!(store.settle(LONG));
    assert_eq!(store.signatures().len(), 400);
    assert!(store.close(LONG));
    check_agreement(&AtRest::open(dir.path()).expect("the test's own files and stores"), 5);
}

#[test]
fn the_files_are_private_and_the_lock_and_the_missing_directory_are_told() {
    let dir = tempdir().expect("the test's own files and stores");
    let dir = dir.path().join("new").join("store");
    assert!(matches!(AtRest::open(&dir), Err(StoreError::Missing(_))));
    assert!(!dir.exists(), "asking creates nothing");
    let store = open(&dir, 1, 1_000);
    let mode =
        |path: &Path| std::fs::metadata(path).expect("the test's own files and stores").permissions().mode() & 0o777;
    assert_eq!(mode(&dir), 0o700);
    for entry in std::fs::read_dir(&dir)
        .expect("the test's own files and stores")
        .flatten()
        .filter(|e| e.file_type().expect("the test's own files and stores").is_file())
    {
        assert_eq!(mode(&entry.path()), 0o600, "{}", entry.path().display());
    }
    assert!(matches!(AtRest::open(&dir), Err(StoreError::Locked(_))));
    assert!(matches!(StoreHandle::start(&dir, &options(), 2, 2_000, 0), Err(StoreError::Locked(_))));
    assert!(store.close(LONG));
}

#[test]
fn a_directory_with_other_things_in_it_is_refused_and_left_alone() {
    let dir = tempdir().expect("the test's own files and stores");
    std::fs::write(dir.path().join("thesis.txt"), "ten years of work").expect("the test's own files and stores");
    let Err(error) = StoreHandle::start(dir.path(), &options(), 1, 1_000, 0) else { panic!("it opened") };
    assert!(error.to_string().contains("thesis.txt"), "{error}");
    assert!(matches!(AtRest::open(dir.path()), Err(StoreError::Missing(_))));
    assert_eq!(std::fs::read_dir(dir.path()).expect("the test's own files and stores").count(), 1);
}

#[test]
fn a_clean_stop_leaves_no_gap_and_an_unclean_one_is_bounded() {
    let dir = tempdir().expect("the test's own files and stores");
    let store = open(dir.path(), 1, 1_000);
    let mut batch = empty(store.source(), 1);
    batch.counts.count_verdict(Verdict::Match);
    batch.received_so_far = 1;
    offer(&store, batch);
    assert!(store.close(LONG));
    assert!(
        AtRest::open(dir.path())
            .expect("the test's own files and stores")
            .ledger()
            .expect("the test's own files and stores")
            .gaps
            .is_empty()
    );

    // 400 received by its only batch, of which 10 had come to an end: then the handle goes without a word
    let store = open(dir.path(), 2, 1_500_000);
    assert!(store.ledger().gaps.is_empty());
    let mut batch = empty(store.source(), 1);
    batch.closed_at_ms = 1_600_000;
    (0..10).for_each(|_| batch.counts.count_verdict(Verdict::Match));
    batch.received_so_far = 400;
    offer(&store, batch);
    assert!(store.settle(LONG));
    drop(store);

    // 400 in the first 50 ms are 8,000 a second, and four seconds may be lost.
    let gap = |to_ms| Gap { from_ms: 1_600_000, to_ms, up_to: 400 + 4 * 8_000 - 10 };
    let rest = (0..).find_map(|_| AtRest::open(dir.path()).ok()).expect("the test's own files and stores");
    let shown = rest.ledger().expect("the test's own files and stores").gaps;
    assert_eq!(shown, [gap(shown[0].to_ms)]);
    drop(rest);
    let store = open(dir.path(), 3, 1_700_000);
    assert_eq!(store.ledger().gaps, [gap(1_700_000)]);
    assert_eq!((store.ledger().received(), store.ledger().durable_seq), (11, 2));
    assert!(store.close(LONG));
    // it is noted once
    assert_eq!(
        AtRest::open(dir.path())
            .expect("the test's own files and stores")
            .ledger()
            .expect("the test's own files and stores")
            .gaps,
        [gap(1_700_000)]
    );
}

#[test]
fn fewer_exemplars_after_the_setting_is_lowered() {
    let dir = tempdir().expect("the test's own files and stores");
    let store = open(dir.path(), 1, 1_000);
    let mut batch = empty(store.source(), 1);
    (0..9).for_each(|n| add_mismatch(&mut batch, SignatureId(1), n, 100));
    offer(&store, batch);
    assert!(store.close(LONG));
    let fewer = Options { exemplars: 2, ..options() };
    let (store, _) = StoreHandle::start(dir.path(), &fewer, 2, 2_000, 0).expect("the test's own files and stores");
    let mut batch = empty(store.source(), 1);
    add_mismatch(&mut batch, SignatureId(1), 20, 100);
    offer(&store, batch);
    assert!(store.close(LONG));
    check_agreement(&AtRest::open(dir.path()).expect("the test's own files and stores"), 2);
}
