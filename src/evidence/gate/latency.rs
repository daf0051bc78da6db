//! How much slower the candidate is, without a guess at any distribution: order statistics bound a percentile whatever its law
//! (H. A. David and H. N. Nagaraja, "Order Statistics", 2003, section 7.1). The bound is for one look.

use crate::evidence::stats::{at_least, first};
use crate::evidence::{CellDelta, Histogram};

const SHARE: f64 = 0.95;

/// Between which values the ratio of the 95th percentiles lies, candidate over primary.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ratio {
    /// At least.
    pub least: f64,
    /// At most.
    pub most: f64,
}

/// The ratio at this confidence; `None` where there are too few answers to bound it.
pub fn p95_ratio(sum: &CellDelta, confidence: f64) -> Option<Ratio> {
    // Two percentiles, each with two ends.
    let level = (1.0 - confidence) / 4.0;
    let (least, most) = bounds(&sum.candidate_us, level)?;
    let (base_least, base_most) = bounds(&sum.primary_us, level)?;
    let share = |a: u64, b: u64| a.max(1) as f64 / b.max(1) as f64;
    Some(Ratio { least: share(least, base_most), most: share(most, base_least) })
}

/// Between which durations the percentile lies, each end missed with this chance at most.
fn bounds(histogram: &Histogram, level: f64) -> Option<(u64, u64)> {
    let n = histogram.count();
    // The k-th shortest lies above the percentile unless at least k answers lie below it.
    let of_all = |holds: &dyn Fn(u64) -> bool| Some(first(0, n + 1, holds)).filter(|k| *k <= n);
    let upper = of_all(&|k| at_least(k, n, SHARE) <= level)?;
    // And below it where fewer than k lie below: k - 1 at most.
    let lower = of_all(&|k| 1.0 - at_least(k, n, SHARE) > level)?.checked_sub(1).filter(|k| *k > 0)?;
    Some((histogram.ranked(lower)?.0, histogram.ranked(upper)?.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sum(primary: impl Iterator<Item = u64>, candidate: impl Iterator<Item = u64>) -> CellDelta {
        let mut sum = CellDelta::default();
        primary.for_each(|us| sum.primary_us.record(us));
        candidate.for_each(|us| sum.candidate_us.record(us));
        sum
    }

    #[test]
    fn few_answers_bound_nothing() {
        assert_eq!(p95_ratio(&sum(0..70, 0..10_000), 0.95), None);
        assert!(p95_ratio(&sum(0..200, 0..200), 0.95).is_some());
    }

    #[test]
    fn equal_sides_come_close_to_one_and_a_slow_one_is_told() {
        let equal = p95_ratio(&sum((1..=20_000).map(|n| 1_000 + n % 997), (1..=20_000).map(|n| 1_000 + n % 991)), 0.95);
        let equal = equal.unwrap();
        assert!(equal.least > 0.93 && equal.least <= 1.0 && equal.most >= 1.0 && equal.most < 1.07, "{equal:?}");
        let slow =
            p95_ratio(&sum((1..=5_000).map(|n| 1_000 + n % 997), (1..=5_000).map(|n| 1_500 + n * 3 / 2 % 1_499)), 0.95);
        let slow = slow.unwrap();
        assert!(slow.least > 1.35 && slow.most < 1.65, "{slow:?}");
    }

    /// The percentile of a law is missed as seldom as promised.
    #[test]
    fn the_true_percentile_is_missed_seldom() {
        let (mut random, mut missed) = (fastrand::Rng::with_seed(7), 0);
        for _ in 0..400 {
            let mut histogram = Histogram::default();
            // Exponential with mean 1,000: its 95th percentile is 2,996.
            (0..300).for_each(|_| histogram.record((-1_000.0 * random.f64().max(1e-12).ln()) as u64));
            let (least, most) = bounds(&histogram, 0.0125).unwrap();
            missed += usize::from(least > 2_996 || most < 2_995);
        }
        assert!(missed <= 20, "{missed} of 400");
    }
}
