//! The live path's absolute figures, each with its bound: what a stalling judge does to clients, what becomes of every mirror,
//! memory idle and with a candidate that hangs, streams that must not be held back, and what each of a candidate's
//! faults does to clients.
//!
//! `cargo bench --bench live` prints a table and fails where a bound is broken. Words after `--` choose rows by name. Clients
//! and sides are processes of their own; for memory and streams so is the tee, as a release build.

mod children;
mod faults;
/// The same faults that the tests know.
#[allow(dead_code, clippy::unwrap_used, reason = "the tests use all of it")]
#[path = "../tests/it/support/origin.rs"]
mod origin;
mod program;
mod streams;

use children::{Load, Loading, Mood, Origin};
use paritee::config::{self, Flags};
use paritee::evidence::{Counts, Ledger, NotJudged, NotMirrored};
use paritee::mirror::Control;
use paritee::store::{Options, StoreHandle};
use paritee::{judge, mirror, proxy};
use program::Program;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// As the released program has it.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Requests a second.
const PACE: u64 = 2_000;
/// The judge stalls on every one of so many …
const EVERY: u64 = 50;
/// … for so long.
const STALL: Duration = Duration::from_millis(20);
/// Rounds of each kind, in alternation; a round lasts so many seconds.
const ROUNDS: usize = 5;
const ROUND_S: u64 = 3;
/// A round counts where the machine kept this without any stall; another is taken in its place, so many at most.
const P99_US: f64 = 2_000.0;
const ROUNDS_AT_MOST: usize = 15;

/// One line of the table.
struct Line {
    name: String,
    figure: String,
    bound: &'static str,
    holds: bool,
}

fn at_most(name: &str, figure: f64, most: f64, unit: &str, bound: &'static str) -> Line {
    Line { name: name.into(), figure: format!("{figure:.2}{unit}"), bound, holds: figure <= most }
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all.get(all.len() / 2).copied().unwrap_or(f64::NAN)
}

/// A tee in this process, with a judge that can be made to stall, between two origins.
struct Tee {
    control: Arc<Control>,
    address: std::net::SocketAddr,
    store: StoreHandle,
    sides: [Origin; 2],
    stalls: Arc<AtomicU8>,
    live: Option<proxy::Proxy>,
    _shadow: mirror::ShadowThread,
    _dir: tempfile::TempDir,
}

/// How the judge stalls.
#[derive(Clone, Copy)]
#[repr(u8)]
enum Stalls {
    None,
    Asleep,
    Busy,
}

