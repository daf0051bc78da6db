//! An RFC 6902 patch between two documents as received, rules aside.
//!
//! Operations are in the order in which they are applied, and every pointer is valid at that moment: an array is first given
//! its elements (removals from the end, then moves and additions from the start), and what changed inside them comes after,
//! at their new places. The walk keeps its own stack; its cost follows what changed.

use super::array::align_as_received;
use super::reorder::{Step, steps};
use crate::document::json::{Document, NodeId, NodeKind, escape};
use std::collections::HashMap;

/// Operations on one container that are never worth replacing it whole.
const FEW: usize = 16;
/// Bytes of an operation beside its pointers and its value.
const AROUND: usize = 32;

/// One operation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operation {
    /// What is done.
    pub act: Act,
    /// Where: an RFC 6901 pointer, as a JSON string.
    pub path: String,
}

/// What an operation does.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Act {
    /// Puts in this node of the candidate's document.
    Add(NodeId),
    /// Takes out.
    Remove,
    /// Puts this node of the candidate's document in the place of another.
    Replace(NodeId),
    /// Takes from this place, a pointer as a JSON string.
    Move(String),
}

/// Why there is no patch.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the object at byte {offset} has two members of one name: no patch can tell them apart")]
pub struct RepeatedName {
    /// Where the object opens.
    pub offset: usize,
    /// True where it is in the candidate's document.
    pub of_candidate: bool,
}

/// The operations that turn the primary's document into the candidate's; none where they are equal by value. Both were
/// parsed under one key. Fails where a name is repeated in either, since libraries keep one of the two.
pub fn patch(primary: &Document<'_>, candidate: &Document<'_>) -> Result<Vec<Operation>, RepeatedName> {
    for (document, of_candidate) in [(primary, false), (candidate, true)] {
        if let Some(node) = document.first_duplicates() {
            return Err(RepeatedName { offset: document.span(node).start, of_candidate });
        }
    }
    let mut writer = Writer { primary, candidate, links: vec![Link::ROOT], stack: Vec::new(), out: Vec::new() };
    let (p, c) = (primary.root(), candidate.root());
    if primary.hash(p) != candidate.hash(c) {
        match writer.same_container(p, c) {
            true => writer.stack.push((p, c, 0)),
            false => writer.out.push(Operation { act: Act::Replace(c), path: writer.pointer(0) }),
        }
    }
    while let Some((p, c, link)) = writer.stack.pop() {
        match primary.kind(p) {
            NodeKind::Object => writer.object(p, c, link),
            _ => writer.array(p, c, link),
        }
    }
    Ok(writer.out)
}

/// One step of a pointer; a whole pointer is a chain of them, written down only where an operation needs it.
#[derive(Clone, Copy)]
struct Link {
    parent: u32,
    token: Token,
    /// Bytes of the whole pointer, roughly.
    length: usize,
}

#[derive(Clone, Copy)]
enum Token {
    Root,
    /// The name of a member of the primary's document.
    Mine(NodeId),
    /// The name of a member of the candidate's document.
    Theirs(NodeId),
    Index(usize),
}

impl Link {
    const ROOT: Link = Link { parent: 0, token: Token::Root, length: 0 };
}

/// An operation on a child of one container, before its pointer is written.
struct Planned {
    token: Token,
    act: PlannedAct,
}

enum PlannedAct {
    Add(NodeId),
    Remove,
    Replace(NodeId),
    Move(usize),
}

struct Writer<'x, 'd> {
    primary: &'x Document<'d>,
    candidate: &'x Document<'d>,
    links: Vec<Link>,
    /// Pairs of containers of one kind that differ, and where they stand once their parents are done.
    stack: Vec<(NodeId, NodeId, u32)>,
    out: Vec<Operation>,
}

impl Writer<'_, '_> {
    fn same_container(&self, p: NodeId, c: NodeId) -> bool {
        let kind = self.primary.kind(p);
        kind == self.candidate.kind(c) && kind.is_container()
    }

