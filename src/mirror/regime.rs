//! The shadow thread's part of what is in force: the legs to its sides. Exchanges of an earlier config that are still under
//! way have theirs beside it.

use super::ask::Leg;
use super::in_force::InForce;
use super::operation::{Operations, Tally};
use super::secondary::Secondary;
use std::cell::RefCell;
use std::rc::Rc;
use std::sync::Arc;

/// What is in force, as the shadow thread sees it.
pub(super) struct Regime {
    pub(super) force: Arc<InForce>,
    pub(super) candidate: Option<Leg>,
    pub(super) secondary: Option<Rc<Secondary>>,
    /// The primary, where mismatches are asked again.
    pub(super) again: Option<Leg>,
    /// The operations that share a path of its routes.
    pub(super) operations: Operations,
}

impl Regime {
    fn new(force: &Arc<InForce>, before: Option<&Regime>, tally: &Arc<Tally>) -> Rc<Regime> {
        let (config, ways) = (&force.config, &force.ways);
        // With a secondary, an exchange is kept until that has answered too.
        let for_now = config.secondary.is_none();
        let leg = before.and_then(|before| before.candidate.as_ref());
        let candidate = config.candidate.as_ref().zip(ways.copies.as_ref());
        let candidate = candidate.map(|(side, way)| Leg::new(side, config, way, leg, for_now));
        let earlier = before.and_then(|before| before.secondary.as_deref());
        let secondary = config.secondary.as_ref().zip(ways.secondary.as_ref());
        let secondary = secondary.map(|(side, way)| Secondary::new(side, config, way, earlier));
        let leg = before.and_then(|before| before.again.as_ref());
        let again = ways.again.as_ref().map(|way| Leg::new(&config.primary, config, way, leg, false));
        let earlier = before.map(|before| (&before.operations, &*before.force.config));
        let operations = Operations::new(config, tally, earlier);
        Rc::new(Regime { force: force.clone(), candidate, secondary, again, operations })
    }
    fn sweep(&self) {
        self.candidate.iter().for_each(|candidate| candidate.sweep());
        self.secondary.iter().for_each(|secondary| secondary.sweep());
        self.again.iter().for_each(|again| again.sweep());
    }
}

/// The current one, last, and those before it that are in use.
pub(super) struct Regimes {
    all: RefCell<Vec<Rc<Regime>>>,
    tally: Arc<Tally>,
}

impl Regimes {
    pub(super) fn new(force: &Arc<InForce>, tally: Arc<Tally>) -> Regimes {
        Regimes { all: RefCell::new(vec![Regime::new(force, None, &tally)]), tally }
    }
    /// That of an exchange, by what was in force when it was admitted.
    pub(super) fn of(&self, force: &Arc<InForce>) -> Rc<Regime> {
        let mut all = self.all.borrow_mut();
        if let Some(known) = all.iter().rev().find(|regime| regime.force.number == force.number) {
            return known.clone();
        }
        let regime = Regime::new(force, all.last().map(|last| &**last), &self.tally);
        let place = all.iter().position(|other| other.force.number > force.number).unwrap_or(all.len());
        all.insert(place, regime.clone());
        regime
    }
    /// Closes connections that lay idle too long, and lets go of what nobody uses any more.
    pub(super) fn sweep(&self) {
        let mut all = self.all.borrow_mut();
        let current = all.last().cloned();
        all.retain(|regime| Rc::strong_count(regime) > 1);
        drop(current);
        all.iter().for_each(|regime| regime.sweep());
    }
}

#[cfg(test)]
mod tests {
    use super::super::in_force::tests::with;
    use super::*;

    #[test]
    fn an_exchange_has_the_legs_of_its_own_config_and_old_ones_go() {
        let first = with(|_| (), None);
        let second = with(|config| config.mirror.max_body = 7, Some(&first));
        let third = with(|config| config.candidate = None, Some(&second));
        let regimes = Regimes::new(&first, Arc::default());
        let (one, three, two) = (regimes.of(&first), regimes.of(&third), regimes.of(&second));
        let numbers = || regimes.all.borrow().iter().map(|regime| regime.force.number).collect::<Vec<_>>();
        assert_eq!(numbers(), [1, 2, 3], "whatever comes first");
        assert!(three.candidate.is_none() && two.candidate.is_some());
        assert!(Rc::ptr_eq(&two, &regimes.of(&second)));
        drop((one, three));
        regimes.sweep();
        assert_eq!(numbers(), [2, 3], "the current one stays, used or not");
        drop(two);
        regimes.sweep();
        assert_eq!(numbers(), [3]);
    }
}
