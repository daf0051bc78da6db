//! One route's cells as one: what is recent, and of candidate builds that are still of interest.

use super::{EvidenceFrom, Policy};
use crate::evidence::{Builds, CellDelta, CellKey, Mismatches, Suppression};
use std::collections::{BTreeMap, BTreeSet};

const HOUR_MS: u64 = 3_600_000;

/// What was pooled: builds, and sets of rules by their hash.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct VersionsPooled {
    /// The candidate's builds, empty for one that does not tell.
    pub candidate: BTreeSet<String>,
    /// The primary's.
    pub primary: BTreeSet<String>,
    /// Hashes of rule sets.
    pub rule_sets: BTreeSet<u64>,
    /// Versions of the comparator.
    pub comparators: BTreeSet<u32>,
}

/// A route's evidence.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Pool {
    /// All of its cells that count, in one.
    pub sum: CellDelta,
    /// By class of caller: statuses of both sides and how often.
    pub principals: BTreeMap<String, BTreeMap<(u16, u16), u64>>,
    /// What was pooled.
    pub versions: VersionsPooled,
    /// Requests with mismatches that are the monolith's own noise; they may have others as well.
    pub noise: Mismatches,
    /// Exchanges that are too old to count.
    pub too_old: u64,
    /// Exchanges of candidate builds that do not count.
    pub other_builds: u64,
}

/// When a cell's last exchange was; a cell of an older format knows its hour.
pub(in crate::evidence) fn last_ms(key: &CellKey, cell: &CellDelta) -> u64 {
    if cell.last_ms > 0 { cell.last_ms } else { (u64::from(key.hour) + 1) * HOUR_MS - 1 }
}

/// Pools the cells of one route. A request whose mismatches are all of `noise` does not mismatch.
pub fn pool<'a>(
    cells: impl IntoIterator<Item = (&'a CellKey, &'a CellDelta)>,
    policy: &Policy,
    noise: &Suppression,
    now_ms: u64,
) -> Pool {
    let oldest = now_ms.saturating_sub(policy.max_age_ms);
    let mut pool = Pool::default();
    let mut recent = Vec::new();
    for (key, cell) in cells {
        match last_ms(key, cell) >= oldest {
            true => recent.push((key, cell)),
            false => pool.too_old += cell.verdicts.values().sum::<u64>(),
        }
    }
    let wanted = wanted(&recent, policy.evidence_from);
    for (key, cell) in recent {
        match wanted.contains(key.candidate_version.as_str()) {
            true => pool.add(key, cell, noise),
            false => pool.other_builds += cell.verdicts.values().sum::<u64>(),
        }
    }
    pool
}

/// The candidate's builds that count, by when each answered last.
fn wanted<'a>(cells: &[(&'a CellKey, &'a CellDelta)], from: EvidenceFrom) -> BTreeSet<&'a str> {
    let mut last: BTreeMap<&str, u64> = BTreeMap::new();
    for (key, cell) in cells {
        let at = last.entry(&key.candidate_version).or_default();
        *at = (*at).max(last_ms(key, cell));
    }
    let mut builds: Vec<(&str, u64)> = last.into_iter().collect();
    builds.sort_by_key(|(_, at)| std::cmp::Reverse(*at));
    if let EvidenceFrom::Last(n) = from {
        builds.truncate(n);
    }
    builds.into_iter().map(|(build, _)| build).collect()
}

impl Pool {
    fn add(&mut self, key: &CellKey, cell: &CellDelta, noise: &Suppression) {
        self.sum.merge(cell);
        self.settle(key, cell, noise);
        self.sum.last_ms = self.sum.last_ms.max(last_ms(key, cell));
        let statuses = self.principals.entry(key.principal.clone()).or_default();
        for (pair, n) in &cell.statuses {
            *statuses.entry(*pair).or_default() += n;
        }
        self.versions.candidate.insert(key.candidate_version.clone());
        self.versions.primary.insert(key.primary_version.clone());
        self.versions.rule_sets.insert(key.rule_set);
        self.versions.comparators.insert(key.comparator);
    }
    /// Puts mismatches that may be noise to those that count, or leaves them out.
    fn settle(&mut self, key: &CellKey, cell: &CellDelta, noise: &Suppression) {
        self.sum.mixed.clear();
        let builds = Builds { primary: key.primary_version.clone(), candidate: key.candidate_version.clone() };
        for (ids, requests) in &cell.mixed {
            match ids.iter().all(|id| noise.is_noise(*id, &builds)) {
                true => self.noise.merge(requests),
                false => self.sum.mismatching.merge(requests),
            }
        }
    }
    /// Exchanges of one verdict.
    pub fn of(&self, verdict: &str) -> u64 {
        self.sum.verdicts.get(verdict).copied().unwrap_or_default()
    }
    /// Exchanges pooled.
    pub fn exchanges(&self) -> u64 {
        self.sum.verdicts.values().sum()
    }
    /// The share of exchanges that could not be told.
    pub fn unjudged_share(&self) -> f64 {
        self.of("inconclusive") as f64 / self.exchanges().max(1) as f64
    }
    /// The share of leaves that rules kept from being compared.
    pub fn hidden_share(&self) -> f64 {
        let hidden: u64 = self.sum.rules.values().map(|(_, hidden)| hidden).sum();
        // Bodies of the same bytes count no leaves, and rules may hide some of theirs.
        hidden as f64 / self.sum.leaves.max(hidden).max(1) as f64
    }
    /// The rule that hides most.
    pub fn hides_most(&self) -> Option<&str> {
        let most = self.sum.rules.iter().filter(|(_, (_, hidden))| *hidden > 0).max_by_key(|(_, (_, hidden))| *hidden);
        most.map(|(name, _)| name.as_str())
    }
    /// True where a signature was seen under builds that were pooled; one of no builds always was.
    pub fn saw(&self, builds: &BTreeMap<Builds, u64>) -> bool {
        builds.is_empty() || builds.keys().any(|builds| self.versions.candidate.contains(&builds.candidate))
    }
}
