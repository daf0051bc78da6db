//! What `fallback`, `rewrite` and `text` make of one value, in this order; whoever asks what a value is asks here.

use super::acting::Acting;
use super::value::Operand;
use super::{RuleId, RuleSet};
use crate::document::json::{Document, NodeId};

/// A value as the rules at its place make it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Made<'d> {
    /// The value.
    pub value: Operand<'d>,
    /// The `fallback`, `rewrite` and `text` that acted.
    pub by: [Option<RuleId>; 3],
}

impl RuleSet {
    /// What the rules make of a value of one side, below this parent.
    pub fn made<'d>(
        &self,
        acting: &Acting,
        primary: bool,
        document: &Document<'d>,
        parent: Option<NodeId>,
        node: Option<NodeId>,
    ) -> Made<'d> {
        let mut made = Made { value: Operand::of(document, node), by: [None; 3] };
        if let Some((text, rule)) = self.fill(acting, primary, document, parent, &made.value) {
            made.value = Operand::Text(text.into_bytes().into());
            made.by[0] = Some(rule);
        }
        if let Some((text, rule)) = self.rewrite(acting, primary, &made.value) {
            made.value = Operand::Text(text.into_bytes().into());
            made.by[1] = Some(rule);
        }
        if let Some((text, rule)) = self.text(acting, &made.value) {
            made.value = Operand::Text(text.into_bytes().into());
            made.by[2] = Some(rule);
        }
        made
    }
}
