//! JSON as received: a flat tape of nodes over the text, each with a keyed hash of its subtree.
//!
//! Numbers keep their text, duplicate names and lone surrogates are seen, and nothing here recurses: parsing, walking,
//! printing and dropping cost no stack, whatever the depth. Equal hashes mean equal values (see `number.rs` for what
//! equal means between numbers); member order, whitespace and escapes do not count.

mod hash;
mod leaves;
mod lockstep;
mod number;
mod parse;
mod scan;
mod string;
#[cfg(test)]
mod tests;
mod visit;

pub use hash::Hasher;
pub use leaves::count_leaves;
pub use lockstep::same_in_step;
pub use number::{Decimal, NumberKey};
pub use scan::is_json_number;
pub use string::{escape, pointer_content, pointer_text, pointer_token, spell, token_content, token_name, unescape};
pub use visit::{Scalar, Step};

use std::borrow::Cow;
use std::ops::Range;

/// A node's position on its document's tape.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct NodeId(pub(crate) u32);

/// A JSON type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum NodeKind {
    /// `null`.
    Null,
    /// `true` or `false`.
    Bool,
    /// A number.
    Number,
    /// A string.
    String,
    /// An array.
    Array,
    /// An object.
    Object,
}

impl NodeKind {
    /// The word used in shapes: `null`, `bool`, `number`, `string`, `array`, `object`.
    pub fn as_str(self) -> &'static str {
        match self {
            NodeKind::Null => "null",
            NodeKind::Bool => "bool",
            NodeKind::Number => "number",
            NodeKind::String => "string",
            NodeKind::Array => "array",
            NodeKind::Object => "object",
        }
    }
    /// True for arrays and objects.
    pub fn is_container(self) -> bool {
        matches!(self, NodeKind::Array | NodeKind::Object)
    }
}

/// One value on the tape, in document order; a container's children follow it.
///
/// Packed to 52 bytes: a tape is most of what a comparison holds, and aligned to 8 each node would have 4 bytes of nothing.
#[derive(Clone, Copy, Debug)]
#[repr(C, packed(4))]
pub(crate) struct Node {
    /// Keyed hash of the value, free of spelling.
    pub(crate) hash: [u64; 2],
    /// Hash of the member's name; 0 for what is not a member.
    pub(crate) name_hash: u64,
    /// First byte of the value.
    pub(crate) start: u32,
    /// One past its last byte.
    pub(crate) end: u32,
    /// First byte of the name's text, within its quotes; `u32::MAX` for what is not a member.
    pub(crate) name_start: u32,
    /// One past the name's last byte.
    pub(crate) name_end: u32,
    /// One past the last node of the subtree.
    pub(crate) next: u32,
    /// Scalars and empty containers in the subtree.
    pub(crate) leaves: u32,
    pub(crate) kind: NodeKind,
    /// An object in which a name occurs twice.
    pub(crate) duplicates: bool,
    /// A string (or a member's name) that holds a backslash.
    pub(crate) escaped: bool,
    pub(crate) name_escaped: bool,
}

/// What a parse depends on beside the text.
#[derive(Clone, Copy, Debug)]
pub struct ParseOptions {
    /// Levels of nesting allowed.
    pub depth: usize,
    /// Key of the hashes; two documents are comparable only under the same key.
    pub hash_key: u64,
    /// Numbers hash by their text, so that `1` and `1.0` are told apart.
    pub spelled_numbers: bool,
}

impl ParseOptions {
    /// Numbers by value.
    pub const fn new(depth: usize, hash_key: u64) -> ParseOptions {
        ParseOptions { depth, hash_key, spelled_numbers: false }
    }
}

/// Why a text is no JSON document, and where.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ParseError {
    /// More levels than allowed.
    #[error("nested deeper than {limit} levels at byte {offset}")]
    TooDeep {
        /// Where the first level too many opens.
        offset: usize,
        /// Levels allowed.
        limit: usize,
    },
    /// More than 4 GiB.
    #[error("longer than 4 GiB")]
    TooLarge,
    /// Not JSON (RFC 8259).
    #[error("{message} at byte {offset}")]
    Syntax {
        /// Byte offset in the text, a byte order mark included.
        offset: usize,
        /// What is wrong.
        message: &'static str,
    },
}

/// A parsed document, borrowed from its text.
#[derive(Clone, Debug)]
pub struct Document<'a> {
    pub(crate) text: &'a str,
    pub(crate) nodes: Vec<Node>,
    /// Bytes of a byte order mark before `text`.
    pub(crate) offset: usize,
    /// The text is that of a tree of elements.
    pub(crate) markup: bool,
}

