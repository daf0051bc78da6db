//! Elements that carry an identity are the same element, wherever they stand and whatever else changed in them.

use super::by_hash::{ByHash, by_hash};
use super::walk::{Aligned, Pair};
use crate::document::json::{Document, NodeId, NodeKind};

/// Members by which elements are recognised, the first that fits wins. One that is unique on both sides (but for a few) and
/// mostly shared.
pub(crate) const IDENTITIES: [&[u8]; 12] =
    [b"id", b"uuid", b"_id", b"pk", b"key", b"guid", b"slug", b"isbn", b"code", b"url", b"href", b"name"];

/// One element in so many may have the identity of an earlier one.
const REPEATED: usize = 4;

/// Where an identity stands first, and how often.
type Places = ByHash<(usize, usize)>;

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
    let (name, at_p, at_c) = IDENTITIES.iter().filter(|name| may_be(name)).find_map(|name| {
        let (at_p, at_c) = (places(primary, mine, name)?, places(candidate, theirs, name)?);
        let shared = at_p.keys().filter(|id| at_c.contains_key(*id)).count();
        (shared * 2 >= mine.len().min(theirs.len())).then_some((*name, at_p, at_c))
    })?;
    let mut partners: Vec<Option<usize>> = Vec::with_capacity(mine.len());
    let mut repeated: Vec<(u128, usize)> = Vec::new();
    let mut free = vec![true; theirs.len()];
    for (at, node) in mine.iter().enumerate() {
        let id = identity(primary, *node, name)?;
        let alone = |places: &Places| places.get(&id).is_none_or(|(_, times)| *times == 1);
        let other = at_c.get(&id).filter(|_| alone(&at_p) && alone(&at_c)).map(|(other, _)| *other);
        if let Some(free) = other.and_then(|other| free.get_mut(other)) {
            *free = false;
        }
        if !(alone(&at_p) && alone(&at_c)) {
            repeated.push((id, at));
        }
        partners.push(other);
    }
    if !repeated.is_empty() {
        let left = theirs.iter().enumerate().filter(|(at, _)| free.get(*at).is_some_and(|free| *free));
        let left = left.filter_map(|(at, node)| Some((identity(candidate, *node, name)?, at))).collect();
        let same = |p: usize, c: usize| matches!((mine.get(p), theirs.get(c)), (Some(p), Some(c)) if primary.hash(*p) == candidate.hash(*c));
        for (p, c) in pair_repeated(&repeated, left, same) {
            if let (Some(partner), Some(free)) = (partners.get_mut(p), free.get_mut(c)) {
                (*partner, *free) = (Some(c), false);
            }
        }
    }
    let matched = || partners.iter().flatten();
    let reordered = matched().zip(matched().skip(1)).any(|(a, b)| a > b);
    let mut pairs: Vec<Pair> = partners.iter().enumerate().map(|(at, other)| (Some(at), *other, None)).collect();
    pairs.extend(free.iter().enumerate().filter(|(_, free)| **free).map(|(at, _)| (None, Some(at), None)));
    Some(Aligned { pairs, reordered })
}

/// Of elements with one identity those belong together that are the same, then the first of one side and the first of the
/// other.
fn pair_repeated(
    mine: &[(u128, usize)],
    mut theirs: Vec<(u128, usize)>,
    same: impl Fn(usize, usize) -> bool,
) -> Vec<(usize, usize)> {
    let (mut pairs, mut rest) = (Vec::new(), Vec::new());
    for (id, p) in mine {
        match theirs.iter().position(|(other, c)| other == id && same(*p, *c)) {
            Some(at) => pairs.push((*p, theirs.remove(at).1)),
            None => rest.push((*id, *p)),
        }
    }
    for (id, p) in rest {
        if let Some(at) = theirs.iter().position(|(other, _)| *other == id) {
            pairs.push((p, theirs.remove(at).1));
        }
    }
    pairs
}

/// The elements' values of one member, where each has one, scalar and mostly unlike the others.
fn places(document: &Document<'_>, nodes: &[NodeId], name: &[u8]) -> Option<Places> {
    let mut seen: Places = by_hash(nodes.len());
    let mut again = 0;
    for (at, node) in nodes.iter().enumerate() {
        let (_, times) = seen.entry(identity(document, *node, name)?).or_insert((at, 0));
        *times += 1;
        again += usize::from(*times > 1);
        if again > LIMIT || again * REPEATED > nodes.len() {
            return None;
        }
    }
    Some(seen)
}

/// Repeated identities of one side; they are looked for one by one.
const LIMIT: usize = 256;

fn identity(document: &Document<'_>, node: NodeId, name: &[u8]) -> Option<u128> {
    let id = document.member(node, name)?;
    matches!(document.kind(id), NodeKind::String | NodeKind::Number).then(|| document.hash(id))
}
