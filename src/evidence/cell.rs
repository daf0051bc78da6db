//! A cell: what was compared, by route, versions, rules, principal class and hour. Kept fine, pooled at query time.

use super::MarkCounts;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

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

/// Log-linear latency histogram: 8 buckets an octave of microseconds, sparse, additive.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Histogram(pub BTreeMap<u16, u64>);

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

/// What is added to a cell.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellDelta {
    /// Exchanges by verdict word.
    pub verdicts: BTreeMap<String, u64>,
    /// Mismatching exchanges by mark.
    pub marks: MarkCounts,
    /// Distinct requests compared.
    pub distinct: Distinct,
    /// Distinct requests with a counted mismatch.
    pub mismatching: Distinct,
    /// Exchanges by (primary status, candidate status); 0 where no head arrived.
    pub statuses: BTreeMap<(u16, u16), u64>,
    /// The primary's latency.
    pub primary_latency: Histogram,
    /// The candidate's latency.
    pub candidate_latency: Histogram,
    /// Leaves compared.
    pub leaves: u64,
    /// By rule name: (hits, leaves hidden).
    pub rules: BTreeMap<String, (u64, u64)>,
}
