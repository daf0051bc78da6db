//! Distinct requests with mismatches that count.
//!
//! A mismatch counts from when it is judged, and no longer once asking again has shown that it was a race or that the monolith
//! changes its answer. Batches come in any order, so each request has a sum: one up for a mismatch, one down where a mark takes
//! it back. A request counts while its sum is above zero.

use super::distinct::{estimate, sketch};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Requests kept one by one. Of more, none can be taken back: such a route is far from any gate.
const EXACT: usize = 4_096;

/// Sums by the hash of a request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(from = "Stored")]
pub enum Mismatches {
    /// Every request that ever mismatched, up to 4,096; sums of zero stay, so that the order of merging does not show.
    Counted(BTreeMap<u64, i64>),
    /// A sketch of all of them, above that.
    Sketch(Vec<u8>),
}

/// What is read: format 1 had no sums, only requests.
#[derive(Deserialize)]
enum Stored {
    Counted(BTreeMap<u64, i64>),
    Sketch(Vec<u8>),
    Exact(BTreeSet<u64>),
}

impl From<Stored> for Mismatches {
    fn from(stored: Stored) -> Mismatches {
        match stored {
            Stored::Counted(sums) => Mismatches::Counted(sums),
            Stored::Sketch(registers) => Mismatches::Sketch(registers),
            Stored::Exact(all) => Mismatches::Counted(all.into_iter().map(|request| (request, 1)).collect()),
        }
    }
}

impl Default for Mismatches {
    fn default() -> Mismatches {
        Mismatches::Counted(BTreeMap::new())
    }
}

impl Mismatches {
    /// One more mismatch of this request that counts.
    pub fn count(&mut self, request: u64) {
        self.add(request, 1);
    }
    /// One of them does not count after all.
    pub fn take_back(&mut self, request: u64) {
        self.add(request, -1);
    }
    fn add(&mut self, request: u64, n: i64) {
        match self {
            Mismatches::Counted(sums) => {
                *sums.entry(request).or_default() += n;
                if sums.len() > EXACT {
                    *self = Mismatches::Sketch(sketch(sums.keys()));
                }
            }
            Mismatches::Sketch(registers) => super::distinct::note(registers, request),
        }
    }
    /// Adds another's sums; the result does not depend on the order of merging.
    pub fn merge(&mut self, other: &Mismatches) {
        match (&mut *self, other) {
            (_, Mismatches::Counted(theirs)) => theirs.iter().for_each(|(request, n)| self.add(*request, *n)),
            (Mismatches::Counted(mine), Mismatches::Sketch(theirs)) => {
                let mut merged = theirs.clone();
                mine.keys().for_each(|request| super::distinct::note(&mut merged, *request));
                *self = Mismatches::Sketch(merged);
            }
            (Mismatches::Sketch(mine), Mismatches::Sketch(theirs)) => {
                mine.iter_mut().zip(theirs).for_each(|(a, b)| *a = (*a).max(*b));
            }
        }
    }
    /// How many requests have a mismatch that counts.
    pub fn requests(&self) -> u64 {
        match self {
            Mismatches::Counted(sums) => sums.values().filter(|sum| **sum > 0).count() as u64,
            Mismatches::Sketch(registers) => estimate(registers) as u64,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use xxhash_rust::xxh3::xxh3_64;

    #[test]
    fn a_request_counts_while_one_of_its_mismatches_does() {
        let mut mismatches = Mismatches::default();
        mismatches.take_back(7);
        assert_eq!(mismatches.requests(), 0, "what is taken back came in another batch");
        mismatches.count(7);
        assert_eq!(mismatches.requests(), 0);
        mismatches.count(7);
        mismatches.count(8);
        assert_eq!(mismatches.requests(), 2);
    }

    #[test]
    fn what_format_1_wrote_is_read() {
        let mut before = super::super::Distinct::default();
        [3, 9, 4].into_iter().for_each(|request| before.insert(request));
        let read: Mismatches = rmp_serde::from_slice(&rmp_serde::to_vec_named(&before).unwrap()).unwrap();
        assert_eq!(read, Mismatches::Counted(BTreeMap::from([(3, 1), (4, 1), (9, 1)])));
        let again: Mismatches = rmp_serde::from_slice(&rmp_serde::to_vec_named(&read).unwrap()).unwrap();
        assert_eq!(again, read);
        (0..5_000u64).for_each(|n| before.insert(xxh3_64(&n.to_le_bytes())));
        let read: Mismatches = rmp_serde::from_slice(&rmp_serde::to_vec_named(&before).unwrap()).unwrap();
        assert_eq!(read.requests(), before.estimate());
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(16))]
        #[test]
        fn merging_knows_no_order(parts in proptest::collection::vec((0u64..6_000, 0u64..4_500, -1i64..2), 3)) {
            let of = |part: &(u64, u64, i64)| {
                let mut all = Mismatches::default();
                (part.0..part.0 + part.1).for_each(|n| all.add(xxh3_64(&n.to_le_bytes()), part.2));
                all
            };
            let merged = |order: [usize; 3]| {
                let mut all = Mismatches::default();
                order.iter().for_each(|at| all.merge(&of(&parts[*at])));
                all
            };
            let first = merged([0, 1, 2]);
            prop_assert!(first == merged([2, 1, 0]) && first == merged([1, 0, 2]));
        }
    }
}
