//! What each of a candidate's faults does to clients: their errors, their slowest percent beside that of a candidate that is well,
//! the tee's memory and descriptors, and how soon it mirrors again.

use crate::children::{Load, Loading, Mood, Origin};
use crate::program::{Program, until};
use crate::{Line, at_most, median};
use std::time::{Duration, Instant};

/// Rounds with a candidate that is well and rounds with one that fails, in alternation.
const PAIRS: usize = 7;
/// Requests a second, and seconds of a round.
const PACE: u64 = 1_000;
const ROUND_S: u64 = 1;
const BYTES: u64 = 1_024;
/// Idle connections are closed within this.
const QUIET: Duration = Duration::from_secs(4);

/// What was seen of one fault.
struct Seen {
    name: String,
    errors: u64,
    /// The slowest percent with it and without it, milliseconds: the middle pair by their ratio.
    p99: (f64, f64),
    /// KiB above what the idle tee held, at most: in the first half of the pairs, and in all of them.
    grown: (u64, u64),
    descriptors: usize,
    back: Duration,
}

fn load(tee: &Program) -> Load {
    Loading::start(tee.address, PACE, ROUND_S, BYTES).ended()
}

/// The pair in the middle, by their ratio.
fn middle(mut pairs: Vec<(f64, f64)>) -> (f64, f64) {
    pairs.sort_by(|a, b| (a.0 / a.1).total_cmp(&(b.0 / b.1)));
    pairs[pairs.len() / 2]
}

/// A tee whose candidate fails in this way and is well, by turns.
fn of_mood(primary: &Origin, mood: Mood) -> Seen {
    let mut candidate = Origin::start();
    let tee = Program::start(&primary.url(), &candidate.url(), "");
    let mut errors = load(&tee).errors;
    std::thread::sleep(QUIET);
    let (idle, descriptors) = (tee.resident_kib(), tee.descriptors());
    tee.forget_peak();
    let (mut pairs, mut half) = (Vec::new(), 0);
    for pair in 0..PAIRS {
        let well = load(&tee);
        candidate.is(mood);
        let failing = load(&tee);
        candidate.is(Mood::Well);
        errors += well.errors + failing.errors;
        pairs.push((failing.p99 / 1e3, well.p99 / 1e3));
        if pair < PAIRS / 2 {
            half = tee.peak_kib();
        }
    }
    let peak = tee.peak_kib();
    let (healed, before) = (Instant::now(), candidate.counts().1);
    let few = Loading::start(tee.address, 100, 15, BYTES);
    until(|| healed.elapsed() > Duration::from_secs(14) || candidate.counts().1 >= before + 10);
    let back = healed.elapsed();
    drop(few);
    std::thread::sleep(QUIET);
    Seen {
        name: format!("{mood:?}"),
        errors,
        p99: middle(pairs),
        grown: (half.saturating_sub(idle), peak.saturating_sub(idle)),
        descriptors: tee.descriptors().abs_diff(descriptors),
        back,
    }
}

/// Two tees, one whose candidate is well and one whose candidate cannot be asked at all.
fn of_url(primary: &Origin, name: &str, url: &str) -> (String, u64, (f64, f64)) {
    let candidate = Origin::start();
    let [well, failing] = [&*candidate.url(), url].map(|url| Program::start(&primary.url(), url, ""));
    let mut errors = load(&well).errors + load(&failing).errors;
    let mut pair = || {
        let [well, failing] = [&well, &failing].map(load);
        errors += well.errors + failing.errors;
        (failing.p99 / 1e3, well.p99 / 1e3)
    };
    let pairs = (0..PAIRS).map(|_| pair()).collect();
    (name.to_owned(), errors, middle(pairs))
}

/// All faults, each row with its bound.
pub(crate) fn lines() -> Vec<Line> {
    let primary = Origin::start();
    let seen = Mood::FAULTS.map(|mood| of_mood(&primary, mood));
    let plain = primary.url().replacen("http:", "https:", 1);
    let urls = [("SpokenToOverTls", &*plain), ("Unresolvable", "http://nowhere.invalid:9")];
    let never = urls.map(|(name, url)| of_url(&primary, name, url));
    let all = || {
        let moods = seen.iter().map(|seen| (&seen.name, seen.errors, seen.p99));
        moods.chain(never.iter().map(|(name, errors, p99)| (name, *errors, *p99)))
    };
    let errors: u64 = all().map(|(_, errors, _)| errors).sum();
    let holds = errors == 0;
    let mut lines = vec![Line {
        name: "faults: errors of clients, all faults".into(),
        figure: errors.to_string(),
        bound: "0",
        holds,
    }];
    for (name, _, (failing, well)) in all() {
        lines.push(Line {
            name: format!("faults: p99, {name} beside well"),
            figure: format!("{failing:.2} ms, {well:.2} ms"),
            bound: "1.5x + 5 ms",
            holds: failing <= 1.5 * well + 5.0,
        });
    }
    let most = |of: fn(&Seen) -> f64| seen.iter().max_by(|a, b| of(a).total_cmp(&of(b))).map(|s| (&s.name, of(s)));
    let mut worst = |what: &str, of: fn(&Seen) -> f64, bound: f64, unit: &str, told: &'static str| {
        if let Some((name, figure)) = most(of) {
            lines.push(at_most(&format!("faults: {what} ({name})"), figure, bound, unit, told));
        }
    };
    worst("memory over idle, at most", |seen| seen.grown.1 as f64 / 1024.0, 32.0, " MiB", "32 MiB");
    worst(
        "of that in the second half",
        |seen| seen.grown.1.saturating_sub(seen.grown.0) as f64 / 1024.0,
        4.0,
        " MiB",
        "4 MiB",
    );
    worst("descriptors more or less afterwards", |seen| seen.descriptors as f64, 4.0, "", "4");
    worst("mirrors again after", |seen| seen.back.as_secs_f64(), 10.0, " s", "10 s");
    let ratios = all().map(|(_, _, (failing, well))| failing / well).collect();
    lines.push(Line {
        name: "faults: p99 against well, the middle of all faults".into(),
        figure: format!("{:.2}x", median(ratios)),
        bound: "",
        holds: true,
    });
    lines
}
