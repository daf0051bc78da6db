//! The shadow thread's part of backing off: it holds control windows against what is mirrored, and sets the share.

use super::compare::Comparison;
use super::slower::{Change, Slower};
use super::{BackOff, Of, share};
use http::Method;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::{Duration, Instant};
use xxhash_rust::xxh3::xxh3_64;

/// A window takes requests for so long, where traffic is scarce …
const OPEN_AT_MOST: Duration = Duration::from_secs(2);
/// … and waits for their answers for so long.
const WAIT_AT_MOST: Duration = Duration::from_secs(60);
/// After a window so many are mirrored first, for the shadow's load to be back, or so much time passes.
const SETTLING: (u32, Duration) = (250, Duration::from_secs(1));
/// Then so many are looked at, or those of so much time.
const AFTER: (u32, Duration) = (1_500, Duration::from_secs(5));

enum Phase {
    /// Mirrored requests are remembered; a window may open.
    Before,
    /// It is open, or waits for answers.
    Open { since: Instant },
    /// Over; the shadow's load is not back yet.
    Settling { left: u32, until: Instant },
    /// What is mirrored now is remembered as well.
    After { left: u32, until: Instant },
}

/// Told of every mirrored request, and looked at on every tick.
pub(in crate::mirror) struct Watching {
    back_off: Arc<BackOff>,
    comparison: Comparison,
    slower: Slower,
    slower_by: f64,
    phase: Phase,
    /// Control requests whose latency came, of the window that is looked at.
    control: usize,
    /// It was closed for time, so that it says nothing of how long one has to be.
    early: bool,
}

impl Watching {
    /// `None` where it is turned off.
    pub(in crate::mirror) fn new(back_off: Arc<BackOff>) -> Option<Watching> {
        let slower_by = back_off.settings?.slower_by;
        let comparison = Comparison::new(slower_by);
        let level = back_off.level.load(Relaxed);
        Some(Watching {
            back_off,
            comparison,
            slower: Slower::at(level),
            slower_by,
            phase: Phase::Before,
            control: 0,
            early: false,
        })
    }
    /// True where it watches this one, and no other of an earlier config.
    pub(in crate::mirror) fn is_of(&self, back_off: &Arc<BackOff>) -> bool {
        Arc::ptr_eq(&self.back_off, back_off)
    }
    /// A mirrored request's time to the head of the primary's answer. `name` is that of its route, declared or inferred.
    pub(in crate::mirror) fn mirrored(&mut self, declared: bool, name: &str, us: u32) {
        match &mut self.phase {
            Phase::Before if self.back_off.is_busy() => {}
            Phase::Before => self.comparison.before(stratum(declared, name), us),
            Phase::Open { .. } => {}
            Phase::Settling { left, .. } => *left = left.saturating_sub(1),
            Phase::After { left, .. } => {
                *left = left.saturating_sub(1);
                self.comparison.after(stratum(declared, name), us);
            }
        }
    }
    /// Goes on as time passes. `infer` names the route of a request that no declared one takes.
    pub(in crate::mirror) fn tick(&mut self, now: Instant, infer: impl FnMut(&Method, &str) -> Arc<str>) {
        match self.phase {
            Phase::Before if self.back_off.is_busy() => {
                (self.phase, self.early) = (Phase::Open { since: now }, false);
            }
            Phase::Before => {}
            Phase::Open { since } => {
                let open = now.duration_since(since);
                if open >= OPEN_AT_MOST && self.back_off.is_open() {
                    self.back_off.close();
                    self.early = true;
                }
                if self.back_off.is_done() || open >= WAIT_AT_MOST {
                    self.over(now, infer);
                }
            }
            Phase::Settling { left, until } if left == 0 || now >= until => {
                self.phase = Phase::After { left: AFTER.0, until: now + AFTER.1 };
            }
            Phase::After { left, until } if left == 0 || now >= until || self.comparison.is_complete() => self.judge(),
            Phase::Settling { .. } | Phase::After { .. } => {}
        }
    }
    fn over(&mut self, now: Instant, mut infer: impl FnMut(&Method, &str) -> Arc<str>) {
        self.control = 0;
        for control in self.back_off.take() {
            let route = match &control.asked {
                Of::Declared(name) => stratum(true, name),
                Of::Undeclared(method, path) => stratum(false, &infer(method, path)),
            };
            self.comparison.control(route, control.us);
            self.control += 1;
        }
        match self.comparison.is_empty() {
            true => self.judge(),
            false => self.phase = Phase::Settling { left: SETTLING.0, until: now + SETTLING.1 },
        }
    }
    fn judge(&mut self) {
        let told = self.comparison.judge();
        let change = self.slower.window(told.map(|told| told.figure));
        let (with_us, without_us) = self.comparison.medians();
        let share = share(self.slower.level());
        let compared = {
            let mut figures = self.back_off.figures.lock();
            match told {
                Some(told) => (figures.compared, figures.slower_share) = (figures.compared + 1, told.figure),
                None => figures.not_compared += 1,
            }
            (figures.share, figures.evidence) = (share, self.slower.evidence());
            (figures.with_us, figures.without_us) = (with_us, without_us);
            figures.compared
        };
        if let Some(change) = change {
            self.back_off.level.store(self.slower.level(), Relaxed);
            self.comparison.forget();
            say(change, share, self.slower_by, (with_us, without_us), compared);
        }
        self.back_off.free((!self.early).then_some(self.control));
        self.phase = Phase::Before;
    }
}

fn say(change: Change, share: f64, slower_by: f64, (with_us, without_us): (u32, u32), compared: u64) {
    match change {
        Change::Halved => tracing::warn!(
            share,
            slower_by,
            median_with_mirror_us = with_us,
            median_without_mirror_us = without_us,
            control_windows = compared,
            "the primary is slower with the mirror: backing off, half as much is mirrored"
        ),
        Change::Doubled => tracing::info!(
            share,
            median_with_mirror_us = with_us,
            median_without_mirror_us = without_us,
            control_windows = compared,
            "no sign that the primary is slower with the mirror: twice as much is mirrored again"
        ),
    }
}

/// What a latency is compared under. Two routes whose hashes collide would be compared as one.
fn stratum(declared: bool, name: &str) -> u64 {
    xxh3_64(name.as_bytes()) & !(1 << 63) | u64::from(declared) << 63
}