impl Tee {
    fn start() -> Tee {
        let sides = [Origin::start(), Origin::start()];
        let dir = tempfile::tempdir().expect("a folder");
        let flags = Flags {
            listen: Some("127.0.0.1:0".into()),
            primary: Some(sides[0].url()),
            candidate: Some(sides[1].url()),
            admin: None,
            store: Some(dir.path().join("store")),
            workers: Some(2),
        };
        let config = Arc::new(config::load(None, &flags).expect("a config"));
        let options =
            Options { cache_bytes: config.store.cache_bytes, exemplars: config.store.exemplars, ..Options::default() };
        let (store, _) =
            StoreHandle::start(&config.store.dir, &options, 1, 1, config.mirror.shadow_nice).expect("a store");
        let stalls = Arc::new(AtomicU8::new(Stalls::None as u8));
        let (control, shadow) = mirror::start(mirror::Setup {
            config: config.clone(),
            given: config::Given { file: None, flags },
            store: store.clone(),
            key: [0; 32],
            service: Arc::default(),
            incarnation: 1,
            judge: stalling(stalls.clone()),
        })
        .expect("a shadow thread");
        let listeners = proxy::bind(config.listen, config.workers).expect("a port");
        let address = listeners.address();
        let live = proxy::start(listeners, control.clone(), Duration::from_secs(1)).expect("live threads");
        Tee { control, address, store, sides, stalls, live: Some(live), _shadow: shadow, _dir: dir }
    }
    /// A load at the pace, and nothing in flight after it.
    fn under_load(&self, stalls: Stalls, seconds: u64) -> Load {
        self.stalls.store(stalls as u8, Relaxed);
        let load = Loading::start(self.address, PACE, seconds, 1_024).ended();
        self.stalls.store(Stalls::None as u8, Relaxed);
        self.settled();
        load
    }
    fn settled(&self) -> Ledger {
        let deadline = Instant::now() + Duration::from_secs(15);
        loop {
            let ledger = self.control.ledger();
            if ledger.in_flight == 0 {
                return ledger;
            }
            assert!(Instant::now() < deadline, "the shadow side does not come to an end: {ledger:?}");
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

impl Drop for Tee {
    fn drop(&mut self) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
        runtime.block_on(async {
            if let Some(live) = self.live.take() {
                live.drain(proxy::Stop::ForGood, Duration::from_secs(2)).await;
            }
            self.control.drain(Duration::from_secs(2)).await;
        });
        // Its folder goes with it, whole or not.
        self.store.close(Duration::from_secs(2));
    }
}

fn stalling(stalls: Arc<AtomicU8>) -> mirror::Judge {
    let judged = AtomicU64::new(0);
    Arc::new(move |exchange, rules, context| {
        let how = stalls.load(Relaxed);
        if how != Stalls::None as u8 && judged.fetch_add(1, Relaxed) % EVERY == EVERY - 1 {
            let start = Instant::now();
            if how == Stalls::Asleep as u8 {
                std::thread::sleep(STALL);
            }
            while start.elapsed() < STALL {
                std::hint::spin_loop();
            }
        }
        judge::judge(exchange, rules, context)
    })
}

fn stalls(tee: &Tee) -> Vec<Line> {
    tee.under_load(Stalls::None, 2);
    let (mut rounds, mut disturbed, mut errors) = (Vec::new(), 0, 0);
    while rounds.len() < ROUNDS && rounds.len() + disturbed < ROUNDS_AT_MOST {
        let round = [Stalls::None, Stalls::Asleep, Stalls::Busy].map(|stalls| tee.under_load(stalls, ROUND_S));
        // A busy machine excuses no error.
        errors += round.iter().map(|load| load.errors).sum::<u64>();
        match round[0].p99 <= P99_US {
            true => rounds.push(round),
            false => disturbed += 1,
        }
    }
    let of = |figure: &dyn Fn(&[Load; 3]) -> f64| median(rounds.iter().map(figure).collect());
    let told = |name: &str, figure: String, bound, holds| Line { name: name.into(), figure, bound, holds };
    let enough = rounds.len() == ROUNDS;
    let figure = format!("{} of {}", rounds.len(), rounds.len() + disturbed);
    let calm = format!("p50 {:.2} ms, p99 {:.2} ms", of(&|round| round[0].p50) / 1e3, of(&|round| round[0].p99) / 1e3);
    let mut lines = vec![
        told("stalls: rounds that nobody else disturbed", figure, "5", enough),
        told("stalls: none", calm, "", true),
    ];
    for (at, how) in [(1, "asleep"), (2, "busy")] {
        let p99 = of(&|round| round[at].p99) / 1e3;
        let more = of(&|round| round[at].p50 / round[0].p50);
        lines.push(at_most(&format!("stalls: {how}, live p99"), p99, P99_US / 1e3, " ms", "2 ms"));
        lines.push(at_most(&format!("stalls: {how}, p50 against none"), more, 1.2, "x", "1.2x"));
    }
    lines.push(told("stalls: errors of clients", errors.to_string(), "0", errors == 0));
    lines
}

/// What was counted since, by reason, zeros left out; the sum of it too.
fn since<T: std::fmt::Display>(names: &[T], now: &[u64], then: &[u64]) -> (u64, String) {
    let counts = names.iter().zip(now.iter().zip(then).map(|(now, then)| now - then)).filter(|(_, count)| *count > 0);
    let (mut sum, mut told) = (0, Vec::new());
    for (name, count) in counts {
        sum += count;
        told.push(format!("{count} {name}"));
    }
    (sum, told.join(", "))
}

fn reach(tee: &mut Tee) -> Vec<Line> {
    tee.under_load(Stalls::None, 1);
    let (then, before) = (tee.settled(), tee.sides.each_mut().map(|side| side.counts().0));
    let load = tee.under_load(Stalls::None, 10);
    let (now, after) = (tee.settled(), tee.sides.each_mut().map(|side| side.counts().0));
    let [primary, candidate] = [0, 1].map(|side| after[side] - before[side]);
    let (received, mirrored) = (now.received() - then.received(), now.mirrored() - then.mirrored());
    let of = |of: fn(&Counts) -> &[u64]| (of(&now.counts).to_vec(), of(&then.counts).to_vec());
    let (refused, were) = of(|counts| &counts.not_mirrored);
    let (refused, why) = since(NotMirrored::ALL, &refused, &were);
    let (shed, were) = of(|counts| &counts.not_judged);
    let (shed, why_shed) = since(NotJudged::ALL, &shed, &were);
    let why = [why, why_shed].into_iter().filter(|why| !why.is_empty()).collect::<Vec<_>>().join(", ");
    let name = |what: &str| format!("reach: {what}");
    // What was admitted and then shed may have reached the candidate or not.
    let explained =
        received == candidate + refused || received > candidate + refused && received - candidate - refused <= shed;
    vec![
        Line {
            name: name("sent, received, seen by the primary"),
            figure: format!("{}, {received}, {primary}", load.sent),
            bound: "equal",
            holds: load.sent == received && load.sent == primary && load.errors == 0,
        },
        Line {
            name: name("mirrored, seen by the candidate"),
            figure: format!("{mirrored}, {candidate}"),
            bound: "equal",
            holds: mirrored == candidate,
        },
        Line {
            name: name("not mirrored, by reason in the ledger"),
            figure: if why.is_empty() { "0".into() } else { why },
            bound: "all named",
            holds: explained,
        },
    ]
}

/// Memory of a tee that has nothing to do, and of one whose candidate hangs; how soon it mirrors again.
fn memory(bytes: u64) -> Vec<Line> {
    let (primary, mut candidate) = (Origin::start(), Origin::start());
    candidate.is(Mood::Hanging);
    let tee = Program::start(&primary.url(), &candidate.url(), "");
    std::thread::sleep(Duration::from_secs(2));
    let idle = tee.resident_kib();
    tee.forget_peak();
    let load = Loading::start(tee.address, 1_000, 10, bytes).ended();
    let peak = tee.peak_kib();
    candidate.is(Mood::Well);
    let (healed, before) = (Instant::now(), candidate.counts().1);
    // Ended with this function; it may be needed for all of the time.
    let _few = Loading::start(tee.address, 100, 15, bytes);
    // The probe is one; mirroring is back when others follow it.
    let is_back = || healed.elapsed() > Duration::from_secs(14) || candidate.counts().1 >= before + 10;
    program::until(is_back);
    let mib = |kib: u64| kib as f64 / 1024.0;
    let name = |what: &str| format!("memory, {} KiB answers: {what}", bytes >> 10);
    vec![
        at_most(&name("idle, empty store"), mib(idle), 24.0, " MiB", "24 MiB"),
        at_most(&name("more with a hanging candidate"), mib(peak.saturating_sub(idle)), 32.0, " MiB", "32 MiB"),
        Line {
            name: name("errors of clients meanwhile"),
            figure: format!("{} of {}", load.errors, load.sent),
            bound: "0",
            holds: load.errors == 0,
        },
        at_most(&name("mirrors again after"), healed.elapsed().as_secs_f64(), 10.0, " s", "10 s"),
    ]
}

type Take = Box<dyn Fn() -> Vec<Line>>;

/// Groups of rows, each with a name that words choose by.
fn groups() -> Vec<(&'static str, Take)> {
    vec![
        ("stalls", Box::new(|| stalls(&Tee::start()))),
        ("reach", Box::new(|| reach(&mut Tee::start()))),
        ("memory, 1 KiB answers", Box::new(|| memory(1 << 10))),
        ("memory, 16 KiB answers", Box::new(|| memory(16 << 10))),
        ("streams", Box::new(streams::lines)),
        ("faults", Box::new(faults::lines)),
    ]
}

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if children::run(&arguments) {
        return ExitCode::SUCCESS;
    }
    let wanted: Vec<&String> = arguments.iter().filter(|word| !word.starts_with("--")).collect();
    let chosen = groups().into_iter().filter(|(name, _)| wanted.iter().all(|word| name.contains(word.as_str())));
    let mut broken = Vec::new();
    println!("{:<58} {:>34} {:>10}", "what", "figure", "at most");
    for (_, take) in chosen {
        for Line { name, figure, bound, holds } in take() {
            println!("{name:<58} {figure:>34} {bound:>10}{}", if holds { "" } else { "  BROKEN" });
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
