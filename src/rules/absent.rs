//! `absent_is_null`: no member and a null one are the same; with `empty` also `""`, `[]` and `{}`. Never 0, false or "0", and
//! never a hole in an array.

use super::selector::{Pick, Selector};
use crate::document::json::{Document, NodeId, NodeKind};

pub(super) fn check(selector: &Selector) -> Result<(), String> {
    match selector.segments.last().map(|segment| &segment.pick) {
        None => Err("`$` is always there; name the member".into()),
        Some(Pick::Index(_)) => Err("an element is never absent; the path must end in a name or `*`".into()),
        Some(_) => Ok(()),
    }
}

/// True for a value that stands for none: `null`, and where the rule says so any empty one.
pub(crate) fn is_none(document: &Document<'_>, node: Option<NodeId>, empty: bool) -> bool {
    let Some(node) = node else { return true };
    match document.kind(node) {
        NodeKind::Null => true,
        NodeKind::String => empty && document.string(node).is_empty(),
        NodeKind::Array | NodeKind::Object => empty && document.children(node).next().is_none(),
        NodeKind::Bool | NodeKind::Number => false,
    }
}
