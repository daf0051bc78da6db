//! `rename`: one member of an object has another name at the candidate. Its value is compared as ever; whatever stands under
//! the other name on either side is a member of its own.

use super::Rename;

pub(super) fn check(rule: &Rename) -> Result<(), String> {
    if rule.from == rule.to {
        return Err("the two names are the same; the rule can never act".into());
    }
    Ok(())
}
