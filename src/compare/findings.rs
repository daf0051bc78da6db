//! Collects differences up to a limit, counts all of them, and what rules hid.

use super::claim::Claiming;
use super::place::general_pointer;
use super::{Difference, Kind};
use crate::rules::RuleId;
use std::collections::HashSet;

/// Differences of new kinds and places that are still kept when the limit is reached: the cut must not hide a whole class.
const BEYOND: usize = 256;

/// What was found so far.
#[derive(Debug)]
pub(crate) struct Findings {
    pub(crate) kept: Vec<Difference>,
    pub(crate) total: u64,
    /// What is claimed of ids beyond the document.
    pub(crate) ids: Claiming,
    limit: usize,
    seen: Option<HashSet<(Kind, String)>>,
}

impl Findings {
    pub(crate) fn new(limit: usize) -> Findings {
        Findings { kept: Vec::new(), total: 0, ids: Claiming::default(), limit, seen: None }
    }
    pub(crate) fn is_empty(&self) -> bool {
        self.total == 0
    }
    /// Counts one; `make` is only called for one that is kept.
    pub(crate) fn add(&mut self, kind: Kind, path: impl FnOnce() -> String, make: impl FnOnce(String) -> Difference) {
        self.total += 1;
        if self.kept.len() < self.limit {
            self.kept.push(make(path()));
            return;
        }
        if self.kept.len() >= self.limit + BEYOND {
            return;
        }
        let kept = &self.kept;
        let seen = self.seen.get_or_insert_with(|| {
            kept.iter().map(|difference| (difference.kind, general_pointer(&difference.path))).collect()
        });
        let path = path();
        if seen.insert((kind, general_pointer(&path))) {
            self.kept.push(make(path));
        }
    }
}

/// What one rule did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Tally {
    pub(crate) hits: u64,
    pub(crate) hidden_leaves: u64,
}

/// What each rule of a set did.
#[derive(Debug)]
pub(crate) struct Tallies(pub(crate) Vec<Tally>);

impl Tallies {
    pub(crate) fn new(rules: usize) -> Tallies {
        Tallies(vec![Tally::default(); rules])
    }
    pub(crate) fn hit(&mut self, rule: RuleId, hidden_leaves: u64) {
        if let Some(tally) = self.0.get_mut(rule.index()) {
            tally.hits += 1;
            tally.hidden_leaves += hidden_leaves;
        }
    }
    /// The rules that did something, in order.
    pub(crate) fn used(&self) -> impl Iterator<Item = (RuleId, &Tally)> {
        self.0.iter().enumerate().filter(|(_, tally)| tally.hits > 0).map(|(at, tally)| (RuleId::at(at), tally))
    }
    pub(crate) fn any(&self) -> bool {
        self.0.iter().any(|tally| tally.hits > 0)
    }
}
