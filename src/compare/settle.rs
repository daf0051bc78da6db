//! What the rules at one place make of its two values: filled, rewritten, accepted, or left as they are.

use super::walk::{Task, Walk};
use crate::rules::{Acting, Operand, RuleId, is_none};
use smallvec::SmallVec;

/// What the rules at one place make of its two values.
pub(super) enum Settled {
    /// One value.
    Equal,
    /// Two values still, where the primary's own was absent and a rule filled it.
    PrimaryFilled,
    /// Nothing: the values are compared as they are.
    Open,
}

impl Walk<'_, '_> {
    /// Lets the rules at this place look at both values.
    pub(super) fn settle(&mut self, task: &Task, acting: &Acting) -> Settled {
        let mine = self.rules.made(acting, true, self.primary, task.parents.0, task.primary);
        let theirs = self.rules.made(acting, false, self.candidate, task.parents.1, task.candidate);
        // kind by kind, so that one rule that acted on both sides stands beside itself
        let used: [Option<RuleId>; 6] = [mine.by[0], theirs.by[0], mine.by[1], theirs.by[1], mine.by[2], theirs.by[2]];
        let (primary, candidate) = (&mine.value, &theirs.value);
        let equal = used.iter().any(Option::is_some)
            && matches!((primary, candidate), (Operand::Text(a), Operand::Text(b)) if a == b);
        let accepted = if equal { None } else { self.rules.accepts(acting, primary, candidate) };
        let accepted = accepted.or_else(|| if equal { None } else { self.neither(task, acting) });
        if !equal && accepted.is_none() && self.claim(task, acting, primary, candidate) {
            return Settled::Equal;
        }
        if !equal && accepted.is_none() {
            let filled = task.primary.is_none() && used[0].is_some();
            return if filled { Settled::PrimaryFilled } else { Settled::Open };
        }
        if self.is_recording() {
            let leaves = task.primary.map_or(1, |node| self.primary.leaves(node));
            // one rule that acted on both sides acted once
            let mut acted: SmallVec<[RuleId; 7]> = used.into_iter().flatten().chain(accepted).collect();
            acted.dedup();
            for rule in acted {
                self.hit(rule, if self.rules.hides(rule) { leaves } else { 0 });
            }
        }
        Settled::Equal
    }

    /// The rule by which this member is on neither side: absent on one, and null (or empty) on the other.
    fn neither(&self, task: &Task, acting: &Acting) -> Option<RuleId> {
        let rule = acting.absent()?;
        let empty = self.rules.takes_empty(rule);
        // A hole in an array is a hole: there both elements have to be there.
        let member = !task.element || (task.primary.is_some() && task.candidate.is_some());
        let none = is_none(self.primary, task.primary, empty) && is_none(self.candidate, task.candidate, empty);
        (member && none).then_some(rule)
    }
}
