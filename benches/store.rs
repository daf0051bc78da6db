//! The store at its size: 10 million judged exchanges, 100,000 mismatching ones in 2,000 signatures. How soon it starts, what
//! memory and disk it takes, how long a listing and a full scan last, at rest and while batches go in, and how many records
//! a second one core writes.
//!
//! `cargo bench --bench store` prints a table and fails where a bound is broken. A number after `--` makes the store of so many
//! exchanges (the bounds are those of 10 million). The store is made by the tee's own path: a fold, batches as the tee closes
//! them, the writer thread. Each phase is a process of its own, so that its memory is its own.

mod week;

use paritee::config::Config;
use paritee::evidence::{EvidenceBatch, Exemplar, Ledger};
use paritee::judge::SignatureId;
use paritee::report::gate::{Asked, Evidence, gate, oldest_ms};
use paritee::report::{Query, build, json};
use paritee::store::{AtRest, Figures, Options, SignatureRecord, StoreHandle};
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};
use week::{EVERY, KINDS, Week};

/// As the released program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

const EXCHANGES: u64 = 10_000_000;
/// Exemplars of a signature: as many as a store may be told to keep.
const EXEMPLARS: usize = EvidenceBatch::EXEMPLARS;
/// Records of the writing phase.
const RECORDS: u64 = 100_000;
const LONG: Duration = Duration::from_secs(120);
/// Batches a second while others read: each of up to 1,000 exchanges.
const PACE: u32 = 20;

/// The bounds, by the figures' names as the phases tell them.
const BOUNDS: &[(&str, &str, f64)] = &[
    ("start: a tee opens it, ms", "at most", 500.0),
    ("start: a command opens it at rest, ms", "at most", 500.0),
    ("memory: a tee that made all of it, peak MiB", "at most", 128.0),
    ("memory: a tee after its start, peak MiB", "at most", 128.0),
    ("memory: a tee under load, listings, peak MiB", "at most", 128.0),
    ("memory: a tee under load, full scans, peak MiB", "at most", 192.0),
    ("memory: full scans at rest, peak MiB", "at most", 192.0),
    ("listing of some 50 at rest, 99th of 100, ms", "at most", 10.0),
    ("listing of some 50 under load, 99th of 100, ms", "at most", 10.0),
    ("a signature's exemplars at rest, 99th of 100, ms", "at most", 10.0),
    ("a signature's exemplars under load, 99th of 100, ms", "at most", 10.0),
    ("full scan at rest: signatures and exemplars, s", "at most", 1.0),
    ("full scan at rest: the gate over all cells, s", "at most", 1.0),
    ("full scan under load: signatures and exemplars, s", "at most", 1.0),
    ("full scan under load: the gate over all cells, s", "at most", 1.0),
    ("keys in all", "at most", 1_000_000.0),
    ("disk: bytes over those of live keys and values", "at most", 2.5),
    ("2 KiB records for each second of CPU, one core", "at least", 40_000.0),
];

fn tell(name: &str, figure: f64) {
    println!("figure {figure} {name}");
}

/// From /proc/self/status, MiB.
fn memory(key: &str) -> f64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find(|line| line.starts_with(key)).unwrap_or("");
    line.split_whitespace().nth(1).and_then(|kib| kib.parse::<f64>().ok()).unwrap_or(f64::NAN) / 1024.0
}

fn forget_peak() {
    // 5 resets the peak to what is resident now.
    let _ = std::fs::write("/proc/self/clear_refs", "5");
}

fn options() -> Options {
    // the cache that a tee has by itself
    Options { cache_bytes: 16 << 20, exemplars: EXEMPLARS, ..Options::default() }
}

fn open(dir: &Path, incarnation: u64, now_ms: u64) -> StoreHandle {
    StoreHandle::start(dir, &options(), incarnation, now_ms, 0).expect("the store opens").0
}

/// Offers a batch until it is taken.
fn offer(store: &StoreHandle, batch: EvidenceBatch) {
    let mut waiting = Some(Box::new(batch));
    while let Some(batch) = waiting {
        waiting = store.offer(*batch).err();
        if waiting.is_some() {
            assert_eq!(store.failing(), None);
            std::thread::sleep(Duration::from_micros(200));
        }
    }
}

