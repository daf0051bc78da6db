//! Which mismatches are worth asking again: of each signature the first few of an hour, and of the rest one now and then. A
//! bug that shows in a hundred thousand answers is asked for a few dozen times.

use crate::exchange::ExchangeId;
use crate::judge::SignatureId;
use std::collections::HashMap;

/// Of each signature, in an hour: the first so many …
const FIRST: u32 = 8;
/// … then one in so many …
const THEN_ONE_IN: u128 = 64;
/// … and so many at most.
const MOST: u32 = 32;
/// Signatures of an hour; more are not asked for.
const SIGNATURES: usize = 10_000;
const HOUR_MS: u64 = 3_600_000;

/// What has been taken in this hour.
#[derive(Default)]
pub(super) struct Sample {
    hour: u64,
    taken: HashMap<SignatureId, u32>,
}

impl Sample {
    /// True where one of these signatures wants this exchange.
    pub(super) fn wants(&mut self, ids: &[SignatureId], exchange: ExchangeId, at_ms: u64) -> bool {
        let hour = at_ms / HOUR_MS;
        if hour > self.hour {
            self.hour = hour;
            self.taken.clear();
        }
        ids.iter().any(|id| match self.taken.get(id) {
            None => self.taken.len() < SIGNATURES,
            Some(n) if *n < FIRST => true,
            // By the exchange's own random name, so that it is no matter when it came.
            Some(n) => *n < MOST && (exchange.0 >> 64).is_multiple_of(THEN_ONE_IN),
        })
    }
    /// It is asked again, for all of them.
    pub(super) fn take(&mut self, ids: &[SignatureId]) {
        let mut ids = ids.to_vec();
        ids.sort_unstable();
        ids.dedup();
        for id in ids {
            if self.taken.len() < SIGNATURES || self.taken.contains_key(&id) {
                *self.taken.entry(id).or_default() += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use xxhash_rust::xxh3::xxh3_128;

    fn asked(sample: &mut Sample, of: impl Fn(u64) -> Vec<SignatureId>, at_ms: u64, exchanges: u64) -> Vec<u64> {
        let mut asked = Vec::new();
        for n in 0..exchanges {
            let ids = of(n);
            if sample.wants(&ids, ExchangeId(xxh3_128(&n.to_le_bytes())), at_ms) {
                sample.take(&ids);
                asked.push(n);
            }
        }
        asked
    }

    #[test]
    fn a_frequent_signature_is_asked_for_a_few_dozen_times_an_hour() {
        let mut sample = Sample::default();
        let one = |_| vec![SignatureId(7), SignatureId(7)];
        let first = asked(&mut sample, one, 0, 100_000);
        assert_eq!((first.len(), &first[..8]), (32, &[0, 1, 2, 3, 4, 5, 6, 7][..]));
        assert!((1_000..3_000).contains(&first[31]), "the rest lie apart: {first:?}");
        assert!(asked(&mut sample, one, HOUR_MS - 1, 1_000).is_empty());
        assert_eq!(asked(&mut sample, one, HOUR_MS, 8).len(), 8, "the next hour");
        let late = asked(&mut sample, one, HOUR_MS - 1, 1_000).len();
        assert!((4..24).contains(&late), "who comes late is of that hour: {late}");
    }

    #[test]
    fn a_rare_signature_beside_a_frequent_one_is_asked_for() {
        let mut sample = Sample::default();
        asked(&mut sample, |_| vec![SignatureId(7)], 0, 100_000);
        assert!(sample.wants(&[SignatureId(7), SignatureId(8)], ExchangeId(1 << 64), 0));
        assert!(!sample.wants(&[SignatureId(7)], ExchangeId(1 << 64), 0));
    }

    #[test]
    fn the_table_is_bounded() {
        let mut sample = Sample::default();
        let asked = asked(&mut sample, |n| vec![SignatureId(n)], 0, 20_000);
        assert_eq!((asked.len(), sample.taken.len()), (SIGNATURES, SIGNATURES));
        assert!(sample.wants(&[SignatureId(0)], ExchangeId(0), 0), "those that are known still are");
    }
}
