//! What trees of markup know beside JSON: an element has a name, and elements of one name belong together.
//!
//! An element is an object whose first array is its content (`document::tree`); its name is that member's.

use super::alike::TABLE;
use super::array::{Middle, zip};
use super::place::general_pointer;
use super::walk::{Pair, Walk};
use crate::document::json::{Document, NodeId, NodeKind, spell};
use similar::{Algorithm, DiffOp};
use std::collections::HashSet;
use std::ops::Range;

/// Elements of both sides in one gap that are still paired by name; beyond it by position.
const GAP: usize = 2_048;

impl Walk<'_, '_> {
    /// True for two elements of different names: what one holds is then no change of what the other does.
    pub(super) fn renamed(&self, primary: NodeId, candidate: NodeId) -> bool {
        if !self.primary.is_markup() || !self.candidate.is_markup() {
            return false;
        }
        let names = (element(self.primary, primary), element(self.candidate, candidate));
        let name =
            |document: &Document<'_>, node: Option<NodeId>| node.and_then(|node| document.name(node).map(Vec::from));
        name(self.primary, names.0) != name(self.candidate, names.1)
    }
}

/// The class of two elements of different names: `b→strong`.
pub(super) fn renamed_class(primary: (&Document<'_>, NodeId), candidate: (&Document<'_>, NodeId)) -> String {
    let name = |(document, node): (&Document<'_>, NodeId)| {
        let name = element(document, node).and_then(|node| document.name(node)).unwrap_or_default();
        // as in a place: a name that looks like an id is none
        general_pointer(&format!("/{}", spell(&name).replace('/', "~1"))).split_off(1)
    };
    format!("{}→{}", name(primary), name(candidate))
}

/// The member that holds an element's children; of an instruction its only one.
pub(super) fn element(document: &Document<'_>, node: NodeId) -> Option<NodeId> {
    let mut children = document.children(node);
    let first = document.children(node).next();
    children.find(|child| document.kind(*child) == NodeKind::Array).or(first)
}

/// By how much two elements must be alike to be paired, the strictest first.
#[derive(Clone, Copy)]
enum Alike {
    /// Name and attributes.
    Attributes,
    /// Name.
    Name,
}

impl Middle<'_, '_> {
    /// Pairs what is left of a gap in which nothing is equal: by likeness; where that would be too much, markup elements of one
    /// name and the same attributes, then elements of one name, then by position.
    pub(super) fn pair_alike(&mut self, p: Range<usize>, c: Range<usize>, pairs: &mut Vec<Pair>) {
        if p.len().saturating_mul(c.len()) <= TABLE {
            self.pair_by_likeness(p, c, pairs);
        } else if self.primary.is_markup() && self.candidate.is_markup() {
            self.pair(p, c, pairs, Alike::Attributes);
        } else {
            pairs.extend(zip(p, c, 0));
        }
    }

    fn pair(&mut self, p: Range<usize>, c: Range<usize>, pairs: &mut Vec<Pair>, alike: Alike) {
        let looser = |alike| if matches!(alike, Alike::Attributes) { Some(Alike::Name) } else { None };
        if p.is_empty() || c.is_empty() || (p.len() == 1 && c.len() == 1) {
            return pairs.extend(zip(p, c, 0));
        }
        if p.len() + c.len() > GAP {
            self.approximate = true;
            return pairs.extend(zip(p, c, 0));
        }
        let a = likeness(self.primary, self.mine, p.clone(), alike);
        let b = likeness(self.candidate, self.theirs, c.clone(), alike);
        let known: HashSet<u64> = b.iter().copied().collect();
        let rest = |this: &mut Self, p: Range<usize>, c: Range<usize>, pairs: &mut Vec<Pair>| match looser(alike) {
            Some(alike) => this.pair(p, c, pairs, alike),
            None => pairs.extend(zip(p, c, 0)),
        };
        if !a.iter().any(|key| known.contains(key)) {
            return rest(self, p, c, pairs);
        }
        let (mut from_p, mut from_c) = (p.start, c.start);
        for op in similar::capture_diff_slices(Algorithm::Myers, &a, &b) {
            if let DiffOp::Equal { old_index, new_index, len } = op {
                let (at_p, at_c) = (p.start + old_index, c.start + new_index);
                rest(self, from_p..at_p, from_c..at_c, pairs);
                pairs.extend((0..len).map(|i| (Some(at_p + i), Some(at_c + i), None)));
                (from_p, from_c) = (at_p + len, at_c + len);
            }
        }
        rest(self, from_p..p.end, from_c..c.end, pairs);
    }
}

/// A key for each node that is the same for nodes that are alike; texts are all alike.
fn likeness(document: &Document<'_>, nodes: &[NodeId], of: Range<usize>, alike: Alike) -> Vec<u64> {
    let nodes = nodes.get(of).unwrap_or_default();
    let key = |node: &NodeId| {
        let Some(element) = element(document, *node) else { return 0 };
        let name = document.name_hash(element);
        match alike {
            Alike::Name => name,
            Alike::Attributes => document
                .children(*node)
                .filter(|child| *child != element)
                .map(|child| document.hash(child) as u64 ^ document.name_hash(child).rotate_left(17))
                .fold(name, u64::wrapping_add),
        }
    };
    nodes.iter().map(key).collect()
}