/// Makes the store.
fn make(dir: &Path, exchanges: u64) {
    let mut week = Week::new(exchanges, EXEMPLARS, 1);
    let store = open(dir, 1, week.now_ms());
    let started = Instant::now();
    let mut batches = 0;
    while let Some(batch) = week.batch(store.source()) {
        offer(&store, batch);
        batches += 1;
    }
    assert!(store.close(LONG));
    tell("made in, s", started.elapsed().as_secs_f64());
    tell("batches", f64::from(batches));
    tell("memory: a tee that made all of it, peak MiB", memory("VmHWM:"));
    let ledger = store.ledger();
    assert_eq!(ledger.counts.judged(), exchanges);
    assert_eq!(ledger.counts.mismatched, exchanges.div_ceil(EVERY));
}

/// Opens it as a tee does, and no more.
fn start(dir: &Path) {
    let started = Instant::now();
    let store = open(dir, rand(), now_ms());
    tell("start: a tee opens it, ms", started.elapsed().as_secs_f64() * 1e3);
    tell("memory: a tee after its start, peak MiB", memory("VmHWM:"));
    assert!(store.close(LONG));
}

fn rand() -> u64 {
    fastrand::u64(1..)
}

fn now_ms() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

fn timed<T>(work: impl FnOnce() -> T) -> (T, f64) {
    let started = Instant::now();
    let done = work();
    (done, started.elapsed().as_secs_f64())
}

/// The signatures of one route, forty of them, as JSON; milliseconds.
fn listing(signatures: impl Fn(&Query) -> (Vec<SignatureRecord>, Ledger, Figures)) -> f64 {
    let words = ["route:\"GET /api/field_b/{id}\"".to_owned()];
    let query = Query::parse(&Query::text(&words)).expect("a query");
    let (listed, seconds) = timed(|| {
        let (records, ledger, figures) = signatures(&query);
        let view = build::report(&records, &ledger, &figures, &query, now_ms());
        let mut out = Vec::new();
        json::write(&mut out, &view).expect("JSON");
        view.signatures.len()
    });
    assert_eq!(listed, KINDS / week::ROUTES);
    seconds * 1e3
}

/// Some of these figures; the slowest two of two hundred are the machine's.
fn told(name: &str, work: impl Fn(usize) -> f64) {
    const TIMES: usize = 200;
    let mut all: Vec<f64> = (0..TIMES).map(work).collect();
    all.sort_by(f64::total_cmp);
    tell(&format!("{name}, middle, ms"), all[TIMES / 2]);
    tell(&format!("{name}, 99th of 100, ms"), all[TIMES - 3]);
    tell(&format!("{name}, slowest, ms"), all[TIMES - 1]);
}

/// Every exemplar of every signature, seconds.
fn all_exemplars(ids: &[SignatureId], of: impl Fn(SignatureId) -> Vec<Exemplar>) -> f64 {
    let (exemplars, seconds) = timed(|| ids.iter().map(|id| of(*id).len()).sum::<usize>());
    tell("exemplars", exemplars as f64);
    seconds
}

/// What the gate says of all routes, seconds.
fn whole_gate(cells: impl Fn(u64) -> Cells, records: &[SignatureRecord], ledger: &Ledger, figures: &Figures) -> f64 {
    // a moment at which all of the week counts
    let now_ms = week::END_MS - 1;
    let (routes, seconds) = timed(|| {
        let cells = cells(oldest_ms(None, &Asked::default(), now_ms));
        tell("cells once summed over their hours", cells.len() as f64);
        let evidence = Evidence { cells: &cells, signatures: records, figures, ledger };
        let view = gate(None::<&Config>, &evidence, &Asked::default(), now_ms).expect("a gate");
        assert!(view.routes.iter().all(|route| route.distinct > 0));
        view.routes.len()
    });
    assert_eq!(routes, week::ROUTES);
    seconds
}

type Cells = Vec<(paritee::evidence::CellKey, paritee::evidence::CellDelta)>;

