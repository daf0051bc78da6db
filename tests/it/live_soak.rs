//! Everything at once for a long time: mixed requests, clients that leave, and a candidate that fails in another way every second
//! or so. No client sees an error, memory and descriptors stay, and the account equals what all sides have counted.
//!
//! With `PARITEE_ALL=1` it lasts 15 minutes and a million requests, else 15 seconds, in which a slope of memory says nothing.
//! `PARITEE_SOAK_BIN` names another build of the program (a release build) than the one under test, `PARITEE_SOAK_SEED` another
//! seed, `PARITEE_SOAK_SECONDS` another time. The line of figures at the end is shown with `--nocapture`.

mod load;
mod origins;
mod plan;

use crate::support::tee::{Tee, adds_up, at_rest, number, sides};
use crate::support::until;
use load::{Load, Pace};
use origins::{Mood, Origin};
use serde_json::Value;
use std::process::Command;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::thread;
use std::time::{Duration, Instant};

/// Requests that must at least be made in the long run.
const MANY: usize = 1_000_000;
/// Numbers that there is room for.
const ROOM: usize = 2_000_000;
/// KiB that memory may grow in a minute: half a MiB.
const SLOPE: f64 = 512.0;
/// Between two looks at memory.
const LOOK_EVERY: Duration = Duration::from_secs(5);

/// The breaker looks often whether the candidate is back, so that most faults are met, not avoided; room for all copies of large
/// bodies, so that none is given up for want of it.
const CONFIG: &str = "[mirror]\nmax_body = \"512KiB\"\nmax_in_flight_bytes = \"128MiB\"\n\
    breaker = { failures = 20, window = \"2s\", cooldown = \"200ms\", probe_timeout = \"300ms\" }\n\
    [[route]]\nmatch = \"POST /notes/{id}\"\nmirror = \"allow\"\n";

fn is_long() -> bool {
    std::env::var_os("PARITEE_ALL").is_some()
}

fn program() -> Command {
    Command::new(std::env::var_os("PARITEE_SOAK_BIN").unwrap_or_else(|| env!("CARGO_BIN_EXE_paritee").into()))
}

/// Waits for what the figures rest on: nobody connected, nothing idle. The descriptors then.
fn at_rest_descriptors(tee: &Tee) -> usize {
    let (mut least, mut since) = (usize::MAX, Instant::now());
    // Idle connections are closed within two seconds; what goes on falling is not at rest.
    while since.elapsed() < Duration::from_secs(4) {
        let (_, open) = tee.weighs();
        if open < least {
            (least, since) = (open, Instant::now());
        }
        thread::sleep(Duration::from_millis(100));
    }
    tee.weighs().1
}

/// Makes the candidate fail in one way after another, and heal in between, until it is over.
fn torment(candidate: &Origin, seed: u64, over: &AtomicBool) -> usize {
    let (mut random, mut faults) = (fastrand::Rng::with_seed(seed), 0);
    let mut left = Vec::new();
    while !over.load(SeqCst) {
        candidate.is_in(Mood::Well);
        thread::sleep(Duration::from_millis(random.u64(400..1_600)));
        if left.is_empty() {
            // Each of them before any comes again.
            left = Mood::FAULTS.to_vec();
            random.shuffle(&mut left);
        }
        left.pop().into_iter().for_each(|fault| candidate.is_in(fault));
        faults += 1;
        thread::sleep(Duration::from_millis(random.u64(200..900)));
    }
    candidate.is_in(Mood::Well);
    faults
}

/// The longest that this process slept beyond what it asked for, until it is over: what a machine that stands still adds to the
/// slowest answer.
fn standstill(over: &AtomicBool) -> Duration {
    const NAP: Duration = Duration::from_millis(5);
    let mut longest = Duration::ZERO;
    while !over.load(SeqCst) {
        let lay_down = Instant::now();
        thread::sleep(NAP);
        longest = longest.max(lay_down.elapsed() - NAP);
    }
    longest
}

/// Seconds and KiB, until it is over.
fn weigh(tee: &Tee, over: &AtomicBool) -> Vec<(f64, f64)> {
    let (start, mut samples) = (Instant::now(), Vec::new());
    while !over.load(SeqCst) {
        samples.push((start.elapsed().as_secs_f64(), tee.weighs().0 as f64));
        let next = start + LOOK_EVERY * samples.len() as u32;
        while !over.load(SeqCst) && Instant::now() < next {
            thread::sleep(Duration::from_millis(50));
        }
    }
    samples
}

/// KiB a minute by least squares.
fn slope(samples: &[(f64, f64)]) -> f64 {
    let n = samples.len() as f64;
    let mean = |of: fn(&(f64, f64)) -> f64| samples.iter().map(of).sum::<f64>() / n;
    let (x, y) = (mean(|sample| sample.0), mean(|sample| sample.1));
    let (up, along) = samples
        .iter()
        .fold((0.0, 0.0), |(up, along), sample| (up + (sample.0 - x) * (sample.1 - y), along + (sample.0 - x).powi(2)));
    60.0 * up / along
}

fn failures(tee: &Tee, kind: &str) -> u64 {
    tee.metric(&format!("paritee_failures_total{{side=\"candidate\",kind=\"{kind}\"}}"))
}

