//! A cell: what was compared, by route, versions, rules, principal class and hour. Kept fine, pooled at query time.

use super::{Distinct, MarkCounts, Mismatches, Witnesses};
use crate::judge::SignatureId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a cell is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CellKey {
    /// The route's name.
    pub route: String,
    /// True where the route was guessed.
    pub inferred: bool,
    /// The primary's build, empty where it does not tell.
    pub primary_version: String,
    /// The candidate's build, empty where it does not tell.
    pub candidate_version: String,
    /// The rule set's hash.
    pub rule_set: u64,
    /// [`crate::judge::COMPARATOR_VERSION`].
    pub comparator: u32,
    /// Who asked, as a label.
    pub principal: String,
    /// Hours since the Unix epoch.
    pub hour: u32,
}

/// Log-linear latency histogram: 32 buckets an octave of microseconds, sparse, additive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Histogram(pub BTreeMap<u16, u64>);

/// What is added to a cell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellDelta {
    /// Exchanges by verdict word.
    pub verdicts: BTreeMap<String, u64>,
    /// Mismatching exchanges by mark.
    pub marks: MarkCounts,
    /// Distinct requests compared.
    pub distinct: Distinct,
    /// Distinct requests with a mismatch that counts, whatever is noise.
    pub mismatching: Mismatches,
    /// Those of mismatches all of whose signatures may be the monolith's own noise, by these signatures: they do not count while
    /// all of them are. Where there is no second copy of the monolith, there are none. At most [`CellDelta::MIXES`].
    #[serde(default)]
    pub mixed: BTreeMap<Vec<SignatureId>, Mismatches>,
    /// Exchanges by (primary status, candidate status); 0 where no head arrived.
    pub statuses: BTreeMap<(u16, u16), u64>,
    /// The primary's latency. (Format 1 had a coarser histogram by another name, which is not read.)
    #[serde(default)]
    pub primary_us: Histogram,
    /// The candidate's latency.
    #[serde(default)]
    pub candidate_us: Histogram,
    /// Leaves compared.
    pub leaves: u64,
    /// By rule name: (hits, leaves hidden).
    pub rules: BTreeMap<String, (u64, u64)>,
    /// By the name of a declared branch: distinct requests, compared, whose primary answer took it.
    #[serde(default)]
    pub branches: BTreeMap<String, Witnesses>,
    /// The last exchange, milliseconds since the Unix epoch; 0 where a store of format 1 does not say.
    #[serde(default)]
    pub last_ms: u64,
}

impl Histogram {
    /// Counts one duration, microseconds.
    pub fn record(&mut self, us: u64) {
        *self.0.entry(bucket(us)).or_default() += 1;
    }
    /// Durations counted.
    pub fn count(&self) -> u64 {
        self.0.values().sum()
    }
    /// The duration below or at which this share of all lies, microseconds: the upper edge of its bucket, at most 3.2 %
    /// above it. `None` where nothing was counted.
    pub fn quantile(&self, share: f64) -> Option<u64> {
        let count = self.count();
        let rank = ((share.clamp(0.0, 1.0) * count as f64).ceil() as u64).clamp(1, count.max(1));
        self.ranked(rank).map(|(_, most)| most)
    }
    /// Between which durations, microseconds, the one of this rank lies, where the shortest has rank 1.
    pub fn ranked(&self, rank: u64) -> Option<(u64, u64)> {
        let mut seen = 0;
        self.0.iter().find_map(|(bucket, n)| {
            seen += n;
            let least = bucket.checked_sub(1).map_or(0, |before| upper_edge(before) + 1);
            (rank > 0 && seen >= rank).then(|| (least, upper_edge(*bucket)))
        })
    }
    /// Adds another's counts.
    pub fn merge(&mut self, other: &Histogram) {
        for (bucket, n) in &other.0 {
            *self.0.entry(*bucket).or_default() += n;
        }
    }
}

/// Buckets an octave, and their number's bits.
const FINE: u64 = 1 << BITS;
const BITS: u32 = 5;

/// What is below [`FINE`] has a bucket each; above, an octave has so many.
fn bucket(us: u64) -> u16 {
    let octave = us.checked_ilog2().unwrap_or(0);
    match octave.checked_sub(BITS) {
        None => us as u16,
        Some(above) => (u64::from(above + 1) * FINE + ((us >> above) & (FINE - 1))) as u16,
    }
}

/// The largest duration in a bucket.
fn upper_edge(bucket: u16) -> u64 {
    let (next, fine) = (u128::from(bucket) + 1, u128::from(FINE));
    let lower = if next < fine { next } else { (fine + next % fine) << (next / fine - 1) };
    u64::try_from(lower - 1).unwrap_or(u64::MAX)
}

impl CellDelta {
    /// Sets of signatures that a cell tells apart.
    pub const MIXES: usize = 32;

