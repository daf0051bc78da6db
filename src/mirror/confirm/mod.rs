//! Confirmation: a sample of the mismatches is asked again, of both sides, after each configured delay.
//!
//! It asks the primary for real, so it has a budget of its own, sends safe methods alone, and rests whenever mirroring does.
//! **Nothing waits for it, and nothing of it reaches the disk** but the marks: what waits to be asked is in memory, with the
//! credentials that came with it, and gone with the process; such a mismatch stays `unconfirmed`. This file says what is taken
//! up and what becomes of it; `follow` asks.

mod budget;
mod follow;
mod sample;

use super::closing::Closing;
use super::control::BreakerState;
use super::in_force::InForce;
use super::regime::Regime;
use super::room::{Full, Room};
use super::secondary::{OVERHEAD, kept};
use super::session::Jar;
use super::shadow::Shadow;
use super::shared::Shared;
use crate::compare::words;
use crate::config::RouteIndex;
use crate::evidence::{Confirming, Mark, MarkCounts, Versions};
use crate::exchange::{Answer, Exchange};
use crate::judge::{Judgement, SignatureId, Verdict};
use crate::upstream::Hop;
use budget::{Budget, Spent};
use follow::Following;
use http::Method;
use parking_lot::Mutex;
use sample::Sample;
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::Instant;
use tokio::sync::Notify;

/// Mismatches that wait at once.
const WAITING: usize = 512;
/// Bytes of their copies.
const WAITING_BYTES: usize = 8 << 20;
/// Looks under way at once: a primary that hangs is not asked more and more.
const ASKED_AT_ONCE: usize = 16;

/// What became of a mismatch that could have been asked again. A closed list, used by metrics. But for the first four it stays
/// `unconfirmed`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConfirmOutcome {
    /// It is still there.
    Persistent,
    /// Both sides agree.
    Race,
    /// The primary changes its answer.
    PrimaryUnstable,
    /// The candidate changes its answer.
    CandidateUnstable,
    /// It was asked again, and what came says nothing, or not enough to take it back.
    Unclear,
    /// Its method is not safe, or it is a log-in: never sent again.
    Method,
    /// Enough of its kind were asked in this hour.
    Sample,
    /// So many a second are the budget.
    Budget,
    /// So many of all requests are.
    Share,
    /// Too many wait, or are being asked.
    Queue,
    /// Their copies hold too many bytes.
    Bytes,
    /// Its list of differences was cut: what would be held against it is not known.
    NotCompared,
    /// Mirroring is switched off.
    Off,
    /// The candidate's breaker is not closed.
    Breaker,
    /// Mirroring backs off, for the primary's sake.
    BackOff,
    /// Another config came in force.
    Reload,
    /// The primary gave no whole answer, or refused for load.
    Failed,
    /// A side runs another build by now: what differs is the build's.
    OtherBuild,
}
words!(ConfirmOutcome {
    Persistent = "persistent", Race = "race", PrimaryUnstable = "primary_unstable",
    CandidateUnstable = "candidate_unstable", Unclear = "unclear", Method = "method", Sample = "sample",
    Budget = "budget", Share = "share", Queue = "queue", Bytes = "bytes", NotCompared = "not_compared", Off = "off",
    Breaker = "breaker", BackOff = "back_off", Reload = "reload", Failed = "failed", OtherBuild = "other_build",
});

impl From<Mark> for ConfirmOutcome {
    fn from(mark: Mark) -> ConfirmOutcome {
        match mark {
            Mark::Persistent => ConfirmOutcome::Persistent,
            Mark::Race => ConfirmOutcome::Race,
            Mark::PrimaryUnstable => ConfirmOutcome::PrimaryUnstable,
            Mark::CandidateUnstable => ConfirmOutcome::CandidateUnstable,
            Mark::Unconfirmed | Mark::Noise => ConfirmOutcome::Unclear,
        }
    }
}

/// What has been done since the start; shared with whoever looks.
#[derive(Default)]
pub(super) struct ConfirmTally {
    outcomes: [AtomicU64; ConfirmOutcome::ALL.len()],
    looks: AtomicU64,
    waiting: AtomicU64,
    bytes: AtomicU64,
    /// Moves between marks.
    marks: Mutex<MarkCounts>,
}

