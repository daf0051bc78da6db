//! Ordered arrays: trimmed ends, elements with an identity, the same elements in another order, anchors, then a bounded
//! Myers between anchors. Never a table of n × m.
//!
//! Elements are compared by hash: as received where no rule acts below, else by what the rules leave of them.

use super::by_hash::{ByHash, Positions, by_hash};
use super::identity;
use super::order;
use super::walk::{Aligned, Pair, Task, Walk};
use crate::document::json::{Document, NodeId};
use crate::rules::Down;
use similar::{Algorithm, DiffOp};
use std::ops::Range;

/// Elements of both sides in one gap that Myers still aligns; beyond it elements are paired by position.
const GAP: usize = 2_048;

/// At most one element in so many has changed where arrays are aligned in place.
pub(super) const IN_PLACE: usize = 4;

/// Where the elements stand that are being aligned.
pub(super) struct Places<'p> {
    pub(super) at: &'p dyn Fn(usize) -> usize,
    /// Elements of both whole arrays.
    pub(super) lengths: (usize, usize),
    /// Elements between the equal ends.
    pub(super) between: usize,
}

impl Walk<'_, '_> {
    pub(super) fn align(&mut self, task: &Task, mine: &[NodeId], theirs: &[NodeId]) -> Aligned {
        let (primary, candidate) = (self.primary, self.candidate);
        let (head, middle_p, middle_c) = between_equal_ends((primary, mine), (candidate, theirs));
        if needs_no_keys(middle_p, middle_c) {
            return Aligned { pairs: zip(0..middle_p.len(), 0..middle_c.len(), head).collect(), reordered: false };
        }
        let lengths = (mine.len(), theirs.len());
        match self.changed_in_place(middle_p, middle_c) {
            Some(places) => {
                let pick =
                    |nodes: &[NodeId]| places.iter().filter_map(|at| nodes.get(*at).copied()).collect::<Vec<_>>();
                let at = |at: usize| head + places.get(at).copied().unwrap_or(at);
                let left = (pick(middle_p), pick(middle_c));
                self.align_left(task, (&left.0, &left.1), &Places { at: &at, lengths, between: middle_p.len() })
            }
            None => {
                let at = |at: usize| head + at;
                self.align_left(task, (middle_p, middle_c), &Places { at: &at, lengths, between: middle_p.len() })
            }
        }
    }

    /// The usual case: as many elements on both sides, most of them equal where they stand. Those are no news, and only the
    /// others, of which these are the positions, are aligned among themselves.
    fn changed_in_place(&self, mine: &[NodeId], theirs: &[NodeId]) -> Option<Vec<usize>> {
        if mine.len() != theirs.len() {
            return None;
        }
        let changed = |(_, (a, b)): &(usize, (&NodeId, &NodeId))| self.primary.hash(**a) != self.candidate.hash(**b);
        let places: Vec<usize> = mine.iter().zip(theirs).enumerate().filter(changed).map(|(at, _)| at).collect();
        (places.len() * IN_PLACE <= mine.len()).then_some(places)
    }

    /// Aligns what is left of two arrays.
    fn align_left(&mut self, task: &Task, (mine, theirs): (&[NodeId], &[NodeId]), places: &Places<'_>) -> Aligned {
        let (primary, candidate) = (self.primary, self.candidate);
        // Where rules know nothing of an identity, nothing that they make of the elements could pair them otherwise.
        let identity = identity::align((primary, mine), (candidate, theirs), |name| self.is_untouched(task, name));
        let mut aligned = match identity {
            Some(aligned) => aligned,
            None if self.walker.below(task.here) => {
                // one that rules know is still a better guess than none
                let guess = identity::align((primary, mine), (candidate, theirs), |_| true);
                self.align_under_rules(task, (mine, theirs), places, guess)
            }
            None => {
                let keys = |document: &Document<'_>, nodes: &[NodeId]| -> Vec<u128> {
                    nodes.iter().map(|node| document.hash(*node)).collect()
                };
                let (keys_p, keys_c) = (&keys(primary, mine), &keys(candidate, theirs));
                let mut middle = Middle { primary, candidate, mine, theirs, keys_p, keys_c, approximate: false };
                let aligned = middle.align(None);
                self.approximate |= middle.approximate && self.probing == 0;
                aligned
            }
        };
        for pair in &mut aligned.pairs {
            (pair.0, pair.1) = (pair.0.map(places.at), pair.1.map(places.at));
        }
        aligned
    }

    /// True where no rule acts on this member of an array's elements, nor on the elements themselves.
    fn is_untouched(&mut self, task: &Task, name: &[u8]) -> bool {
        if self.walker.by_index(task.here) {
            return false;
        }
        let element = self.element_here(task.here, 0, (1, 1), true);
        let member = self.walker.down(element, Down::Name(name));
        self.walker.acting(element).is_empty() && self.walker.acting(member).is_empty()
    }
}

