//! Asks whether two elements are equal under the rules, without recording anything.

use super::walk::{Task, Walk};
use crate::document::json::NodeId;
use crate::rules::{Here, RuleId};

/// What the rules did in pairs that were found equal where they stand.
#[derive(Debug, Default)]
pub(super) struct Log {
    hits: Vec<(RuleId, u64)>,
    left_out: u64,
    /// Something of the pair at hand is not in it.
    incomplete: bool,
}

impl Log {
    fn begin(&mut self) -> (usize, u64) {
        self.incomplete = false;
        (self.hits.len(), self.left_out)
    }
    fn back_to(&mut self, (hits, left_out): (usize, u64)) {
        self.hits.truncate(hits);
        self.left_out = left_out;
    }
}

/// What two elements are that stand at one place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum InPlace {
    /// Equal under the rules, and what those did is in the log.
    Equal,
    /// Equal under the rules, and still to be walked.
    EqualButUnsaid,
    /// Not equal.
    Differs,
}

impl Walk<'_, '_> {
    /// Whether two elements are equal under the rules, without recording anything.
    pub(super) fn probe(&mut self, primary: NodeId, candidate: NodeId, here: Here) -> bool {
        let (stack, links, lists) = (std::mem::take(&mut self.stack), self.links.len(), self.lists.len());
        let outer = std::mem::replace(&mut self.found, false);
        self.probing += 1;
        self.stack.push(Task { element: true, end: links as u32, ..Task::root(primary, candidate, here) });
        while let Some(task) = self.next() {
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

    /// The same for two elements that stand at one place, at the cost of a budget of its own (where that is spent, no two are
    /// equal, and the answer is found the other way); what the rules do goes into the log.
    pub(super) fn probe_in_place(&mut self, primary: NodeId, candidate: NodeId, here: Here) -> InPlace {
        if self.primary.hash(primary) == self.candidate.hash(candidate) {
            return InPlace::Equal;
        }
        if self.spare == 0 {
            return InPlace::Differs;
        }
        let before = self.log.get_or_insert_default().begin();
        let (budget, approximate) = (std::mem::replace(&mut self.budget, self.spare), self.approximate);
        let equal = self.probe(primary, candidate, here) && self.budget > 0;
        self.spare = std::mem::replace(&mut self.budget, budget);
        self.approximate = approximate;
        let complete = self.log.as_ref().is_some_and(|log| !log.incomplete);
        if equal && complete {
            return InPlace::Equal;
        }
        self.log.get_or_insert_default().back_to(before);
        if equal { InPlace::EqualButUnsaid } else { InPlace::Differs }
    }

    /// Makes what was logged count, or forgets it.
    pub(super) fn end_log(&mut self, counts: bool) {
        let Some(log) = self.log.take().filter(|_| counts) else { return };
        log.hits.into_iter().for_each(|(rule, hidden)| self.tallies.hit(rule, hidden));
        self.left_out += log.left_out;
    }

    /// True where what a rule does is counted, now or once the log is.
    pub(super) fn is_recording(&self) -> bool {
        self.probing == 0 || (self.probing == 1 && self.log.is_some())
    }

    /// Counts what a rule did; in a probe, in its log alone.
    pub(super) fn hit(&mut self, rule: RuleId, hidden: u64) {
        match (self.probing, &mut self.log) {
            (0, _) => self.tallies.hit(rule, hidden),
            (1, Some(log)) => log.hits.push((rule, hidden)),
            _ => {}
        }
    }

    /// The same for a rule that leaves so many leaves of the primary out.
    pub(super) fn leave_out(&mut self, rule: RuleId, hidden: u64, leaves: u64) {
        self.hit(rule, hidden);
        match (self.probing, &mut self.log) {
            (0, _) => self.left_out += leaves,
            (1, Some(log)) => log.left_out += leaves,
            _ => {}
        }
    }

    /// Something is left out of the log: the pair has to be walked to be counted.
    pub(super) fn must_be_walked(&mut self) {
        if let (1, Some(log)) = (self.probing, &mut self.log) {
            log.incomplete = true;
        }
    }

    /// Answers a probe: the pair is not equal.
    pub(super) fn differs(&mut self) {
        self.found = true;
    }
}
