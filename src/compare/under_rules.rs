//! Ordered arrays whose elements have rules: which elements may be equal, found without asking every rule of every element.
//!
//! Three looks, each dearer than the one before and taken by fewer elements:
//! 1. Elements that are equal under the rules where they stand: only what differs between the two is asked about.
//! 2. The *plain part* of a record: its members that no rule touches. Records whose plain parts differ are not equal.
//! 3. What the rules leave of an element, as a hash (`normal.rs`): only for elements whose plain part the other side has too.

use super::array::{IN_PLACE, Middle, Places};
use super::by_hash::{ByHash, by_hash};
use super::identity;
use super::probe::InPlace;
use super::walk::{Aligned, Task, Walk};
use crate::document::json::{NodeId, NodeKind};
use crate::rules::{Down, Here, Walker};

/// Stand for elements that no element of the other side can be equal to: one for each side.
const ALONE: [u128; 2] = [0x3_9e37_79b9_7f4a_7c15, 0x4_9e37_79b9_7f4a_7c15];

/// The elements of both sides, with the plain part of each.
struct Elements {
    mine: Vec<(NodeId, Option<u128>)>,
    theirs: Vec<(NodeId, Option<u128>)>,
}

impl Elements {
    /// Those at these positions.
    fn at(&self, positions: &[usize]) -> Elements {
        let pick = |all: &[(NodeId, Option<u128>)]| positions.iter().filter_map(|at| all.get(*at).copied()).collect();
        Elements { mine: pick(&self.mine), theirs: pick(&self.theirs) }
    }
}

fn nodes(elements: &[(NodeId, Option<u128>)]) -> Vec<NodeId> {
    elements.iter().map(|(node, _)| *node).collect()
}

/// What is left to do where elements were asked about where they stand: their positions.
#[derive(Default)]
struct InPlaceLeft {
    /// Not equal there.
    rest: Vec<usize>,
    /// Equal there, and still to be walked.
    unsaid: Vec<usize>,
}

impl Walk<'_, '_> {
    /// Aligns elements by what the rules leave of them; where all of them have an identity, by that `guess` otherwise.
    pub(super) fn align_under_rules(
        &mut self,
        task: &Task,
        (mine, theirs): (&[NodeId], &[NodeId]),
        places: &Places<'_>,
        guess: Option<Aligned>,
    ) -> Aligned {
        let mut plain = |nodes: &[NodeId], primary: bool| {
            let here = self.element_here(task.here, 0, (1, 1), true);
            let here = (!self.walker.by_index(task.here)).then_some(here);
            nodes.iter().map(|node| (*node, here.and_then(|here| self.plain_part(*node, here, primary)))).collect()
        };
        let elements = Elements { mine: plain(mine, true), theirs: plain(theirs, false) };
        let in_place = self.unequal_in_place(task, &elements, places);
        let Some(InPlaceLeft { rest, unsaid }) = in_place else {
            return self.align_by_keys(task, &elements, places, guess);
        };
        let at = |at: usize| rest.get(at).map_or(at, |at| (places.at)(*at));
        let left = elements.at(&rest);
        let guess = guess.and_then(|_| {
            let (mine, theirs) = (nodes(&left.mine), nodes(&left.theirs));
            identity::align((self.primary, &mine), (self.candidate, &theirs), |_| true)
        });
        let mut aligned = self.align_by_keys(task, &left, &Places { at: &at, ..*places }, guess);
        for pair in &mut aligned.pairs {
            let back = |at: usize| rest.get(at).copied();
            (pair.0, pair.1) = (pair.0.and_then(back), pair.1.and_then(back));
        }
        aligned.pairs.extend(unsaid.into_iter().map(|at| (Some(at), Some(at), None)));
        // in the primary's order, then what only the candidate has
        aligned.pairs.sort_by_key(|(p, c, _)| (p.unwrap_or(usize::MAX), c.unwrap_or(usize::MAX)));
        aligned
    }

