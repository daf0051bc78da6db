//! The gate's promise, by simulation: 2,000 runs a row, each looked at after every exchange.
//!
//! `cargo bench --bench gate` prints each row with its bound and fails where one does not hold.

#[path = "gate/simulate.rs"]
mod simulate;

use simulate::{Plan, THRESHOLD, first_ready};
use std::process::ExitCode;

const RUNS: u64 = 2_000;

/// When each run was READY first, on two threads.
fn runs(plan: Plan) -> Vec<Option<u64>> {
    let half = |from: u64| (from..RUNS).step_by(2).map(|seed| first_ready(seed, plan)).collect::<Vec<_>>();
    std::thread::scope(|scope| {
        let other = scope.spawn(|| half(1));
        let mut all = half(0);
        all.extend(other.join().expect("a run does not panic"));
        all
    })
}

fn share(all: &[Option<u64>], test: impl Fn(u64) -> bool) -> f64 {
    all.iter().filter(|ready| ready.is_some_and(&test)).count() as f64 / all.len() as f64
}

fn main() -> ExitCode {
    let mut holds = true;
    let mut row = |name: &str, share: f64, bound: f64, at_least: bool| {
        let ok = if at_least { share >= bound } else { share <= bound };
        holds &= ok;
        let (word, mark) = (if at_least { "at least" } else { "at most" }, if ok { "" } else { "  <- does not hold" });
        println!("{name:<66} {:6.2} %  {word} {:.2} %{mark}", share * 100.0, bound * 100.0);
    };
    let wrong = runs(Plan { rate: THRESHOLD, distinct: 6_000, calm_from: u64::MAX });
    let level = 0.05 + 3.0 * (0.05 * 0.95 / RUNS as f64).sqrt();
    row("true rate at the threshold: READY within 6,000 distinct requests", share(&wrong, |_| true), level, false);
    let clean = runs(Plan { rate: 0.0, distinct: 1_200, calm_from: 850 });
    row("true rate 0: READY at the first look from 1,000 on, or before", share(&clean, |n| n <= 1_000), 1.0, true);
    let good = runs(Plan { rate: THRESHOLD / 10.0, distinct: 4_000, calm_from: u64::MAX });
    row("a tenth of the threshold: READY by 4,000 distinct requests", share(&good, |n| n <= 4_000), 0.9, true);
    if holds { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
