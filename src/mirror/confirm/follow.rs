//! One mismatch while it is asked again: it waits, asks both sides at once, and tells the fold at the end what was found.

use super::{ASKED_AT_ONCE, ConfirmOutcome, Mismatch};
use crate::config::{RouteIndex, Upstream};
use crate::evidence::{Change, Confirming, Marking};
use crate::exchange::{Answer, Body, Exchange, Outcome};
use crate::judge::{Inconclusive, Judgement, Vacuous, Verdict};
use crate::mirror::ask::{Expected, Leg, NoRoom, is_endless, marker_expiry_s};
use crate::mirror::copy_head::CopyHead;
use crate::mirror::regime::Regime;
use crate::mirror::room::Place;
use crate::mirror::secondary::is_first;
use crate::mirror::session::Jar;
use crate::mirror::shadow::{Shadow, build};
use crate::rules::RuleSet;
use crate::sys::now_ms;
use crate::upstream::{Hop, compact};
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::time::Instant;

/// A mismatch that is asked again. Its request is here with its credentials, in memory alone.
pub(super) struct Following {
    regime: Rc<Regime>,
    exchange: Exchange,
    route: Option<RouteIndex>,
    hop: Hop,
    jar: Option<Arc<Jar>>,
    builds: [Option<String>; 2],
    found: Confirming,
    marking: Marking,
    place: Rc<Place>,
}

/// A look under way; dropped, it has ended.
struct Asking<'a>(&'a Cell<usize>);

impl Drop for Asking<'_> {
    fn drop(&mut self) {
        self.0.set(self.0.get() - 1);
    }
}

/// A copy that keeps no connection's read buffer alive.
fn own(exchange: &Exchange) -> Exchange {
    let mut own = exchange.clone();
    own.request.headers = compact(&own.request.headers);
    for answer in [&mut own.primary, &mut own.candidate] {
        if let Outcome::Answered(response) = &mut answer.outcome {
            response.headers = compact(&response.headers);
            match &mut response.body {
                Body::Complete(chunks) | Body::Truncated { kept: chunks, .. } => chunks.detach(usize::MAX),
            }
        }
    }
    own
}

impl Following {
    pub(super) fn new(
        regime: &Rc<Regime>,
        mismatch: &Mismatch<'_>,
        (found, marking): (Confirming, Marking),
        place: Rc<Place>,
    ) -> Following {
        let (primary, candidate) = mismatch.versions;
        Following {
            regime: regime.clone(),
            exchange: own(mismatch.exchange),
            route: mismatch.place,
            hop: mismatch.hop.clone(),
            jar: mismatch.jar.cloned(),
            builds: [primary, candidate].map(|build| build.map(str::to_owned)),
            found,
            marking,
            place,
        }
    }

    /// Asks after each delay, and marks the mismatch.
    pub(super) async fn follow(mut self, shadow: Rc<Shadow>) {
        let start = Instant::now();
        let regime = self.regime.clone();
        let after = regime.force.config.confirm.as_ref().map_or(&[][..], |settings| &settings.after);
        let mut refused = ConfirmOutcome::Unclear;
        for delay in after {
            // Whoever waits an hour must not keep a config for so long that is in force no more.
            if shadow.confirmation.waits_for(&shadow.shared, &regime.force, start + *delay).await {
                refused = ConfirmOutcome::Reload;
                break;
            }
            let held = self.place.held();
            if let Err(outcome) = self.look(&shadow, *delay).await {
                refused = outcome;
            }
            self.place.back_to(held);
        }
        self.conclude(&shadow, refused);
    }

    /// What was found goes to the very cell and signatures that count the mismatch.
    fn conclude(self, shadow: &Shadow, refused: ConfirmOutcome) {
        let Following { found, marking, place, .. } = self;
        drop(place);
        let confirm = &shadow.shared.confirm;
        confirm.holds(&shadow.confirmation.room);
        let mark = found.exchange();
        let outcome = mark.map(ConfirmOutcome::from);
        // Once the last batch is closed nothing may be added.
        if found.looks() > 0 && !shadow.ended.get() {
            let mut closing = shadow.closing.borrow_mut();
            closing.fold.mark(&marking, &found);
            mark.into_iter().for_each(|mark| confirm.marks.lock().confirm(mark));
            if closing.is_full() {
                closing.close();
            }
        }
        confirm.count(outcome.unwrap_or(if found.looks() > 0 { ConfirmOutcome::Unclear } else { refused }));
    }