/// Reads it at rest.
fn rest(dir: &Path) {
    let (store, seconds) = timed(|| AtRest::open(dir).expect("it opens"));
    tell("start: a command opens it at rest, ms", seconds * 1e3);
    let all = |query: &Query| {
        let records = store.signatures_where(|record| query.keeps(record, now_ms())).expect("signatures");
        (records, store.ledger().expect("an account"), store.figures())
    };
    told("listing of some 50 at rest", |_| listing(all));
    let (records, ledger, figures) = all(&Query::default());
    assert_eq!(records.len(), KINDS);
    let ids: Vec<SignatureId> = records.iter().map(|record| record.id).collect();
    let exemplars = |id| store.exemplars(id).expect("exemplars");
    told("a signature's exemplars at rest", |n| timed(|| exemplars(ids[n * 7 % ids.len()])).1 * 1e3);
    tell("full scan at rest: signatures and exemplars, s", all_exemplars(&ids, exemplars));
    let cells = |edge_ms| store.cells_by_age(edge_ms).expect("cells");
    tell("full scan at rest: the gate over all cells, s", whole_gate(cells, &records, &ledger, &figures));
    tell("memory: full scans at rest, peak MiB", memory("VmHWM:"));
}

/// Reads it while batches go in.
fn load(dir: &Path, exchanges: u64) {
    let mut week = Week::new(exchanges, EXEMPLARS, 2);
    week.begin(exchanges - exchanges / 20);
    let store = open(dir, rand(), week.now_ms());
    let over = AtomicBool::new(false);
    std::thread::scope(|scope| {
        let loading = scope.spawn(|| {
            let (mut batches, started) = (0, Instant::now());
            while !over.load(Relaxed) {
                let Some(batch) = week.batch(store.source()) else { break };
                offer(&store, batch);
                batches += 1;
                let due = started + Duration::from_secs(1) * batches / PACE;
                std::thread::sleep(due.saturating_duration_since(Instant::now()));
            }
            tell("batches a second meanwhile", f64::from(batches) / started.elapsed().as_secs_f64());
        });
        let all = |query: &Query| {
            let records = store.signatures_where(|record| query.keeps(record, now_ms()));
            (records, store.ledger(), store.figures())
        };
        let (records, ledger, figures) = all(&Query::default());
        let ids: Vec<SignatureId> = records.iter().map(|record| record.id).collect();
        let exemplars = |id| store.exemplars(id).expect("exemplars");
        std::thread::sleep(Duration::from_secs(2));
        forget_peak();
        told("listing of some 50 under load", |_| listing(all));
        told("a signature's exemplars under load", |n| timed(|| exemplars(ids[n * 7 % ids.len()])).1 * 1e3);
        tell("memory: a tee under load, listings, peak MiB", memory("VmHWM:"));
        tell("full scan under load: signatures and exemplars, s", all_exemplars(&ids, exemplars));
        let cells = |edge_ms| store.cells_by_age(edge_ms).expect("cells");
        tell("full scan under load: the gate over all cells, s", whole_gate(cells, &records, &ledger, &figures));
        tell("memory: a tee under load, full scans, peak MiB", memory("VmHWM:"));
        over.store(true, Relaxed);
        loading.join().expect("the load");
    });
    assert!(store.close(LONG));
}

/// Writes different records of 2 KiB as fast as they are taken, on one core: what a release that breaks everything gives.
fn write(dir: &Path) {
    let mut one = rustix::thread::CpuSet::new();
    one.set(0);
    rustix::thread::sched_setaffinity(None, &one).expect("one core");
    let store = open(dir, 1, 1);
    let batches = week::records(store.source(), RECORDS, EXEMPLARS as u64);
    let cpu = || rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    let before = cpu();
    let ((), seconds) = timed(|| {
        batches.into_iter().for_each(|batch| offer(&store, batch));
        assert!(store.settle(LONG));
    });
    let after = cpu();
    let used = (after.tv_sec - before.tv_sec) as f64 + (after.tv_nsec - before.tv_nsec) as f64 / 1e9;
    tell("2 KiB records for each second of CPU, one core", RECORDS as f64 / used);
    tell("2 KiB records a second with the device's syncs", RECORDS as f64 / seconds);
    tell("memory: writing records, peak MiB beside the batches", memory("VmRSS:"));
    assert!(store.close(LONG));
    let rest = AtRest::open(dir).expect("it opens");
    let kept: usize = rest.signatures().expect("signatures").iter().map(|record| record.exemplars).sum();
    assert_eq!(kept as u64, RECORDS);
}

