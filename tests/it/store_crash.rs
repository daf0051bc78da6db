//! `kill -9` under load, again and again on one store: what was acknowledged is there, and everything agrees.

use super::store_support::*;
use paritee::evidence::EvidenceBatch;
use paritee::judge::{SignatureId, Verdict};
use paritee::store::{AtRest, Caps, Options, StoreError, StoreHandle};
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tempfile::tempdir;

const CHILD: &str = "PARITEE_TEST_STORE_CHILD";
/// Exchanges of one batch: 5 requests, of which 2 mismatch.
const REQUESTS: u64 = 5;
const MISMATCHES: u64 = 2;
/// Requests received and not yet at an end, at any time.
const IN_FLIGHT: u64 = 64;

fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// The child: offers batches as fast as they are taken, and prints each `durable_seq` with the requests received by then.
/// Not a test of its own: it does nothing unless the parent below runs it.
#[test]
fn child_that_writes_until_it_is_killed() {
    let Ok(setting) = std::env::var(CHILD) else { return };
    let mut words = setting.splitn(3, ' ');
    let mut number = || -> u64 { words.next().and_then(|word| word.parse().ok()).expect("a number") };
    let (incarnation, max_bytes) = (number(), number());
    let dir = words.next().expect("a directory");
    let options = Options { caps: Caps { max_bytes, ..Caps::default() }, ..options() };
    let (store, _) = StoreHandle::start(Path::new(dir), &options, incarnation, now_ms(), 0).expect("it opens");
    let mut out = std::io::stdout();
    let (mut told, mut received) = (0, 0);
    for sequence in 1u64.. {
        let mut batch = empty(store.source(), sequence);
        batch.closed_at_ms = now_ms();
        for i in 0..MISMATCHES {
            let number = scrambled(incarnation * 1_000_003 + sequence * 10 + i) >> 8;
            // every 16th is large enough to be cut; every 64th batch too large for one sled batch
            let body = if sequence.is_multiple_of(16) { 20_000 } else { 300 };
            let many = if sequence.is_multiple_of(64) && i == 0 { 120 } else { 1 };
            (0..many).for_each(|j| {
                add_mismatch(&mut batch, SignatureId((number + j) % 300), number + j, body / many as usize)
            });
        }
        (MISMATCHES..REQUESTS).for_each(|_| batch.counts.count_verdict(Verdict::Match));
        received += batch.counts.done();
        batch.received_so_far = received + IN_FLIGHT;
        while let Err(back) = store.offer(batch) {
            batch = EvidenceBatch { closed_at_ms: now_ms(), ..*back };
            std::thread::yield_now();
        }
        let ledger = store.ledger();
        if ledger.durable_seq > told {
            told = ledger.durable_seq;
            writeln!(out, "durable {told} {} {}", ledger.counts.done(), received + IN_FLIGHT).expect("a parent");
            out.flush().expect("a parent");
        }
    }
}

/// Runs the child until it has said at least one line and this long has passed; its last whole line.
fn run_and_kill(dir: &Path, incarnation: u64, max_bytes: u64, after: Duration) -> (u64, u64, u64) {
    let mut child = Command::new(std::env::current_exe().expect("this test binary"))
        .args(["--exact", "store_crash::child_that_writes_until_it_is_killed", "--nocapture", "--test-threads", "1"])
        .env(CHILD, format!("{incarnation} {max_bytes} {}", dir.display()))
        .stdout(Stdio::piped())
        .spawn()
        .expect("the test binary runs again");
    let mut lines = BufReader::new(child.stdout.take().expect("a pipe"));
    let mut text = String::new();
    while !text.contains("durable ") || !text.ends_with('\n') {
        assert!(lines.read_line(&mut text).expect("its output") > 0, "the child ended: {text}");
    }
    // the reader must not hold the child up: the pipe is emptied while the time passes
    let reader = std::thread::spawn(move || {
        let _ = lines.read_to_string(&mut text);
        text
    });
    std::thread::sleep(after);
    child.kill().expect("SIGKILL");
    child.wait().expect("it is gone");
    let text = reader.join().expect("its output");
    let whole = &text[..text.rfind('\n').unwrap_or(0)];
    let last = whole.lines().rev().find_map(|line| line.split_once("durable ").map(|(_, rest)| rest)).expect("a line");
    let numbers: Vec<u64> = last.split(' ').map(|n| n.parse().expect("a number")).collect();
    (numbers[0], numbers[1], numbers[2])
}

