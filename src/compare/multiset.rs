//! Arrays whose order does not count: by content (`unordered`, `set`) or by key.
//!
//! Equal elements cancel by hash. Where value rules act inside, equality is no longer a matter of hashes: then elements are
//! matched under the rules (`matching`).

use super::by_hash::Positions;
use super::matching::MATCHING;
use super::walk::{Aligned, Pair, Task, Walk};
use crate::document::json::{NodeId, NodeKind};
use crate::rules::{Down, Here, Pick, RuleId, Walker};
use std::collections::HashMap;

/// Elements left over on one side that are still paired by likeness, for telling what changed in them.
const LIKENESS: usize = 64;

/// The elements of two arrays, by position.
pub(super) struct Group<'m> {
    pub(super) mine: &'m [NodeId],
    pub(super) theirs: &'m [NodeId],
    pub(super) p: Vec<usize>,
    pub(super) c: Vec<usize>,
    pub(super) here: Here,
    /// An element that is there once more is the same set.
    pub(super) set: bool,
}

/// What belongs together, by position, and what is left over on each side.
#[derive(Default)]
pub(super) struct Matched {
    pub(super) pairs: Vec<(usize, usize)>,
    pub(super) rest_p: Vec<usize>,
    pub(super) rest_c: Vec<usize>,
}

impl Walk<'_, '_> {
    pub(super) fn match_any_order(&mut self, task: &Task, rule: RuleId, mine: &[NodeId], theirs: &[NodeId]) -> Aligned {
        let mut pairs: Vec<Pair> = Vec::new();
        let mut again = false;
        for (p, c, detail) in self.groups(task.here, rule, mine, theirs) {
            if detail.is_none() && p.len() <= 1 && c.len() <= 1 && self.rules.is_key(rule) {
                pairs.push((p.first().copied(), c.first().copied(), None));
                continue;
            }
            let group = Group { mine, theirs, p, c, here: task.here, set: self.rules.is_set(rule) };
            again |= self.match_group(&group, detail.filter(|detail| *detail != NO_KEY), &mut pairs);
        }
        // in the primary's order, then what only the candidate has
        pairs.sort_by_key(|(p, c, _)| (p.unwrap_or(usize::MAX), c.unwrap_or(usize::MAX)));
        let matched: Vec<usize> = pairs.iter().filter(|pair| pair.0.is_some()).filter_map(|pair| pair.1).collect();
        let moved = matched.windows(2).any(|two| matches!(two, [a, b] if a > b));
        if moved || again {
            self.hit(rule, 0);
        }
        Aligned { pairs, reordered: false }
    }