    /// Counts a mismatch of this request; `mix` are its signatures where all of them may be noise.
    pub fn count_mismatch(&mut self, request: u64, mix: Option<&[SignatureId]>) {
        self.mismatches_of(mix).count(request);
        self.bound();
    }
    /// One of them does not count after all.
    pub fn take_back(&mut self, request: u64, mix: Option<&[SignatureId]>) {
        self.mismatches_of(mix).take_back(request);
        self.bound();
    }
    fn mismatches_of(&mut self, mix: Option<&[SignatureId]>) -> &mut Mismatches {
        match mix {
            Some(ids) => self.mixed.entry(ids.to_vec()).or_default(),
            None => &mut self.mismatching,
        }
    }
    /// What finds no place counts, whatever is noise. Those that sort first stay, so that no order of merging shows.
    fn bound(&mut self) {
        while self.mixed.len() > CellDelta::MIXES {
            if let Some((_, requests)) = self.mixed.pop_last() {
                self.mismatching.merge(&requests);
            }
        }
    }
    /// What it says of rules, and nothing of requests and times, which take the most memory.
    #[must_use]
    pub fn of_rules(self) -> CellDelta {
        let CellDelta { verdicts, leaves, rules, last_ms, .. } = self;
        CellDelta { verdicts, leaves, rules, last_ms, ..CellDelta::default() }
    }
    /// True where it holds no exchange, but for marks of earlier ones.
    pub fn is_of_marks_alone(&self) -> bool {
        self.verdicts.is_empty() && self.statuses.is_empty() && self.leaves == 0
    }
    /// Adds another's counts; the result does not depend on the order of merging.
    pub fn merge(&mut self, other: &CellDelta) {
        for (verdict, n) in &other.verdicts {
            *self.verdicts.entry(verdict.clone()).or_default() += n;
        }
        self.marks.add(&other.marks);
        self.distinct.merge(&other.distinct);
        self.mismatching.merge(&other.mismatching);
        for (ids, requests) in &other.mixed {
            self.mixed.entry(ids.clone()).or_default().merge(requests);
        }
        self.bound();
        for (pair, n) in &other.statuses {
            *self.statuses.entry(*pair).or_default() += n;
        }
        self.primary_us.merge(&other.primary_us);
        self.candidate_us.merge(&other.candidate_us);
        self.leaves += other.leaves;
        for (name, (hits, hidden)) in &other.rules {
            let sum = self.rules.entry(name.clone()).or_default();
            sum.0 += hits;
            sum.1 += hidden;
        }
        for (name, witnesses) in &other.branches {
            self.branches.entry(name.clone()).or_default().merge(witnesses);
        }
        self.last_ms = self.last_ms.max(other.last_ms);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn buckets_are_contiguous_and_narrow() {
        for us in (0..5_000u64).chain((5_000..4_000_000_000).step_by(7_919_123)) {
            let at = bucket(us);
            assert!(upper_edge(at) >= us, "{us}");
            assert!(at == 0 || upper_edge(at - 1) < us, "{us}");
            assert!(upper_edge(at) as f64 <= us as f64 * 1.032 + 1.0, "{us}");
        }
        assert_eq!(upper_edge(bucket(u64::MAX)), u64::MAX);
    }

    #[test]
    fn mismatches_by_signatures_are_bounded_in_any_order() {
        let one = |n: u64| {
            let mut cell = CellDelta::default();
            cell.count_mismatch(n, Some(&[SignatureId(n)]));
            cell
        };
        let merged = |order: Vec<u64>| {
            let mut all = CellDelta::default();
            order.into_iter().for_each(|n| all.merge(&one(n)));
            all
        };
        let mut all = merged((0..50).collect());
        assert_eq!(all, merged((0..50).rev().collect()));
        assert_eq!((all.mixed.len(), all.mismatching.requests()), (CellDelta::MIXES, 18), "what found no place counts");
        // What is taken back later finds its place, or what has become of it.
        [3, 45].into_iter().for_each(|n| all.take_back(n, Some(&[SignatureId(n)])));
        assert_eq!((all.mixed[&vec![SignatureId(3)]].requests(), all.mismatching.requests()), (0, 17));
    }

    #[test]
    fn quantiles_are_upper_edges() {
        let mut histogram = Histogram::default();
        assert_eq!(histogram.quantile(0.5), None);
        (1..=1000).for_each(|us| histogram.record(us));
        let p95 = histogram.quantile(0.95).unwrap();
        assert!((950..=950 + 950 / 31).contains(&p95), "{p95}");
        assert!(histogram.quantile(0.0).unwrap() == 1 && histogram.quantile(1.0).unwrap() >= 1000);
    }

    fn histogram() -> impl Strategy<Value = Histogram> {
        proptest::collection::vec(any::<u32>(), 0..20).prop_map(|all| {
            let mut histogram = Histogram::default();
            all.iter().for_each(|us| histogram.record(u64::from(*us)));
            histogram
        })
    }

    proptest! {
        #[test]
        fn merging_knows_no_order(a in histogram(), b in histogram()) {
            let (mut ab, mut ba) = (a.clone(), b.clone());
            ab.merge(&b);
            ba.merge(&a);
            prop_assert_eq!(ab.count(), a.count() + b.count());
            prop_assert_eq!(ab, ba);
        }
    }
}
