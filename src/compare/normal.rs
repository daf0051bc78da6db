//! What the rules leave of a value, as a hash: for aligning elements, never for calling two of them equal.
//!
//! What is equal under the rules hashes alike. The other way round holds only where nothing on the way is *wild*: a value
//! that a rule has to see together with its other half.

use super::walk::Walk;
use crate::document::json::{Document, NodeId, NodeKind};
use crate::rules::{Down, Here, Operand, Walker, is_none};

/// Stands for an ignored element, and for a value that a rule may accept.
const IGNORED: u128 = 0x1_9e37_79b9_7f4a_7c15;
const WILD: u128 = 0x2_9e37_79b9_7f4a_7c15;

enum Seen {
    /// Contributes nothing to its object.
    Skipped { wild: bool },
    /// Known without looking below.
    Hash(u128, bool),
    /// A container whose children have rules.
    Open { any_order: bool },
}

struct Open {
    node: NodeId,
    here: Here,
    children: Vec<NodeId>,
    at: usize,
    sum: u128,
    count: u64,
    wild: bool,
    any_order: bool,
    /// The primary's name of a member, and the candidate's, by which it is hashed.
    renamed: Option<(Vec<u8>, Vec<u8>)>,
}

impl<'d> Walk<'_, 'd> {
    pub(super) fn normal_hash(&mut self, primary: bool, node: NodeId, here: Here) -> (u128, bool) {
        let document = if primary { self.primary } else { self.candidate };
        let mut stack: Vec<Open> = Vec::new();
        let mut next = Some((node, here));
        loop {
            let seen = match next.take() {
                Some((node, here)) => match self.look(document, primary, node, here) {
                    Seen::Open { any_order } => {
                        let children = document.children(node).collect();
                        let renamed = self.renamed_in(primary, here);
                        let (sum, count, wild) = (0, 0, false);
                        stack.push(Open { node, here, children, at: 0, sum, count, wild, any_order, renamed });
                        None
                    }
                    seen => Some(seen),
                },
                None => None,
            };
            if let Some(seen) = seen {
                let Some(open) = stack.last_mut() else {
                    return match seen {
                        Seen::Hash(hash, wild) => (hash, wild),
                        Seen::Skipped { wild } => (IGNORED, wild),
                        Seen::Open { .. } => (0, true),
                    };
                };
                let child = open.children.get(open.at).copied().unwrap_or(open.node);
                open.at += 1;
                self.fold(document, stack.last_mut(), child, seen);
            }
            // on to the next child, closing what has ended
            while let Some(open) = stack.last() {
                if let Some(child) = open.children.get(open.at).copied() {
                    let (here, at, length) = (open.here, open.at, open.children.len());
                    next = Some((child, self.child_here(document, here, child, at, length)));
                    break;
                }
                let Some(open) = stack.pop() else { break };
                let hash = match document.kind(open.node) {
                    NodeKind::Object => self.hasher.object(open.sum, open.count),
                    _ => self.hasher.array(open.sum, open.count),
                };
                self.normal.insert((primary, open.node, open.here), (hash, open.wild));
                let Some(parent) = stack.last_mut() else { return (hash, open.wild) };
                parent.at += 1;
                self.fold(document, stack.last_mut(), open.node, Seen::Hash(hash, open.wild));
            }
        }
    }

    fn child_here(&mut self, document: &Document<'d>, here: Here, child: NodeId, at: usize, length: usize) -> Here {
        if !self.walker.below(here) {
            return Walker::NOWHERE;
        }
        match document.name(child) {
            Some(name) => self.walker.down(here, Down::Name(&name)),
            None => self.walker.down(here, Down::Index { at, length }),
        }
    }

    /// Members are hashed by the candidate's names.
    fn renamed_in(&self, primary: bool, here: Here) -> Option<(Vec<u8>, Vec<u8>)> {
        let acting = self.walker.acting(here);
        let (_, rename) = self.rules.renamed(&acting).filter(|_| primary)?;
        Some((rename.from.clone().into_bytes(), rename.to.clone().into_bytes()))
    }

    fn fold(&self, document: &Document<'d>, open: Option<&mut Open>, child: NodeId, seen: Seen) {
        let Some(open) = open else { return };
        let (hash, wild) = match (seen, document.name(child)) {
            (Seen::Skipped { wild }, Some(_)) => {
                open.wild |= wild;
                return;
            }
            (Seen::Skipped { wild }, None) => (IGNORED, wild),
            (Seen::Hash(hash, wild), _) => (hash, wild),
            (Seen::Open { .. }, _) => return,
        };
        open.wild |= wild;
        open.count += 1;
        let name = document.name(child).map(|name| match &open.renamed {
            Some((from, to)) if *from == *name => to.clone().into(),
            _ => name,
        });
        open.sum = match name {
            Some(name) => open.sum.wrapping_add(self.hasher.member(&name, hash)),
            None if open.any_order => open.sum.wrapping_add(self.hasher.element(0, hash)),
            None => self.hasher.element(open.sum, hash),
        };
    }

    fn look(&mut self, document: &Document<'d>, primary: bool, node: NodeId, here: Here) -> Seen {
        let acting = self.walker.acting(here);
        let below = self.walker.below(here);
        if acting.is_empty() && !below {
            return Seen::Hash(document.hash(node), false);
        }
        if let Some((hash, wild)) = self.normal.get(&(primary, node, here)) {
            return Seen::Hash(*hash, *wild);
        }
        if acting.ignore().is_some() {
            return Seen::Skipped { wild: false };
        }
        // an element is never allowed to be added
        let may_be_added = acting.added().is_some() && document.name(node).is_some();
        if may_be_added || acting.fills() {
            return Seen::Skipped { wild: true };
        }
        if let Some(rule) = acting.absent()
            && is_none(document, Some(node), self.rules.takes_empty(rule))
        {
            return Seen::Skipped { wild: false };
        }
        let (mut value, mut made) = (Operand::of(document, Some(node)), false);
        if let Some((text, _)) = self.rules.rewrite(&acting, primary, &value) {
            (value, made) = (Operand::Text(text.into_bytes().into()), true);
        }
        if let Some((text, _)) = self.rules.text(&acting, &value) {
            (value, made) = (Operand::Text(text.into_bytes().into()), true);
        }
        if self.rules.could_accept(&acting, &value) {
            return Seen::Hash(WILD, true);
        }
        if let (Operand::Text(text), true) = (&value, made) {
            return Seen::Hash(self.hasher.string(text), false);
        }
        let any_order = acting.array().is_some();
        if document.kind(node).is_container() && (below || any_order || acting.rename().is_some()) {
            return Seen::Open { any_order };
        }
        Seen::Hash(document.hash(node), false)
    }
}
