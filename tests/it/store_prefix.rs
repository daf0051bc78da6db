//! What a store is after the process was killed, or the power went, at any moment: everything that it does to its files is
//! recorded, the folder is made again as it was at each moment, and opened as a tee opens it.

#[path = "store_prefix/disk.rs"]
mod disk;

use super::store_support::*;
use disk::{Disk, Left, Op};
use paritee::evidence::{CellDelta, CellKey, EvidenceBatch, Source, exemplar_rank};
use paritee::exchange::ExchangeId;
use paritee::judge::{SignatureId, Verdict};
use paritee::store::{AtRest, StoreHandle, is_held};
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use tempfile::TempDir;

const CHILD: &str = "PARITEE_TEST_PREFIX_CHILD";
const RECORDER: &str = include_str!("store_prefix/record.c");
/// The lives of the recorded store, and the batches of each.
const LIVES: u64 = 4;
const BATCHES: u64 = 40;
/// A life begins so long after the one before.
const LIFE_MS: u64 = 1_000_000;
/// The life of whoever opens what was found.
const LAST: u64 = 99;
/// Requests received and not at an end, at any time.
const IN_FLIGHT: u64 = 64;
/// Exemplars of a signature, as `options()` has it.
const EXEMPLARS: usize = 5;

/// The batches are a matter of their number alone, so that what the store holds after any of them can be told.
fn batch(source: Source, life: u64, sequence: u64) -> EvidenceBatch {
    let mut batch = empty(source, sequence);
    let number = life * 1_000 + sequence;
    batch.closed_at_ms = life * LIFE_MS + sequence * 50;
    for i in 0..4 {
        let exchange = scrambled(number * 10 + i) >> 8;
        // some are cut into chunks, most are small
        let body = if (number + i).is_multiple_of(5) { 12_000 } else { 1_500 };
        add_mismatch(&mut batch, SignatureId(exchange % 40), exchange, body);
    }
    if sequence.is_multiple_of(16) {
        // too large for one sled batch
        (0..120).for_each(|i| add_mismatch(&mut batch, SignatureId(100 + i), scrambled(number + i), 60));
    }
    (0..3).for_each(|_| batch.counts.count_verdict(Verdict::Match));
    batch.received_so_far = received(sequence) + IN_FLIGHT;
    batch
}

/// Requests of a life that have come to an end by then.
fn received(sequence: u64) -> u64 {
    7 * sequence + 120 * (sequence / 16)
}

/// The child: fills a store over some lives, and marks each state that it was told to be durable.
/// Not a test of its own: it does nothing unless the parent below runs it under the recorder.
#[test]
fn child_whose_writes_are_recorded() {
    let Ok(dir) = std::env::var(CHILD) else { return };
    let dir = Path::new(&dir);
    let mut mark = fs::File::options().append(true).create(true).open(dir.with_extension("marks")).expect("marks");
    for life in 1..=LIVES {
        let store = open(&dir.join("store"), life, life * LIFE_MS);
        let mut tell = |store: &StoreHandle, sequence: u64| {
            let text = format!("{} {life} {sequence}", store.ledger().durable_seq);
            mark.write_all(text.as_bytes()).expect("a mark");
        };
        let mut sequence = 0;
        while sequence < BATCHES {
            // one to five batches are under way at once
            for _ in 0..=scrambled(life * 100 + sequence) % 5 {
                if sequence < BATCHES {
                    sequence += 1;
                    store.offer(batch(store.source(), life, sequence)).expect("there is room");
                }
            }
            assert!(store.settle(LONG));
            tell(&store, sequence);
        }
        if life.is_multiple_of(2) {
            drop(store);
            while is_held(&dir.join("store")) {
                std::thread::yield_now();
            }
        } else {
            assert!(store.close(LONG));
            tell(&store, sequence);
        }
    }
}

/// What a store holds after so many batches.
#[derive(Clone, Default)]
struct Expected {
    done: u64,
    signatures: BTreeMap<SignatureId, (u64, BTreeSet<(u64, ExchangeId)>)>,
    /// By signature, when it was received: kept beside those of lowest rank.
    latest: BTreeMap<SignatureId, (u64, ExchangeId)>,
    cells: BTreeMap<CellKey, CellDelta>,
}

