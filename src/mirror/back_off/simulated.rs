//! The comparison and the decision over simulated traffic, seeded: heavy tails, latencies that cling together, routes that
//! differ by a factor of fifty, pauses.

use super::compare::Comparison;
use super::slower::{Change, Slower};

struct Traffic {
    random: fastrand::Rng,
    /// A slow wave of load: an autoregressive process over requests.
    load: f64,
    /// Requests for which the primary still stands still.
    pause: u32,
    by: f64,
}

impl Traffic {
    fn normal(&mut self) -> f64 {
        let (one, other) = (self.random.f64().max(1e-12), self.random.f64());
        (-2.0 * one.ln()).sqrt() * (std::f64::consts::TAU * other).cos()
    }
    /// The next request: its route, and how long the primary takes.
    fn next(&mut self, mirrored: bool) -> (u64, u32) {
        self.load = 0.98 * self.load + 0.06 * self.normal();
        if self.pause == 0 && self.random.u32(0..3_000) == 0 {
            self.pause = 30;
        }
        self.pause = self.pause.saturating_sub(1);
        let route = [0, 0, 0, 0, 1, 1, 2][self.random.usize(0..7)];
        let usual = [900.0, 6_000.0, 45_000.0][route];
        // One in twenty misses a cache.
        let miss = if self.random.u32(0..20) == 0 { 8.0 } else { 1.0 };
        let pause = if self.pause > 0 { 40_000.0 } else { 0.0 };
        let us = usual * (0.25 * self.normal() + self.load).exp() * miss + pause;
        (route as u64, (if mirrored { us * self.by } else { us }) as u32)
    }
}

/// The first decision within so many windows of ten, four of which are lost to settling.
fn first(seed: u64, by: f64, windows: u32) -> Option<u32> {
    let mut traffic = Traffic { random: fastrand::Rng::with_seed(seed), load: 0.0, pause: 0, by };
    let (mut comparison, mut slower) = (Comparison::new(1.1), Slower::at(0));
    (1..=windows).find(|_| {
        for _ in 0..300 {
            let (route, us) = traffic.next(true);
            comparison.before(route, us);
        }
        for n in 0..10 {
            let (route, us) = traffic.next(false);
            if n >= 4 {
                comparison.control(route, us);
            }
        }
        for n in 0..550 {
            let (route, us) = traffic.next(true);
            if n >= 250 {
                comparison.after(route, us);
            }
        }
        let told = comparison.judge();
        slower.window(told.map(|told| told.figure)) == Some(Change::Halved)
    })
}

#[test]
fn equal_latencies_and_a_twentieth_more_cause_no_back_off() {
    let false_alarms = |by: f64| (0..40).filter(|seed| first(*seed, by, 200).is_some()).count();
    let (equal, little) = (false_alarms(1.0), false_alarms(1.05));
    println!("{equal} and {little}");
    assert!(equal <= 1 && little <= 4, "{equal} and {little} false alarms in 8,000 windows");
}

#[test]
fn a_primary_slower_by_a_third_is_backed_off_from() {
    for (by, at_most) in [(1.3, 80), (2.0, 25), (10.0, 12)] {
        let mut after: Vec<u32> = (100..140).map(|seed| first(seed, by, 400).unwrap_or(u32::MAX)).collect();
        after.sort_unstable();
        println!("slower by {by}: {after:?}");
        assert!(after[36] <= at_most, "slower by {by}: nine in ten within {after:?} windows");
    }
}
