//! The compiled rules of a route: what each does to the values at a place.

use super::acting::{ACCEPTING, Acting, Slot};
use super::automaton::{Automaton, Walker};
use super::selector::{Pick, Specificity};
use super::value::Operand;
use super::{Rename, RuleError, RuleSpec, SetCookie};
use super::{decode, fallback, key, number, rewrite, same_id, shape, text, timestamp, url};
use crate::document::Media;
use crate::document::json::{Document, NodeId};
use std::sync::Arc;

/// A rule, by its position in its set.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RuleId(pub(super) u32);

impl RuleId {
    /// The rule at this position in the order of the specs.
    pub fn at(index: usize) -> RuleId {
        RuleId(index as u32)
    }
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
    Set,
    Key(key::Compiled),
    Rewrite(rewrite::Compiled),
    Fallback(fallback::Compiled),
    Added,
    Url(url::Compiled),
    Text(text::Compiled),
    Decode(decode::Compiled),
    Absent { empty: bool },
    Rename(Rename),
    SameId(same_id::Compiled),
    ErrorBody(Vec<u16>),
    SetCookie(SetCookie),
    Body(Media),
}

/// A compiled rule.
#[derive(Clone, Debug)]
pub(super) struct Entry {
    pub(super) name: Arc<str>,
    pub(super) weight: (bool, Option<Specificity>),
    pub(super) slots: Vec<Slot>,
    pub(super) action: Action,
}

/// The compiled rules of one route: one walk serves them all. Cheap to clone.
#[derive(Clone, Debug)]
pub struct RuleSet {
    entries: Arc<[Entry]>,
    automaton: Arc<Automaton>,
    hash: u64,
    /// Some rule tells spellings of a number apart, so that equal values may differ.
    spells: bool,
    /// The rules that act on no place of a tree: on whole answers, on cookies, on how bodies are read.
    placeless: Arc<[RuleId]>,
}

impl Default for RuleSet {
    fn default() -> RuleSet {
        RuleSet {
            entries: Arc::new([]),
            automaton: Arc::new(Automaton::new()),
            hash: super::spelling::hash(&[]),
            spells: false,
            placeless: Arc::new([]),
        }
    }
}

