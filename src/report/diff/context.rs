//! What stands around a difference: enough of its surroundings to know which record it is.

use super::super::compact::spaced;
use super::super::text::short;
use crate::compare::IDENTITIES;
use crate::document::json::{Document, NodeId, NodeKind, pointer_token, spell, token_content, unescape};
use std::collections::HashSet;

/// Members of an object that are looked at.
const LOOKED_AT: usize = 64;
/// Members that are shown.
const SHOWN: usize = 3;
/// Columns of a shown value.
const VALUE: usize = 28;

/// A place in both documents.
#[derive(Clone, Debug, Default)]
pub(super) struct Spot {
    pub(super) mine: Option<NodeId>,
    pub(super) theirs: Option<NodeId>,
    /// The elements of both, so that a record of a long array is found without counting.
    elements: Option<[Vec<NodeId>; 2]>,
}

/// Both documents.
#[derive(Clone, Copy)]
pub(super) struct Trees<'t, 'd> {
    pub(super) primary: &'t Document<'d>,
    pub(super) candidate: &'t Document<'d>,
}

impl Trees<'_, '_> {
    pub(super) fn root(&self) -> Spot {
        Spot { mine: Some(self.primary.root()), theirs: Some(self.candidate.root()), elements: None }
    }

    /// The place some tokens below another.
    pub(super) fn below(&self, spot: &mut Spot, mine: &[&str], theirs: &[&str]) -> Spot {
        let (of_mine, of_theirs) = (spot.mine, spot.theirs);
        let [all_mine, all_theirs] = self.elements(spot);
        Spot {
            mine: find(self.primary, of_mine, all_mine, mine),
            theirs: find(self.candidate, of_theirs, all_theirs, theirs),
            elements: None,
        }
    }

    /// The elements of both sides at a place, collected once.
    fn elements<'s>(&self, spot: &'s mut Spot) -> &'s [Vec<NodeId>; 2] {
        let (mine, theirs) = (spot.mine, spot.theirs);
        spot.elements.get_or_insert_with(|| [elements(self.primary, mine), elements(self.candidate, theirs)])
    }

    /// The surroundings at a place: the members by which a record is known, without those that differ; the length of an
    /// array. Nothing where there is nothing to tell.
    pub(super) fn around(&self, spot: &Spot, differing: &HashSet<&str>) -> Option<String> {
        let lengths = [length(self.primary, spot.mine), length(self.candidate, spot.theirs)];
        match lengths {
            [Some(mine), Some(theirs)] if mine != theirs => return Some(format!("[{mine} → {theirs} elements]")),
            [Some(1), _] => return Some("[1 element]".to_owned()),
            [Some(mine), _] => return Some(format!("[{mine} elements]")),
            _ => {}
        }
        let (document, node) = match (spot.mine, spot.theirs) {
            (Some(node), _) => (self.primary, node),
            (None, Some(node)) => (self.candidate, node),
            (None, None) => return None,
        };
        (document.kind(node) == NodeKind::Object).then(|| members(document, node, differing, SHOWN))?
    }

    /// The element that stands before one, of the side that has it.
    pub(super) fn before(&self, spot: &mut Spot, of_candidate: bool, at: &str) -> Option<String> {
        let at: usize = at.parse().ok()?;
        let [mine, theirs] = self.elements(spot);
        let (document, all) = if of_candidate { (self.candidate, theirs) } else { (self.primary, mine) };
        all.get(at)?;
        let Some(before) = at.checked_sub(1).and_then(|before| all.get(before)) else {
            return Some("at the start".to_owned());
        };
        let value = match document.kind(*before) {
            NodeKind::Object => members(document, *before, &HashSet::new(), SHOWN - 1)?,
            _ => short(&spaced(document.raw(*before), 4 * VALUE), VALUE),
        };
        Some(format!("after {value}"))
    }
}

fn elements(document: &Document<'_>, node: Option<NodeId>) -> Vec<NodeId> {
    let array = node.filter(|node| document.kind(*node) == NodeKind::Array);
    array.map(|node| document.children(node).collect()).unwrap_or_default()
}

fn length(document: &Document<'_>, node: Option<NodeId>) -> Option<usize> {
    let array = node.filter(|node| document.kind(*node) == NodeKind::Array)?;
    Some(document.children(array).count())
}

fn find(document: &Document<'_>, from: Option<NodeId>, elements: &[NodeId], tokens: &[&str]) -> Option<NodeId> {
    let mut here = from?;
    for (at, token) in tokens.iter().enumerate() {
        here = match document.kind(here) {
            NodeKind::Array if at == 0 => *elements.get(token.parse::<usize>().ok()?)?,
            NodeKind::Array => document.element(here, token.parse().ok()?)?,
            _ => document.member(here, &token_content(token))?,
        };
    }
    Some(here)
}

fn members(document: &Document<'_>, node: NodeId, differing: &HashSet<&str>, shown: usize) -> Option<String> {
    let mut known: Vec<(usize, String)> = Vec::new();
    let mut all = 0;
    for member in document.children(node) {
        all += 1;
        let name = document.name(member).unwrap_or_default();
        let text = spell(&name);
        let mut token = String::new();
        pointer_token(&mut token, &name);
        let differs = token.strip_prefix('/').is_some_and(|token| differing.contains(token));
        if all > LOOKED_AT || document.kind(member).is_container() || differs {
            continue;
        }
        let rank = IDENTITIES.iter().position(|identity| **identity == *name).unwrap_or(IDENTITIES.len());
        // no more of a long string is read than could be shown
        let raw = document.raw(member);
        let value = match document.kind(member) {
            NodeKind::String if raw.len() > 8 * VALUE => {
                let start = raw.char_indices().nth(2 * VALUE).map_or(raw.len(), |(at, _)| at);
                let content = unescape(raw.get(1..start).unwrap_or(""));
                format!("\"{}\"", short(&spell(&content), VALUE))
            }
            _ => short(&super::super::text::readable(raw), VALUE),
        };
        known.push((rank, format!("\"{}\": {value}", short(&text, VALUE))));
    }
    known.sort_by_key(|(rank, _)| *rank);
    known.truncate(shown);
    if known.is_empty() {
        return None;
    }
    let more = all - known.len();
    let mut parts: Vec<String> = known.into_iter().map(|(_, part)| part).collect();
    if more > 0 {
        parts.push(format!("… {more} more"));
    }
    Some(format!("{{{}}}", parts.join(", ")))
}