    /// Under `key` the elements of each key, and those without one; else all in one group.
    fn groups(
        &mut self,
        here: Here,
        rule: RuleId,
        mine: &[NodeId],
        theirs: &[NodeId],
    ) -> Vec<(Vec<usize>, Vec<usize>, Option<&'static str>)> {
        if !self.rules.is_key(rule) {
            return vec![((0..mine.len()).collect(), (0..theirs.len()).collect(), Some(NO_KEY))];
        }
        let mut at: HashMap<Option<Vec<u128>>, usize> = HashMap::new();
        let mut groups: Vec<(Vec<usize>, Vec<usize>, Option<&'static str>)> = Vec::new();
        let lengths = (mine.len(), theirs.len());
        for (side, nodes) in [mine, theirs].into_iter().enumerate() {
            for (position, node) in nodes.iter().enumerate() {
                let element = self.element_here(here, position, lengths, side == 0);
                let key = self.key(rule, side == 0, *node, element);
                let detail = key.is_none().then_some(NO_KEY);
                let at = *at.entry(key).or_insert(groups.len());
                if at == groups.len() {
                    groups.push((Vec::new(), Vec::new(), detail));
                }
                if let Some(group) = groups.get_mut(at) {
                    if side == 0 { group.0.push(position) } else { group.1.push(position) }
                }
            }
        }
        for (p, c, detail) in &mut groups {
            if detail.is_none() && (p.len() > 1 || c.len() > 1) {
                *detail = Some("repeated_key");
            }
        }
        groups
    }

    /// An element's key: of each part what the rules leave of it there. `None` without one.
    fn key(&mut self, rule: RuleId, primary: bool, element: NodeId, here: Here) -> Option<Vec<u128>> {
        let document = if primary { self.primary } else { self.candidate };
        if here == Walker::NOWHERE {
            return self.rules.key(rule, document, element).flatten();
        }
        let rules = self.rules;
        let mut key = Vec::new();
        for picks in rules.key_parts(rule) {
            let (mut node, mut at) = (element, here);
            for pick in picks {
                let acting = self.walker.acting(at);
                let is_renamed = |from: &str| !primary && matches!(pick, Pick::Name(name) if name == from.as_bytes());
                let renamed = rules.renamed(&acting).filter(|(_, rename)| is_renamed(&rename.from));
                let renamed = renamed.and_then(|(_, rename)| document.member(node, rename.to.as_bytes()));
                let below = renamed.or_else(|| pick.of(document, node))?;
                let step = match pick {
                    Pick::Name(name) => Down::Name(name),
                    Pick::Index(index) => {
                        let length = document.children(node).count();
                        let from_start = if *index < 0 { *index + length as i64 } else { *index };
                        Down::Index { at: from_start.max(0) as usize, length }
                    }
                    // names no single child, and none was found
                    Pick::Wild => return None,
                };
                (node, at) = (below, self.walker.down(at, step));
            }
            if document.kind(node) == NodeKind::Null {
                return None;
            }
            key.push(self.normal_hash(primary, node, at).0);
        }
        Some(key)
    }

    /// Adds the pairs of a group, and says whether elements were left out since a set has them already.
    fn match_group(&mut self, group: &Group<'_>, detail: Option<&'static str>, pairs: &mut Vec<Pair>) -> bool {
        let mut again = false;
        let (primary, candidate) = (self.primary, self.candidate);
        let hash_p = |at: usize| group.mine.get(at).map_or(0, |node| primary.hash(*node));
        let hash_c = |at: usize| group.theirs.get(at).map_or(0, |node| candidate.hash(*node));
        let mut matched = cancel(&group.p, &group.c, hash_p, hash_c);
        if self.walker.below(group.here) && !matched.rest_p.is_empty() && !matched.rest_c.is_empty() {
            let (keys_p, wild_p) = self.normal_keys(group, true);
            let (keys_c, wild_c) = self.normal_keys(group, false);
            let key = |keys: &HashMap<usize, u128>, at: usize| keys.get(&at).copied().unwrap_or(0);
            if wild_p || wild_c {
                matched = self.match_by_rules(group, (&keys_p, &keys_c), matched);
            } else {
                let (of_p, of_c) = (|at| key(&keys_p, at), |at| key(&keys_c, at));
                let exact = cancel(&matched.rest_p, &matched.rest_c, of_p, of_c);
                matched.pairs.extend(exact.pairs);
                (matched.rest_p, matched.rest_c) = (exact.rest_p, exact.rest_c);
            }
        }
        let Matched { pairs: matched, mut rest_p, mut rest_c } = matched;
        if group.set && !(rest_p.is_empty() && rest_c.is_empty()) {
            let before = rest_p.len() + rest_c.len();
            rest_p.retain(|p| !self.is_there(group, &[*p], &group.c));
            rest_c.retain(|c| !self.is_there(group, &group.p, &[*c]));
            again = rest_p.len() + rest_c.len() < before;
        }
        if self.probing > 0 {
            // what is matched is equal, and one that is left over decides: no need to look further down
            if !rest_p.is_empty() || !rest_c.is_empty() {
                self.differs();
            }
            self.must_be_walked();
            return again;
        }
        pairs.extend(matched.into_iter().map(|(p, c)| (Some(p), Some(c), None)));
        self.left_over(group, rest_p, rest_c, detail, pairs);
        again
    }

    /// True where some pair of these elements is equal under the rules.
    fn is_there(&mut self, group: &Group<'_>, p: &[usize], c: &[usize]) -> bool {
        let keys_p = self.normal_keys(&Group { p: p.to_vec(), c: Vec::new(), ..*group }, true).0;
        let keys_c = self.normal_keys(&Group { p: Vec::new(), c: c.to_vec(), ..*group }, false).0;
        let pairs = p.iter().flat_map(|p| c.iter().map(move |c| (*p, *c)));
        let mut tried = 0;
        for (p, c) in pairs {
            if keys_p.get(&p) != keys_c.get(&c) {
                continue;
            }
            tried += 1;
            if tried > MATCHING {
                self.approximate |= self.probing == 0;
                return false;
            }
            if self.equal_under_rules(group, (&keys_p, &keys_c), p, c) {
                return true;
            }
        }
        false
    }

    fn normal_keys(&mut self, group: &Group<'_>, primary: bool) -> (HashMap<usize, u128>, bool) {
        let (nodes, positions) = if primary { (group.mine, &group.p) } else { (group.theirs, &group.c) };
        let lengths = (group.mine.len(), group.theirs.len());
        let mut keys = HashMap::with_capacity(positions.len());
        let mut any = false;
        for at in positions {
            let Some(node) = nodes.get(*at) else { continue };
            let here = self.element_here(group.here, *at, lengths, primary);
            let (key, wild) = self.normal_hash(primary, *node, here);
            any |= wild;
            keys.insert(*at, key);
        }
        (keys, any)
    }

    /// Tells what changed in elements that have a likeness; the others are missing or added.
    fn left_over(
        &mut self,
        group: &Group<'_>,
        mut rest_p: Vec<usize>,
        mut rest_c: Vec<usize>,
        detail: Option<&'static str>,
        pairs: &mut Vec<Pair>,
    ) {
        let (primary, candidate) = (self.primary, self.candidate);
        let kind_p = |at: usize| group.mine.get(at).map(|node| primary.kind(*node));
        let kind_c = |at: usize| group.theirs.get(at).map(|node| candidate.kind(*node));
        if let ([p], [c]) = (rest_p.as_slice(), rest_c.as_slice())
            && kind_p(*p) == kind_c(*c)
            && kind_p(*p).is_some_and(NodeKind::is_container)
        {
            return pairs.push((Some(*p), Some(*c), detail));
        }
        if rest_p.len() <= LIKENESS && rest_c.len() <= LIKENESS {
            let mut scores = Vec::new();
            for p in &rest_p {
                for c in &rest_c {
                    let score = self.likeness(group.mine.get(*p), group.theirs.get(*c));
                    if score > 0 {
                        scores.push((std::cmp::Reverse(score), p.abs_diff(*c), *p.min(c), *p, *c));
                    }
                }
            }
            scores.sort_unstable();
            for (_, _, _, p, c) in scores {
                let (Some(i), Some(j)) = (rest_p.iter().position(|x| *x == p), rest_c.iter().position(|x| *x == c))
                else {
                    continue;
                };
                rest_p.remove(i);
                rest_c.remove(j);
                pairs.push((Some(p), Some(c), detail));
            }
        }
        pairs.extend(rest_p.into_iter().map(|p| (Some(p), None, detail)));
        pairs.extend(rest_c.into_iter().map(|c| (None, Some(c), detail)));
    }

    /// How many members of two objects are equal; at least half of the smaller, else 0.
    fn likeness(&self, p: Option<&NodeId>, c: Option<&NodeId>) -> usize {
        let (Some(p), Some(c)) = (p, c) else { return 0 };
        let (primary, candidate) = (self.primary, self.candidate);
        if primary.kind(*p) != NodeKind::Object || candidate.kind(*c) != NodeKind::Object {
            return 0;
        }
        let members: HashMap<u64, u128> =
            primary.children(*p).take(LIKENESS).map(|node| (primary.name_hash(node), primary.hash(node))).collect();
        let mut theirs = 0;
        let mut equal = 0;
        for node in candidate.children(*c).take(LIKENESS) {
            theirs += 1;
            equal += usize::from(members.get(&candidate.name_hash(node)) == Some(&candidate.hash(node)));
        }
        if equal * 2 >= members.len().min(theirs) { equal } else { 0 }
    }
}

/// Marks the group of elements that have no key: they are left over without a word.
const NO_KEY: &str = "";

/// Pairs positions with equal keys, the first with the first; and what is left on each side.
fn cancel(p: &[usize], c: &[usize], key_p: impl Fn(usize) -> u128, key_c: impl Fn(usize) -> u128) -> Matched {
    let mut places = Positions::of(c.iter().map(|at| key_c(*at)));
    let (mut pairs, mut rest_p) = (Vec::new(), Vec::new());
    let mut free = vec![true; c.len()];
    for at in p {
        match places.take(key_p(*at)).and_then(|other| Some((c.get(other)?, free.get_mut(other)?))) {
            Some((other, free)) => {
                *free = false;
                pairs.push((*at, *other));
            }
            None => rest_p.push(*at),
        }
    }
    let rest_c = c.iter().zip(free).filter(|(_, free)| *free).map(|(at, _)| *at).collect();
    Matched { pairs, rest_p, rest_c }
}
