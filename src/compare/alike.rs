//! Gaps between equal elements: which of the elements that changed are the same one, told by what they still share.

use super::array::{Middle, zip};
use super::markup::element;
use super::walk::Pair;
use crate::document::json::{Document, NodeId, NodeKind};
use smallvec::SmallVec;
use std::ops::Range;

/// Pairs of elements that are looked at in one gap; beyond it elements are paired by position.
pub(super) const TABLE: usize = 4_096;
/// Members of one record that are looked at.
const MEMBERS: usize = 64;

impl Middle<'_, '_> {
    /// Pairs elements in order so that they share as much as possible (the alignment of Needleman and Wunsch, 1970, over a
    /// table of bounded size); of several such ways, the one that pairs the first elements.
    pub(super) fn pair_by_likeness(&self, p: Range<usize>, c: Range<usize>, pairs: &mut Vec<Pair>) {
        let (n, m) = (p.len(), c.len());
        if n * m <= 1 {
            return pairs.extend(zip(p, c, 0));
        }
        let (mine, theirs) = (self.mine.get(p.clone()), self.theirs.get(c.clone()));
        let (Some(mine), Some(theirs)) = (mine, theirs) else { return };
        let of = |document: &Document<'_>, nodes: &[NodeId]| -> Vec<Looks> {
            nodes.iter().map(|node| Looks::of(document, *node)).collect()
        };
        let (mine, theirs) = (of(self.primary, mine), of(self.candidate, theirs));
        // best[i][j]: the most that the elements from i and from j on can share
        let mut best = vec![0_u32; (n + 1) * (m + 1)];
        let at = |i: usize, j: usize| i * (m + 1) + j;
        for (i, a) in mine.iter().enumerate().rev() {
            for (j, b) in theirs.iter().enumerate().rev() {
                let paired = a.shared(b) + best[at(i + 1, j + 1)];
                best[at(i, j)] = paired.max(best[at(i + 1, j)]).max(best[at(i, j + 1)]);
            }
        }
        let (mut i, mut j) = (0, 0);
        while let (Some(a), Some(b)) = (mine.get(i), theirs.get(j)) {
            if a.shared(b) + best[at(i + 1, j + 1)] == best[at(i, j)] {
                pairs.push((Some(p.start + i), Some(c.start + j), None));
                (i, j) = (i + 1, j + 1);
            } else if best[at(i + 1, j)] == best[at(i, j)] {
                pairs.push((Some(p.start + i), None, None));
                i += 1;
            } else {
                pairs.push((None, Some(c.start + j), None));
                j += 1;
            }
        }
        pairs.extend(zip(p.start + i..p.end, c.start + j..c.end, 0));
    }
}

/// What is looked at of an element: of markup its name, its attributes and what it holds.
struct Looks {
    kind: NodeKind,
    name: u64,
    members: SmallVec<[(u64, u128); 16]>,
}

impl Looks {
    fn of(document: &Document<'_>, node: NodeId) -> Looks {
        let kind = document.kind(node);
        let look = |child| (document.name_hash(child), document.hash(child));
        let children = document.children(node).take(if kind == NodeKind::Object { MEMBERS } else { 0 });
        match element(document, node).filter(|_| document.is_markup()) {
            Some(element) => {
                let attributes = children.filter(|child| *child != element);
                let members = attributes.chain(document.children(element).take(MEMBERS)).map(look).collect();
                Looks { kind, name: document.name_hash(element), members }
            }
            None => Looks { kind, name: 0, members: children.map(look).collect() },
        }
    }
    /// Nothing between two types or two elements of other names; else one, and two for every equal member.
    fn shared(&self, other: &Looks) -> u32 {
        if (self.kind, self.name) != (other.kind, other.name) {
            return 0;
        }
        let equal = self.members.iter().filter(|member| other.members.contains(member)).count();
        1 + 2 * equal as u32
    }
}
