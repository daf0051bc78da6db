//! Compiles a route's rules: checks each, refuses ties, and puts all selectors into one automaton.

use super::automaton::{Automaton, Walker};
use super::selector::{Selector, Specificity};
use super::value::Operand;
use super::{RuleError, RuleKind, RuleSpec, SetCookie, SideChoice};
use super::{added, body, error_body, fallback, ignore, key, number, rewrite, same_id, set_cookie, shape, timestamp};
use crate::document::Media;
use crate::document::json::{Document, NodeId};
use std::sync::Arc;

/// A rule, by its position in its set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleId(u32);

impl RuleId {
    /// Position in the order of the specs.
    pub fn index(self) -> usize {
        self.0 as usize
    }
}

/// What a compiled rule does.
#[derive(Clone, Debug)]
pub(super) enum Action {
    Ignore,
    Shape(shape::Compiled),
    Timestamp(u64),
    Number(number::Compiled),
    Unordered,
    Key(key::Compiled),
    Rewrite(rewrite::Compiled),
    Fallback(fallback::Compiled),
    Added,
    /// The position of its space among those of the set.
    SameId(u32),
    ErrorBody(Vec<u16>),
    SetCookie(SetCookie),
    Body(Media),
}

/// A compiled rule.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) name: Arc<str>,
    weight: (bool, Option<Specificity>),
    slots: Vec<Slot>,
    action: Action,
}

/// Of each of these, one rule acts at a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Slot {
    Ignore,
    FallbackPrimary,
    FallbackCandidate,
    RewritePrimary,
    RewriteCandidate,
    Number,
    Timestamp,
    Shape,
    SameId,
    Array,
    Added,
}
const SLOTS: usize = 11;
const NONE: u32 = u32::MAX;

/// The rules that act at one place, at most one in each slot.
#[derive(Clone, Copy, Debug)]
pub struct Acting {
    slots: [u32; SLOTS],
    any: bool,
}

impl Default for Acting {
    fn default() -> Acting {
        Acting { slots: [NONE; SLOTS], any: false }
    }
}

impl Acting {
    pub(super) fn of(entries: &[Entry], rules: impl Iterator<Item = u32>) -> Acting {
        let mut acting = Acting::default();
        for rule in rules {
            let Some(entry) = entries.get(rule as usize) else { continue };
            acting.any = true;
            for slot in &entry.slots {
                let held = &mut acting.slots[*slot as usize];
                let wins = entries.get(*held as usize).is_none_or(|other| entry.weight > other.weight);
                if wins {
                    *held = rule;
                }
            }
        }
        acting
    }
    /// True where no rule acts.
    pub fn is_empty(&self) -> bool {
        !self.any
    }
    fn get(&self, slot: Slot) -> Option<RuleId> {
        let rule = self.slots[slot as usize];
        (rule != NONE).then_some(RuleId(rule))
    }
    /// The rule that leaves this place out.
    pub fn ignore(&self) -> Option<RuleId> {
        self.get(Slot::Ignore)
    }
    /// The rule that allows a member of the candidate alone.
    pub fn added(&self) -> Option<RuleId> {
        self.get(Slot::Added)
    }
    /// The rule that lets ids differ while they map one to one.
    pub fn same_id(&self) -> Option<RuleId> {
        self.get(Slot::SameId)
    }
    /// The rule that matches elements in any order.
    pub fn array(&self) -> Option<RuleId> {
        self.get(Slot::Array)
    }
    /// True where a fallback may fill an empty value of either side.
    pub fn fills(&self) -> bool {
        self.get(Slot::FallbackPrimary).is_some() || self.get(Slot::FallbackCandidate).is_some()
    }
    fn fallback(&self, primary: bool) -> Option<RuleId> {
        self.get(if primary { Slot::FallbackPrimary } else { Slot::FallbackCandidate })
    }
    fn rewrite(&self, primary: bool) -> Option<RuleId> {
        self.get(if primary { Slot::RewritePrimary } else { Slot::RewriteCandidate })
    }
}

