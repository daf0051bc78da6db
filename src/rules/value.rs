//! A value as a rule sees it: a node, or text that an earlier rule made of one.

use crate::document::json::{Document, NodeId, NodeKind};
use std::borrow::Cow;

/// One side's value at a place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operand<'d> {
    /// There is none.
    Absent,
    /// A string's content (WTF-8), as received or as a rule made it.
    Text(Cow<'d, [u8]>),
    /// A number as received.
    Number(&'d str),
    /// Anything else, by type.
    Other(NodeKind),
}

impl<'d> Operand<'d> {
    /// The value of a node.
    pub fn of(document: &Document<'d>, node: Option<NodeId>) -> Operand<'d> {
        let Some(node) = node else { return Operand::Absent };
        match document.kind(node) {
            NodeKind::String => Operand::Text(document.string(node)),
            NodeKind::Number => Operand::Number(document.raw(node)),
            other => Operand::Other(other),
        }
    }
    /// The text of a string without lone surrogates.
    pub fn text(&self) -> Option<&str> {
        match self {
            Operand::Text(content) => std::str::from_utf8(content).ok(),
            _ => None,
        }
    }
    /// The JSON type; `None` where there is no value.
    pub fn kind(&self) -> Option<NodeKind> {
        match self {
            Operand::Absent => None,
            Operand::Text(_) => Some(NodeKind::String),
            Operand::Number(_) => Some(NodeKind::Number),
            Operand::Other(kind) => Some(*kind),
        }
    }
    /// What `fallback` fills: nothing, `null` or `""`.
    pub fn is_empty(&self) -> bool {
        match self {
            Operand::Absent | Operand::Other(NodeKind::Null) => true,
            Operand::Text(content) => content.is_empty(),
            _ => false,
        }
    }
}