/// The same at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ConfirmFigures {
    /// In the order of [`ConfirmOutcome::ALL`].
    pub outcomes: [u64; ConfirmOutcome::ALL.len()],
    /// How often both sides were asked again.
    pub looks: u64,
    /// Mismatches that wait.
    pub waiting: u64,
    /// Bytes of their copies.
    pub bytes: u64,
}

impl ConfirmTally {
    fn count(&self, outcome: ConfirmOutcome) {
        self.outcomes.get(outcome as usize).into_iter().for_each(|number| _ = number.fetch_add(1, Relaxed));
    }
    fn holds(&self, room: &Room) {
        let (waiting, bytes) = room.now();
        self.waiting.store(waiting as u64, Relaxed);
        self.bytes.store(bytes as u64, Relaxed);
    }
    /// How marks have moved.
    pub(super) fn marks(&self) -> MarkCounts {
        *self.marks.lock()
    }
    /// What has been done.
    pub(super) fn figures(&self) -> ConfirmFigures {
        let read = |number: &AtomicU64| number.load(Relaxed);
        ConfirmFigures {
            outcomes: std::array::from_fn(|at| self.outcomes.get(at).map_or(0, read)),
            looks: read(&self.looks),
            waiting: read(&self.waiting),
            bytes: read(&self.bytes),
        }
    }
}

/// The shadow thread's part, whatever config is in force.
pub(super) struct Confirmation {
    room: Room,
    sample: RefCell<Sample>,
    budget: RefCell<Budget>,
    asking: Cell<usize>,
    /// Another config came in force.
    reloaded: Notify,
}

impl Default for Confirmation {
    fn default() -> Confirmation {
        let room = Room::new(WAITING, WAITING_BYTES, None);
        let (sample, budget) = (RefCell::default(), RefCell::default());
        Confirmation { room, sample, budget, asking: Cell::new(0), reloaded: Notify::new() }
    }
}

impl Confirmation {
    /// Another config came in force: what waits under the one before is let go.
    pub(super) fn reloaded(&self) {
        self.reloaded.notify_waiters();
    }
    /// Waits until then; true where the config came out of force meanwhile.
    async fn waits_for(&self, shared: &Shared, force: &InForce, until: tokio::time::Instant) -> bool {
        loop {
            let reloaded = self.reloaded.notified();
            if !shared.is_in_force(force) {
                return true;
            }
            // What is told late may be of the reload before: the number decides.
            if tokio::time::timeout_at(until, reloaded).await.is_err() {
                return !shared.is_in_force(force);
            }
        }
    }
}

/// A mismatch that was just added to the open batch.
pub(super) struct Mismatch<'m> {
    pub(super) exchange: &'m Exchange,
    pub(super) judgement: &'m Judgement,
    /// The signature of each difference.
    pub(super) ids: &'m [SignatureId],
    pub(super) versions: Versions<'m>,
    pub(super) place: Option<RouteIndex>,
    pub(super) hop: &'m Hop,
    pub(super) jar: Option<&'m Arc<Jar>>,
}

