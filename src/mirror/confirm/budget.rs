//! What asking again may cost the primary: so many looks a second, and never more than one for a hundred requests of clients.
//!
//! Both are paid when a mismatch is taken up, for all its looks at once: so each look comes when it is due, and in no stretch of
//! time are there more than the budget.

use std::num::NonZeroU32;
use std::time::{Duration, Instant};

/// A look is earned by so many requests.
const REQUESTS: u64 = 100;
/// What a busy hour may earn for a quiet one.
const SAVED: u64 = 50;

/// Why nothing is asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spent {
    /// So many a second are.
    Rate,
    /// There were too few requests.
    Share,
}

/// The account.
#[derive(Default)]
pub(super) struct Budget {
    /// When the bucket is full again: the generic cell rate algorithm (ITU-T I.371, ATM Forum TM 4.0).
    full_at: Option<Instant>,
    /// Looks paid by requests, and those that nobody wanted in time.
    paid: u64,
}

impl Budget {
    /// Takes so many looks, of so many a second, after so many requests since the start.
    pub(super) fn take(
        &mut self,
        looks: u32,
        per_second: NonZeroU32,
        received: u64,
        now: Instant,
    ) -> Result<(), Spent> {
        let earned = received / REQUESTS;
        self.paid = self.paid.max(earned.saturating_sub(SAVED));
        if earned.saturating_sub(self.paid) < u64::from(looks) {
            return Err(Spent::Share);
        }
        let one = Duration::from_secs(1) / per_second.get();
        let full_at = self.full_at.filter(|full_at| *full_at > now).unwrap_or(now) + one * looks;
        if full_at > now + one * per_second.get().max(looks) {
            return Err(Spent::Rate);
        }
        self.full_at = Some(full_at);
        self.paid += u64::from(looks);
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MANY: u64 = 1_000_000_000;

    #[test]
    fn there_are_no_more_a_second_than_the_budget_says() {
        for (per_second, looks) in [(5, 2), (1, 2), (7, 3), (100, 1)] {
            let (mut budget, start) = (Budget { full_at: None, paid: MANY / REQUESTS - SAVED }, Instant::now());
            let rate = NonZeroU32::new(per_second).unwrap();
            let mut taken: Vec<u64> = Vec::new();
            for ms in 0..60_000 {
                let received = MANY + ms * 1_000;
                if budget.take(looks, rate, received, start + Duration::from_millis(ms)).is_ok() {
                    taken.push(ms);
                }
            }
            // In every stretch that begins with one: the burst and what has come since.
            for (at, from) in taken.iter().enumerate() {
                for (n, to) in taken[at..].iter().enumerate() {
                    let most = f64::from(per_second.max(looks)) + f64::from(per_second) * (to - from) as f64 / 1e3;
                    assert!((n + 1) as f64 * f64::from(looks) <= most + 1e-6, "{per_second}/s by {looks}");
                }
            }
            let all = taken.len() as f64 * f64::from(looks);
            assert!(all > 0.95 * 60.0 * f64::from(per_second), "{all} of {per_second}/s");
        }
    }

    #[test]
    fn there_is_never_more_than_one_for_a_hundred_requests() {
        let (mut budget, now) = (Budget::default(), Instant::now());
        let mut looks = 0;
        for received in 0..=100_000u64 {
            let at = now + Duration::from_secs(received);
            while budget.take(2, NonZeroU32::new(1_000).unwrap(), received, at).is_ok() {
                looks += 2;
            }
            assert!(looks * REQUESTS <= received);
        }
        assert_eq!(looks, 1_000, "all of them are used");
        assert_eq!(budget.take(2, NonZeroU32::MIN, 100_000, now), Err(Spent::Share));
    }

    #[test]
    fn a_busy_day_earns_no_busy_night() {
        let (mut budget, rate, now) = (Budget::default(), NonZeroU32::new(1_000).unwrap(), Instant::now());
        let taken = (0..1_000).take_while(|_| budget.take(1, rate, 10_000_000, now).is_ok()).count();
        assert_eq!(taken as u64, SAVED);
        assert_eq!(budget.take(1, rate, 10_000_099, now), Err(Spent::Share));
        assert_eq!(budget.take(1, rate, 10_000_100, now), Ok(()));
    }

    #[test]
    fn what_is_refused_costs_nothing() {
        let (mut budget, now) = (Budget::default(), Instant::now());
        let one = NonZeroU32::MIN;
        assert_eq!(budget.take(2, one, 1_000, now), Ok(()));
        (0..100).for_each(|_| assert_eq!(budget.take(2, one, 1_000, now), Err(Spent::Rate)));
        assert_eq!(budget.take(2, one, 1_000, now + Duration::from_secs(2)), Ok(()));
    }
}
