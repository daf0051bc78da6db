//! `same_id`: the sides name one thing differently (7 and `"urn:isbn:…"`). Any two ids may stand for each other, but each
//! for one only: the walk claims, and a claim that breaks the map of its document is a difference.

use super::SameId;
use super::value::Operand;

/// True where a value can be an id: a string that is not empty, or a number.
pub(super) fn is_id(value: &Operand<'_>) -> bool {
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