/// Bytes of all files below a folder, and the folders that hold a database.
fn files(dir: &Path) -> (u64, Vec<PathBuf>) {
    let (mut bytes, mut databases) = (0, Vec::new());
    for entry in std::fs::read_dir(dir).expect("its files").flatten() {
        let meta = entry.metadata().expect("its size");
        if meta.is_dir() {
            let (more, others) = files(&entry.path());
            bytes += more;
            databases.extend(others);
        } else {
            bytes += meta.len();
            databases.extend((entry.file_name() == "db").then(|| dir.to_path_buf()));
        }
    }
    (bytes, databases)
}

/// Counts keys and bytes by sled itself.
fn size(dir: &Path) {
    let (disk, databases) = files(dir);
    let [database] = &databases[..] else { panic!("one database: {databases:?}") };
    let db = sled::Config::new().path(database).cache_capacity(16 << 20).open().expect("sled opens it");
    let (mut keys, mut live) = (0u64, 0u64);
    for item in db.iter() {
        let (key, value) = item.expect("it reads");
        keys += 1;
        live += (key.len() + value.len()) as u64;
    }
    drop(db);
    tell("keys in all", keys as f64);
    tell("live keys and values, MiB", live as f64 / f64::from(1 << 20));
    tell("disk, MiB", disk as f64 / f64::from(1 << 20));
    tell("disk: bytes over those of live keys and values", disk as f64 / live as f64);
}

/// Runs a phase in a process of its own; its figures.
fn phase(name: &str, dir: &Path, exchanges: u64) -> Vec<(String, f64)> {
    let mut command = Command::new(std::env::current_exe().expect("this program"));
    let output = command.args(["phase", name]).arg(dir).arg(exchanges.to_string()).output().expect("it runs");
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{name}: {text}{}", String::from_utf8_lossy(&output.stderr));
    let figures = text.lines().filter_map(|line| {
        let (figure, name) = line.strip_prefix("figure ")?.split_once(' ')?;
        Some((name.to_owned(), figure.parse().ok()?))
    });
    figures.collect()
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [_, name, dir, exchanges] = arguments.as_slice() {
        let (dir, exchanges) = (Path::new(dir), exchanges.parse().expect("a number"));
        match name.as_str() {
            "make" => make(dir, exchanges),
            "start" => start(dir),
            "rest" => rest(dir),
            "load" => load(dir, exchanges),
            "size" => size(dir),
            _ => write(dir),
        }
        return ExitCode::SUCCESS;
    }
    let exchanges = arguments.iter().find_map(|word| word.parse().ok()).unwrap_or(EXCHANGES);
    // beside the program, so on a disk and not in memory
    let beside = std::env::current_exe().expect("this program");
    let dir = tempfile::tempdir_in(beside.parent().expect("a folder")).expect("a folder");
    let (made, written) = (dir.path().join("store"), dir.path().join("records"));
    let mut broken = Vec::new();
    println!("{:<62} {:>14} {:>20}", "what", "figure", "bound");
    for (name, dir) in [
        ("make", &made),
        ("start", &made),
        ("size", &made),
        ("rest", &made),
        ("load", &made),
        ("size", &made),
        ("write", &written),
        ("size", &written),
    ] {
        println!("{name}");
        for (name, figure) in phase(name, dir, exchanges) {
            let bound = BOUNDS.iter().find(|(bounded, ..)| *bounded == name);
            let told = bound.map_or(String::new(), |(_, side, bound)| format!("{side} {bound}"));
            let holds = bound.is_none_or(|(_, side, bound)| (*side == "at most") == (figure <= *bound));
            println!("  {name:<60} {figure:>14.2} {told:>20}{}", if holds { "" } else { "  BROKEN" });
            if !holds {
                broken.push(name);
            }
        }
    }
    if broken.is_empty() {
        return ExitCode::SUCCESS;
    }
    println!("over their bounds: {}", broken.join("; "));
    ExitCode::FAILURE
}
