//! Walks two trees in pairs: equal hashes are skipped, rules act where they apply, the rest is a difference.
//!
//! The walk keeps its own stack, so depth costs no stack of the thread. Its cost follows what changed, not the size.

use super::Kind;
use super::findings::{Findings, Tallies};
use super::probe::Log;
use super::same_id::{Claim, claim_all};
use super::settle::Settled;
use crate::document::json::{Document, Hasher, NodeId, NodeKind, NumberKey};
use crate::rules::{Acting, Down, Here, RuleSet, Walker};
use foldhash::fast::FixedState;
use smallvec::SmallVec;
use std::collections::HashMap;

/// One step of a place on both sides; a whole place is a chain of them.
#[derive(Clone, Copy, Debug)]
pub(super) struct Link {
    pub(super) parent: u32,
    pub(super) primary: Segment,
    pub(super) candidate: Segment,
}

#[derive(Clone, Copy, Debug)]
pub(super) enum Segment {
    None,
    Name(NodeId),
    Index(u32),
}

/// A pair of nodes to compare; one of them may be missing.
#[derive(Clone, Copy, Debug)]
pub(super) struct Task {
    pub(super) primary: Option<NodeId>,
    pub(super) candidate: Option<NodeId>,
    pub(super) parents: (Option<NodeId>, Option<NodeId>),
    pub(super) path: u32,
    pub(super) here: Here,
    pub(super) element: bool,
    /// Position among the lists of values under one repeated name.
    pub(super) list: Option<u32>,
    pub(super) detail: Option<&'static str>,
    /// Steps that this task and those beside it stand on: what comes after belongs to what has been walked.
    pub(super) end: u32,
}

impl Task {
    /// Two nodes at the root of a place.
    pub(super) fn root(primary: NodeId, candidate: NodeId, here: Here) -> Task {
        Task::below((None, None), 0, here).with(Some(primary), Some(candidate))
    }
    /// A place below two containers, still without its nodes.
    fn below(parents: (Option<NodeId>, Option<NodeId>), path: u32, here: Here) -> Task {
        Task { primary: None, candidate: None, parents, path, here, element: false, list: None, detail: None, end: 0 }
    }
    fn with(self, primary: Option<NodeId>, candidate: Option<NodeId>) -> Task {
        Task { primary, candidate, ..self }
    }
}

/// Node visits that probing pairs may cost in one comparison; beyond it, matching is approximate.
pub(super) const PROBE_BUDGET: u64 = 500_000;

/// The comparison of two documents under one rule set.
pub(crate) struct Walk<'x, 'd> {
    pub(super) primary: &'x Document<'d>,
    pub(super) candidate: &'x Document<'d>,
    pub(super) rules: &'x RuleSet,
    pub(super) walker: Walker<'x>,
    pub(super) hasher: Hasher,
    pub(super) findings: &'x mut Findings,
    pub(super) tallies: &'x mut Tallies,
    pub(super) links: Vec<Link>,
    pub(super) lists: Vec<(Vec<NodeId>, Vec<NodeId>)>,
    pub(super) stack: Vec<Task>,
    /// Above zero while a pair is only asked whether it is equal.
    pub(super) probing: u32,
    pub(super) found: bool,
    pub(super) budget: u64,
    /// Node visits left for pairs that are asked about where they stand.
    pub(super) spare: u64,
    pub(super) approximate: bool,
    /// Leaves of the primary that were left out.
    pub(super) left_out: u64,
    /// What the rules did in pairs that are asked about where they stand.
    pub(super) log: Option<Log>,
    pub(super) normal: HashMap<(bool, NodeId, Here), (u128, bool), FixedState>,
    /// Ids that were taken for one another, in document order; settled at the end.
    pub(super) claims: Vec<Claim>,
}

/// What a walk says beside its findings.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Walked {
    /// A bound was hit.
    pub(crate) approximate: bool,
    /// Leaves of the primary that were compared.
    pub(crate) leaves: u64,
}

