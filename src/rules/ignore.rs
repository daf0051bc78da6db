//! `ignore`: the node and what is below it are not compared, present or not. Needs a reason, and never takes the root.

use super::RuleSpec;
use super::selector::Selector;

pub(super) fn check(spec: &RuleSpec, selector: &Selector) -> Result<(), (&'static str, String)> {
    if spec.reason.as_deref().is_none_or(|reason| reason.trim().is_empty()) {
        return Err(("reason", "a rule that hides a value altogether needs a reason".into()));
    }
    if selector.segments.is_empty() {
        return Err(("ignore", "`$` would hide the whole body; name what is to be left out".into()));
    }
    Ok(())
}
