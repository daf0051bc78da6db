//! Compiles rules: checks each, refuses ties, and puts all selectors into one automaton.

use super::acting::Slot;
use super::automaton::Automaton;
use super::selector::Selector;
use super::set::{Action, Entry};
use super::{RuleError, RuleKind, RuleSpec, SideChoice};
use super::{absent, added, body, decode, error_body, fallback, ignore, key, number, rename, rewrite};
use super::{same_id, set_cookie, shape, text, url};

/// The entries of a set, in the order of the specs, and the automaton of their selectors.
pub(super) fn compile(specs: &[RuleSpec]) -> Result<(Vec<Entry>, Automaton), RuleError> {
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
    Ok((entries, automaton))
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
    let (action, slots) = match value_action(spec)? {
        Some(both) => both,
        None => structure_action(spec, at, spaces)?,
    };
    let weight = (spec.of_route, selector.as_ref().map(Selector::specificity));
    Ok((Entry { name: spec.name.clone(), weight, slots, action }, selector))
}

type Acts = (Action, Vec<Slot>);

/// What a kind makes of two values; `None` for the kinds about members, arrays and whole answers.
fn value_action(spec: &RuleSpec) -> Result<Option<Acts>, RuleError> {
    let fail = |key: &'static str| move |message: String| error(spec, key, message, None);
    let sides = |side: SideChoice, primary: Slot, candidate: Slot| match side {
        SideChoice::Primary => vec![primary],
        SideChoice::Candidate => vec![candidate],
        SideChoice::Both => vec![primary, candidate],
    };
    Ok(Some(match &spec.kind {
        RuleKind::Shape(kind) => (Action::Shape(shape::Compiled::new(kind).map_err(fail("shape"))?), vec![Slot::Shape]),
        RuleKind::Timestamp { within_us } => (Action::Timestamp(*within_us), vec![Slot::Timestamp]),
        RuleKind::Number(tolerance) => {
            (Action::Number(number::Compiled::new(tolerance).map_err(fail("number"))?), vec![Slot::Number])
        }
        RuleKind::Url(rule) => (Action::Url(url::Compiled::new(rule).map_err(fail("url"))?), vec![Slot::Url]),
        RuleKind::Text(modes) => (Action::Text(text::Compiled::new(modes).map_err(fail("text"))?), vec![Slot::Text]),
        RuleKind::Decode(codecs) => {
            (Action::Decode(decode::Compiled::new(codecs).map_err(fail("decode"))?), vec![Slot::Decode])
        }
        RuleKind::Rewrite(rule) => (
            Action::Rewrite(rewrite::Compiled::new(rule).map_err(fail("rewrite"))?),
            sides(rule.side, Slot::RewritePrimary, Slot::RewriteCandidate),
        ),
        RuleKind::Fallback(rule) => {
            if rule.side == SideChoice::Both {
                let message = "a fallback fills one side: an empty value on both would be hidden";
                return Err(error(spec, "fallback", message.into(), None));
            }
            if spec.path.as_deref().is_some_and(|path| fallback::is_itself(path, rule)) {
                let message = "`from` is the value that is to be filled: an empty one stays empty";
                return Err(error(spec, "fallback", message.into(), None));
            }
            (
                Action::Fallback(fallback::Compiled::new(rule).map_err(fail("fallback"))?),
                sides(rule.side, Slot::FallbackPrimary, Slot::FallbackCandidate),
            )
        }
        _ => return Ok(None),
    }))
}

/// What the other kinds do.
fn structure_action(spec: &RuleSpec, at: &Selector, spaces: &[&str]) -> Result<Acts, RuleError> {
    let fail = |key: &'static str| move |message: String| error(spec, key, message, None);
    Ok(match &spec.kind {
        RuleKind::Ignore => {
            ignore::check(spec, at).map_err(|(key, message)| error(spec, key, message, None))?;
            (Action::Ignore, vec![Slot::Ignore])
        }
        RuleKind::Unordered => (Action::Unordered, vec![Slot::Array]),
        RuleKind::Set => (Action::Set, vec![Slot::Array]),
        RuleKind::Key(paths) => (Action::Key(key::Compiled::new(paths).map_err(fail("key"))?), vec![Slot::Array]),
        RuleKind::AbsentIsNull { empty } => {
            absent::check(at).map_err(fail("absent_is_null"))?;
            (Action::Absent { empty: *empty }, vec![Slot::Absent])
        }
        RuleKind::Rename(rule) => {
            rename::check(rule).map_err(fail("rename"))?;
            (Action::Rename(rule.clone()), vec![Slot::Rename])
        }
        RuleKind::Added => {
            added::check(at).map_err(fail("added"))?;
            (Action::Added, vec![Slot::Added])
        }
        RuleKind::SameId(rule) => {
            same_id::check(rule).map_err(fail("same_id"))?;
            let space = spaces.binary_search(&rule.space.as_str()).unwrap_or_default();
            (Action::SameId(same_id::Compiled::new(rule, space as u32)), vec![Slot::SameId])
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
        RuleKind::Shape(_)
        | RuleKind::Timestamp { .. }
        | RuleKind::Number(_)
        | RuleKind::Url(_)
        | RuleKind::Text(_)
        | RuleKind::Decode(_)
        | RuleKind::Rewrite(_)
        | RuleKind::Fallback(_) => return Err(error(spec, "path", "this kind acts on values".into(), None)),
    })
}