/// The account against what the clients and the origins counted. Returns (seen by the candidate, seen again).
fn agree(ledger: &Value, load: &Load, primary: &Origin, candidate: &Origin, unreached: u64) -> (u64, u64) {
    let n = |path| number(ledger, path);
    adds_up(ledger);
    let sent = load.sent.load(SeqCst) as u64;
    assert_eq!(n("received"), sent, "received and sent: {ledger}");
    assert_eq!(primary.book.count(), (sent, 0), "what the primary saw, and saw again: {ledger}");
    assert_eq!((primary.book.wrong(), candidate.book.wrong()), (Vec::new(), Vec::new()));
    // A client that left was seen to leave, where its request was admitted at all.
    assert!(n("inconclusive.client_left") <= load.left.load(SeqCst), "{ledger}");
    // A copy is given up for one reason only: its body came in chunks, and went over the cap. It is never sent.
    let outgrown = n("not_judged.bytes");
    assert_eq!(n("mirrored"), n("judged") + outgrown, "{ledger}");
    // Each copy came to the candidate, but for those never sent and those that found nobody to connect to. Each once, but for
    // safe requests that met a closed connection, and came again under the same id (`Book::enter`).
    let (seen, again) = candidate.book.count();
    let never_came = n("inconclusive.client_left") + outgrown + unreached;
    assert_eq!(seen + never_came, n("mirrored"), "{seen} seen, {unreached} not reached: {ledger}");
    // Every answer that was none, or another, was judged so.
    assert!(
        n("judgements.mismatch") >= candidate.book.spoilt() + unreached,
        "{} spoilt: {ledger}",
        candidate.book.spoilt()
    );
    (seen, again)
}

#[test]
fn the_slope_of_a_line_is_its_slope() {
    let line: Vec<_> = (0..100).map(|at| (f64::from(at) * 5.0, 7.0 + f64::from(at))).collect();
    assert!((slope(&line) - 12.0).abs() < 1e-9);
}

#[test]
fn a_long_time_with_a_candidate_that_fails_in_every_way() {
    let set = |name: &str, usual: u64| std::env::var(name).map_or(usual, |value| value.parse().unwrap());
    let seed = set("PARITEE_SOAK_SEED", 5);
    let (lasts, at_least) =
        if is_long() { (set("PARITEE_SOAK_SECONDS", 900), MANY) } else { (set("PARITEE_SOAK_SECONDS", 15), 0) };
    // A little more than it takes.
    let per_second = (1.02 * at_least as f64 / lasts as f64).max(1_150.0);
    let pace = Pace { clients: 8, per_second, lasts: Duration::from_secs(lasts), at_least };
    let (primary, candidate) = (Origin::start(seed, ROOM, false), Origin::start(seed, ROOM, true));
    let url = |origin: &Origin| format!("http://{}", origin.address);
    let config = sides(&url(&primary), &url(&candidate), CONFIG).replace("timeout = \"1s\"", "timeout = \"500ms\"");
    let tee = Tee::by(program(), 0, &config);
    let load = Load::default();
    // Warm, and everybody gone again.
    load.run(tee.live, seed, &primary.book, Pace { lasts: Duration::from_secs(2), at_least: 0, ..pace });
    let open = at_rest_descriptors(&tee);
    let (over, began) = (AtomicBool::new(false), Instant::now());
    let (faults, samples, stood_still) = thread::scope(|scope| {
        let tormentor = scope.spawn(|| torment(&candidate, seed, &over));
        let (weigher, sleeper) = (scope.spawn(|| weigh(&tee, &over)), scope.spawn(|| standstill(&over)));
        load.run(tee.live, seed, &primary.book, pace);
        over.store(true, SeqCst);
        (tormentor.join().unwrap(), weigher.join().unwrap(), sleeper.join().unwrap())
    });
    let took = began.elapsed();
    until("the mirror is back after the last fault", || (number(&tee.settled(), "in_flight") == 0).then_some(()));
    let (open_after, unreached) = (at_rest_descriptors(&tee), failures(&tee, "connect"));
    let ledger = tee.settled();
    let late: Vec<_> = samples.iter().copied().filter(|sample| sample.0 >= lasts as f64 / 3.0).collect();
    let (slope, first, last) = (slope(&late), samples[0].1, samples[samples.len() - 1].1);
    let peak = samples.iter().map(|sample| sample.1).fold(0.0, f64::max);
    let (seen, again) = candidate.book.count();
    println!(
        "soak: {} requests in {:.0} s ({:.0} MiB), {} left early, {} errors, slowest {:.1} ms ({}; the machine stood \
         still for {stood_still:?}); {faults} faults, {} closings; \
         mirrored {}, at the candidate {seen} and {again} again, not reached {unreached}, reset {}; \
         RSS {:.1} MiB, then {:.1}, at most {:.1}, slope {:.3} MiB a minute; descriptors {open}, then {open_after}; {ledger}",
        load.sent.load(SeqCst),
        took.as_secs_f64(),
        load.bytes.load(SeqCst) as f64 / f64::from(1 << 20),
        load.left.load(SeqCst),
        load.failed.load(SeqCst),
        load.slowest_us.load(SeqCst) as f64 / 1e3,
        load.slowest.lock().unwrap(),
        candidate.closings.load(SeqCst),
        number(&ledger, "mirrored"),
        failures(&tee, "reset"),
        first / 1024.0,
        last / 1024.0,
        peak / 1024.0,
        slope / 1024.0,
    );
    assert_eq!(load.failed.load(SeqCst), 0, "{:#?}", load.errors.lock().unwrap());
    agree(&ledger, &load, &primary, &candidate, unreached);
    assert!(open_after.abs_diff(open) <= 4, "{open} descriptors, then {open_after}");
    if is_long() {
        assert!(load.sent.load(SeqCst) >= MANY && slope < SLOPE, "{slope:.0} KiB a minute: {samples:?}");
    }
    // What is stored says the same.
    let dir = tee.stopped();
    let stored = at_rest(dir.path(), &["ledger"]);
    agree(&stored, &load, &primary, &candidate, unreached);
}
