//! Damaged files: the tee starts all the same, what reads is carried over, what does not is counted.

use super::store_support::*;
use paritee::evidence::{Group, NoisePlace, PairDelta, PairKey, Paired, Shape};
use paritee::judge::{SignatureId, Verdict};
use paritee::store::{AtRest, StoreError, StoreHandle};
use std::fs;
use std::path::{Path, PathBuf};
use tempfile::tempdir;

const SIGNATURES: u64 = 60;
const ROUNDS: u64 = 40;

/// Ten pairs of as many places as are counted, each differing on both sides: a record of some chunks.
pub(crate) fn noisy() -> PairDelta {
    let paired = Paired { both: 10, ..Paired::default() };
    let group = |n: u64| {
        let ids = (0..PairDelta::SHAPES as u64).map(|i| SignatureId(scrambled(n * 100 + i)));
        Group { paired, shapes: ids.map(|id| (id, Shape { paired, pinned: false })).collect() }
    };
    let facts = |n: u64| facts(SignatureId(n));
    let place = |n: u64| NoisePlace { place: facts(n).place, path: noise(n, 64), kind: facts(n).kind };
    let groups = (0..PairDelta::GROUPS as u64).map(|n| (place(n), group(n))).collect();
    PairDelta { pairs: 10, groups, ..PairDelta::default() }
}

/// A store of some size, closed cleanly.
fn fill(dir: &Path) {
    let store = open(dir, 1, 1_000);
    for sequence in 1..=ROUNDS {
        let mut batch = empty(store.source(), sequence);
        for i in 0..10 {
            let number = sequence * 10 + i;
            add_mismatch(&mut batch, SignatureId(number % SIGNATURES), number, 1_500);
        }
        batch.counts.count_verdict(Verdict::Match);
        batch.pairs.insert(PairKey { route: "GET /noisy".to_owned(), builds: Default::default() }, noisy());
        batch.received_so_far = sequence * 11;
        assert!(store.offer(batch).is_ok());
        assert!(store.settle(LONG));
    }
    assert!(store.close(LONG));
}

/// What is done to a copy of a good store.
type Damage<'a> = (&'a str, &'a dyn Fn(&Path));

fn copy(from: &Path, to: &Path) {
    fs::create_dir(to).expect("the test's own files and stores");
    for entry in fs::read_dir(from).expect("the test's own files and stores").flatten() {
        let target = to.join(entry.file_name());
        if entry.file_type().expect("the test's own files and stores").is_dir() {
            copy(&entry.path(), &target);
        } else {
            fs::copy(entry.path(), target).expect("the test's own files and stores");
        }
    }
}

fn snapshot(dir: &Path) -> PathBuf {
    let is_snapshot = |path: &PathBuf| {
        path.file_name().expect("the test's own files and stores").to_string_lossy().starts_with("snap.")
    };
    fs::read_dir(dir)
        .expect("the test's own files and stores")
        .flatten()
        .map(|e| e.path())
        .find(is_snapshot)
        .expect("a snapshot")
}

fn flip(path: &Path, at: u64) {
    let mut bytes = fs::read(path).expect("the test's own files and stores");
    let at = at as usize % bytes.len();
    bytes[at] ^= 0x5a;
    fs::write(path, bytes).expect("the test's own files and stores");
}

fn cut(path: &Path, to: u64) {
    fs::OpenOptions::new()
        .write(true)
        .open(path)
        .expect("the test's own files and stores")
        .set_len(to)
        .expect("the test's own files and stores");
}

/// The tee starts, takes a batch, and leaves a store that agrees with itself. Says what it set aside.
fn starts_and_works(dir: &Path, what: &str) -> Option<(PathBuf, u64, u64)> {
    let (store, opened) =
        StoreHandle::start(dir, &options(), 2, 9_000, 0).unwrap_or_else(|error| panic!("{what}: {error}"));
    let mut batch = empty(store.source(), 1);
    add_mismatch(&mut batch, SignatureId(7_777), 7_777, 300);
    assert!(store.offer(batch).is_ok());
    if !store.settle(LONG) {
        // it fails first, then the store is set aside and begun anew
        let until = std::time::Instant::now() + LONG;
        while !store.settle(LONG) {
            assert!(std::time::Instant::now() < until, "{what}: {:?}", store.failing());
        }
    }
    assert!(store.signatures().iter().any(|s| s.id.0 == 7_777 && s.exemplars == 1), "{what}");
    assert!(store.close(LONG), "{what}");
    let rest = AtRest::open(dir).unwrap_or_else(|error| panic!("{what}: {error}"));
    // what the signatures refer to reads, or says that it is damaged where nobody has had to read it yet; after a salvage
    // nothing of the kind is left
    for record in rest.signatures().expect("signatures read at the start") {
        match rest.exemplars(record.id) {
            Ok(exemplars) => assert_eq!(exemplars.len(), record.exemplars, "{what}"),
            Err(StoreError::Damaged { .. }) if opened.set_aside.is_none() => {}
            Err(error) => panic!("{what}: {error}"),
        }
    }
    opened.set_aside
}

