//! The secondary's leg: a second copy of the monolith is asked beside the candidate, so that it is known where the monolith
//! disagrees with itself.
//!
//! **Nothing waits for it.** It has bounds of its own, the judgement goes its way without it, and whatever becomes of it is
//! counted under one name.

use super::ask::{Expected, Leg, NoRoom};
use super::copy_head::CopyHead;
use super::lane::Job;
use super::regime::Regime;
use super::room::{Full, Place, Room};
use super::shadow::{Shadow, build};
use crate::compare::words;
use crate::config::{Config, RouteIndex, Upstream};
use crate::evidence::Found;
use crate::exchange::{Answer, Chunks, Client, Exchange, ExchangeId, Request as Asked};
use crate::upstream::Reach;
use http::{HeaderMap, Method};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use tokio::sync::oneshot;

/// What one exchange takes beside the bytes of its bodies and heads.
pub(super) const OVERHEAD: usize = 1 << 10;

/// What became of one exchange as evidence of noise. A closed list, used by metrics.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PairOutcome {
    /// It is a pair.
    Counted,
    /// Its method is not safe: never sent.
    Method,
    /// The client left: there is no whole answer to hold anything against.
    ClientLeft,
    /// Too many wait for the secondary.
    InFlight,
    /// Their copies hold too many bytes.
    Bytes,
    /// The secondary gave no whole answer.
    Failed,
    /// The secondary runs another build than the primary: what differs is the build's.
    OtherBuild,
    /// The candidate's answer was not judged.
    NotJudged,
    /// One of the two comparisons did not reach headers and bodies, or was cut.
    NotCompared,
}
words!(PairOutcome {
    Counted = "counted", Method = "method", ClientLeft = "client_left", InFlight = "in_flight", Bytes = "bytes",
    Failed = "failed", OtherBuild = "other_build", NotJudged = "not_judged", NotCompared = "not_compared",
});

/// How many of each [`PairOutcome`] since the start, in its order.
#[derive(Default)]
pub(super) struct PairTally([AtomicU64; 9]);

impl PairTally {
    fn count(&self, outcome: PairOutcome) {
        self.0[outcome as usize].fetch_add(1, Relaxed);
    }
    /// All of them.
    pub(super) fn counts(&self) -> [u64; 9] {
        std::array::from_fn(|at| self.0[at].load(Relaxed))
    }
}

/// The secondary as the shadow thread asks it.
pub(super) struct Secondary {
    leg: Leg,
    /// What waits for it, whatever config it was admitted under.
    room: Room,
}

impl Secondary {
    /// Bounded like the candidate's leg, and apart from it.
    pub(super) fn new(
        upstream: &Upstream,
        config: &Config,
        way: &Arc<Reach>,
        before: Option<&Secondary>,
    ) -> Rc<Secondary> {
        let (exchanges, bytes) = (config.mirror.max_in_flight, config.mirror.max_in_flight_bytes);
        // Its answer waits for the judgement.
        let leg = Leg::new(upstream, config, way, before.map(|before| &before.leg), false);
        Rc::new(Secondary { leg, room: Room::new(exchanges, bytes, before.map(|before| &before.room)) })
    }
    /// Closes connections that lay idle too long.
    pub(super) fn sweep(&self) {
        self.leg.sweep();
    }
}

/// The candidate's side of a pair, judged.
struct Judged {
    exchange: Box<Exchange>,
    place: Option<RouteIndex>,
    candidate_build: Option<String>,
    found: Option<Found>,
}

/// The end of a pair that the candidate's answer goes to. Dropped, that answer was not judged.
pub(super) struct Beside {
    judged: oneshot::Sender<Result<Judged, PairOutcome>>,
    place: Rc<Place>,
    /// The secondary's request goes out before the candidate's.
    pub(super) is_first: bool,
}

impl Beside {
    /// Hands over what the candidate's answer was judged to be.
    pub(super) fn judged(
        self,
        mut exchange: Exchange,
        place: Option<RouteIndex>,
        candidate_build: Option<String>,
        found: Option<Found>,
    ) {
        // The candidate's answer has done its work; the secondary's takes its place.
        exchange.candidate = super::ask::not_asked("its answer is judged already");
        let primary = exchange.primary.outcome.response();
        let held = kept(exchange.request.body.kept(), &exchange.request.headers)
            + primary.map_or(0, |response| kept(response.body.kept(), &response.headers));
        let judged = match self.place.charge(held) {
            true => Ok(Judged { exchange: Box::new(exchange), place, candidate_build, found }),
            false => Err(PairOutcome::Bytes),
        };
        // Where the secondary has failed meanwhile nobody waits for it.
        let _ = self.judged.send(judged);
    }
}

pub(super) fn kept(body: &Chunks, headers: &HeaderMap) -> usize {
    body.len() + headers.values().map(|value| value.len()).sum::<usize>()
}

