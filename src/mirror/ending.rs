//! What is taken up on the shadow thread has exactly one end, and is counted until then.

use super::shadow::Shadow;
use crate::evidence::NotJudged;
use crate::judge::Verdict;
use std::cell::Cell;
use std::rc::Rc;

/// Something counted until it ends, however it ends.
pub(super) struct Counted {
    shadow: Rc<Shadow>,
    counter: fn(&Shadow) -> &Cell<usize>,
}

impl Counted {
    pub(super) fn new(shadow: &Rc<Shadow>, counter: fn(&Shadow) -> &Cell<usize>) -> Counted {
        counter(shadow).set(counter(shadow).get() + 1);
        Counted { shadow: shadow.clone(), counter }
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        let counter = (self.counter)(&self.shadow);
        counter.set(counter.get() - 1);
    }
}

/// Sees to it that each exchange taken has exactly one end, whatever becomes of its task.
pub(super) struct Ending<'s> {
    pub(super) shadow: &'s Shadow,
    pub(super) judged: bool,
}

impl Ending<'_> {
    pub(super) fn judged(mut self, verdict: Verdict) {
        self.judged = true;
        self.shadow.account.lock().counts.count_verdict(verdict);
    }
    pub(super) fn not_judged(&mut self, reason: NotJudged) {
        self.judged = true;
        self.shadow.account.lock().counts.count_not_judged(reason);
    }
}

impl Drop for Ending<'_> {
    fn drop(&mut self) {
        if !self.judged && !self.shadow.ended.get() {
            self.shadow.account.lock().counts.count_not_judged(NotJudged::Cancelled);
        }
    }
}