impl Expected {
    fn add(&mut self, batch: &EvidenceBatch) {
        self.done += batch.counts.done();
        for (key, delta) in &batch.cells {
            self.cells.entry(key.clone()).or_default().merge(delta);
        }
        for (id, delta) in &batch.signatures {
            self.signatures.entry(*id).or_default().0 += delta.count;
        }
        for (id, exemplar) in &batch.exemplars {
            let kept = &mut self.signatures.entry(*id).or_default().1;
            kept.insert((exemplar_rank(exemplar.exchange), exemplar.exchange));
            while kept.len() > EXEMPLARS {
                kept.pop_last();
            }
            let latest = self.latest.entry(*id).or_insert((0, exemplar.exchange));
            *latest = (*latest).max((exemplar.received_at_ms, exemplar.exchange));
        }
    }
    /// How often each signature was seen, and which exemplars it has.
    fn kept(&self) -> BTreeMap<SignatureId, (u64, BTreeSet<(u64, ExchangeId)>)> {
        let mut all = self.signatures.clone();
        for (id, (_, exchange)) in &self.latest {
            all.entry(*id).or_default().1.insert((exemplar_rank(*exchange), *exchange));
        }
        all
    }
}

/// By the number of batches that were applied.
fn expected() -> Vec<Expected> {
    let mut all = vec![Expected::default()];
    for (life, sequence) in (1..=LIVES).flat_map(|life| (1..=BATCHES).map(move |sequence| (life, sequence))) {
        let mut next = all.last().cloned().unwrap_or_default();
        next.add(&batch(Source { tee: 1, incarnation: life }, life, sequence));
        all.push(next);
    }
    all
}

/// What was acknowledged at some moment.
#[derive(Clone, Copy, Default)]
struct Told {
    durable_seq: u64,
    life: u64,
    /// The last batch of that life that was offered by then.
    sequence: u64,
}

fn told(mark: &str) -> Told {
    let mut numbers = mark.split(' ').map(|number| number.parse().expect("a number"));
    let mut next = || numbers.next().expect("three numbers");
    Told { durable_seq: next(), life: next(), sequence: next() }
}

/// Opens what was found as a tee does, and holds it against what had been acknowledged. True when it was set aside in spite of
/// that.
fn check(dir: &Path, told: Told, expected: &[Expected], what: &str) -> bool {
    let store = dir.join("store");
    let (handle, opened) = StoreHandle::start(&store, &options(), LAST, LAST * LIFE_MS, 0)
        .unwrap_or_else(|error| panic!("{what}: {error}"));
    let n = opened.ledger.durable_seq;
    assert!(n >= told.durable_seq, "{what}: {n} batches of {} acknowledged are there", told.durable_seq);
    let more = batch(handle.source(), LAST, 1);
    let mut was = expected.get(n as usize).unwrap_or_else(|| panic!("{what}: {n} batches")).clone();
    was.add(&more);
    handle.offer(more).expect("there is room");
    assert!(handle.close(LONG), "{what}: {:?}", handle.failing());
    let rest = AtRest::open(&store).unwrap_or_else(|error| panic!("{what}: {error}"));
    check_agreement(&rest, EXEMPLARS);
    let ledger = rest.ledger().expect("an account");
    assert_eq!(ledger.received(), was.done, "{what}: after {n} batches");
    let signatures = rest.signatures().expect("signatures").into_iter().map(|record| {
        let kept = rest.exemplars(record.id).expect("exemplars").into_iter();
        (record.id, (record.count, kept.map(|one| (exemplar_rank(one.exchange), one.exchange)).collect()))
    });
    assert!(signatures.collect::<BTreeMap<_, _>>() == was.kept(), "{what}: signatures after {n} batches");
    let cells = rest.cells().expect("cells").into_iter();
    assert!(cells.collect::<BTreeMap<_, _>>() == was.cells, "{what}: cells after {n} batches");
    if told.life > 0 {
        // what that life had received beyond what is accounted for is in its gap
        let of_that_life = |gap: &&paritee::evidence::Gap| gap.from_ms / LIFE_MS == told.life;
        let in_gaps: u64 = ledger.gaps.iter().filter(of_that_life).map(|gap| gap.up_to).sum();
        let accounted = n.saturating_sub((told.life - 1) * BATCHES).min(BATCHES);
        let missing = (received(told.sequence) + IN_FLIGHT).saturating_sub(received(accounted));
        assert!(in_gaps >= missing, "{what}: {in_gaps} in gaps, {missing} missing: {:?}", ledger.gaps);
    }
    // a store that was killed while it was being made may have half a file of settings; nothing is lost with it
    opened.set_aside.is_some() && told.life > 0
}

/// What was recorded.
struct Recorded {
    log: Vec<u8>,
    root: u64,
    _dir: TempDir,
}

/// A folder in memory where there is one: nothing here is for the device.
fn quick() -> TempDir {
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { tempfile::tempdir_in(memory) } else { tempfile::tempdir() }.expect("a folder")
}