    /// Which elements are not equal under the rules where they stand; `None` where too many of them may be
    /// equal to another one, and in a probe, whose cost would double with every level.
    fn unequal_in_place(&mut self, task: &Task, elements: &Elements, places: &Places<'_>) -> Option<InPlaceLeft> {
        // a probe asks nothing so: its log, if it has one, is another array's
        if self.probing > 0 || elements.mine.len() != elements.theirs.len() {
            return None;
        }
        let left = self.asked_in_place(task, elements, places);
        self.end_log(left.is_some());
        left
    }

    fn asked_in_place(&mut self, task: &Task, elements: &Elements, places: &Places<'_>) -> Option<InPlaceLeft> {
        let Elements { mine, theirs } = elements;
        let (mut left, mut doubtful) = (InPlaceLeft::default(), 0);
        let (in_mine, in_theirs) = (Plain::of(mine), Plain::of(theirs));
        for (at, (p, c)) in mine.iter().zip(theirs).enumerate() {
            let here = self.element_here(task.here, (places.at)(at), places.lengths, true);
            match if p.1 == c.1 { self.probe_in_place(p.0, c.0, here) } else { InPlace::Differs } {
                InPlace::Equal => continue,
                InPlace::EqualButUnsaid => {
                    left.unsaid.push(at);
                    continue;
                }
                InPlace::Differs => left.rest.push(at),
            }
            doubtful += usize::from(in_theirs.may_hold(p.1) || in_mine.may_hold(c.1));
            if doubtful * IN_PLACE > places.between {
                return None;
            }
        }
        Some(left)
    }

    fn align_by_keys(
        &mut self,
        task: &Task,
        elements: &Elements,
        places: &Places<'_>,
        guess: Option<Aligned>,
    ) -> Aligned {
        let (primary, candidate) = (self.primary, self.candidate);
        let keys_p = self.keys(task, &elements.mine, &Plain::of(&elements.theirs), places, true);
        let keys_c = self.keys(task, &elements.theirs, &Plain::of(&elements.mine), places, false);
        let (mine, theirs) = (&nodes(&elements.mine), &nodes(&elements.theirs));
        let mut middle =
            Middle { primary, candidate, mine, theirs, keys_p: &keys_p, keys_c: &keys_c, approximate: false };
        let aligned = middle.align(guess);
        self.approximate |= middle.approximate && self.probing == 0;
        aligned
    }

    /// What the rules leave of each element, where an element of the other side could be equal to it.
    fn keys(
        &mut self,
        task: &Task,
        elements: &[(NodeId, Option<u128>)],
        others: &Plain,
        places: &Places<'_>,
        primary: bool,
    ) -> Vec<u128> {
        let mut keys = Vec::with_capacity(elements.len());
        for (at, (node, plain)) in elements.iter().enumerate() {
            if !others.may_hold(*plain) {
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
    fn plain_part(&mut self, node: NodeId, here: Here, primary: bool) -> Option<u128> {
        let document = if primary { self.primary } else { self.candidate };
        if document.kind(node) != NodeKind::Object || !self.walker.acting(here).is_empty() {
            return None;
        }
        let mut sum = 0_u128;
        for member in document.children(node) {
            let below = match self.walker.below(here) {
                true => self.walker.down(here, Down::Name(&document.name(member).unwrap_or_default())),
                false => Walker::NOWHERE,
            };
            let untouched_below = !self.walker.below(below) || !document.kind(member).is_container();
            if untouched_below && self.walker.acting(below).is_empty() {
                sum = sum.wrapping_add(self.hasher.named(document.name_hash(member), document.hash(member)));
            }
        }
        Some(sum)
    }
}

/// The plain parts of one side.
struct Plain {
    known: ByHash<()>,
    /// Nothing is known of some element: it may be equal to any.
    any: bool,
}

impl Plain {
    fn of(elements: &[(NodeId, Option<u128>)]) -> Plain {
        let mut known = by_hash(elements.len());
        known.extend(elements.iter().filter_map(|(_, plain)| Some(((*plain)?, ()))));
        Plain { known, any: elements.iter().any(|(_, plain)| plain.is_none()) }
    }
    /// True where an element with this plain part may be equal to one of these.
    fn may_hold(&self, plain: Option<u128>) -> bool {
        self.any || plain.is_none_or(|plain| self.known.contains_key(&plain))
    }
}