impl RuleSet {
    /// Compiles a route's rules (the general ones and its own). Refuses bad selectors, a rule that can never match, and
    /// two of one kind on one place of which neither is more specific.
    pub fn compile(specs: &[RuleSpec]) -> Result<RuleSet, RuleError> {
        let (entries, automaton) = super::compile::compile(specs)?;
        let spells = entries.iter().any(|entry| matches!(&entry.action, Action::Number(number) if number.spells()));
        let hash = super::spelling::hash(specs);
        let is_placeless =
            |entry: &Entry| matches!(entry.action, Action::ErrorBody(_) | Action::SetCookie(_) | Action::Body(_));
        let placeless = entries.iter().enumerate().filter(|(_, entry)| is_placeless(entry));
        let placeless = placeless.map(|(at, _)| RuleId(at as u32)).collect();
        Ok(RuleSet { entries: entries.into(), automaton: Arc::new(automaton), hash, spells, placeless })
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
    pub(super) fn entries(&self) -> &[Entry] {
        &self.entries
    }
    pub(super) fn action(&self, rule: RuleId) -> Option<&Action> {
        self.entries.get(rule.index()).map(|entry| &entry.action)
    }
    /// A rule's name.
    pub fn name(&self, rule: RuleId) -> Option<&Arc<str>> {
        self.entries.get(rule.index()).map(|entry| &entry.name)
    }
    /// True for rules by which values are not compared at all (`ignore`, `shape`, `error_body`). The others say how values are
    /// compared: after a rewrite, as instants, within a tolerance, one to one.
    pub fn hides(&self, rule: RuleId) -> bool {
        matches!(self.action(rule), Some(Action::Ignore | Action::Shape(_) | Action::ErrorBody(_)))
    }
    /// True where some rule tells spellings of one number apart: then equal values may still differ.
    pub fn spells(&self) -> bool {
        self.spells
    }
    /// True where a number's spelling counts at this place.
    pub fn spells_here(&self, acting: &Acting) -> bool {
        let action = acting.get(Slot::Number).and_then(|rule| self.action(rule));
        matches!(action, Some(Action::Number(number)) if number.spells())
    }
    /// Starts a walk.
    pub fn walker(&self) -> Walker<'_> {
        Walker::new(&self.automaton, &self.entries)
    }
    fn placeless(&self) -> impl Iterator<Item = (RuleId, &Entry)> {
        self.placeless.iter().filter_map(|rule| Some((*rule, self.entries.get(rule.index())?)))
    }
    /// The rule by which an answer of this status is compared by status and content type alone.
    pub fn error_body(&self, status: u16) -> Option<RuleId> {
        let acts = |entry: &Entry| matches!(&entry.action, Action::ErrorBody(statuses) if statuses.contains(&status));
        self.placeless().find(|(_, entry)| acts(entry)).map(|(rule, _)| rule)
    }
    /// The rule that says how bodies are read, and how; a route's own before a general one.
    pub fn body(&self) -> Option<(RuleId, Media)> {
        let bodies = self.placeless().filter_map(|(rule, entry)| match entry.action {
            Action::Body(media) => Some((entry.weight.0, rule, media)),
            _ => None,
        });
        bodies.max_by_key(|(of_route, ..)| *of_route).map(|(_, rule, media)| (rule, media))
    }
    /// The rules by which two cookies are compared as one, in order.
    pub fn cookies(&self) -> impl Iterator<Item = (RuleId, &SetCookie)> {
        self.placeless().filter_map(|(rule, entry)| match &entry.action {
            Action::SetCookie(cookie) => Some((rule, cookie)),
            _ => None,
        })
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
        match self.action(rule)? {
            Action::Fallback(fallback) => Some((fallback.fill(document, parent, value)?, rule)),
            _ => None,
        }
    }
    /// The text that a rewrite makes of a string.
    pub fn rewrite(&self, acting: &Acting, primary: bool, value: &Operand<'_>) -> Option<(String, RuleId)> {
        let rule = acting.rewrite(primary)?;
        match self.action(rule)? {
            Action::Rewrite(rewrite) => Some((rewrite.apply(value)?, rule)),
            _ => None,
        }
    }
    /// The text that a `text` rule makes of a string, on either side.
    pub fn text(&self, acting: &Acting, value: &Operand<'_>) -> Option<(String, RuleId)> {
        let rule = acting.get(Slot::Text)?;
        match self.action(rule)? {
            Action::Text(text) => Some((text.apply(value)?, rule)),
            _ => None,
        }
    }
    /// True where the rule takes every kind of emptiness for none, not `null` alone.
    pub fn takes_empty(&self, rule: RuleId) -> bool {
        matches!(self.action(rule), Some(Action::Absent { empty: true }))
    }
    /// The primary's and the candidate's name of a member, where a rule renames one of this object.
    pub fn renamed(&self, acting: &Acting) -> Option<(RuleId, &Rename)> {
        let rule = acting.rename()?;
        match self.action(rule)? {
            Action::Rename(rename) => Some((rule, rename)),
            _ => None,
        }
    }
    /// The first rule that accepts two different values, in the order of [`ACCEPTING`].
    pub fn accepts(&self, acting: &Acting, primary: &Operand<'_>, candidate: &Operand<'_>) -> Option<RuleId> {
        ACCEPTING.into_iter().find_map(|slot| {
            let rule = acting.get(slot)?;
            let accepts = match self.action(rule)? {
                Action::Number(number) => number.accepts(primary, candidate),
                Action::Timestamp(within_us) => timestamp::accepts(*within_us, primary, candidate),
                Action::Shape(shape) => shape.accepts(primary, candidate),
                Action::Url(url) => url.accepts(primary, candidate),
                Action::Decode(decode) => decode.accepts(primary, candidate),
                _ => false,
            };
            accepts.then_some(rule)
        })
    }
    /// True where one of those rules could accept this value against some other.
    pub fn could_accept(&self, acting: &Acting, value: &Operand<'_>) -> bool {
        ACCEPTING.into_iter().chain([Slot::SameId]).filter_map(|slot| acting.get(slot)).any(|rule| {
            match self.action(rule) {
                Some(Action::Number(number)) => number.could_accept(value),
                Some(Action::Timestamp(_)) => value.text().and_then(timestamp::parse).is_some(),
                Some(Action::Shape(shape)) => shape.fits(value),
                Some(Action::SameId(_)) => same_id::is_id(value),
                Some(Action::Url(url)) => url.could_accept(value),
                Some(Action::Decode(decode)) => decode.could_accept(value),
                _ => false,
            }
        })
    }
    /// An element's key, where the array's rule is `key`: `None` where the rule is another, `Some(None)` without a key.
    pub fn key(&self, rule: RuleId, document: &Document<'_>, element: NodeId) -> Option<Option<Vec<u128>>> {
        match self.action(rule)? {
            Action::Key(key) => Some(key.of(document, element)),
            _ => None,
        }
    }
    /// Where the parts of an element's key stand; none where the array's rule is another than `key`.
    pub fn key_parts(&self, rule: RuleId) -> &[Vec<Pick>] {
        match self.action(rule) {
            Some(Action::Key(key)) => key.parts(),
            _ => &[],
        }
    }
    /// True where the array's rule is `set`.
    pub fn is_set(&self, rule: RuleId) -> bool {
        matches!(self.action(rule), Some(Action::Set))
    }
    /// True where the array's rule is `key`.
    pub fn is_key(&self, rule: RuleId) -> bool {
        matches!(self.action(rule), Some(Action::Key(_)))
    }
}
