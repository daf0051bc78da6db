//! How many distinct requests: exact while there are few, then a sketch of which only the lower bound counts.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// The hashes of the distinct requests seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Distinct {
    /// Every hash, up to 4,096.
    Exact(BTreeSet<u64>),
    /// HyperLogLog registers, above that; of the estimate the lower 3-sigma bound counts.
    Sketch(Vec<u8>),
}

impl Default for Distinct {
    fn default() -> Distinct {
        Distinct::Exact(BTreeSet::new())
    }
}

/// Hashes kept one by one.
const EXACT: usize = 4_096;
/// Bits of a hash that choose a register.
const P: u32 = 12;
/// Registers.
const M: usize = 1 << P;
/// Bits of a hash that are left to be counted in.
const Q: usize = 64 - P as usize;

impl Distinct {
    /// Adds the hash of one request. It must be well mixed.
    pub fn insert(&mut self, hash: u64) {
        match self {
            Distinct::Exact(all) => {
                all.insert(hash);
                if all.len() > EXACT {
                    *self = Distinct::Sketch(sketch(all.iter()));
                }
            }
            Distinct::Sketch(registers) => note(registers, hash),
        }
    }

    /// Adds another's. The result depends on the union of the hashes alone, not on the order of merging.
    pub fn merge(&mut self, other: &Distinct) {
        match (&mut *self, other) {
            (_, Distinct::Exact(theirs)) => theirs.iter().for_each(|hash| self.insert(*hash)),
            (Distinct::Exact(mine), Distinct::Sketch(theirs)) => {
                let mut merged = theirs.clone();
                mine.iter().for_each(|hash| note(&mut merged, *hash));
                *self = Distinct::Sketch(merged);
            }
            (Distinct::Sketch(mine), Distinct::Sketch(theirs)) => {
                mine.iter_mut().zip(theirs).for_each(|(a, b)| *a = (*a).max(*b));
            }
        }
    }

    /// True when there is none.
    pub fn is_empty(&self) -> bool {
        matches!(self, Distinct::Exact(all) if all.is_empty())
    }

    /// The most likely number.
    pub fn estimate(&self) -> u64 {
        match self {
            Distinct::Exact(all) => all.len() as u64,
            Distinct::Sketch(registers) => estimate(registers) as u64,
        }
    }

    /// The number that counts as evidence: exact, or three standard errors (1.04/√m each, Flajolet et al., "HyperLogLog:
    /// the analysis of a near-optimal cardinality estimation algorithm", 2007) below the estimate, so that an estimate never
    /// makes a route READY. A sketch stands for more than the exact form can hold.
    pub fn lower_bound(&self) -> u64 {
        match self {
            Distinct::Exact(all) => all.len() as u64,
            Distinct::Sketch(registers) => {
                let low = estimate(registers) * (1.0 - 3.0 * 1.04 / (M as f64).sqrt());
                (low as u64).max(EXACT as u64 + 1)
            }
        }
    }
}

/// The registers of these hashes.
pub(super) fn sketch<'a>(all: impl Iterator<Item = &'a u64>) -> Vec<u8> {
    let mut registers = vec![0; M];
    all.for_each(|hash| note(&mut registers, *hash));
    registers
}

/// Notes one hash in its register.
pub(super) fn note(registers: &mut [u8], hash: u64) {
    let rank = ((hash << P).leading_zeros() as usize).min(Q) as u8 + 1;
    if let Some(register) = registers.get_mut((hash >> (64 - P)) as usize) {
        *register = (*register).max(rank);
    }
}

/// The improved raw estimator of Otmar Ertl, "New cardinality estimation algorithms for HyperLogLog sketches" (2017,
/// arXiv:1702.01284, algorithm 6): unbiased over the whole range, without tables.
pub(super) fn estimate(registers: &[u8]) -> f64 {
    let mut counts = [0.0f64; Q + 2];
    for register in registers {
        if let Some(count) = counts.get_mut(usize::from(*register)) {
            *count += 1.0;
        }
    }
    let m = registers.len() as f64;
    let mut z = m * tau(1.0 - counts.last().copied().unwrap_or_default() / m);
    for count in counts.iter().take(Q + 1).skip(1).rev() {
        z = 0.5 * (z + count);
    }
    z += m * sigma(counts.first().copied().unwrap_or_default() / m);
    m * m / (2.0 * std::f64::consts::LN_2 * z)
}

fn sigma(mut x: f64) -> f64 {
    if x >= 1.0 {
        return f64::INFINITY;
    }
    let (mut y, mut z) = (1.0, x);
    loop {
        x *= x;
        let before = z;
        z += x * y;
        y += y;
        if z == before {
            return z;
        }
    }
}

fn tau(mut x: f64) -> f64 {
    if x <= 0.0 || x >= 1.0 {
        return 0.0;
    }
    let (mut y, mut z) = (1.0, 1.0 - x);
    loop {
        x = x.sqrt();
        let before = z;
        y *= 0.5;
        z -= (1.0 - x) * (1.0 - x) * y;
        if z == before {
            return z / 3.0;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use xxhash_rust::xxh3::xxh3_64;

    fn of(numbers: impl Iterator<Item = u64>) -> Distinct {
        let mut distinct = Distinct::default();
        numbers.for_each(|n| distinct.insert(xxh3_64(&n.to_le_bytes())));
        distinct
    }

    #[test]
    fn exact_while_there_are_few() {
        let few = of((0..4_096).chain(0..4_096));
        assert!(matches!(few, Distinct::Exact(_)));
        assert_eq!((few.estimate(), few.lower_bound()), (4_096, 4_096));
        assert!(Distinct::default().is_empty());
    }

    #[test]
    fn the_lower_bound_is_below_and_near() {
        for n in [4_097u64, 6_000, 10_000, 20_000, 100_000, 1_000_000] {
            let many = of(0..n);
            assert!(matches!(many, Distinct::Sketch(_)));
            let (low, middle) = (many.lower_bound(), many.estimate());
            assert!(low <= n && low as f64 > 0.89 * n as f64, "{n}: {low}");
            assert!((middle as f64 / n as f64 - 1.0).abs() < 0.05, "{n}: {middle}");
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]
        #[test]
        fn merging_knows_no_order(cuts in proptest::collection::vec((0u64..9_000, 0u64..4_500), 3)) {
            let parts: Vec<Distinct> = cuts.iter().map(|(from, n)| of(*from..from + n)).collect();
            let all = of(cuts.iter().flat_map(|(from, n)| *from..from + n));
            for order in [[0, 1, 2], [2, 1, 0], [1, 0, 2]] {
                let mut merged = Distinct::default();
                order.iter().for_each(|at| merged.merge(&parts[*at]));
                prop_assert!(merged == all);
            }
        }
    }
}
