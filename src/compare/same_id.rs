//! One-to-one ids within a document: pairs that differ are claimed while the walk goes on, and settled at its end.
//!
//! A claim says that an id of the primary and an id of the candidate name one thing. It holds where neither has another
//! partner: not in an earlier claim, and not in itself at a place that was skipped because both sides were equal there.
//! What holds is claimed towards the session or the run where its rule's scope says so, ids that stand for themselves too.

use super::Kind;
use super::claim::{Claiming, id_hash, shown};
use super::walk::{Task, Walk};
use crate::document::json::{Document, Hasher, NodeId, pointer_token};
use crate::rules::{Acting, Down, Here, IdScope, Operand, RuleId, RuleSet, is_id};
use std::collections::{HashMap, HashSet};

/// From the primary's ids to the candidate's, and back.
type Map = (HashMap<u128, u128>, HashMap<u128, u128>);
/// Ids by the position of their space.
type Counts = HashMap<(u32, u128), i64>;

/// Two ids that are taken for one another.
#[derive(Clone, Copy, Debug)]
pub(super) struct Claim {
    rule: RuleId,
    space: u32,
    task: Task,
    primary: u128,
    candidate: u128,
    /// Both by [`id_hash`], where the space reaches beyond the document.
    wide: Option<[u128; 2]>,
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
        let Some(space) = self.rules.id_space(rule).filter(|_| is_id(primary) && is_id(candidate)) else {
            return false;
        };
        if self.probing == 0 {
            let (mine, theirs) =
                (id(&self.hasher, primary, self.primary, p), id(&self.hasher, candidate, self.candidate, c));
            let wide = (space.scope != IdScope::Document).then(|| [id_hash(primary), id_hash(candidate)]);
            self.claims.push(Claim { rule, space: space.at, task: *task, primary: mine, candidate: theirs, wide });
        } else {
            self.must_be_walked();
        }
        true
    }

    /// Settles the claims: those that keep the map one to one count as hits, the others are differences.
    pub(super) fn settle_claims(&mut self) {
        let wanted = self.findings.ids.is_wanted();
        if self.claims.is_empty() && !wanted {
            return;
        }
        let claims = std::mem::take(&mut self.claims);
        let mut maps: HashMap<u32, Map> = HashMap::new();
        let equal = equal_ids([self.primary, self.candidate], self.rules, &self.hasher, &claims);
        for (space, id) in &equal {
            let (forth, back) = maps.entry(*space).or_default();
            forth.insert(*id, *id);
            back.insert(*id, *id);
        }
        for claim in claims {
            let (forth, back) = maps.entry(claim.space).or_default();
            let holds = *forth.entry(claim.primary).or_insert(claim.candidate) == claim.candidate
                && *back.entry(claim.candidate).or_insert(claim.primary) == claim.primary;
            if holds {
                self.tallies.hit(claim.rule, 0);
                self.claim_beyond(&claim);
            } else {
                self.report(&Task { detail: Some("same_id"), ..claim.task }, Kind::Value);
            }
        }
        if wanted {
            claim_equal(self.primary, self.rules, &self.hasher, &equal, &mut self.findings.ids);
        }
    }

    /// A pair that holds within the document, for the session or the run.
    fn claim_beyond(&mut self, claim: &Claim) {
        let (Some(ids), Some(p), Some(c)) = (claim.wide, claim.task.primary, claim.task.candidate) else { return };
        if let Some(space) = self.rules.id_space(claim.rule).filter(|_| self.findings.ids.is_wanted()) {
            let path = self.primary_pointer(&claim.task);
            self.findings.ids.add(space, ids, path, [shown(self.primary, p), shown(self.candidate, c)]);
        }
    }
}

/// What two documents that are equal claim: every id stands for itself.
pub(crate) fn claim_all(document: &Document<'_>, rules: &RuleSet, hash_key: u64, claiming: &mut Claiming) {
    if claiming.is_wanted() {
        let hasher = Hasher::new(hash_key);
        let equal = equal_ids([document, document], rules, &hasher, &[]);
        claim_equal(document, rules, &hasher, &equal, claiming);
    }
}

/// The hash of an id: of the node, or of the text that a rule made of it.
fn id(hasher: &Hasher, value: &Operand<'_>, document: &Document<'_>, node: NodeId) -> u128 {
    match value {
        Operand::Text(text) => hasher.string(text),
        _ => document.hash(node),
    }
}