/// Compares two documents that were parsed under one key.
pub(crate) fn compare_trees<'x, 'd>(
    primary: &'x Document<'d>,
    candidate: &'x Document<'d>,
    rules: &'x RuleSet,
    hash_key: u64,
    findings: &'x mut Findings,
    tallies: &'x mut Tallies,
) -> Walked {
    let leaves = primary.leaves(primary.root());
    // Where spellings count, both were parsed so that another spelling is another hash.
    if primary.hash(primary.root()) == candidate.hash(candidate.root()) {
        claim_all(primary, rules, hash_key, &mut findings.ids);
        return Walked { approximate: false, leaves };
    }
    let mut walk = Walk {
        primary,
        candidate,
        rules,
        walker: rules.walker(),
        hasher: Hasher::new(hash_key),
        findings,
        tallies,
        links: Vec::with_capacity(32),
        lists: Vec::new(),
        stack: Vec::with_capacity(32),
        probing: 0,
        found: false,
        budget: PROBE_BUDGET,
        spare: primary.size() + candidate.size(),
        approximate: false,
        left_out: 0,
        log: None,
        normal: HashMap::default(),
        claims: Vec::new(),
    };
    let here = walk.walker.root();
    walk.links.push(Link { parent: 0, primary: Segment::None, candidate: Segment::None });
    walk.stack.push(Task { end: 1, ..Task::root(primary.root(), candidate.root(), here) });
    while let Some(task) = walk.next() {
        walk.step(task);
    }
    walk.settle_claims();
    Walked { approximate: walk.approximate, leaves: leaves.saturating_sub(walk.left_out) }
}

impl<'x, 'd> Walk<'x, 'd> {
    pub(super) fn step(&mut self, task: Task) {
        let leaves = task.primary.map_or(0, |node| self.primary.leaves(node));
        let acting = self.walker.acting(task.here);
        if !acting.is_empty() {
            if let Some(rule) = acting.ignore() {
                let hidden = leaves.max(task.candidate.map_or(0, |node| self.candidate.leaves(node)));
                return self.leave_out(rule, hidden, leaves);
            }
            if task.list.is_none() {
                match self.settle(&task, &acting) {
                    Settled::Equal => return,
                    // the primary has a value here, the one that was filled in
                    Settled::PrimaryFilled if !task.element => {
                        return self.report(&Task { detail: Some("fallback"), ..task }, Kind::Value);
                    }
                    Settled::PrimaryFilled | Settled::Open => {}
                }
            }
        }
        match (task.primary, task.candidate) {
            _ if task.list.is_some() => self.report(&task, Kind::Value),
            (Some(p), Some(c)) => match (self.primary.kind(p), self.candidate.kind(c)) {
                (NodeKind::Object, NodeKind::Object) if self.renamed(p, c) => {
                    self.report(&Task { detail: Some("element"), ..task }, Kind::Type);
                }
                (NodeKind::Object, NodeKind::Object) => self.objects(&task, p, c),
                (NodeKind::Array, NodeKind::Array) => self.arrays(&task, p, c, &acting),
                (NodeKind::Number, NodeKind::Number) if self.is_spelling_alone(p, c, &acting) => {}
                (a, b) if a == b => self.report(&task, Kind::Value),
                _ => self.report(&task, Kind::Type),
            },
            (Some(_), None) => self.report(&task, Kind::Missing),
            (None, Some(_)) => match acting.added().filter(|_| !task.element) {
                // Nothing of the primary's is hidden by what the candidate has beside it.
                Some(rule) => self.hit(rule, 0),
                None => self.report(&task, Kind::Added),
            },
            (None, None) => {}
        }
    }

    /// True where two numbers differ in spelling, some rule made hashes tell spellings apart, and none does so here.
    fn is_spelling_alone(&self, p: NodeId, c: NodeId, acting: &Acting) -> bool {
        self.rules.spells()
            && !self.rules.spells_here(acting)
            && NumberKey::of(self.primary.raw(p)) == NumberKey::of(self.candidate.raw(c))
    }

    fn objects(&mut self, task: &Task, p: NodeId, c: NodeId) {
        let before = self.stack.len();
        if self.primary.has_duplicates(p) || self.candidate.has_duplicates(c) {
            self.members_with_duplicates(task, p, c);
        } else {
            self.members(task, p, c);
        }
        self.first_comes_first(before);
    }