/// The compiled rules of one route: one walk serves them all. Cheap to clone.
#[derive(Clone, Debug)]
pub struct RuleSet {
    entries: Arc<[Entry]>,
    automaton: Arc<Automaton>,
    hash: u64,
}

impl Default for RuleSet {
    fn default() -> RuleSet {
        RuleSet { entries: Arc::new([]), automaton: Arc::new(Automaton::new()), hash: super::spelling::hash(&[]) }
    }
}

impl RuleSet {
    /// Compiles a route's rules (the general ones and its own). Refuses bad selectors, a rule that can never match, and
    /// two of one kind on one place of which neither is more specific.
    pub fn compile(specs: &[RuleSpec]) -> Result<RuleSet, RuleError> {
        let mut automaton = Automaton::new();
        let mut entries: Vec<Entry> = Vec::with_capacity(specs.len());
        let mut selectors: Vec<Option<Selector>> = Vec::with_capacity(specs.len());
        let spaces = spaces(specs);
        body::check(specs)?;
        for (at, spec) in specs.iter().enumerate() {
            let (entry, selector) = compile_one(spec, &spaces)?;
            for ((other, theirs), path) in entries.iter().zip(&selectors).zip(specs) {
                if entry.name == other.name {
                    return Err(error(spec, "name", "another rule has this name; give each its own".into(), None));
                }
                let (Some(mine), Some(theirs)) = (&selector, theirs) else { continue };
                let shared = entry.slots.iter().any(|slot| other.slots.contains(slot));
                if shared && entry.weight == other.weight && mine.meets(theirs) {
                    let message = format!(
                        "rule `{}` ({}) acts on the same places and neither path is more specific; make one narrower",
                        other.name,
                        path.path.as_deref().unwrap_or("$"),
                    );
                    return Err(error(spec, "path", message, None));
                }
            }
            if let Some(selector) = &selector {
                automaton.add(selector, at as u32);
            }
            entries.push(entry);
            selectors.push(selector);
        }
        Ok(RuleSet { entries: entries.into(), automaton: Arc::new(automaton), hash: super::spelling::hash(specs) })
    }
    /// A hash of everything that can change a judgement; equal sets have equal hashes on every machine.
    pub fn hash(&self) -> u64 {
        self.hash
    }
    /// True when there is no rule.
    pub fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }
    /// The rules' names, in order.
    pub fn names(&self) -> Vec<Arc<str>> {
        self.entries.iter().map(|entry| entry.name.clone()).collect()
    }
    /// How many rules there are.
    pub fn len(&self) -> usize {
        self.entries.len()
    }
    /// A rule's name.
    pub fn name(&self, rule: RuleId) -> Option<&Arc<str>> {
        self.entries.get(rule.index()).map(|entry| &entry.name)
    }
    /// True for rules by which values are not compared at all (`ignore`, `shape`, `error_body`). The others say how values are
    /// compared: after a rewrite, as instants, within a tolerance, one to one.
    pub fn hides(&self, rule: RuleId) -> bool {
        let action = self.entries.get(rule.index()).map(|entry| &entry.action);
        matches!(action, Some(Action::Ignore | Action::Shape(_) | Action::ErrorBody(_)))
    }
    /// Starts a walk.
    pub fn walker(&self) -> Walker<'_> {
        Walker::new(&self.automaton, &self.entries)
    }
    /// The rule by which an answer of this status is compared by status and content type alone.
    pub fn error_body(&self, status: u16) -> Option<RuleId> {
        let acts = |entry: &Entry| matches!(&entry.action, Action::ErrorBody(statuses) if statuses.contains(&status));
        self.entries.iter().position(acts).map(|at| RuleId(at as u32))
    }
    /// The rule that says how bodies are read, and how; a route's own before a general one.
    pub fn body(&self) -> Option<(RuleId, Media)> {
        let bodies = self.entries.iter().enumerate().filter_map(|(at, entry)| match entry.action {
            Action::Body(media) => Some((entry.weight.0, RuleId(at as u32), media)),
            _ => None,
        });
        bodies.max_by_key(|(of_route, ..)| *of_route).map(|(_, rule, media)| (rule, media))
    }
    /// The rules by which two cookies are compared as one, in order.
    pub fn cookies(&self) -> impl Iterator<Item = (RuleId, &SetCookie)> {
        self.entries.iter().enumerate().filter_map(|(at, entry)| match &entry.action {
            Action::SetCookie(rule) => Some((RuleId(at as u32), rule)),
            _ => None,
        })
    }
    /// The space of a `same_id` rule, where both values can be ids.
    pub fn id_space(&self, rule: RuleId, primary: &Operand<'_>, candidate: &Operand<'_>) -> Option<u32> {
        match self.entries.get(rule.index())?.action {
            Action::SameId(space) => (same_id::is_id(primary) && same_id::is_id(candidate)).then_some(space),
            _ => None,
        }
    }
    /// The value that a fallback puts in place of an empty one.
    pub fn fill(
        &self,
        acting: &Acting,
        primary: bool,
        document: &Document<'_>,
        parent: Option<NodeId>,
        value: &Operand<'_>,
    ) -> Option<(String, RuleId)> {
        let rule = acting.fallback(primary)?;
        match &self.entries.get(rule.index())?.action {
            Action::Fallback(fallback) => Some((fallback.fill(document, parent, value)?, rule)),
            _ => None,
        }
    }
    /// The text that a rewrite makes of a string.
    pub fn rewrite(&self, acting: &Acting, primary: bool, value: &Operand<'_>) -> Option<(String, RuleId)> {
        let rule = acting.rewrite(primary)?;
        match &self.entries.get(rule.index())?.action {
            Action::Rewrite(rewrite) => Some((rewrite.apply(value)?, rule)),
            _ => None,
        }
    }
    /// The first rule that accepts two different values: number, timestamp, shape.
    pub fn accepts(&self, acting: &Acting, primary: &Operand<'_>, candidate: &Operand<'_>) -> Option<RuleId> {
        [Slot::Number, Slot::Timestamp, Slot::Shape].into_iter().find_map(|slot| {
            let rule = acting.get(slot)?;
            let accepts = match &self.entries.get(rule.index())?.action {
                Action::Number(number) => number.accepts(primary, candidate),
                Action::Timestamp(within_us) => timestamp::accepts(*within_us, primary, candidate),
                Action::Shape(shape) => shape.accepts(primary, candidate),
                _ => false,
            };
            accepts.then_some(rule)
        })
    }
    /// True where one of those rules could accept this value against some other.
    pub fn could_accept(&self, acting: &Acting, value: &Operand<'_>) -> bool {
        let accepting = [Slot::Number, Slot::Timestamp, Slot::Shape, Slot::SameId];
        accepting.into_iter().filter_map(|slot| acting.get(slot)).any(|rule| {
            match self.entries.get(rule.index()).map(|entry| &entry.action) {
                Some(Action::Number(_)) => matches!(value, Operand::Number(_)),
                Some(Action::Timestamp(_)) => value.text().and_then(timestamp::parse).is_some(),
                Some(Action::Shape(shape)) => shape.fits(value),
                Some(Action::SameId(_)) => same_id::is_id(value),
                _ => false,
            }
        })
    }
    /// An element's key, where the array's rule is `key`: `None` where the rule is another, `Some(None)` without a key.
    pub fn key(&self, rule: RuleId, document: &Document<'_>, element: NodeId) -> Option<Option<Vec<u128>>> {
        match &self.entries.get(rule.index())?.action {
            Action::Key(key) => Some(key.of(document, element)),
            _ => None,
        }
    }
    /// True where the array's rule is `key`.
    pub fn is_key(&self, rule: RuleId) -> bool {
        self.entries.get(rule.index()).is_some_and(|entry| matches!(entry.action, Action::Key(_)))
    }
}

