//! A new generation at every step that a crash may come after: the store opens, and says what it said.

use super::*;
use crate::evidence::{EvidenceBatch, Source};
use crate::judge::SignatureId;
use crate::store::state::{Bounds, Change, State};
use crate::store::{AtRest, open};
use std::collections::BTreeMap;
use std::fs;
use tempfile::tempdir;

const CACHE: u64 = 1 << 20;
const BOUNDS: Bounds = Bounds { exemplars: 3, signatures: 1_000, cells: 1_000, pairs: 100, places: 1_000 };

/// Everything that a database holds, but for what every opening writes.
fn content(disk: &Disk) -> BTreeMap<Key, Vec<u8>> {
    let passing = [Table::Totals as u8, Table::Session as u8, Table::Gaps as u8];
    let all = disk.after(&[]).unwrap().map(Result::unwrap);
    all.filter(|(key, _)| !passing.contains(&key[0])).collect()
}

fn apply(disk: &Disk, state: &mut State, sequence: u64, making: Option<&Making>) {
    let source = Source { tee: state.meta.tee, incarnation: 1 };
    let mut batch = EvidenceBatch::empty(source, sequence);
    for n in 0..20 {
        let id = SignatureId((sequence * 20 + n) % 300);
        crate::store::tests::mismatch(&mut batch, id, sequence * 100 + n, 3_000);
    }
    let mut change = Change::default();
    assert!(state.apply(&batch, &mut change, disk).unwrap());
    state.finish(&mut change, disk).unwrap();
    disk.in_parts(&change.ahead).unwrap();
    disk.commit(&change.operations).unwrap();
    if let Some(making) = making {
        making.follow(&change.ahead).unwrap();
        making.follow(&change.operations).unwrap();
    }
    disk.sync().unwrap();
}

fn copy_tree(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        match entry.file_type().unwrap().is_dir() {
            true => copy_tree(&entry.path(), &to.join(entry.file_name())),
            false => drop(fs::copy(entry.path(), to.join(entry.file_name())).unwrap()),
        }
    }
}

/// What a crash at this moment leaves opens at rest and for writing, with this content; nothing else stays there.
fn survives(dir: &Path, wanted: &BTreeMap<Key, Vec<u8>>, what: &str) {
    let folder = tempdir().unwrap();
    let left = folder.path().join("store");
    copy_tree(dir, &left);
    AtRest::open(&left).unwrap_or_else(|e| panic!("{what}: {e}")).verify().unwrap_or_else(|e| panic!("{what}: {e}"));
    let (found, state) = open::for_writing(&left, CACHE, 9_000, false, |d, meta| State::load(d, meta, BOUNDS)).unwrap();
    assert_eq!(found.set_aside, None, "{what}");
    // chunks written ahead of a change that never came go with the next start
    let orphans = state.orphans(&found.disk).unwrap();
    found.disk.in_parts(&orphans).unwrap();
    assert!(content(&found.disk) == *wanted, "{what}: the content is another");
    let place = found.disk.place().clone();
    drop(found);
    let generations = generation::directories(&left);
    assert_eq!(generations, if place.number == 0 { vec![] } else { vec![place.number] }, "{what}");
    assert_eq!(left.join("db").exists(), place.number == 0, "{what}");
}

#[test]
fn a_crash_at_any_step_leaves_the_old_or_the_new_and_never_less() {
    let folder = tempdir().unwrap();
    let dir = folder.path().join("store");
    let (found, mut state) =
        open::for_writing(&dir, CACHE, 1_000, false, |d, meta| State::load(d, meta, BOUNDS)).unwrap();
    let mut disk = found.disk;
    (1..=30).for_each(|sequence| apply(&disk, &mut state, sequence, None));
    for round in 1..=3 {
        let mut making = Making::begin(&dir, CACHE).unwrap();
        survives(&dir, &content(&disk), "begun");
        let mut steps = 0;
        for sequence in 100 * round.. {
            let done = making.copy(&disk, 100_000).unwrap();
            steps += 1;
            survives(&dir, &content(&disk), &format!("round {round}, copied {steps} parts"));
            apply(&disk, &mut state, sequence, Some(&making));
            survives(&dir, &content(&disk), &format!("round {round}, and went on"));
            if done {
                break;
            }
        }
        assert!(steps > 3, "{steps} parts");
        let wanted = content(&disk);
        assert!(content(&making.disk) == wanted, "the copy says what the old one says");
        let usage = making.disk.usage();
        let new = making.put_in_use().unwrap();
        survives(&dir, &wanted, "in use");
        assert_eq!(new.usage(), usage);
        let old = disk.place().clone();
        disk = new;
        // half of the old one is gone
        fs::remove_file(old.path.join("conf")).unwrap();
        survives(&dir, &wanted, "half removed");
        generation::remove(&old).unwrap();
        survives(&dir, &wanted, "removed");
    }
    let making = Making::begin(&dir, CACHE).unwrap();
    making.abandon();
    assert_eq!(generation::directories(&dir), [3]);
    let exact = disk.after(&[]).unwrap().map(Result::unwrap).fold(Usage::default(), |usage, (key, value)| Usage {
        keys: usage.keys + 1,
        bytes: usage.bytes + (key.len() + value.len()) as u64,
    });
    assert_eq!(disk.usage(), Some(exact), "what lives is known exactly");
    renew(disk, CACHE).unwrap();
    assert_eq!(generation::directories(&dir), [4]);
}
