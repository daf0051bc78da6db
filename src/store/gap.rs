//! Stretches that nobody can account for any more, bounded by a lease that every batch writes ahead.

use super::record::Session;
use crate::evidence::Gap;
use std::collections::VecDeque;

/// Gaps kept; the two oldest become one when there are more.
const KEPT: usize = 64;
/// The bound of a gap that follows the loss of the account itself: nobody knows.
pub(super) const UNKNOWN: u64 = u64::MAX;
/// Requests that may always arrive before the next batch is durable.
const LEAST: u64 = 1_000;
/// A pace is taken over no less than this, which is how long a batch stays open.
const SHORTEST_MS: u64 = 50;

/// Notes a gap.
pub(super) fn note(gaps: &mut Vec<Gap>, gap: Gap) {
    gaps.push(gap);
    while gaps.len() > KEPT {
        let first = gaps.remove(0);
        if let Some(next) = gaps.first_mut() {
            next.from_ms = next.from_ms.min(first.from_ms);
            next.to_ms = next.to_ms.max(first.to_ms);
            next.up_to = next.up_to.saturating_add(first.up_to);
        }
    }
}

/// The gap of a session that did not stop cleanly: from its last durable batch until now, as many requests as it may have
/// received beyond those accounted for.
pub(super) fn after(session: &Session, now_ms: u64) -> Option<Gap> {
    (!session.closed).then(|| Gap {
        from_ms: session.last_ms,
        to_ms: now_ms.max(session.last_ms),
        up_to: session.lease.saturating_sub(session.accounted),
    })
}

/// What arrived lately: how far the lease must reach.
///
/// A batch is durable within about a second of being closed, or two where the machine is busy. So the requests that a crash
/// can take are those that arrive in that time: four seconds' worth at the pace of the last second (or of the time since the
/// first batch, where that is shorter), and never fewer than [`LEAST`]. While the store cannot write, the bound does not hold;
/// `failing` says so at the time.
#[derive(Debug, Default)]
pub(super) struct Arrivals {
    lately: VecDeque<(u64, u64)>,
}

impl Arrivals {
    /// The lease that goes with a batch.
    pub(super) fn lease(&mut self, closed_at_ms: u64, received: u64) -> u64 {
        while self.lately.len() > 1 && self.lately.get(1).is_some_and(|(at, _)| *at + 1_000 <= closed_at_ms) {
            self.lately.pop_front();
        }
        let (since, before) = self.lately.front().copied().unwrap_or((closed_at_ms, 0));
        let within = closed_at_ms.saturating_sub(since).clamp(SHORTEST_MS, 1_000);
        let pace = received.saturating_sub(before).saturating_mul(1_000) / within;
        self.lately.push_back((closed_at_ms, received));
        // a writer of many small batches: every second entry of the first half goes
        if self.lately.len() > 1_024 {
            let mut index = 0;
            self.lately.retain(|_| {
                index += 1;
                index % 2 == 1
            });
        }
        received.saturating_add(LEAST.max(pace.saturating_mul(4)))
    }
    /// The lease of a session that has only begun.
    pub(super) fn first() -> u64 {
        LEAST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_lease_covers_four_seconds_at_the_last_seconds_pace() {
        let mut arrivals = Arrivals::default();
        assert_eq!(arrivals.lease(0, 10), 1_010);
        assert_eq!(arrivals.lease(500, 2_010), 2_010 + 4 * 4_000, "2,000 in half a second");
        // what came before the last second no longer counts
        assert_eq!(arrivals.lease(5_000, 2_020), 2_020 + 1_000);
        for at in 0..5_000 {
            arrivals.lease(6_000 + at / 100, 3_000 + at);
        }
        assert!(arrivals.lately.len() <= 1_025);
    }

    #[test]
    fn the_list_of_gaps_is_bounded_and_loses_no_request() {
        let mut gaps = Vec::new();
        for i in 0..200 {
            note(&mut gaps, Gap { from_ms: i, to_ms: i + 1, up_to: 1 });
        }
        assert_eq!(gaps.len(), KEPT);
        assert_eq!(gaps.iter().map(|gap| gap.up_to).sum::<u64>(), 200);
        assert_eq!((gaps[0].from_ms, gaps.last().map(|gap| gap.from_ms)), (0, Some(199)));
    }

    #[test]
    fn a_clean_session_leaves_no_gap() {
        let open = Session { last_ms: 50, lease: 1_300, accounted: 250, ..Session::default() };
        assert_eq!(after(&open, 90), Some(Gap { from_ms: 50, to_ms: 90, up_to: 1_050 }));
        assert_eq!(after(&Session { closed: true, ..open.clone() }, 90), None);
    }
}
