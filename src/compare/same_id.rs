//! One-to-one ids within a document: pairs that differ are claimed while the walk goes on, and settled at its end.
//!
//! A claim says that an id of the primary and an id of the candidate name one thing. It holds where neither has another
//! partner: not in an earlier claim, and not in itself at a place that was skipped because both sides were equal there.

use super::Kind;
use super::walk::{Task, Walk};
use crate::document::json::{Document, NodeId};
use crate::rules::{Acting, Down, Here, Operand, RuleId};
use std::collections::HashMap;

/// From the primary's ids to the candidate's, and back.
type Map = (HashMap<u128, u128>, HashMap<u128, u128>);

/// Two ids that are taken for one another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim {
    rule: RuleId,
    space: u32,
    task: Task,
    primary: u128,
    candidate: u128,
}

impl<'d> Walk<'_, 'd> {
    /// Claims the pair where a rule lets its ids differ; false where none does.
    pub(super) fn claim(
        &mut self,
        task: &Task,
        acting: &Acting,
        primary: &Operand<'_>,
        candidate: &Operand<'_>,
    ) -> bool {
        let (Some(rule), Some(p), Some(c)) = (acting.same_id(), task.primary, task.candidate) else { return false };
        let Some(space) = self.rules.id_space(rule, primary, candidate) else { return false };
        if self.probing == 0 {
            let ids = (self.id(primary, self.primary, p), self.id(candidate, self.candidate, c));
            self.claims.push(Claim { rule, space, task: *task, primary: ids.0, candidate: ids.1 });
        }
        true
    }

    /// The hash of an id: of the node, or of the text that a rule made of it.
    fn id(&self, value: &Operand<'_>, document: &Document<'d>, node: NodeId) -> u128 {
        match value {
            Operand::Text(text) => self.hasher.string(text),
            _ => document.hash(node),
        }
    }

    /// Settles the claims: those that keep the map one to one count as hits, the others are differences.
    pub(super) fn settle_claims(&mut self) {
        if self.claims.is_empty() {
            return;
        }
        let claims = std::mem::take(&mut self.claims);
        let mut maps: HashMap<u32, Map> = HashMap::new();
        for (space, id) in self.ids_equal_on_both_sides(&claims) {
            let (forth, back) = maps.entry(space).or_default();
            forth.insert(id, id);
            back.insert(id, id);
        }
        for claim in claims {
            let (forth, back) = maps.entry(claim.space).or_default();
            let holds = *forth.entry(claim.primary).or_insert(claim.candidate) == claim.candidate
                && *back.entry(claim.candidate).or_insert(claim.primary) == claim.primary;
            if holds {
                self.tallies.hit(claim.rule, 0);
            } else {
                self.report(&Task { detail: Some("same_id"), ..claim.task }, Kind::Value);
            }
        }
    }

    /// Ids that stand for themselves: at such a place on both sides, beyond those that claims account for.
    fn ids_equal_on_both_sides(&self, claims: &[Claim]) -> Vec<(u32, u128)> {
        let mut mine = self.count_ids(true);
        let mut theirs = self.count_ids(false);
        for claim in claims {
            mine.entry((claim.space, claim.primary)).and_modify(|left| *left -= 1);
            theirs.entry((claim.space, claim.candidate)).and_modify(|left| *left -= 1);
        }
        let left = |ids: &HashMap<(u32, u128), i64>, id| ids.get(id).is_some_and(|left| *left > 0);
        let mut both: Vec<_> = mine.keys().filter(|id| left(&mine, id) && left(&theirs, id)).copied().collect();
        both.sort_unstable();
        both
    }

    /// How often each id occurs in one document, by its space.
    fn count_ids(&self, primary: bool) -> HashMap<(u32, u128), i64> {
        let (document, rules) = (if primary { self.primary } else { self.candidate }, self.rules);
        let mut counts = HashMap::new();
        let mut walker = rules.walker();
        let mut open: Vec<(NodeId, Here)> = vec![(document.root(), walker.root())];
        while let Some((node, here)) = open.pop() {
            let acting = walker.acting(here);
            if let Some(rule) = acting.same_id() {
                let value = Operand::of(document, Some(node));
                if let Some(space) = rules.id_space(rule, &value, &value) {
                    let rewritten = rules.rewrite(&acting, primary, &value);
                    let id = match &rewritten {
                        Some((text, _)) => self.hasher.string(text.as_bytes()),
                        None => document.hash(node),
                    };
                    *counts.entry((space, id)).or_default() += 1;
                }
            }
            if walker.below(here) {
                let length = document.children(node).count();
                open.extend(document.children(node).enumerate().map(|(at, child)| {
                    let below = match document.name(child) {
                        Some(name) => walker.down(here, Down::Name(&name)),
                        None => walker.down(here, Down::Index { at, length }),
                    };
                    (child, below)
                }));
            }
        }
        counts
    }
}