    fn object(&mut self, p: NodeId, c: NodeId, link: u32) {
        let (primary, candidate) = (self.primary, self.candidate);
        let others: Vec<NodeId> = candidate.children(c).collect();
        let mut free = vec![true; others.len()];
        let mut index: Option<HashMap<u64, usize>> = None;
        let mut next = 0;
        let (mut planned, mut inside) = (Vec::new(), Vec::new());
        for mine in primary.children(p) {
            let hash = primary.name_hash(mine);
            let same = |at: &usize| {
                others
                    .get(*at)
                    .is_some_and(|o| candidate.name_hash(*o) == hash && candidate.name(*o) == primary.name(mine))
            };
            // members mostly come in one order; where they do not, an index is made once
            let found = Some(next).filter(same).or_else(|| {
                let index = index.get_or_insert_with(|| {
                    others.iter().enumerate().map(|(at, other)| (candidate.name_hash(*other), at)).collect()
                });
                index.get(&hash).copied().filter(same)
            });
            let Some((at, other)) = found.and_then(|at| Some((at, *others.get(at)?))) else {
                planned.push(Planned { token: Token::Mine(mine), act: PlannedAct::Remove });
                continue;
            };
            next = at + 1;
            if let Some(free) = free.get_mut(at) {
                *free = false;
            }
            self.pair((mine, other), Token::Mine(mine), &mut planned, &mut inside);
        }
        let added = others.iter().zip(&free).filter(|(_, free)| **free).map(|(other, _)| *other);
        planned.extend(added.map(|other| Planned { token: Token::Theirs(other), act: PlannedAct::Add(other) }));
        // removals first: should two names share a hash, one is taken out and put in again
        planned.sort_by_key(|one| !matches!(one.act, PlannedAct::Remove));
        self.settle(c, link, planned, inside);
    }

    fn array(&mut self, p: NodeId, c: NodeId, link: u32) {
        let mine: Vec<NodeId> = self.primary.children(p).collect();
        let theirs: Vec<NodeId> = self.candidate.children(c).collect();
        let matched = matched((self.primary, &mine), (self.candidate, &theirs));
        let (mut planned, mut inside) = (Vec::new(), Vec::new());
        for step in steps(&matched, theirs.len()) {
            let (at, act) = match step {
                Step::Remove { at } => (at, PlannedAct::Remove),
                Step::Move { from, to } => (to, PlannedAct::Move(from)),
                Step::Add { at, theirs: other } => match theirs.get(other) {
                    Some(node) => (at, PlannedAct::Add(*node)),
                    None => continue,
                },
            };
            planned.push(Planned { token: Token::Index(at), act });
        }
        for (node, other) in mine.iter().zip(&matched) {
            if let Some((at, other)) = other.and_then(|at| Some((at, *theirs.get(at)?))) {
                self.pair((*node, other), Token::Index(at), &mut planned, &mut inside);
            }
        }
        self.settle(c, link, planned, inside);
    }

    /// Two children that belong together: nothing, a look inside, or one for the other.
    fn pair(
        &self,
        (mine, theirs): (NodeId, NodeId),
        token: Token,
        planned: &mut Vec<Planned>,
        inside: &mut Vec<(NodeId, NodeId, Token)>,
    ) {
        if self.primary.hash(mine) == self.candidate.hash(theirs) {
            return;
        }
        match self.same_container(mine, theirs) {
            true => inside.push((mine, theirs, token)),
            false => planned.push(Planned { token, act: PlannedAct::Replace(theirs) }),
        }
    }

    /// Writes down what is planned for a container, or replaces it whole where that is shorter.
    fn settle(&mut self, c: NodeId, link: u32, planned: Vec<Planned>, inside: Vec<(NodeId, NodeId, Token)>) {
        if planned.len() > FEW && self.cost(link, &planned) > self.candidate.raw(c).len() {
            self.out.push(Operation { act: Act::Replace(c), path: self.pointer(link) });
            return;
        }
        for one in planned {
            let act = match one.act {
                PlannedAct::Add(node) => Act::Add(node),
                PlannedAct::Remove => Act::Remove,
                PlannedAct::Replace(node) => Act::Replace(node),
                PlannedAct::Move(from) => Act::Move(self.below(link, Token::Index(from))),
            };
            let path = self.below(link, one.token);
            self.out.push(Operation { act, path });
        }
        for (mine, theirs, token) in inside.into_iter().rev() {
            let length = self.length(link) + self.token_length(token);
            self.links.push(Link { parent: link, token, length });
            self.stack.push((mine, theirs, (self.links.len() - 1) as u32));
        }
    }

    fn length(&self, link: u32) -> usize {
        self.links.get(link as usize).map_or(0, |link| link.length)
    }