#[test]
fn a_damaged_snapshot_or_setting_loses_nothing() {
    let dir = tempdir().expect("the test's own files and stores");
    let good = dir.path().join("good");
    fill(&good);
    // sled writes a snapshot when it opens a store that has changed
    let before = AtRest::open(&good).expect("the test's own files and stores");
    let suppression = before.figures().suppression;
    assert_eq!(suppression.places.len(), PairDelta::GROUPS);
    let (ledger, signatures) = (
        before.ledger().expect("the test's own files and stores"),
        before.signatures().expect("the test's own files and stores"),
    );
    drop(before);
    let damages: [Damage; 5] = [
        ("a byte of the snapshot", &|dir| flip(&snapshot(dir), 100)),
        ("half a snapshot", &|dir| cut(&snapshot(dir), 40)),
        ("an empty snapshot", &|dir| cut(&snapshot(dir), 0)),
        ("a byte of the settings", &|dir| flip(&dir.join("conf"), 2)),
        ("a snapshot that was being written", &|dir| {
            fs::write(dir.join("snap.7FFFFFFFFFFFFFFF.generating"), "x").expect("the test's own files and stores")
        }),
    ];
    for (index, (what, damage)) in damages.iter().enumerate() {
        let bad = dir.path().join(format!("bad-{index}"));
        copy(&good, &bad);
        damage(&bad);
        let set_aside = starts_and_works(&bad, what);
        let rest = AtRest::open(&bad).expect("the test's own files and stores");
        let mut now = rest.signatures().expect("the test's own files and stores");
        now.retain(|s| s.id.0 != 7_777);
        assert_eq!(now, signatures, "{what}");
        assert_eq!(rest.figures().suppression, suppression, "{what}");
        let mut counts = rest.ledger().expect("the test's own files and stores").counts;
        counts.mismatched -= 1;
        assert_eq!(counts, ledger.counts, "{what}");
        check_agreement(&rest, 5);
        if let Some((aside, salvaged, lost)) = set_aside {
            assert_eq!(aside, dir.path().join(format!("bad-{index}.damaged-9000")), "{what}");
            assert!(aside.join("db").exists() && salvaged > SIGNATURES && lost == 0, "{what}: {salvaged}, {lost}");
        }
    }
}

#[test]
fn any_damage_to_the_log_is_survived_and_what_is_lost_is_told() {
    let dir = tempdir().expect("the test's own files and stores");
    let good = dir.path().join("good");
    fill(&good);
    drop(AtRest::open(&good).expect("the test's own files and stores"));
    let size = fs::metadata(good.join("db")).expect("the test's own files and stores").len();
    let rounds = if std::env::var_os("PARITEE_ALL").is_some() { 60 } else { 10 };
    let mut set_aside = 0;
    for round in 0..rounds {
        let bad = dir.path().join(format!("bad-{round}"));
        copy(&good, &bad);
        let at = scrambled(round);
        let what = match round % 3 {
            0 => {
                cut(&bad.join("db"), at % size);
                format!("cut at {}", at % size)
            }
            1 => {
                flip(&bad.join("db"), at % size);
                format!("a byte at {}", at % size)
            }
            _ => {
                (0..50).for_each(|i| flip(&bad.join("db"), scrambled(at + i) % size));
                "fifty bytes".to_owned()
            }
        };
        if let Err(error) = AtRest::open(&bad).and_then(|rest| rest.verify()) {
            assert!(matches!(error, StoreError::Damaged { .. }), "{what}: {error}");
        }
        if let Some((aside, salvaged, lost)) = starts_and_works(&bad, &what) {
            assert!(aside.join("db").exists() && salvaged + lost > 0, "{what}: {salvaged}, {lost}");
            set_aside += 1;
        }
    }
    assert!(set_aside > 0, "no damage was found in {rounds} rounds");
}

#[test]
fn a_file_that_is_no_store_at_all_is_set_aside_with_a_gap_without_bound() {
    let dir = tempdir().expect("the test's own files and stores");
    let bad = dir.path().join("store");
    fs::create_dir(&bad).expect("the test's own files and stores");
    fs::write(bad.join("db"), noise(1, 600_000)).expect("the test's own files and stores");
    fs::write(bad.join("conf"), "nonsense that is long enough").expect("the test's own files and stores");
    assert!(matches!(AtRest::open(&bad), Err(StoreError::Damaged { .. })));
    let (_, salvaged, lost) = starts_and_works(&bad, "nonsense").expect("set aside");
    assert!(salvaged == 0 && lost > 0);
    let gaps = AtRest::open(&bad)
        .expect("the test's own files and stores")
        .ledger()
        .expect("the test's own files and stores")
        .gaps;
    assert_eq!(gaps.first().map(|gap| (gap.to_ms, gap.up_to)), Some((9_000, u64::MAX)));
}
