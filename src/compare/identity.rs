//! Elements that carry an identity are the same element, wherever they stand and whatever else changed in them.

use super::by_hash::{ByHash, by_hash};
use super::walk::{Aligned, Pair};
use crate::document::json::{Document, NodeId, NodeKind};

/// Members by which elements are recognised, the first that fits wins. One that is unique on both sides and mostly shared.
pub(crate) const IDENTITIES: [&[u8]; 12] =
    [b"id", b"uuid", b"_id", b"pk", b"key", b"guid", b"slug", b"isbn", b"code", b"url", b"href", b"name"];

/// Pairs elements by identity, one that `may_be`; `None` where they have none.
pub(super) fn align(
    (primary, mine): (&Document<'_>, &[NodeId]),
    (candidate, theirs): (&Document<'_>, &[NodeId]),
    mut may_be: impl FnMut(&[u8]) -> bool,
) -> Option<Aligned> {
    let objects =
        |document: &Document<'_>, nodes: &[NodeId]| nodes.iter().all(|node| document.kind(*node) == NodeKind::Object);
    if !objects(primary, mine) || !objects(candidate, theirs) {
        return None;
    }
    let (name, ids) = IDENTITIES.iter().find_map(|name| {
        let ids = identities(candidate, theirs, name)?;
        let mut shared = 0;
        let mut seen = by_hash(mine.len());
        for node in mine {
            let id = identity(primary, *node, name)?;
            if seen.insert(id, ()).is_some() {
                return None;
            }
            shared += usize::from(ids.contains_key(&id));
        }
        (shared * 2 >= mine.len().min(theirs.len()) && may_be(name)).then_some((*name, ids))
    })?;
    let mut free = vec![true; theirs.len()];
    let mut pairs: Vec<Pair> = Vec::with_capacity(mine.len());
    for (at, node) in mine.iter().enumerate() {
        let other = identity(primary, *node, name).and_then(|id| ids.get(&id)).copied();
        if let Some(free) = other.and_then(|other| free.get_mut(other)) {
            *free = false;
        }
        pairs.push((Some(at), other, None));
    }
    let matched = || pairs.iter().filter_map(|pair| pair.1);
    let reordered = matched().zip(matched().skip(1)).any(|(a, b)| a > b);
    pairs.extend(free.iter().enumerate().filter(|(_, free)| **free).map(|(at, _)| (None, Some(at), None)));
    Some(Aligned { pairs, reordered })
}

/// The elements' values of one member, where each has one, scalar and unlike the others.
fn identities(document: &Document<'_>, nodes: &[NodeId], name: &[u8]) -> Option<ByHash<usize>> {
    let mut seen = by_hash(nodes.len());
    for (at, node) in nodes.iter().enumerate() {
        if seen.insert(identity(document, *node, name)?, at).is_some() {
            return None;
        }
    }
    Some(seen)
}

fn identity(document: &Document<'_>, node: NodeId, name: &[u8]) -> Option<u128> {
    let id = document.member(node, name)?;
    matches!(document.kind(id), NodeKind::String | NodeKind::Number).then(|| document.hash(id))
}