/// Ids that stand for themselves: at such a place on both sides, beyond those that claims account for.
fn equal_ids(
    [primary, candidate]: [&Document<'_>; 2],
    rules: &RuleSet,
    hasher: &Hasher,
    claims: &[Claim],
) -> HashSet<(u32, u128)> {
    let count = |document: &Document<'_>, is_primary: bool| {
        let mut counts = Counts::new();
        each_id(document, rules, is_primary, |found| {
            *counts.entry((found.space, id(hasher, &found.value, document, found.node))).or_default() += 1;
        });
        counts
    };
    let (mut mine, mut theirs) = (count(primary, true), count(candidate, false));
    for claim in claims {
        mine.entry((claim.space, claim.primary)).and_modify(|left| *left -= 1);
        theirs.entry((claim.space, claim.candidate)).and_modify(|left| *left -= 1);
    }
    let left = |ids: &Counts, id| ids.get(id).is_some_and(|left| *left > 0);
    mine.keys().filter(|id| left(&mine, id) && left(&theirs, id)).copied().collect()
}

/// Claims the ids that stand for themselves, in document order.
fn claim_equal(
    primary: &Document<'_>,
    rules: &RuleSet,
    hasher: &Hasher,
    equal: &HashSet<(u32, u128)>,
    claiming: &mut Claiming,
) {
    each_id(primary, rules, true, |found| {
        let stands = equal.contains(&(found.space, id(hasher, &found.value, primary, found.node)));
        let Some(space) = rules.id_space(found.rule).filter(|space| stands && space.scope != IdScope::Document) else {
            return;
        };
        let (hash, value) = (id_hash(&found.value), shown(primary, found.node));
        claiming.add(space, [hash; 2], found.trail.pointer(primary, found.at), [value.clone(), value]);
    });
}

/// One id of a document.
struct Found<'f, 'd> {
    rule: RuleId,
    space: u32,
    /// As the rules at its place make it, exactly as where a pair is claimed.
    value: Operand<'d>,
    node: NodeId,
    trail: &'f Trail,
    at: u32,
}

/// The ways from the root to nodes: of each the step before, and itself with its position among its siblings.
struct Trail(Vec<(u32, NodeId, u32)>);

impl Trail {
    fn pointer(&self, document: &Document<'_>, at: u32) -> String {
        let mut chain = Vec::new();
        let mut at = at;
        while at != 0 {
            let Some((before, node, position)) = self.0.get(at as usize).copied() else { break };
            chain.push((node, position));
            at = before;
        }
        let mut out = String::new();
        for (node, position) in chain.into_iter().rev() {
            match document.name(node) {
                Some(name) => pointer_token(&mut out, &name),
                None => out.push_str(&format!("/{position}")),
            }
        }
        out
    }
}

/// Every id of one document, in its order; none where a rule leaves the place out.
fn each_id<'d>(document: &Document<'d>, rules: &RuleSet, primary: bool, mut each: impl FnMut(&Found<'_, 'd>)) {
    let mut walker = rules.walker();
    let mut trail = Trail(vec![(0, document.root(), 0)]);
    let mut open: Vec<(NodeId, Option<NodeId>, Here, u32)> = vec![(document.root(), None, walker.root(), 0)];
    while let Some((node, parent, here, at)) = open.pop() {
        let acting = walker.acting(here);
        if acting.ignore().is_some() {
            continue;
        }
        if let Some(rule) = acting.same_id()
            && let Some(space) = rules.id_space(rule).map(|space| space.at)
        {
            let value = rules.made(&acting, primary, document, parent, Some(node)).value;
            if is_id(&value) {
                each(&Found { rule, space, value, node, trail: &trail, at });
            }
        }
        if walker.below(here) {
            let (length, first) = (document.children(node).count(), open.len());
            for (position, child) in document.children(node).enumerate() {
                let below = match document.name(child) {
                    Some(name) => walker.down(here, Down::Name(&name)),
                    None => walker.down(here, Down::Index { at: position, length }),
                };
                trail.0.push((at, child, position as u32));
                open.push((child, Some(node), below, (trail.0.len() - 1) as u32));
            }
            open[first..].reverse();
        }
    }
}