    /// Turns the tasks that were added since, so that they are taken in the order in which they were added.
    fn first_comes_first(&mut self, before: usize) {
        let end = self.links.len() as u32;
        if let Some(added) = self.stack.get_mut(before..) {
            added.iter_mut().for_each(|task| task.end = end);
            added.reverse();
        }
    }

    /// The next task. The steps of what has been walked are given back, unless a claim may still want to tell where it stood.
    pub(super) fn next(&mut self) -> Option<Task> {
        let task = self.stack.pop()?;
        if self.claims.is_empty() {
            self.links.truncate(task.end as usize);
        }
        Some(task)
    }

    fn members(&mut self, task: &Task, p: NodeId, c: NodeId) {
        let (primary, candidate) = (self.primary, self.candidate);
        let others: SmallVec<[NodeId; 24]> = candidate.children(c).collect();
        let mut matched: SmallVec<[bool; 24]> = SmallVec::from_elem(false, others.len());
        let mut index: Option<HashMap<u64, usize>> = None;
        let mut next = 0;
        let acting = self.walker.acting(task.here);
        let renamed = self.rules.renamed(&acting).filter(|(_, rename)| {
            primary.member(p, rename.from.as_bytes()).is_some() && candidate.member(c, rename.to.as_bytes()).is_some()
        });
        for mine in primary.children(p) {
            let name = primary.name(mine);
            let rename = renamed.filter(|(_, rename)| name.as_deref() == Some(rename.from.as_bytes()));
            // the candidate's member of this name is another one's partner
            let taken = renamed.is_some_and(|(_, rename)| name.as_deref() == Some(rename.to.as_bytes()));
            let (hash, name) = match rename {
                // looked for under its other name, whose hash these documents may not hold
                Some((_, rename)) => (None, Some(rename.to.as_bytes().into())),
                None => (Some(primary.name_hash(mine)), name),
            };
            let same = |at: usize| {
                others.get(at).is_some_and(|o| {
                    hash.is_none_or(|hash| candidate.name_hash(*o) == hash) && candidate.name(*o) == name
                })
            };
            let found = if taken {
                None
            } else if same(next) {
                Some(next)
            } else if others.len() <= 16 || hash.is_none() {
                (0..others.len()).find(|at| same(*at))
            } else {
                let index = index.get_or_insert_with(|| {
                    others.iter().enumerate().map(|(at, other)| (candidate.name_hash(*other), at)).collect()
                });
                hash.and_then(|hash| index.get(&hash)).copied().filter(|at| same(*at))
            };
            let other = found.and_then(|at| {
                next = at + 1;
                if let Some(matched) = matched.get_mut(at) {
                    *matched = true;
                }
                others.get(at).copied()
            });
            if let (Some((rule, _)), Some(_)) = (rename, other) {
                self.hit(rule, 0);
            }
            if other.is_none_or(|other| primary.hash(mine) != candidate.hash(other)) {
                let member = self.member(task, (p, c), Some(mine), other);
                self.stack.push(member);
            }
        }
        for (other, matched) in others.iter().zip(&matched) {
            if !matched {
                let member = self.member(task, (p, c), None, Some(*other));
                self.stack.push(member);
            }
        }
    }

    /// Values under one name are compared as a list: no value wins over another.
    fn members_with_duplicates(&mut self, task: &Task, p: NodeId, c: NodeId) {
        let (primary, candidate) = (self.primary, self.candidate);
        let mut order: Vec<Vec<u8>> = Vec::new();
        let mut groups: HashMap<Vec<u8>, (Vec<NodeId>, Vec<NodeId>)> = HashMap::new();
        let both = primary.children(p).map(|node| (true, node)).chain(candidate.children(c).map(|node| (false, node)));
        for (mine, node) in both {
            let name = if mine { primary.name(node) } else { candidate.name(node) }.unwrap_or_default().into_owned();
            if !groups.contains_key(&name) {
                order.push(name.clone());
            }
            let group = groups.entry(name).or_default();
            if mine { group.0.push(node) } else { group.1.push(node) }
        }
        for name in order {
            let Some((mine, theirs)) = groups.remove(&name) else { continue };
            let same = mine.iter().map(|n| primary.hash(*n)).eq(theirs.iter().map(|n| candidate.hash(*n)));
            if same {
                continue;
            }
            let mut member = self.member(task, (p, c), mine.first().copied(), theirs.first().copied());
            if mine.len() > 1 || theirs.len() > 1 {
                member.list = Some(self.lists.len() as u32);
                member.detail = Some("duplicate_keys");
                self.lists.push((mine, theirs));
            }
            self.stack.push(member);
        }
    }

