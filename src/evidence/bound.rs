//! How high a mismatch rate may be, by what was seen so far: a bound that holds at every look.
//!
//! People watch the page and stop when they like what they see, so a bound for one look would be wrong. With `n` distinct
//! requests of which `k` mismatch, all rates `p` with `p^k (1-p)^(n-k) >= a B(1+k, 1+n-k)` are left open at level `1-a`: the
//! likelihood mixed over all rates, divided by that of `p`, is a martingale where `p` is the true one, and it passes `1/a` at any
//! time with chance `a` at most (J. Ville, "Étude critique de la notion de collectif", 1939; H. Robbins, "Statistical methods
//! related to the law of the iterated logarithm", 1970; as a confidence sequence S. Howard et al., "Time-uniform, nonparametric,
//! nonasymptotic confidence sequences", 2021).

use super::stats::{first, ln_gamma};

/// Halvings of the interval in which a bound lies: beyond them a rate has no more digits.
const HALVINGS: u32 = 60;
/// More clean requests than this are never asked for by number.
const MOST: u64 = 1 << 40;

/// The highest rate that is left open by `mismatching` of `distinct` requests at this confidence; 1 where nothing is known.
pub fn upper_rate(mismatching: u64, distinct: u64, confidence: f64) -> f64 {
    let (k, n) = (mismatching.min(distinct), distinct);
    if n == 0 || k == n {
        return 1.0;
    }
    let least = least_likelihood(k, n, confidence);
    // Above the rate that was seen the likelihood only falls.
    let (mut open, mut closed) = (k as f64 / n as f64, 1.0);
    for _ in 0..HALVINGS {
        let rate: f64 = (open + closed) / 2.0;
        if likelihood(k, n, rate) >= least { open = rate } else { closed = rate }
    }
    closed
}

/// The logarithm of the likelihood that a rate must have to be left open.
fn least_likelihood(k: u64, n: u64, confidence: f64) -> f64 {
    let mixed = ln_gamma(1.0 + k as f64) + ln_gamma(1.0 + (n - k) as f64) - ln_gamma(2.0 + n as f64);
    (1.0 - confidence).max(f64::MIN_POSITIVE).ln() + mixed
}

fn likelihood(k: u64, n: u64, rate: f64) -> f64 {
    let hits = if k == 0 { 0.0 } else { k as f64 * rate.ln() };
    hits + (n - k) as f64 * (-rate).ln_1p()
}

/// True where all rates from this one up are ruled out: what [`upper_rate`] says, without looking for the bound itself.
fn rules_out(mismatching: u64, distinct: u64, confidence: f64, rate: f64) -> bool {
    let (k, n) = (mismatching.min(distinct), distinct);
    let above = n > k && rate < 1.0 && rate > k as f64 / n as f64;
    above && likelihood(k, n, rate) < least_likelihood(k, n, confidence)
}

/// The lowest rate that is left open; 0 where nothing is known.
pub(super) fn lower_rate(mismatching: u64, distinct: u64, confidence: f64) -> f64 {
    let k = mismatching.min(distinct);
    1.0 - upper_rate(distinct - k, distinct, confidence)
}

/// How many more distinct requests without a mismatch bring the bound below this rate; `None` where none do.
pub fn clean_requests_needed(mismatching: u64, distinct: u64, confidence: f64, below: f64) -> Option<u64> {
    if below.is_nan() || below <= 0.0 {
        return None;
    }
    if below >= 1.0 {
        return Some(u64::from(distinct <= mismatching));
    }
    let holds = |more: u64| rules_out(mismatching, distinct.saturating_add(more), confidence, below);
    if holds(0) {
        return Some(0);
    }
    let mut high = 1;
    while !holds(high) {
        high *= 2;
        if high > MOST {
            return None;
        }
    }
    Some(first(high / 2, high, holds))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_figures_of_the_contract() {
        assert_eq!(clean_requests_needed(0, 0, 0.95, 0.01), Some(984));
        assert_eq!(clean_requests_needed(0, 0, 0.95, 0.001), Some(12_417));
        assert!((upper_rate(0, 300, 0.95) - 0.029).abs() < 0.000_5, "{}", upper_rate(0, 300, 0.95));
        assert!(upper_rate(0, 983, 0.95) >= 0.01 && upper_rate(0, 984, 0.95) < 0.01);
    }

    #[test]
    fn what_is_not_known_is_one() {
        assert_eq!((upper_rate(0, 0, 0.95), upper_rate(5, 5, 0.95), upper_rate(9, 5, 0.95)), (1.0, 1.0, 1.0));
        assert_eq!(clean_requests_needed(0, 100, 0.95, 0.0), None);
        assert_eq!(clean_requests_needed(0, 2_000, 0.95, 0.01), Some(0));
    }

    #[test]
    fn one_in_a_thousand_costs_more_than_a_thousand() {
        let clean = clean_requests_needed(0, 0, 0.95, 0.01).unwrap();
        let more = clean_requests_needed(1, 1, 0.95, 0.01).unwrap();
        assert!(more > clean && more < 2 * clean, "{more}");
    }

    #[test]
    fn the_lower_end_mirrors_the_upper_one() {
        assert_eq!((lower_rate(0, 0, 0.95), lower_rate(0, 500, 0.95)), (0.0, 0.0));
        assert!(lower_rate(100, 100, 0.95) > 0.9 && lower_rate(1, 3, 0.95) < 0.02);
        assert!((lower_rate(30, 100, 0.95) - (1.0 - upper_rate(70, 100, 0.95))).abs() < 1e-12);
    }

    proptest! {
        #[test]
        fn it_lies_above_what_was_seen_and_falls_with_clean_requests(k in 0u64..50, n in 1u64..100_000) {
            prop_assume!(k < n);
            let bound = upper_rate(k, n, 0.95);
            prop_assert!(bound > k as f64 / n as f64 && bound <= 1.0);
            prop_assert!(upper_rate(k, n + 1, 0.95) < bound);
            prop_assert!(upper_rate(k + 1, n + 1, 0.95) > bound);
            prop_assert!(upper_rate(k, n, 0.99) > bound);
        }

        #[test]
        fn the_need_is_the_least(k in 0u64..20, n in 20u64..2_000) {
            let more = clean_requests_needed(k, n, 0.95, 0.02).unwrap();
            prop_assert!(upper_rate(k, n + more, 0.95) < 0.02);
            prop_assert!(more == 0 || upper_rate(k, n + more - 1, 0.95) >= 0.02);
        }
    }
}