    /// One look.
    async fn look(&mut self, shadow: &Shadow, after: Duration) -> Result<(), ConfirmOutcome> {
        let regime = self.regime.clone();
        shadow.may_ask(&regime.force)?;
        let asking = &shadow.confirmation.asking;
        if asking.get() >= ASKED_AT_ONCE.min(shadow.at_once) {
            return Err(ConfirmOutcome::Queue);
        }
        asking.set(asking.get() + 1);
        let _asking = Asking(asking);
        let (Some(again), Some(candidate)) = (&regime.again, &regime.candidate) else {
            return Err(ConfirmOutcome::Off);
        };
        let later = self.ask(shadow, again, candidate).await.map_err(|NoRoom| ConfirmOutcome::Bytes)?;
        let told = |side: &Upstream, answer: &Answer| build(side, answer).map(str::to_owned);
        // A failure names no build.
        let is_other = |mine: &Option<String>, theirs: Option<String>| theirs.is_some() && *mine != theirs;
        let [primary, candidate_build] = &self.builds;
        if is_other(primary, told(&again.upstream, &later.primary))
            || is_other(candidate_build, told(&candidate.upstream, &later.candidate))
        {
            return Err(ConfirmOutcome::OtherBuild);
        }
        self.judge(shadow, &later, after)
    }

    /// Asks both sides at once, either first in half of the looks.
    async fn ask(&self, shadow: &Shadow, again: &Leg, candidate: &Leg) -> Result<Exchange, NoRoom> {
        let (shared, asked) = (&shadow.shared, &self.exchange.request);
        let (id, force) = (shared.exchange_id(), &self.regime.force);
        shared.confirm.looks.fetch_add(1, Relaxed);
        let expected = || Expected::of(&self.exchange.primary);
        let primarys = again.again(shared, &self.hop, asked, id);
        let primary = async {
            let head = || CopyHead::whole(&primarys.headers);
            again
                .answer(shared, (&primarys, head), again.upstream.timeout, (expected(), |n| self.place.charge(n)))
                .await
        };
        let expiry_s = marker_expiry_s(candidate.upstream.timeout);
        let copy = async {
            let head = || candidate.shadow_head(shared, &self.hop, asked, self.jar.as_deref(), (id, expiry_s));
            let (route, now) = (self.route.map(|index| &force.config.routes.get(index).route.name), Instant::now());
            let _under_way = shared.returns.under_way(route, &asked.method, &asked.target, now.into_std());
            let patience = candidate.upstream.timeout;
            candidate.answer(shared, (asked, head), patience, (expected(), |n| self.place.charge(n))).await
        };
        let (primary, answer) = match is_first(id) {
            true => tokio::join!(primary, copy),
            false => {
                let (answer, primary) = tokio::join!(copy, primary);
                (primary, answer)
            }
        };
        let (primary, answer) = (primary?, answer?);
        let answered = answer.outcome.response().is_some() && !is_endless(&answer, &primary);
        force.breaker.report(false, answered, std::time::Instant::now());
        let mut later = Exchange { id, received_at_ms: now_ms(), primary, candidate: answer, ..self.exchange.clone() };
        later.provenance = shadow.provenance(force, &later);
        Ok(later)
    }

    /// Holds the later answers against one another, and each against the first of its side.
    fn judge(&mut self, shadow: &Shadow, later: &Exchange, after: Duration) -> Result<(), ConfirmOutcome> {
        let (force, none) = (&self.regime.force, RuleSet::default());
        let rules = force.rules(self.route);
        let context = &force.config.context;
        let again = (shadow.judge)(later, rules, context);
        let failed = [
            Verdict::Inconclusive(Inconclusive::PrimaryUnavailable),
            Verdict::Inconclusive(Inconclusive::PrimaryAborted),
            Verdict::Vacuous(Vacuous::BothFailed),
        ];
        if failed.contains(&again.verdict) {
            return Err(ConfirmOutcome::Failed);
        }
        let route = &self.exchange.route.name;
        let between = |first: &Answer, now: &Answer| {
            Change::between(route, first, now, |first, now, under_rules| -> Judgement {
                let pair = Exchange { primary: first.clone(), candidate: now.clone(), ..self.exchange.clone() };
                (shadow.judge)(&pair, if under_rules { rules } else { &none }, context)
            })
        };
        let primary = between(&self.exchange.primary, &later.primary);
        let candidate = between(&self.exchange.candidate, &later.candidate);
        let after_ms = u64::try_from(after.as_millis()).unwrap_or(u64::MAX);
        match self.found.look(after_ms, &again, &primary, &candidate) {
            true => Ok(()),
            false => Err(ConfirmOutcome::Unclear),
        }
    }
}