    fn member(&mut self, task: &Task, parents: (NodeId, NodeId), p: Option<NodeId>, c: Option<NodeId>) -> Task {
        let mut here = Walker::NOWHERE;
        if self.walker.below(task.here) {
            let name = match (p, c) {
                (Some(p), _) => self.primary.name(p),
                (None, Some(c)) => self.candidate.name(c),
                (None, None) => None,
            };
            here = self.walker.down(task.here, Down::Name(&name.unwrap_or_default()));
        }
        let (primary, candidate) = match (p, c) {
            (Some(p), Some(c)) => (Segment::Name(p), Segment::Name(c)),
            (Some(p), None) => (Segment::Name(p), Segment::None),
            (None, Some(c)) => (Segment::None, Segment::Name(c)),
            (None, None) => (Segment::None, Segment::None),
        };
        self.links.push(Link { parent: task.path, primary, candidate });
        Task::below((Some(parents.0), Some(parents.1)), (self.links.len() - 1) as u32, here).with(p, c)
    }

    fn arrays(&mut self, task: &Task, p: NodeId, c: NodeId, acting: &Acting) {
        let mine: Vec<NodeId> = self.primary.children(p).collect();
        let theirs: Vec<NodeId> = self.candidate.children(c).collect();
        let aligned = match acting.array() {
            Some(rule) => self.match_any_order(task, rule, &mine, &theirs),
            None => self.align(task, &mine, &theirs),
        };
        if aligned.reordered {
            self.report(task, Kind::Order);
        }
        let before = self.stack.len();
        for pair in &aligned.pairs {
            let (a, b) = (pair.0.and_then(|at| mine.get(at)), pair.1.and_then(|at| theirs.get(at)));
            if let (Some(a), Some(b)) = (a, b)
                && self.primary.hash(*a) == self.candidate.hash(*b)
            {
                continue;
            }
            let mut element = self.element(task, (p, c), *pair, (mine.len(), theirs.len()));
            (element.primary, element.candidate) = (a.copied(), b.copied());
            element.detail = pair.2;
            self.stack.push(element);
        }
        self.first_comes_first(before);
    }

    fn element(&mut self, task: &Task, parents: (NodeId, NodeId), pair: Pair, lengths: (usize, usize)) -> Task {
        let segment = |at: Option<usize>| at.map_or(Segment::None, |at| Segment::Index(at as u32));
        self.links.push(Link { parent: task.path, primary: segment(pair.0), candidate: segment(pair.1) });
        let here = self.element_here(task.here, pair.0.or(pair.1).unwrap_or(0), lengths, pair.0.is_some());
        let parents = (Some(parents.0), Some(parents.1));
        Task { element: true, ..Task::below(parents, (self.links.len() - 1) as u32, here) }
    }

    pub(super) fn element_here(&mut self, here: Here, at: usize, lengths: (usize, usize), primary: bool) -> Here {
        if !self.walker.below(here) {
            return Walker::NOWHERE;
        }
        self.walker.down(here, Down::Index { at, length: if primary { lengths.0 } else { lengths.1 } })
    }
}

/// A primary's and a candidate's position, either missing, and a detail for what is left over.
pub(super) type Pair = (Option<usize>, Option<usize>, Option<&'static str>);

/// How two arrays' elements belong together.
#[derive(Debug, Default)]
pub(super) struct Aligned {
    /// In the order in which differences are told.
    pub(super) pairs: Vec<Pair>,
    /// The same elements in another order.
    pub(super) reordered: bool,
}