/// Aligns two arrays by their elements as received, whatever the rules: pairs of positions. Equal ends are left out: `head`
/// elements at the start, and what follows the last pair.
pub(super) fn align_as_received(
    primary: (&Document<'_>, &[NodeId]),
    candidate: (&Document<'_>, &[NodeId]),
) -> Received {
    let (head, mine, theirs) = between_equal_ends(primary, candidate);
    let (primary, candidate) = (primary.0, candidate.0);
    if needs_no_keys(mine, theirs) {
        return Received { head, mine: mine.len(), pairs: zip(0..mine.len(), 0..theirs.len(), head).collect() };
    }
    let identity = identity::align((primary, mine), (candidate, theirs), |_| true);
    let mut aligned = identity.unwrap_or_else(|| {
        let keys = |document: &Document<'_>, nodes: &[NodeId]| nodes.iter().map(|node| document.hash(*node)).collect();
        let (keys_p, keys_c): (Vec<u128>, Vec<u128>) = (keys(primary, mine), keys(candidate, theirs));
        Middle { primary, candidate, mine, theirs, keys_p: &keys_p, keys_c: &keys_c, approximate: false }.align(None)
    });
    aligned.shift(head);
    Received { head, mine: mine.len(), pairs: aligned.pairs }
}

/// How two arrays' elements belong together, as received.
pub(super) struct Received {
    /// Elements of the equal start.
    pub(super) head: usize,
    /// Elements of the primary between the equal ends.
    pub(super) mine: usize,
    /// Positions in the whole arrays of what is between the ends.
    pub(super) pairs: Vec<Pair>,
}

/// How long the equal start is, and what is left of both between the equal ends.
fn between_equal_ends<'n>(
    (primary, mine): (&Document<'_>, &'n [NodeId]),
    (candidate, theirs): (&Document<'_>, &'n [NodeId]),
) -> (usize, &'n [NodeId], &'n [NodeId]) {
    let same = |(a, b): &(&NodeId, &NodeId)| primary.hash(**a) == candidate.hash(**b);
    let head = mine.iter().zip(theirs).take_while(same).count();
    let (rest_p, rest_c) = (mine.get(head..).unwrap_or(&[]), theirs.get(head..).unwrap_or(&[]));
    let tail = rest_p.iter().rev().zip(rest_c.iter().rev()).take_while(same).count();
    let (end_p, end_c) = (rest_p.len() - tail, rest_c.len() - tail);
    (head, rest_p.get(..end_p).unwrap_or(&[]), rest_c.get(..end_c).unwrap_or(&[]))
}

fn needs_no_keys(mine: &[NodeId], theirs: &[NodeId]) -> bool {
    mine.is_empty() || theirs.is_empty() || (mine.len() == 1 && theirs.len() == 1)
}

impl Aligned {
    /// Counts positions from the start of the whole arrays.
    fn shift(&mut self, head: usize) {
        for pair in &mut self.pairs {
            pair.0 = pair.0.map(|at| at + head);
            pair.1 = pair.1.map(|at| at + head);
        }
    }
}

/// What is left of two arrays between their equal ends.
pub(super) struct Middle<'m, 'd> {
    pub(super) primary: &'m Document<'d>,
    pub(super) candidate: &'m Document<'d>,
    pub(super) mine: &'m [NodeId],
    pub(super) theirs: &'m [NodeId],
    pub(super) keys_p: &'m [u128],
    pub(super) keys_c: &'m [u128],
    pub(super) approximate: bool,
}

impl Middle<'_, '_> {
    /// The same elements in another order, else by this identity, else by what is equal.
    pub(super) fn align(&mut self, identity: Option<Aligned>) -> Aligned {
        if let Some(pairs) = self.permutation() {
            // equal under the rules in the same order: no element moved
            let reordered = pairs.iter().any(|(a, b, _)| a != b);
            return Aligned { pairs, reordered };
        }
        identity.unwrap_or_else(|| Aligned { pairs: self.by_anchors(), reordered: false })
    }

    /// The pairs where both sides hold the same elements, in whatever order.
    fn permutation(&self) -> Option<Vec<Pair>> {
        if self.keys_p.len() != self.keys_c.len() {
            return None;
        }
        let mut places = Positions::of(self.keys_c.iter().copied());
        let pair = |(at, key): (usize, &u128)| Some((Some(at), Some(places.take(*key)?), None));
        self.keys_p.iter().enumerate().map(pair).collect()
    }

    fn by_anchors(&mut self) -> Vec<Pair> {
        // the same alignment whichever side is named first
        if self.swapped() {
            let mut other = Middle {
                primary: self.candidate,
                candidate: self.primary,
                mine: self.theirs,
                theirs: self.mine,
                keys_p: self.keys_c,
                keys_c: self.keys_p,
                approximate: false,
            };
            let pairs = other.anchored();
            self.approximate = other.approximate;
            return pairs.into_iter().map(|(a, b, detail)| (b, a, detail)).collect();
        }
        self.anchored()
    }

    fn swapped(&self) -> bool {
        order::of_lists((self.primary, self.mine), (self.candidate, self.theirs)) == std::cmp::Ordering::Greater
    }

    fn anchored(&mut self) -> Vec<Pair> {
        let anchors = longest_increasing(&unique_in_both(self.keys_p, self.keys_c));
        let mut pairs = Vec::with_capacity(self.keys_p.len().max(self.keys_c.len()));
        let (mut p, mut c) = (0, 0);
        let ends = std::iter::once((self.keys_p.len(), self.keys_c.len()));
        for (a, b) in anchors.into_iter().chain(ends) {
            self.gap(p..a, c..b, &mut pairs);
            if a < self.keys_p.len() {
                pairs.push((Some(a), Some(b), None));
            }
            (p, c) = (a + 1, b + 1);
        }
        pairs
    }

    /// Between two anchors.
    fn gap(&mut self, p: Range<usize>, c: Range<usize>, pairs: &mut Vec<Pair>) {
        let (Some(a), Some(b)) = (self.keys_p.get(p.clone()), self.keys_c.get(c.clone())) else { return };
        if a.is_empty() || b.is_empty() {
            return pairs.extend(zip(p, c, 0));
        }
        let known: ByHash<()> = b.iter().map(|key| (*key, ())).collect();
        if !a.iter().any(|key| known.contains_key(key)) {
            return self.pair_alike(p, c, pairs);
        }
        if a.len() + b.len() > GAP {
            self.approximate = true;
            return pairs.extend(zip(p, c, 0));
        }
        let (mut from_p, mut from_c) = (p.start, c.start);
        for op in similar::capture_diff_slices(Algorithm::Myers, a, b) {
            if let DiffOp::Equal { old_index, new_index, len } = op {
                let (at_p, at_c) = (p.start + old_index, c.start + new_index);
                self.pair_alike(from_p..at_p, from_c..at_c, pairs);
                pairs.extend((0..len).map(|i| (Some(at_p + i), Some(at_c + i), None)));
                (from_p, from_c) = (at_p + len, at_c + len);
            }
        }
        self.pair_alike(from_p..p.end, from_c..c.end, pairs);
    }
}

/// Pairs by position; what one side has more of stays alone.
pub(super) fn zip(p: Range<usize>, c: Range<usize>, shift: usize) -> impl Iterator<Item = Pair> {
    let both = p.len().min(c.len());
    let pairs = (0..both).map(move |i| (Some(p.start + i + shift), Some(c.start + i + shift), None));
    let mine = (p.start + both..p.end).map(move |at| (Some(at + shift), None, None));
    let theirs = (c.start + both..c.end).map(move |at| (None, Some(at + shift), None));
    pairs.chain(mine).chain(theirs)
}

/// Positions of keys that occur once on each side, in the primary's order.
fn unique_in_both(p: &[u128], c: &[u128]) -> Vec<(usize, usize)> {
    let mut count: ByHash<(u32, u32, usize)> = by_hash(p.len());
    for key in p {
        count.entry(*key).or_default().0 += 1;
    }
    for (at, key) in c.iter().enumerate() {
        // what the primary has not is no anchor
        if let Some(entry) = count.get_mut(key) {
            entry.1 += 1;
            entry.2 = at;
        }
    }
    let once = |(at, key): (usize, &u128)| count.get(key).filter(|n| n.0 == 1 && n.1 == 1).map(|n| (at, n.2));
    p.iter().enumerate().filter_map(once).collect()
}

/// The longest run of pairs that rises on both sides (patience sorting, O(n log n)).
pub(super) fn longest_increasing(pairs: &[(usize, usize)]) -> Vec<(usize, usize)> {
    let mut piles: Vec<usize> = Vec::new();
    let mut before: Vec<Option<usize>> = vec![None; pairs.len()];
    for (at, (_, c)) in pairs.iter().enumerate() {
        let pile = piles.partition_point(|top| pairs.get(*top).is_some_and(|(_, other)| other < c));
        if let Some(before) = before.get_mut(at) {
            *before = pile.checked_sub(1).and_then(|below| piles.get(below).copied());
        }
        match piles.get_mut(pile) {
            Some(top) => *top = at,
            None => piles.push(at),
        }
    }
    let mut run = Vec::with_capacity(piles.len());
    let mut at = piles.last().copied();
    while let Some(here) = at {
        run.extend(pairs.get(here));
        at = before.get(here).copied().flatten();
    }
    run.reverse();
    run
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_longest_rising_run() {
        assert_eq!(longest_increasing(&[(0, 4), (1, 1), (2, 2), (3, 0), (4, 3)]), [(1, 1), (2, 2), (4, 3)]);
        assert_eq!(longest_increasing(&[]), []);
        assert_eq!(unique_in_both(&[1, 2, 2, 3], &[3, 1, 2]), [(0, 1), (3, 0)]);
    }
}