/// Half of the exchanges go to the secondary first, so that neither side always finds what the other has warmed up.
pub(super) fn is_first(id: ExchangeId) -> bool {
    id.0 & 1 == 1
}

/// Begins to ask the secondary; `None` where it is not asked, which is counted.
pub(super) fn begin(shadow: &Rc<Shadow>, regime: &Rc<Regime>, job: &Job, id: ExchangeId) -> Option<Beside> {
    let (secondary, tally) = (regime.secondary.as_ref()?, &shadow.shared.pairs);
    let asked = &job.request;
    let admitted = match &asked.method {
        // Never a write.
        method if !matches!(*method, Method::GET | Method::HEAD) => Err(PairOutcome::Method),
        _ if job.client == Client::Left => Err(PairOutcome::ClientLeft),
        _ => secondary.room.admit(OVERHEAD + kept(asked.body.kept(), &asked.headers)).map_err(|full| match full {
            Full::Exchanges => PairOutcome::InFlight,
            Full::Bytes => PairOutcome::Bytes,
        }),
    };
    let place = match admitted {
        Ok(place) => place,
        Err(outcome) => {
            tally.count(outcome);
            return None;
        }
    };
    let (sender, judged) = oneshot::channel();
    let asked = secondary.leg.again(&shadow.shared, &job.hop, asked, id);
    let secondary = secondary.clone();
    let (shadow, regime, of) = (shadow.clone(), regime.clone(), place.clone());
    let expected = Expected::long(job.primary.outcome.response().map_or(0, |response| response.body.length()));
    tokio::task::spawn_local(async move {
        let outcome = pair(&shadow, &regime, (&secondary.leg, &of), (asked, expected), judged).await;
        shadow.shared.pairs.count(outcome);
    });
    Some(Beside { judged: sender, place, is_first: is_first(id) })
}

/// Asks, waits for the candidate's side, and counts the pair.
async fn pair(
    shadow: &Shadow,
    regime: &Regime,
    (leg, place): (&Leg, &Place),
    (asked, expected): (Asked, Expected<'_>),
    judged: oneshot::Receiver<Result<Judged, PairOutcome>>,
) -> PairOutcome {
    let ask = (&asked, || CopyHead::whole(&asked.headers));
    let charge = |bytes| place.charge(bytes);
    let answer = match leg.answer(&shadow.shared, ask, leg.upstream.timeout, (expected, charge)).await {
        Ok(answer) => answer,
        Err(NoRoom) => return PairOutcome::Bytes,
    };
    if answer.outcome.response().is_none() {
        return PairOutcome::Failed;
    }
    match judged.await {
        Ok(Ok(judged)) => shadow.add_pair(regime, judged, answer),
        Ok(Err(outcome)) => outcome,
        Err(_) => PairOutcome::NotJudged,
    }
}

impl Shadow {
    /// Holds the monolith against itself, and counts what was found beside what the candidate was found to be.
    fn add_pair(&self, regime: &Regime, judged: Judged, answer: Answer) -> PairOutcome {
        let Judged { mut exchange, place, candidate_build, found } = judged;
        let force = &*regime.force;
        let config = &force.config;
        let Some(secondary) = &config.secondary else { return PairOutcome::NotJudged };
        let builds = (build(&config.primary, &exchange.primary), build(secondary, &answer));
        if let (Some(mine), Some(theirs)) = builds
            && mine != theirs
        {
            return PairOutcome::OtherBuild;
        }
        let Some(candidate) = found else { return PairOutcome::NotCompared };
        exchange.secondary = Some(answer);
        let Some(exchange) = exchange.against_itself() else { return PairOutcome::NotJudged };
        let judgement = (self.judge)(&exchange, force.rules(place), &config.context);
        let mut closing = self.closing.borrow_mut();
        let Some(second) = closing.fold.found(&exchange.route.name, &judgement, &force.redactor) else {
            return PairOutcome::NotCompared;
        };
        let versions = (build(&config.primary, &exchange.primary), candidate_build.as_deref());
        closing.fold.add_pair(&exchange, versions, &candidate, &second);
        if closing.is_full() {
            closing.close();
        }
        PairOutcome::Counted
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn either_side_goes_first_in_half_of_the_exchanges() {
        let id = |n: u64| ExchangeId(xxhash_rust::xxh3::xxh3_128(&n.to_le_bytes()));
        let first = (0..1_000).filter(|n| is_first(id(*n))).count();
        assert!((400..=600).contains(&first), "{first} of 1000");
    }

    #[test]
    fn there_is_a_counter_for_every_end() {
        let tally = PairTally::default();
        PairOutcome::ALL.iter().for_each(|outcome| tally.count(*outcome));
        assert_eq!(tally.counts(), [1; 9]);
        assert_eq!(tally.counts().len(), PairOutcome::ALL.len());
    }
}
