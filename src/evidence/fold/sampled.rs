//! Which exchanges are kept of those that rules made equal: the lowest ranks for each route and rule.

use super::build::{self, Building};
use crate::evidence::{Exemplar, SampleKey, exemplar_rank};
use crate::judge::{Judgement, Verdict};
use foldhash::fast::FixedState;
use smallvec::SmallVec;
use std::collections::HashMap;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Routes and rules of which samples are kept.
const SAMPLES: usize = 2_048;
/// Rules of one exchange that it is kept for.
const RULES_OF_ONE: usize = 8;

/// What is kept, and what is on its way to the store.
#[derive(Default)]
pub(super) struct Sampled {
    /// For each route and rule the lowest ranks seen, in order.
    ranks: HashMap<u64, SmallVec<[u64; 5]>, FixedState>,
    taken: Vec<(SampleKey, Exemplar)>,
    /// Exchanges that were not looked at, since there are too many routes and rules.
    unsampled: u64,
}

impl Sampled {
    pub(super) fn len(&self) -> usize {
        self.taken.len()
    }
    pub(super) fn take(&mut self) -> (Vec<(SampleKey, Exemplar)>, u64) {
        (std::mem::take(&mut self.taken), std::mem::take(&mut self.unsampled))
    }
    /// Keeps an exchange for each rule that made something equal in it and has few others, or others of higher rank.
    pub(super) fn offer(&mut self, building: &Building<'_>, keep: usize) {
        let Building { exchange, judgement, .. } = building;
        let rank = exemplar_rank(exchange.id);
        let mut entering: SmallVec<[&str; RULES_OF_ONE]> = SmallVec::new();
        for used in judgement.rules.iter().take(RULES_OF_ONE) {
            let name = xxh3_64_with_seed(used.name.as_bytes(), xxh3_64_with_seed(exchange.route.name.as_bytes(), 0));
            if !self.ranks.contains_key(&name) && self.ranks.len() >= SAMPLES {
                self.unsampled += 1;
                continue;
            }
            let ranks = self.ranks.entry(name).or_default();
            let enters = ranks.len() < keep || ranks.last().is_some_and(|last| rank < *last);
            if keep > 0 && enters && !ranks.contains(&rank) {
                ranks.insert(ranks.partition_point(|other| *other < rank), rank);
                ranks.truncate(keep);
                entering.push(&used.name);
            }
        }
        if entering.is_empty() {
            return;
        }
        let exemplar = build::exemplar(building);
        let key = |rule: &&str| SampleKey { route: exchange.route.name.to_string(), rule: (*rule).to_owned() };
        self.taken.extend(entering.iter().map(|rule| (key(rule), exemplar.clone())));
    }
}

/// True where rules made something equal and nothing differs.
pub(super) fn is_of_rules(judgement: &Judgement) -> bool {
    !judgement.rules.is_empty() && judgement.verdict != Verdict::Mismatch
}
