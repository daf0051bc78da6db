//! Whose data an answer holds: a difference by which the candidate names another principal than the one who asks is
//! critical, whatever its kind. Only differences are looked at: what both sides name alike is no finding.

use super::Context;
use crate::compare::{Difference, Kind, Place, Severity};
use crate::document::json::{Document, NodeKind, ParseOptions, Step, token_content};
use crate::exchange::Exchange;
use crate::rules::Selector;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The places in which answers to one principal class name a principal.
#[derive(Clone, Debug, Default)]
pub struct Owners {
    /// `owner_paths`.
    pub paths: Vec<Selector>,
    /// Callers of this class are nobody (anonymous, a rejected credential): whoever is named is somebody else. For other
    /// classes nothing is checked where the subject is not known.
    pub nobody: bool,
}

/// By principal class; a class that is not here has no such places.
pub type OwnersByClass = BTreeMap<Arc<str>, Owners>;

/// Makes those differences critical by which the candidate names somebody else.
pub(super) fn weigh(differences: &mut [Difference], exchange: &Exchange, context: &Context) {
    let Some(owners) = context.owners.get(&exchange.principal).filter(|owners| !owners.paths.is_empty()) else {
        return;
    };
    if exchange.subject.is_none() && !owners.nobody {
        return;
    }
    for difference in differences.iter_mut().filter(|difference| difference.place == Place::Body) {
        let by_value = matches!(difference.kind, Kind::Value | Kind::Type | Kind::Added);
        if by_value && names_another(difference, owners, exchange.subject.as_deref(), context) {
            difference.severity = Severity::Critical;
        }
    }
}

/// True where the candidate's value has, at an owner's place, somebody else than the subject.
fn names_another(difference: &Difference, owners: &Owners, subject: Option<&str>, context: &Context) -> bool {
    let Some(value) = &difference.candidate else { return false };
    let options = ParseOptions::new(context.limits.depth, context.hash_key);
    // What is no JSON is no value of a tree.
    let Ok(document) = Document::parse(value.as_bytes(), &options) else { return false };
    let base = steps_of(&difference.path);
    let mut found = false;
    document.scalars(|scalar| {
        let named = match scalar.kind {
            NodeKind::String => document.string(scalar.node),
            NodeKind::Number => document.raw(scalar.node).as_bytes().into(),
            NodeKind::Null | NodeKind::Bool | NodeKind::Array | NodeKind::Object => return,
        };
        if named.is_empty() || subject.is_some_and(|subject| subject.as_bytes() == &*named) {
            return;
        }
        let path: Vec<Step<'_>> = base.iter().chain(scalar.steps).cloned().collect();
        found |= owners.paths.iter().any(|owner| owner.matches(&path));
    });
    found
}

/// A pointer as steps. A token of digits alone is taken for a position.
fn steps_of(pointer: &str) -> Vec<Step<'_>> {
    pointer
        .split('/')
        .skip(1)
        .map(|token| match token.parse() {
            Ok(index) if token.bytes().all(|b| b.is_ascii_digit()) => Step::Index(index),
            _ => Step::Name(token_content(token).into()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn difference(path: &str, candidate: &str) -> Difference {
        Difference {
            place: Place::Body,
            path: path.into(),
            beside: None,
            kind: Kind::Value,
            detail: None,
            primary: None,
            candidate: Some(candidate.into()),
            severity: Severity::Medium,
            shape: String::new(),
        }
    }

    #[test]
    fn somebody_else_is_found_at_an_owners_place_and_below_a_difference() {
        let paths = ["$.owner", "$..draft_of"].map(|path| Selector::parse(path).unwrap());
        let owners = Owners { paths: paths.into(), nobody: false };
        let another = |path: &str, value: &str, subject: Option<&str>| {
            names_another(&difference(path, value), &owners, subject, &Context::default())
        };
        assert!(another("/owner", "7", Some("8")) && another("/owner", "\"7\"", Some("8")));
        assert!(!another("/owner", "8", Some("8")) && !another("/owner", "\"8\"", Some("8")));
        assert!(!another("/other", "7", Some("8")) && !another("/a/owner", "7", Some("8")));
        assert!(another("/results/3", r#"{"draft_of":[{"draft_of":9}]}"#, Some("8")));
        assert!(!another("/owner", "null", Some("8")) && !another("/owner", "\"\"", None));
        assert!(another("/owner", "7", None));
    }
}
