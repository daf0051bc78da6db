//! The distinct requests that took a branch: exact up to a thousand, and never more than that.

use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

/// Hashes of requests, the lowest [`Witnesses::MOST`] of all that were seen: which they are does not depend on the order of
/// merging, and how many is exact below that.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Witnesses(BTreeSet<u64>);

impl Witnesses {
    /// Requests that are told apart; nobody can ask for more.
    pub const MOST: usize = 1_000;

    /// Adds the hash of a request.
    pub fn insert(&mut self, request: u64) {
        self.0.insert(request);
        while self.0.len() > Witnesses::MOST {
            self.0.pop_last();
        }
    }
    /// Adds another's.
    pub fn merge(&mut self, other: &Witnesses) {
        other.0.iter().for_each(|request| self.insert(*request));
    }
    /// How many there were, or [`Witnesses::MOST`] where there were more.
    pub fn count(&self) -> u64 {
        self.0.len() as u64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn merging_knows_no_order_and_stays_bounded() {
        let of = |from: u64, to: u64| {
            let mut all = Witnesses::default();
            (from..to).for_each(|n| all.insert(n.wrapping_mul(0x9E37_79B9_7F4A_7C15)));
            all
        };
        let (mut a, mut b) = (of(0, 900), of(600, 1_400));
        assert_eq!((a.count(), b.count()), (900, 800));
        let first = b.clone();
        b.merge(&a);
        a.merge(&first);
        assert_eq!((a == b, a.count()), (true, 1_000));
        assert_eq!(a, of(0, 1_400));
    }
}