#[test]
fn nothing_acknowledged_is_lost_by_kill_9_and_all_counts_agree() {
    let rounds = if std::env::var_os("PARITEE_ALL").is_some() { 100 } else { 10 };
    let dir = tempdir().expect("a directory");
    let (mut gaps, mut received) = (0, 0);
    for round in 1..=rounds {
        let after = Duration::from_millis(scrambled(round) % 400);
        let (durable_seq, done, offered) = run_and_kill(dir.path(), round, u64::MAX, after);
        let rest = match AtRest::open(dir.path()) {
            Ok(rest) => rest,
            Err(StoreError::Locked(_)) => panic!("round {round}: the lock outlives the process"),
            Err(error) => panic!("round {round}, killed after {after:?}: {error}"),
        };
        let ledger = rest.ledger().expect("a ledger");
        assert!(ledger.durable_seq >= durable_seq, "round {round}: {} < {durable_seq}", ledger.durable_seq);
        assert!(ledger.counts.done() >= done, "round {round}: {} < {done}", ledger.counts.done());
        assert_eq!(ledger.received(), ledger.counts.done());
        check_agreement(&rest, 5);
        // one gap for each kill, and no fewer requests in it than the child had received beyond those accounted for
        let shown = ledger.gaps.len();
        assert!(shown == gaps + 1 || shown == 64, "round {round}: {shown} gaps after {gaps}");
        let gap = ledger.gaps.last().expect("the gap of this kill");
        let of_this_life = ledger.counts.done() - received;
        assert!(gap.up_to >= offered.saturating_sub(of_this_life), "round {round}: {gap:?}, {offered} received");
        assert!(gap.from_ms <= gap.to_ms && gap.to_ms <= now_ms());
        (gaps, received) = (shown, ledger.counts.done());
    }
}

/// With so small a cap generations are made all the time, so that many a kill comes in the middle of one.
#[test]
fn nothing_acknowledged_is_lost_by_kill_9_while_generations_are_made() {
    let rounds = if std::env::var_os("PARITEE_ALL").is_some() { 100 } else { 8 };
    let dir = tempdir().expect("a directory");
    let (mut left_behind, mut generation) = (0, 0);
    for round in 1..=rounds {
        let after = Duration::from_millis(200 + scrambled(round) % 600);
        let (durable_seq, done, _) = run_and_kill(dir.path(), round, 6 << 20, after);
        let names = std::fs::read_dir(dir.path()).expect("the store").flatten().map(|entry| entry.file_name());
        let databases = names.filter(|name| name.to_string_lossy().starts_with("generation-") || name == "db").count();
        left_behind += usize::from(databases > 1);
        let rest = AtRest::open(dir.path()).unwrap_or_else(|error| panic!("round {round}, {after:?}: {error}"));
        let ledger = rest.ledger().expect("a ledger");
        assert!(ledger.durable_seq >= durable_seq, "round {round}: {} < {durable_seq}", ledger.durable_seq);
        assert!(ledger.counts.done() >= done, "round {round}: {} < {done}", ledger.counts.done());
        super::store_caps::exact(&rest, ledger.counts.mismatched);
        let now = rest.verify().expect("sound").generation;
        assert!(now >= generation, "round {round}: {now} after {generation}");
        generation = now;
    }
    assert!(generation >= rounds, "{generation} generations, {left_behind} kills in the middle of one");
}
