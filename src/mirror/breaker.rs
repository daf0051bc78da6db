//! The candidate's breaker: so many failures within a window open it; after a cooldown one request looks whether it is back.

use super::BreakerState;
use crate::config;
use parking_lot::Mutex;
use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Instant;

/// Shared by all threads.
pub(super) struct Breaker {
    /// Lets the live path pass without the lock while all is well.
    closed: AtomicBool,
    inner: Mutex<Inner>,
}

struct Inner {
    settings: config::Breaker,
    state: State,
}

enum State {
    Closed { failures: VecDeque<Instant> },
    Open { until: Instant },
    HalfOpen { since: Instant },
}

/// What an open door means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pass {
    /// Go on.
    Free,
    /// Go on, and what becomes of it decides.
    Probe,
}

impl Breaker {
    /// Closed.
    pub(super) fn new(settings: config::Breaker) -> Breaker {
        Breaker {
            closed: AtomicBool::new(true),
            inner: Mutex::new(Inner { settings, state: State::Closed { failures: VecDeque::new() } }),
        }
    }
    /// Other settings from now on; what is known of the candidate stays.
    pub(super) fn set(&self, settings: config::Breaker) {
        self.inner.lock().settings = settings;
    }
    /// Whether a request may go to the candidate; `None` while it is open.
    pub(super) fn pass(&self, now: Instant) -> Option<Pass> {
        if self.closed.load(Relaxed) {
            return Some(Pass::Free);
        }
        let Inner { settings, state } = &mut *self.inner.lock();
        match *state {
            State::Closed { .. } => Some(Pass::Free),
            State::Open { until } if now < until => None,
            // A probe on a request that never ends must not keep the breaker open.
            State::HalfOpen { since } if now < since + settings.cooldown => None,
            State::Open { .. } | State::HalfOpen { .. } => {
                *state = State::HalfOpen { since: now };
                Some(Pass::Probe)
            }
        }
    }
    /// What became of asking the candidate.
    pub(super) fn report(&self, probe: bool, answered: bool, now: Instant) {
        if answered && !probe {
            return;
        }
        let Inner { settings, state } = &mut *self.inner.lock();
        match state {
            State::Closed { failures } if !answered => {
                failures.push_back(now);
                while failures.front().is_some_and(|first| now.duration_since(*first) > settings.window) {
                    failures.pop_front();
                }
                if failures.len() >= settings.failures.max(1) as usize {
                    *state = State::Open { until: now + settings.cooldown };
                    self.closed.store(false, Relaxed);
                }
            }
            State::HalfOpen { .. } if probe && answered => {
                *state = State::Closed { failures: VecDeque::new() };
                self.closed.store(true, Relaxed);
            }
            State::HalfOpen { .. } if probe => *state = State::Open { until: now + settings.cooldown },
            // Requests sent before it opened come in late; they decide nothing.
            State::Closed { .. } | State::Open { .. } | State::HalfOpen { .. } => {}
        }
    }
    /// The probe came to nothing before it was sent: the next request is one.
    pub(super) fn abandon_probe(&self, now: Instant) {
        let state = &mut self.inner.lock().state;
        if let State::HalfOpen { .. } = *state {
            *state = State::Open { until: now };
        }
    }
    /// For health checks and metrics.
    pub(super) fn state(&self) -> BreakerState {
        match self.inner.lock().state {
            State::Closed { .. } => BreakerState::Closed,
            State::Open { .. } => BreakerState::Open,
            State::HalfOpen { .. } => BreakerState::HalfOpen,
        }
    }
    /// The probe's own deadline.
    pub(super) fn probe_timeout(&self) -> std::time::Duration {
        self.inner.lock().settings.probe_timeout
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn breaker() -> Breaker {
        Breaker::new(config::Breaker {
            failures: 3,
            window: Duration::from_secs(10),
            cooldown: Duration::from_secs(5),
            probe_timeout: Duration::from_secs(1),
        })
    }

    #[test]
    fn failures_within_the_window_open_it_and_one_probe_closes_it() {
        let (breaker, start) = (breaker(), Instant::now());
        let at = |s: u64| start + Duration::from_secs(s);
        (0..3).for_each(|s| breaker.report(false, false, at(s)));
        assert_eq!((breaker.state(), breaker.pass(at(3))), (BreakerState::Open, None));
        assert_eq!(breaker.pass(at(7)), Some(Pass::Probe));
        assert_eq!(breaker.pass(at(7)), None, "one probe at a time");
        breaker.report(false, true, at(7));
        assert_eq!(breaker.state(), BreakerState::HalfOpen, "a late answer decides nothing");
        breaker.report(true, true, at(8));
        assert_eq!((breaker.state(), breaker.pass(at(8))), (BreakerState::Closed, Some(Pass::Free)));
    }

    #[test]
    fn failures_far_apart_do_not_open_it() {
        let (breaker, start) = (breaker(), Instant::now());
        (0..10).for_each(|n| breaker.report(false, false, start + Duration::from_secs(6 * n)));
        assert_eq!(breaker.state(), BreakerState::Closed);
    }

    #[test]
    fn a_failed_probe_waits_again_and_a_lost_one_does_not() {
        let (breaker, start) = (breaker(), Instant::now());
        let at = |s: u64| start + Duration::from_secs(s);
        (0..3).for_each(|_| breaker.report(false, false, at(0)));
        assert_eq!(breaker.pass(at(5)), Some(Pass::Probe));
        breaker.report(true, false, at(6));
        assert_eq!(breaker.pass(at(7)), None);
        assert_eq!(breaker.pass(at(11)), Some(Pass::Probe));
        breaker.abandon_probe(at(11));
        assert_eq!(breaker.pass(at(11)), Some(Pass::Probe));
        assert_eq!(breaker.pass(at(16)), Some(Pass::Probe), "a probe that never ends does not keep it open");
    }
}
