//! Ordered arrays whose elements have rules: which elements may be equal, found without asking every rule of every element.
//!
//! Three looks, each dearer than the one before and taken by fewer elements:
//! 1. Elements that are equal under the rules where they stand: only what differs between the two is asked about.
//! 2. The *plain part* of a record: its members that no rule touches. Records whose plain parts differ are not equal.
//! 3. What the rules leave of an element, as a hash (`normal.rs`): only for elements whose plain part the other side has too.

use super::array::{IN_PLACE, Middle};
use super::by_hash::{ByHash, by_hash};
use super::identity;
use super::walk::{Aligned, Task, Walk};
use crate::document::json::{NodeId, NodeKind};
use crate::rules::{Down, Walker};

/// Stand for elements that no element of the other side can be equal to: one for each side.
const ALONE: [u128; 2] = [0x3_9e37_79b9_7f4a_7c15, 0x4_9e37_79b9_7f4a_7c15];

/// Where the elements stand that are being aligned.
pub(super) struct Places<'p> {
    pub(super) at: &'p dyn Fn(usize) -> usize,
    /// Elements of both whole arrays.
    pub(super) lengths: (usize, usize),
    /// Elements between the equal ends.
    pub(super) between: usize,
}

impl Walk<'_, '_> {
    /// Aligns elements by what the rules leave of them.
    pub(super) fn align_under_rules(
        &mut self,
        task: &Task,
        (mine, theirs): (&[NodeId], &[NodeId]),
        places: &Places<'_>,
    ) -> Aligned {
        let Some(rest) = self.unequal_in_place(task, (mine, theirs), places) else {
            return self.align_by_keys(task, (mine, theirs), places);
        };
        let pick = |nodes: &[NodeId]| rest.iter().filter_map(|at| nodes.get(*at).copied()).collect::<Vec<_>>();
        let at = |at: usize| rest.get(at).map_or(at, |at| (places.at)(*at));
        let inner = Places { at: &at, ..*places };
        let mut aligned = self.align_by_keys(task, (&pick(mine), &pick(theirs)), &inner);
        for pair in &mut aligned.pairs {
            let back = |at: usize| rest.get(at).copied();
            (pair.0, pair.1) = (pair.0.and_then(back), pair.1.and_then(back));
        }
        let mut is_rest = vec![false; mine.len()];
        rest.iter().for_each(|at| is_rest[*at] = true);
        let settled = is_rest.iter().enumerate().filter(|(_, is_rest)| !**is_rest);
        aligned.pairs.extend(settled.map(|(at, _)| (Some(at), Some(at), None)));
        // in the primary's order, then what only the candidate has
        aligned.pairs.sort_by_key(|(p, c, _)| (p.unwrap_or(usize::MAX), c.unwrap_or(usize::MAX)));
        aligned
    }

    /// The positions of elements that are not equal under the rules where they stand; `None` where they are too many, and in
    /// a probe, whose cost would double with every level.
    fn unequal_in_place(
        &mut self,
        task: &Task,
        (mine, theirs): (&[NodeId], &[NodeId]),
        places: &Places<'_>,
    ) -> Option<Vec<usize>> {
        if self.probing > 0 || mine.len() != theirs.len() {
            return None;
        }
        let mut rest = Vec::new();
        for (at, (p, c)) in mine.iter().zip(theirs).enumerate() {
            let here = self.element_here(task.here, (places.at)(at), places.lengths, true);
            if !self.probe_in_place(*p, *c, here) {
                rest.push(at);
                if rest.len() * IN_PLACE > places.between {
                    return None;
                }
            }
        }
        Some(rest)
    }

    fn align_by_keys(&mut self, task: &Task, (mine, theirs): (&[NodeId], &[NodeId]), places: &Places<'_>) -> Aligned {
        let (primary, candidate) = (self.primary, self.candidate);
        let plain_p: Vec<_> = (0..mine.len()).map(|at| self.plain_part(task, mine, at, places, true)).collect();
        let plain_c: Vec<_> = (0..theirs.len()).map(|at| self.plain_part(task, theirs, at, places, false)).collect();
        let keys_p = self.keys(task, (mine, &plain_p), &plain_c, places, true);
        let keys_c = self.keys(task, (theirs, &plain_c), &plain_p, places, false);
        let mut middle =
            Middle { primary, candidate, mine, theirs, keys_p: &keys_p, keys_c: &keys_c, approximate: false };
        let aligned = middle.align(identity::align((primary, mine), (candidate, theirs)).map(|(_, aligned)| aligned));
        self.approximate |= middle.approximate && self.probing == 0;
        aligned
    }

    /// What the rules leave of each element, where an element of the other side could be equal to it.
    fn keys(
        &mut self,
        task: &Task,
        (nodes, plain): (&[NodeId], &[Option<u128>]),
        others: &[Option<u128>],
        places: &Places<'_>,
        primary: bool,
    ) -> Vec<u128> {
        let mut known: ByHash<()> = by_hash(others.len());
        known.extend(others.iter().flatten().map(|plain| (*plain, ())));
        // an element of which nothing is known may be equal to any
        let any = others.iter().any(Option::is_none);
        let mut keys = Vec::with_capacity(nodes.len());
        for (at, (node, plain)) in nodes.iter().zip(plain).enumerate() {
            if plain.is_some_and(|plain| !any && !known.contains_key(&plain)) {
                keys.push(ALONE[usize::from(primary)]);
                continue;
            }
            let here = self.element_here(task.here, (places.at)(at), places.lengths, primary);
            keys.push(self.normal_hash(primary, *node, here).0);
        }
        keys
    }

    /// A hash over the members of a record that no rule touches, itself or below; `None` where a rule acts on the record, and
    /// for what is none.
    fn plain_part(
        &mut self,
        task: &Task,
        nodes: &[NodeId],
        at: usize,
        places: &Places<'_>,
        primary: bool,
    ) -> Option<u128> {
        let document = if primary { self.primary } else { self.candidate };
        let node = *nodes.get(at)?;
        let here = self.element_here(task.here, (places.at)(at), places.lengths, primary);
        if document.kind(node) != NodeKind::Object || !self.walker.acting(here).is_empty() {
            return None;
        }
        let mut sum = 0_u128;
        for member in document.children(node) {
            let below = match self.walker.below(here) {
                true => self.walker.down(here, Down::Name(&document.name(member).unwrap_or_default())),
                false => Walker::NOWHERE,
            };
            if self.walker.acting(below).is_empty() && !self.walker.below(below) {
                sum = sum.wrapping_add(self.hasher.named(document.name_hash(member), document.hash(member)));
            }
        }
        Some(sum)
    }
}