impl<'a> Document<'a> {
    /// Parses a whole text. A leading byte order mark is ignored.
    pub fn parse(text: &'a [u8], options: &ParseOptions) -> Result<Document<'a>, ParseError> {
        parse::parse(text, options)
    }
    /// The same, of a text that is known to be UTF-8.
    pub fn parse_text(text: &'a str, options: &ParseOptions) -> Result<Document<'a>, ParseError> {
        parse::parse_text(text, options)
    }
    /// The same document as the canonical text of markup: its objects are elements (`document::tree`).
    pub fn as_markup(mut self) -> Document<'a> {
        self.markup = true;
        self
    }
    /// True for the canonical text of markup.
    pub fn is_markup(&self) -> bool {
        self.markup
    }
    /// The document's value.
    pub fn root(&self) -> NodeId {
        NodeId(0)
    }
    #[inline]
    pub(crate) fn node(&self, id: NodeId) -> &Node {
        // ids are made by this document alone
        &self.nodes[id.0 as usize]
    }
    /// Nodes in the document.
    pub fn size(&self) -> u64 {
        self.nodes.len() as u64
    }
    /// A value's type.
    #[inline]
    pub fn kind(&self, id: NodeId) -> NodeKind {
        self.node(id).kind
    }
    /// A value as received.
    pub fn raw(&self, id: NodeId) -> &'a str {
        let node = self.node(id);
        self.text.get(node.start as usize..node.end as usize).unwrap_or("")
    }
    /// Where a value stands in the text that was parsed, quotes included.
    pub fn span(&self, id: NodeId) -> Range<usize> {
        let node = self.node(id);
        node.start as usize + self.offset..node.end as usize + self.offset
    }
    /// Keyed hash of a value, free of spelling and member order.
    #[inline]
    pub fn hash(&self, id: NodeId) -> u128 {
        let [lo, hi] = self.node(id).hash;
        u128::from(lo) | u128::from(hi) << 64
    }
    /// Scalars and empty containers in a subtree, itself included.
    pub fn leaves(&self, id: NodeId) -> u64 {
        u64::from(self.node(id).leaves)
    }
    /// True for an object in which a name occurs twice.
    pub fn has_duplicates(&self, id: NodeId) -> bool {
        self.node(id).duplicates
    }
    /// The first object in which a name occurs twice.
    pub fn first_duplicates(&self) -> Option<NodeId> {
        self.nodes.iter().position(|node| node.duplicates).map(|at| NodeId(at as u32))
    }
    /// A string's content: UTF-8, but a lone surrogate as its three bytes (WTF-8). Empty for what is no string.
    pub fn string(&self, id: NodeId) -> Cow<'a, [u8]> {
        let node = self.node(id);
        if node.kind != NodeKind::String {
            return Cow::Borrowed(&[]);
        }
        let inner = self.slice(node.start + 1, node.end.saturating_sub(1));
        if node.escaped { Cow::Owned(unescape(inner)) } else { Cow::Borrowed(inner.as_bytes()) }
    }
    /// A member's name, likewise; `None` for what is not a member.
    pub fn name(&self, id: NodeId) -> Option<Cow<'a, [u8]>> {
        let node = self.node(id);
        if node.name_start == u32::MAX {
            return None;
        }
        let inner = self.slice(node.name_start, node.name_end);
        Some(if node.name_escaped { Cow::Owned(unescape(inner)) } else { Cow::Borrowed(inner.as_bytes()) })
    }
    /// A number's exact value; `None` for what is no number.
    pub fn decimal(&self, id: NodeId) -> Option<Decimal> {
        (self.kind(id) == NodeKind::Number).then(|| Decimal::parse(self.raw(id)))
    }
    /// Elements or members in document order; nothing for a scalar.
    pub fn children(&self, id: NodeId) -> Children<'_> {
        let node = self.node(id);
        let end = if node.kind.is_container() { node.next } else { 0 };
        Children { nodes: &self.nodes, at: id.0 + 1, end }
    }
    /// A value and everything below it, in document order.
    pub fn subtree(&self, id: NodeId) -> impl Iterator<Item = NodeId> + use<> {
        let end = self.nodes.get(id.0 as usize).map_or(id.0, |node| node.next.max(id.0 + 1));
        (id.0..end).map(NodeId)
    }
    /// The first member of that name; `None` where there is none or `id` is no object.
    pub fn member(&self, id: NodeId, name: &[u8]) -> Option<NodeId> {
        if self.kind(id) != NodeKind::Object {
            return None;
        }
        self.children(id).find(|child| self.name(*child).is_some_and(|found| *found == *name))
    }
    /// The element at a position, counted from the end when negative.
    pub fn element(&self, id: NodeId, index: i64) -> Option<NodeId> {
        if self.kind(id) != NodeKind::Array {
            return None;
        }
        let index = match u64::try_from(index) {
            Ok(index) => index,
            Err(_) => (self.children(id).count() as u64).checked_sub(index.unsigned_abs())?,
        };
        self.children(id).nth(usize::try_from(index).ok()?)
    }
    /// Calls `each` for every scalar in document order.
    pub fn scalars(&self, each: impl FnMut(&Scalar<'_, 'a>)) {
        visit::scalars(self, each);
    }
    pub(crate) fn name_hash(&self, id: NodeId) -> u64 {
        self.node(id).name_hash
    }
    /// The text between two offsets, as [`Document::span`] counts them.
    pub fn between(&self, from: usize, to: usize) -> &'a str {
        self.text.get(from.saturating_sub(self.offset)..to.saturating_sub(self.offset)).unwrap_or("")
    }
    fn slice(&self, start: u32, end: u32) -> &'a str {
        self.text.get(start as usize..end as usize).unwrap_or("")
    }
}

/// The children of a container.
#[derive(Clone, Debug)]
pub struct Children<'d> {
    nodes: &'d [Node],
    at: u32,
    end: u32,
}

impl Iterator for Children<'_> {
    type Item = NodeId;
    #[inline]
    fn next(&mut self) -> Option<NodeId> {
        if self.at >= self.end {
            return None;
        }
        let id = self.at;
        self.at = self.nodes.get(id as usize)?.next;
        Some(NodeId(id))
    }
}