fn error(spec: &RuleSpec, key: &'static str, message: String, offset: Option<usize>) -> RuleError {
    RuleError { rule: spec.name.to_string(), key, message, offset }
}

/// The names of all spaces of ids, sorted, each once.
fn spaces(specs: &[RuleSpec]) -> Vec<&str> {
    let mut spaces: Vec<&str> = specs
        .iter()
        .filter_map(|spec| match &spec.kind {
            RuleKind::SameId(rule) => Some(rule.space.as_str()),
            _ => None,
        })
        .collect();
    spaces.sort_unstable();
    spaces.dedup();
    spaces
}

fn compile_one(spec: &RuleSpec, spaces: &[&str]) -> Result<(Entry, Option<Selector>), RuleError> {
    let fail = |key: &'static str| move |message: String| error(spec, key, message, None);
    let selector = match &spec.path {
        Some(path) => Some(Selector::parse(path).map_err(|e| error(spec, "path", e.message.clone(), Some(e.offset)))?),
        None => None,
    };
    let at = match (&spec.kind, &selector) {
        (RuleKind::ErrorBody(_) | RuleKind::SetCookie(_) | RuleKind::Body(_), _) => &Selector { segments: Vec::new() },
        (_, Some(selector)) => selector,
        (_, None) => {
            return Err(error(spec, "path", "this kind acts on places; give a path such as `$.a`".into(), None));
        }
    };
    let sides = |side: SideChoice, primary: Slot, candidate: Slot| match side {
        SideChoice::Primary => vec![primary],
        SideChoice::Candidate => vec![candidate],
        SideChoice::Both => vec![primary, candidate],
    };
    let (action, slots) = match &spec.kind {
        RuleKind::Ignore => {
            ignore::check(spec, at).map_err(|(key, message)| error(spec, key, message, None))?;
            (Action::Ignore, vec![Slot::Ignore])
        }
        RuleKind::Shape(kind) => (Action::Shape(shape::Compiled::new(kind).map_err(fail("shape"))?), vec![Slot::Shape]),
        RuleKind::Timestamp { within_us } => (Action::Timestamp(*within_us), vec![Slot::Timestamp]),
        RuleKind::Number(tolerance) => {
            (Action::Number(number::Compiled::new(tolerance).map_err(fail("number"))?), vec![Slot::Number])
        }
        RuleKind::Unordered => (Action::Unordered, vec![Slot::Array]),
        RuleKind::Key(paths) => (Action::Key(key::Compiled::new(paths).map_err(fail("key"))?), vec![Slot::Array]),
        RuleKind::Rewrite(rule) => (
            Action::Rewrite(rewrite::Compiled::new(rule).map_err(fail("rewrite"))?),
            sides(rule.side, Slot::RewritePrimary, Slot::RewriteCandidate),
        ),
        RuleKind::Fallback(rule) => {
            if rule.side == SideChoice::Both {
                let message = "a fallback fills one side: an empty value on both would be hidden";
                return Err(error(spec, "fallback", message.into(), None));
            }
            (
                Action::Fallback(fallback::Compiled::new(rule).map_err(fail("fallback"))?),
                sides(rule.side, Slot::FallbackPrimary, Slot::FallbackCandidate),
            )
        }
        RuleKind::Added => {
            added::check(at).map_err(fail("path"))?;
            (Action::Added, vec![Slot::Added])
        }
        RuleKind::SameId(rule) => {
            same_id::check(rule).map_err(fail("same_id"))?;
            let space = spaces.binary_search(&rule.space.as_str()).unwrap_or_default();
            (Action::SameId(space as u32), vec![Slot::SameId])
        }
        RuleKind::SetCookie(rule) => {
            set_cookie::check(rule, spec.path.as_deref()).map_err(|(key, message)| error(spec, key, message, None))?;
            (Action::SetCookie(rule.clone()), Vec::new())
        }
        RuleKind::Body(media) => (Action::Body(*media), Vec::new()),
        RuleKind::ErrorBody(rule) => {
            error_body::check(rule, spec.path.as_deref()).map_err(|(key, message)| error(spec, key, message, None))?;
            (Action::ErrorBody(rule.statuses.clone()), Vec::new())
        }
    };
    let weight = (spec.of_route, selector.as_ref().map(Selector::specificity));
    Ok((Entry { name: spec.name.clone(), weight, slots, action }, selector))
}
