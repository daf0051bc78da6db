//! Asks whether two elements are equal under the rules, without recording anything.

use super::walk::{Task, Walk};
use crate::document::json::NodeId;
use crate::rules::Here;

impl Walk<'_, '_> {
    /// Whether two elements are equal under the rules, without recording anything.
    pub(super) fn probe(&mut self, primary: NodeId, candidate: NodeId, here: Here) -> bool {
        let (stack, links, lists) = (std::mem::take(&mut self.stack), self.links.len(), self.lists.len());
        let outer = std::mem::replace(&mut self.found, false);
        self.probing += 1;
        self.stack.push(Task { element: true, ..Task::root(primary, candidate, here) });
        while let Some(task) = self.stack.pop() {
            self.budget = self.budget.saturating_sub(1);
            if self.budget == 0 {
                self.approximate = true;
                self.found = true;
            }
            if !self.found {
                self.step(task);
            }
            if self.found {
                break;
            }
        }
        self.probing -= 1;
        self.stack = stack;
        self.links.truncate(links);
        self.lists.truncate(lists);
        !std::mem::replace(&mut self.found, outer)
    }

    /// The same for two elements that stand at one place, at the cost of a budget of its own: where that is spent, no two are
    /// equal, and the answer is found the other way.
    pub(super) fn probe_in_place(&mut self, primary: NodeId, candidate: NodeId, here: Here) -> bool {
        if self.primary.hash(primary) == self.candidate.hash(candidate) {
            return true;
        }
        if self.spare == 0 {
            return false;
        }
        let (budget, approximate) = (std::mem::replace(&mut self.budget, self.spare), self.approximate);
        let equal = self.probe(primary, candidate, here) && self.budget > 0;
        self.spare = std::mem::replace(&mut self.budget, budget);
        self.approximate = approximate;
        equal
    }

    /// Answers a probe: the pair is not equal.
    pub(super) fn differs(&mut self) {
        self.found = true;
    }
}