fn recorder(dir: &Path) -> PathBuf {
    let (source, library) = (dir.join("record.c"), dir.join("record.so"));
    fs::write(&source, RECORDER).expect("the recorder's source");
    let mut compiler = Command::new(std::env::var_os("CC").unwrap_or_else(|| "cc".into()));
    let built = compiler.args(["-O1", "-shared", "-fPIC", "-pthread", "-o"]).arg(&library).arg(&source).status();
    assert!(built.expect("a C compiler").success(), "the recorder does not compile");
    library
}

fn record() -> Recorded {
    let dir = quick();
    let (root, log) = (dir.path().join("recorded"), dir.path().join("log"));
    fs::create_dir(&root).expect("a folder");
    let output = Command::new(std::env::current_exe().expect("this test binary"))
        .args(["--exact", "store_prefix::child_whose_writes_are_recorded", "--nocapture", "--test-threads", "1"])
        .env("LD_PRELOAD", recorder(dir.path()))
        .env("PARITEE_RECORD_ROOT", &root)
        .env("PARITEE_RECORD_LOG", &log)
        .env("PARITEE_RECORD_MARK", root.with_extension("marks"))
        .env(CHILD, &root)
        .output()
        .expect("the test binary runs again");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success() && text.contains("1 passed"), "{text}{}", String::from_utf8_lossy(&output.stderr));
    let root = fs::metadata(&root).expect("the folder").ino();
    Recorded { log: fs::read(&log).expect("the log"), root, _dir: dir }
}

/// How many were opened, and how many of them were set aside.
#[derive(Default)]
struct Figures {
    opened: AtomicUsize,
    aside: AtomicUsize,
}

/// Every so many of the moments at which something changed on the disk, as what these leave.
fn replay(recorded: &Recorded, every: usize, left: impl Fn(u64) -> Vec<Left> + Sync) -> (usize, usize) {
    let (ops, expected, figures) = (disk::read(&recorded.log), expected(), Figures::default());
    std::thread::scope(|scope| {
        for worker in 0..2 {
            let (ops, expected, left, figures) = (&ops, &expected, &left, &figures);
            scope.spawn(move || {
                let (mut disk, mut last, mut changes) = (Disk::new(&recorded.log, recorded.root), Told::default(), 0);
                for (moment, op) in ops.iter().enumerate() {
                    disk.happens(op);
                    match op {
                        Op::Mark(mark) => last = told(mark),
                        Op::Sync { .. } => {}
                        _ => changes += 1,
                    }
                    let due = changes % every == 0 && changes / every % 2 == worker;
                    if !due || matches!(op, Op::Mark(_) | Op::Sync { .. }) {
                        continue;
                    }
                    for left in left(moment as u64) {
                        let dir = quick();
                        disk.found(left, dir.path());
                        let what = format!("moment {moment} of {}, {left:?} left", ops.len());
                        figures.aside.fetch_add(usize::from(check(dir.path(), last, expected, &what)), SeqCst);
                        figures.opened.fetch_add(1, SeqCst);
                    }
                }
            });
        }
    });
    (figures.opened.into_inner(), figures.aside.into_inner())
}

/// True where a file is written over far before its end: sled uses what it takes for free again.
fn writes_over(ops: &[Op]) -> bool {
    let mut ends = BTreeMap::new();
    ops.iter().any(|op| match op {
        Op::Write { inode, at, data } => {
            let end = ends.entry(*inode).or_insert(0);
            *end = (*end).max(at + data.len());
            at + (1 << 20) < *end
        }
        _ => false,
    })
}

#[test]
fn nothing_acknowledged_is_lost_at_any_moment() {
    let all = std::env::var_os("PARITEE_ALL").is_some();
    let recorded = record();
    let ops = disk::read(&recorded.log);
    let marks = ops.iter().filter(|op| matches!(op, Op::Mark(_))).count();
    assert!(marks > 40 && writes_over(&ops), "{marks} marks in {} operations", ops.len());
    let every = if all { 1 } else { 16 };
    let (opened, aside) = replay(&recorded, every, |_| vec![Left::All, Left::Nothing]);
    assert_eq!(aside, 0, "of {opened}: what a kill leaves opens as it is, and so does what was synced");
    let seeds = if all { 4 } else { 1 };
    let torn = |moment| (0..seeds).map(|seed| Left::Some(scrambled(moment * 100 + seed))).collect();
    let (torn, aside) = replay(&recorded, every, torn);
    println!("{} operations: {opened} moments whole, {torn} torn, {aside} of them set aside", ops.len());
}
