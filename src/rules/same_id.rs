//! `same_id`: the sides name one thing differently (7 and `"urn:isbn:…"`). Any two ids may stand for each other, but each
//! for one only: the walk claims, and a claim that breaks the map of its document is a difference. With a wider scope what
//! holds within the document is claimed towards the session or the run, whose map is a fold's (`evidence`).

use super::set::Action;
use super::value::Operand;
use super::{IdScope, RuleId, RuleSet, SameId};
use std::sync::Arc;

/// Where ids map one to one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct IdSpace {
    /// Its position among the spaces of the set.
    pub at: u32,
    /// Its name, the same in every set.
    pub name: Arc<str>,
    /// How far the map reaches.
    pub scope: IdScope,
}

/// A compiled rule.
#[derive(Clone, Debug)]
pub(super) struct Compiled(IdSpace);

impl Compiled {
    pub(super) fn new(rule: &SameId, at: u32) -> Compiled {
        Compiled(IdSpace { at, name: rule.space.as_str().into(), scope: rule.scope })
    }
}

impl RuleSet {
    /// The space of a `same_id` rule.
    pub fn id_space(&self, rule: RuleId) -> Option<&IdSpace> {
        match self.action(rule)? {
            Action::SameId(compiled) => Some(&compiled.0),
            _ => None,
        }
    }
    /// True where some rule's ids map one to one beyond one document: then a judgement carries claims.
    pub fn claims_ids(&self) -> bool {
        let wide = |compiled: &Compiled| compiled.0.scope != IdScope::Document;
        self.entries().iter().any(|entry| matches!(&entry.action, Action::SameId(compiled) if wide(compiled)))
    }
}

/// True where a value can be an id: a string that is not empty, or a number.
pub fn is_id(value: &Operand<'_>) -> bool {
    match value {
        Operand::Text(text) => !text.is_empty(),
        Operand::Number(_) => true,
        Operand::Absent | Operand::Other(_) => false,
    }
}

pub(super) fn check(rule: &SameId) -> Result<(), String> {
    if rule.space.trim().is_empty() {
        return Err("a space needs a name, such as \"book\": ids of one space share one map".into());
    }
    Ok(())
}
