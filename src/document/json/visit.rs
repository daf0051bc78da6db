//! Walks a document's scalars with their places: what redaction reads.

use super::{Document, NodeId, NodeKind, string::pointer_token};
use std::borrow::Cow;
use std::ops::Range;

/// One step from a container to a child.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// A member, by name (WTF-8).
    Name(Cow<'a, [u8]>),
    /// An element, by position.
    Index(usize),
}

/// A scalar and where it is.
#[derive(Debug)]
pub struct Scalar<'s, 'a> {
    /// The node.
    pub node: NodeId,
    /// Its type; never a container.
    pub kind: NodeKind,
    /// Where it stands in the text that was parsed, quotes included.
    pub span: Range<usize>,
    /// The way from the root.
    pub steps: &'s [Step<'a>],
}

impl Scalar<'_, '_> {
    /// The place as an RFC 6901 pointer.
    pub fn pointer(&self) -> String {
        let mut out = String::new();
        for step in self.steps {
            match step {
                Step::Name(name) => pointer_token(&mut out, name),
                Step::Index(index) => out.push_str(&format!("/{index}")),
            }
        }
        out
    }
    /// The name of the innermost member that holds the scalar, looking through arrays.
    pub fn member(&self) -> Option<&[u8]> {
        self.steps.iter().rev().find_map(|step| match step {
            Step::Name(name) => Some(name.as_ref()),
            Step::Index(_) => None,
        })
    }
}

pub(super) fn scalars<'a>(document: &Document<'a>, mut each: impl FnMut(&Scalar<'_, 'a>)) {
    // for every open container: one past its last node, and the position of its next element
    let mut open: Vec<(u32, usize)> = Vec::new();
    let mut steps: Vec<Step<'a>> = Vec::new();
    for at in 0..document.nodes.len() as u32 {
        let id = NodeId(at);
        while open.last().is_some_and(|(end, _)| *end <= at) {
            open.pop();
            steps.pop();
        }
        let node = document.node(id);
        if let Some((_, position)) = open.last_mut() {
            // the last step belongs to this container's current child
            if let Some(last) = steps.last_mut() {
                *last = match document.name(id) {
                    Some(name) => Step::Name(name),
                    None => Step::Index(*position),
                };
            }
            *position += 1;
        }
        if node.kind.is_container() {
            open.push((node.next, 0));
            steps.push(Step::Index(0));
        } else {
            each(&Scalar { node: id, kind: node.kind, span: document.span(id), steps: &steps });
        }
    }
}