impl Shadow {
    /// Takes a mismatch up, or counts why not.
    pub(super) fn confirm(self: &Rc<Self>, regime: &Rc<Regime>, mismatch: &Mismatch<'_>, closing: &mut Closing) {
        if regime.again.is_none() || mismatch.judgement.verdict != Verdict::Mismatch {
            return;
        }
        match self.take_up(regime, mismatch, closing) {
            Ok(following) => {
                self.shared.confirm.holds(&self.confirmation.room);
                tokio::task::spawn_local(following.follow(self.clone()));
            }
            Err(outcome) => self.shared.confirm.count(outcome),
        }
    }
    fn take_up(
        &self,
        regime: &Rc<Regime>,
        mismatch: &Mismatch<'_>,
        closing: &mut Closing,
    ) -> Result<Following, ConfirmOutcome> {
        let Mismatch { exchange, judgement, ids, .. } = mismatch;
        let (force, mine) = (&*regime.force, &self.confirmation);
        let Some(settings) = &force.config.confirm else { return Err(ConfirmOutcome::Off) };
        let request = &exchange.request;
        let logs_in = mismatch.place.is_some_and(|index| force.config.routes.get(index).establishes);
        // Never a write, whatever its route says.
        if logs_in || !matches!(request.method, Method::GET | Method::HEAD) {
            return Err(ConfirmOutcome::Method);
        }
        if !mine.sample.borrow_mut().wants(ids, exchange.id, exchange.received_at_ms) {
            return Err(ConfirmOutcome::Sample);
        }
        let found = Confirming::of(&exchange.route.name, judgement, ids).ok_or(ConfirmOutcome::NotCompared)?;
        let place = mine.room.admit(OVERHEAD + bytes_of(exchange)).map_err(|full| match full {
            Full::Exchanges => ConfirmOutcome::Queue,
            Full::Bytes => ConfirmOutcome::Bytes,
        })?;
        let looks = settings.after.len() as u32;
        let taken = mine.budget.borrow_mut().take(looks, settings.budget, closing.received, Instant::now());
        taken.map_err(|spent| match spent {
            Spent::Rate => ConfirmOutcome::Budget,
            Spent::Share => ConfirmOutcome::Share,
        })?;
        mine.sample.borrow_mut().take(ids);
        let rule_set = force.rules(mismatch.place).hash();
        let marking = closing.fold.marking(exchange, rule_set, mismatch.versions, (judgement, ids));
        Ok(Following::new(regime, mismatch, (found, marking), place))
    }
    /// Whether the sides may be asked again now: as long as copies go out undiminished, under the config in force.
    fn may_ask(&self, force: &InForce) -> Result<(), ConfirmOutcome> {
        let shared = &self.shared;
        if !shared.is_in_force(force) {
            return Err(ConfirmOutcome::Reload);
        }
        if !shared.mirroring.load(Relaxed) || shared.draining.load(Relaxed) {
            return Err(ConfirmOutcome::Off);
        }
        protected(force).map_or(Ok(()), Err)
    }
}

/// What protects a side from copies protects it from being asked again.
fn protected(force: &InForce) -> Option<ConfirmOutcome> {
    const ALL: u32 = 10_000;
    if force.breaker.state() != BreakerState::Closed {
        return Some(ConfirmOutcome::Breaker);
    }
    (force.back_off.basis_points(ALL) < ALL).then_some(ConfirmOutcome::BackOff)
}

fn bytes_of(exchange: &Exchange) -> usize {
    let answer = |answer: &Answer| {
        let response = answer.outcome.response();
        response.map_or(0, |response| kept(response.body.kept(), &response.headers))
    };
    let request = &exchange.request;
    kept(request.body.kept(), &request.headers) + answer(&exchange.primary) + answer(&exchange.candidate)
}

#[cfg(test)]
mod tests {
    use super::super::in_force::tests::with;
    use super::*;
    use crate::config::BackOff;

    #[test]
    fn what_keeps_copies_from_a_side_keeps_looks_from_it() {
        let force = with(|config| config.mirror.back_off = Some(BackOff { slower_by: 1.1, one_in: 500 }), None);
        assert_eq!(protected(&force), None);
        force.back_off.back_to(1);
        assert_eq!(protected(&force), Some(ConfirmOutcome::BackOff));
        let failures = force.config.mirror.breaker.failures;
        (0..failures).for_each(|_| force.breaker.report(false, false, Instant::now()));
        assert_eq!(protected(&force), Some(ConfirmOutcome::Breaker));
    }

    #[test]
    fn there_is_a_counter_for_every_end() {
        let tally = ConfirmTally::default();
        ConfirmOutcome::ALL.iter().for_each(|outcome| tally.count(*outcome));
        assert_eq!(tally.figures().outcomes, [1; ConfirmOutcome::ALL.len()]);
        for mark in Mark::ALL {
            let word = ConfirmOutcome::from(*mark).as_str();
            assert!(word == mark.as_str() || word == "unclear", "{mark}");
        }
    }
}
