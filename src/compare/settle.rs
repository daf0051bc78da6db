//! What the rules at one place make of its two values: filled, rewritten, accepted, or left as they are.

use super::walk::{Task, Walk};
use crate::rules::{Acting, Operand, RuleId};

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
        let mut sides = [Operand::of(self.primary, task.primary), Operand::of(self.candidate, task.candidate)];
        let documents = [(self.primary, task.parents.0), (self.candidate, task.parents.1)];
        let mut used: [Option<RuleId>; 4] = [None; 4];
        for (at, (value, (document, parent))) in sides.iter_mut().zip(documents).enumerate() {
            if let Some((text, rule)) = self.rules.fill(acting, at == 0, document, parent, value) {
                *value = Operand::Text(text.into_bytes().into());
                used[at] = Some(rule);
            }
            if let Some((text, rule)) = self.rules.rewrite(acting, at == 0, value) {
                *value = Operand::Text(text.into_bytes().into());
                used[at + 2] = Some(rule);
            }
        }
        let [primary, candidate] = &sides;
        let equal = used.iter().any(Option::is_some)
            && matches!((primary, candidate), (Operand::Text(a), Operand::Text(b)) if a == b);
        let accepted = if equal { None } else { self.rules.accepts(acting, primary, candidate) };
        if !equal && accepted.is_none() && self.claim(task, acting, primary, candidate) {
            return Settled::Equal;
        }
        if !equal && accepted.is_none() {
            let filled = task.primary.is_none() && used[0].is_some();
            return if filled { Settled::PrimaryFilled } else { Settled::Open };
        }
        if self.probing == 0 {
            let leaves = task.primary.map_or(1, |node| self.primary.leaves(node));
            for rule in used.into_iter().flatten().chain(accepted) {
                self.tallies.hit(rule, if self.rules.hides(rule) { leaves } else { 0 });
            }
        }
        Settled::Equal
    }
}