    fn token_length(&self, token: Token) -> usize {
        match token {
            Token::Root => 0,
            Token::Mine(node) => self.primary.name(node).map_or(0, |name| name.len()) + 1,
            Token::Theirs(node) => self.candidate.name(node).map_or(0, |name| name.len()) + 1,
            Token::Index(_) => 6,
        }
    }

    /// Bytes of the operations, roughly.
    fn cost(&self, link: u32, planned: &[Planned]) -> usize {
        let above = self.length(link);
        let each = planned.iter().map(|one| {
            let path = above + self.token_length(one.token);
            AROUND
                + match one.act {
                    PlannedAct::Add(node) | PlannedAct::Replace(node) => path + self.candidate.raw(node).len(),
                    PlannedAct::Remove => path,
                    PlannedAct::Move(_) => 2 * path,
                }
        });
        each.sum()
    }

    /// The pointer of a child that has no link.
    fn below(&self, link: u32, token: Token) -> String {
        let mut content = self.content(link);
        self.push_token(&mut content, token);
        escape(&content)
    }

    fn pointer(&self, link: u32) -> String {
        escape(&self.content(link))
    }

    fn content(&self, link: u32) -> Vec<u8> {
        let (mut chain, mut at) = (Vec::new(), link);
        while let Some(link) = self.links.get(at as usize).filter(|_| at != 0) {
            chain.push(link.token);
            at = link.parent;
        }
        let mut content = Vec::with_capacity(self.length(link));
        chain.into_iter().rev().for_each(|token| self.push_token(&mut content, token));
        content
    }

    /// A reference token, in the content of names: a lone surrogate stays one, so that JSON can spell it.
    fn push_token(&self, content: &mut Vec<u8>, token: Token) {
        let name = match token {
            Token::Root => return,
            Token::Index(at) => return content.extend_from_slice(format!("/{at}").as_bytes()),
            Token::Mine(node) => self.primary.name(node),
            Token::Theirs(node) => self.candidate.name(node),
        };
        content.push(b'/');
        for byte in name.unwrap_or_default().iter() {
            match byte {
                b'~' => content.extend_from_slice(b"~0"),
                b'/' => content.extend_from_slice(b"~1"),
                byte => content.push(*byte),
            }
        }
    }
}

/// For each element of the primary's array its position in the candidate's, if it has one there.
fn matched(primary: (&Document<'_>, &[NodeId]), candidate: (&Document<'_>, &[NodeId])) -> Vec<Option<usize>> {
    let (mine, theirs) = (primary.1, candidate.1);
    let aligned = align_as_received(primary, candidate);
    let tail = mine.len() - aligned.head - aligned.mine;
    let mut matched: Vec<Option<usize>> = (0..aligned.head).map(Some).collect();
    matched.resize(aligned.head + aligned.mine, None);
    matched.extend((theirs.len() - tail..theirs.len()).map(Some));
    // what is left over on both sides and is the same has moved
    let mut alone: HashMap<u128, Vec<usize>> = HashMap::new();
    for (p, c, _) in aligned.pairs.iter().rev() {
        match (p, c) {
            (Some(p), Some(c)) => set(&mut matched, *p, *c),
            (None, Some(c)) => {
                if let Some(node) = theirs.get(*c) {
                    alone.entry(candidate.0.hash(*node)).or_default().push(*c);
                }
            }
            _ => {}
        }
    }
    for p in aligned.pairs.iter().filter(|pair| pair.1.is_none()).filter_map(|pair| pair.0) {
        let hash = mine.get(p).map(|node| primary.0.hash(*node));
        if let Some(c) = hash.and_then(|hash| alone.get_mut(&hash)).and_then(Vec::pop) {
            set(&mut matched, p, c);
        }
    }
    matched
}

fn set(matched: &mut [Option<usize>], p: usize, c: usize) {
    if let Some(place) = matched.get_mut(p) {
        *place = Some(c);
    }
}

/// The elements of two arrays that changed their place among the others, however they changed inside: positions in the
/// primary's and in the candidate's array. `None` where a node is no array.
pub fn moves(
    (primary, p): (&Document<'_>, NodeId),
    (candidate, c): (&Document<'_>, NodeId),
) -> Option<Vec<(usize, usize)>> {
    if primary.kind(p) != NodeKind::Array || candidate.kind(c) != NodeKind::Array {
        return None;
    }
    let (mine, theirs): (Vec<NodeId>, Vec<NodeId>) = (primary.children(p).collect(), candidate.children(c).collect());
    Some(super::reorder::moves(&matched((primary, &mine), (candidate, &theirs))))
}
