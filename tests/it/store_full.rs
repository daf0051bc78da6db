//! A disk that takes no more: the store says so, batches wait, and nothing counted is lost once there is room again.

use super::store_support::*;
use paritee::judge::SignatureId;
use paritee::store::AtRest;
use rustix::process::{Resource, Rlimit, setrlimit};
use std::path::Path;
use std::process::Command;
use std::time::Instant;
use tempfile::tempdir;

const CHILD: &str = "PARITEE_TEST_FULL_CHILD";

/// The child: writes until the store fails, merges what is refused, gets room again, and closes.
/// Not a test of its own: it does nothing unless the parent below runs it with a limit on the size of its files.
#[test]
fn child_whose_disk_is_full_for_a_while() {
    let Ok(dir) = std::env::var(CHILD) else { return };
    let store = open(Path::new(&dir), 1, 1_000);
    let (mut number, mut sequence) = (0, 1);
    let mut waiting = empty(store.source(), sequence);
    let started = Instant::now();
    let (mut failed, mut durable_then) = (None, 0);
    // on for a while after the failure, so that the desk is full and the store is tried again meanwhile
    while failed.is_none_or(|at: Instant| at.elapsed().as_millis() < 400) {
        assert!(started.elapsed() < LONG, "the limit did not bite");
        number += 1;
        // the exemplars go first where memory is short; here the first of each signature are enough
        add_mismatch(&mut waiting, SignatureId(number % 50), number, 6_000);
        if waiting.exemplars.len() > 500 {
            waiting.exemplars.truncate(500);
        }
        sequence += 1;
        let next = empty(store.source(), sequence);
        match store.offer(std::mem::replace(&mut waiting, next)) {
            Ok(()) => {}
            Err(back) => (waiting, sequence) = (*back, sequence - 1),
        }
        if failed.is_none() && store.failing().is_some() {
            failed = Some(Instant::now());
            durable_then = store.ledger().durable_seq;
        }
        // reads go on
        assert!(store.ledger().counts.mismatched <= number);
    }
    assert!(store.failing().is_some() && !store.settle(LONG), "it is still full");
    assert_eq!(store.ledger().durable_seq, durable_then, "nothing is acknowledged meanwhile");

    setrlimit(Resource::Fsize, Rlimit { current: None, maximum: None }).expect("room again");
    let mut left = Some(waiting).filter(|batch| !batch.signatures.is_empty());
    while left.is_some() || !store.settle(LONG) {
        assert!(started.elapsed() < LONG * 2, "{:?}", store.failing());
        left = left.and_then(|batch| store.offer(batch).err()).map(|back| *back);
    }
    assert_eq!(store.failing(), None);
    assert_eq!(store.ledger().counts.mismatched, number);
    assert!(store.close(LONG));
}

#[test]
fn a_full_disk_is_told_and_nothing_counted_is_lost() {
    let dir = tempdir().expect("a directory");
    let dir = dir.path().join("store");
    // a write over the limit is an error only where the signal is ignored; a soft limit, so that the child can lift it
    let output = Command::new("sh")
        .args(["-c", r#"trap "" XFSZ; ulimit -S -f 6000; exec "$0" "$@""#])
        .arg(std::env::current_exe().expect("this test binary"))
        .args(["--exact", "store_full::child_whose_disk_is_full_for_a_while", "--nocapture", "--test-threads", "1"])
        .env(CHILD, &dir)
        .output()
        .expect("the test binary runs again");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let rest = AtRest::open(&dir).expect("it opens");
    assert!(rest.ledger().expect("a ledger").gaps.is_empty());
    rest.verify().expect("it agrees");
}
