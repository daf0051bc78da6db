//! What the faces may see and do of a running mirror: the live ledger, the switch, the health facts.

use super::accepting::{AcceptCounts, Accepting};
use super::answers::AnswerCounts;
use super::back_off::BackOffFigures;
use super::confirm::ConfirmFigures;
use super::lag::LagFigures;
use super::lane::{Lane, Queue};
use super::naming::Naming;
use super::operation::OperationCounts;
use super::reload::ReloadState;
use super::secondary::PairOutcome;
use super::session::SessionCounts;
use super::shadow::Command;
use super::shared::Shared;
use super::turned::TurnedAway;
use crate::config::Config;
use crate::evidence::{IdCounts, Ledger, Mark};
use crate::store::StoreHandle;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// How often a settling looks whether the shadow side is done.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// Whether the candidate is asked at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// It is asked.
    Closed,
    /// It failed too often; nothing is mirrored until the cooldown is over.
    Open,
    /// One request is on its way to see whether it answers again.
    HalfOpen,
}

impl BreakerState {
    /// The word used in JSON and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            BreakerState::Closed => "closed",
            BreakerState::Open => "open",
            BreakerState::HalfOpen => "half_open",
        }
    }
}

/// Facts about a running tee, for `/healthz`, `/readyz` and metrics. All of one moment, read without waiting.
#[derive(Clone, Debug, PartialEq)]
pub struct Health {
    /// The live threads accept connections.
    pub accepting: bool,
    /// A stop was asked for.
    pub draining: bool,
    /// A candidate is configured.
    pub candidate: bool,
    /// The switch.
    pub mirroring: bool,
    /// The candidate's breaker.
    pub breaker: BreakerState,
    /// How control requests compare, and what follows; `None` where it is turned off.
    pub back_off: Option<BackOffFigures>,
    /// How late the live threads are.
    pub lag: LagFigures,
    /// Exchanges admitted and not yet at an end.
    pub in_flight: u64,
    /// Bytes of their copies.
    pub in_flight_bytes: u64,
    /// Of these, handed over and not yet taken up by the shadow thread.
    pub queued: u64,
    /// What the sides answered, in the order of [`super::SIDES`].
    pub answers: [AnswerCounts; 2],
    /// Client connections open.
    pub connections: u64,
    /// How many of these there may be, and what kept others waiting.
    pub taking_in: AcceptCounts,
    /// Client connections ended for what the client did, by reason.
    pub turned_away: [u64; TurnedAway::ALL.len()],
    /// Seconds since the start.
    pub uptime_s: u64,
    /// What has been done about the candidate's sessions; `None` where none are kept.
    pub sessions: Option<SessionCounts>,
    /// What has been done about ids over sessions and the run; `None` where no rule asks for it.
    pub ids: Option<IdCounts>,
    /// What has been done about operations that share a path; `None` where no route is split.
    pub operations: Option<OperationCounts>,
    /// What became of exchanges as evidence of noise; `None` without a secondary.
    pub pairs: Option<Vec<(PairOutcome, u64)>>,
    /// What became of mismatches that were asked again; `None` where none is.
    pub confirm: Option<ConfirmFigures>,
    /// Batches that the store has taken and not made durable yet.
    pub store_waiting: u64,
    /// What has become of reading the config again.
    pub reloads: ReloadState,
    /// The store's last error, where it does not take writes at present.
    pub store_failing: Option<String>,
}

/// The client's end of a running mirror: shared by admin and serve, all methods take `&self`.
pub struct Control {
    pub(super) shared: Arc<Shared>,
    queue: Queue,
    commands: mpsc::Sender<Command>,
}

impl Control {
    pub(super) fn new(shared: Arc<Shared>, queue: Queue, commands: mpsc::Sender<Command>) -> Control {
        Control { shared, queue, commands }
    }
    /// The configuration that is in force.
    pub fn config(&self) -> Arc<Config> {
        self.shared.force().config.clone()
    }
    /// The account of this moment: a consistent cut over all threads, on top of what the store held at the start.
    pub fn ledger(&self) -> Ledger {
        let durable = self.shared.store.ledger();
        // Before the cut, which then has every mismatch that was moved.
        let moved = self.shared.confirm.marks();
        let cut = self.shared.accounts.cut();
        let mut ledger = self.shared.store.opened().map(|opened| opened.ledger.clone()).unwrap_or_default();
        ledger.counts.add(&cut.counts);
        ledger.in_flight = cut.in_flight;
        // A new mismatch is unconfirmed until it has been asked again, unless it is noise.
        ledger.marks.0[Mark::Unconfirmed as usize] += cut.counts.mismatched as i64;
        ledger.marks.add(&moved);
        ledger.marks.move_to_noise(self.shared.store.suppression().exchanges);
        ledger.gaps = durable.gaps;
        ledger.durable_seq = durable.durable_seq;
        ledger
    }
    /// Switches mirroring on or off, at once: what was admitted and not yet sent ends as not judged (`cancelled`).
    pub fn set_mirroring(&self, on: bool) {
        self.shared.mirroring.store(on, Relaxed);
    }
    /// The switch.
    pub fn mirroring(&self) -> bool {
        self.shared.mirroring.load(Relaxed)
    }
    /// The store.
    pub fn store(&self) -> &StoreHandle {
        &self.shared.store
    }
    /// Waits until what was admitted before is at its end, closes the shadow side's open batch and waits until the store has
    /// it durably; at most this long; true when it has. A report read after this holds all traffic answered before the call,
    /// or, where some of that is still under way after half of the time, all that was judged by then.
    pub async fn settle(&self, at_most: Duration) -> bool {
        let (start, half) = (Instant::now(), at_most / 2);
        let before = self.shared.accounts.cut();
        let done_by_then = before.counts.mirrored_and_done() + before.in_flight;
        loop {
            let now = self.shared.accounts.cut();
            if now.in_flight == 0 || now.counts.mirrored_and_done() >= done_by_then || start.elapsed() >= half {
                break;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let (closed, told) = oneshot::channel();
        let left = || at_most.saturating_sub(start.elapsed());
        if tokio::time::timeout(left(), self.commands.send(Command::Close(closed))).await.is_err() {
            return false;
        }
        if !matches!(tokio::time::timeout(left(), told).await, Ok(Ok(()))) {
            return false;
        }
        let (store, rest) = (self.shared.store.clone(), left());
        tokio::task::spawn_blocking(move || store.settle(rest)).await.unwrap_or(false)
    }
    /// Facts for health checks and metrics.
    pub fn health(&self) -> Health {
        let shared = &self.shared;
        let force = shared.force();
        let splits = force.config.routes.iter().any(|route| route.split_by.is_some());
        Health {
            accepting: shared.accepting.load(Relaxed),
            draining: shared.draining.load(Relaxed),
            candidate: force.config.candidate.is_some(),
            mirroring: shared.mirroring.load(Relaxed),
            breaker: force.breaker.state(),
            back_off: force.back_off.figures(),
            lag: shared.lags.figures(),
            in_flight: shared.accounts.cut().in_flight,
            in_flight_bytes: force.in_use.now().1 as u64,
            queued: self.queue.waiting(),
            answers: shared.answers.counts(),
            connections: shared.connections.load(Relaxed),
            taking_in: shared.taking_in.counts(),
            turned_away: shared.turned_away.counts(),
            uptime_s: shared.started.elapsed().as_secs(),
            sessions: force.sessions.as_ref().map(|sessions| sessions.counts()),
            ids: force.naming.as_ref().map(Naming::counts),
            operations: splits.then(|| shared.operations.counts()),
            pairs: force
                .config
                .secondary
                .as_ref()
                .map(|_| PairOutcome::ALL.iter().copied().zip(shared.pairs.counts()).collect()),
            confirm: force.config.confirm.as_ref().map(|_| shared.confirm.figures()),
            reloads: shared.reloads.state(),
            store_waiting: shared.store.waiting(),
            store_failing: shared.store.failing(),
        }
    }
    /// True when traffic may be sent here: the live threads accept and no stop was asked for. A failing candidate or store
    /// does not make the tee unready, since it serves all the same.
    pub fn ready(&self) -> bool {
        self.shared.accepting.load(Relaxed) && !self.shared.draining.load(Relaxed)
    }
    /// A live thread's way to the shadow side; call it on that thread.
    pub fn lane(&self) -> Rc<Lane> {
        Lane::new(self.shared.clone(), self.queue.clone())
    }
    /// The live threads accept connections from now on, or no longer.
    pub fn set_accepting(&self, accepting: bool) {
        self.shared.accepting.store(accepting, Relaxed);
    }
    /// How client connections are taken in, for whoever does.
    pub fn taking_in(&self) -> &Accepting {
        &self.shared.taking_in
    }
    /// A stop was asked for: nothing new is mirrored.
    pub fn set_draining(&self) {
        self.shared.draining.store(true, Relaxed);
    }
    /// Ends the shadow side: what is in flight may end within `at_most`, the rest is counted as not judged (`shutdown`), the
    /// last batch is handed to the store. True when the thread has said that it is done.
    pub async fn drain(&self, at_most: Duration) -> bool {
        let (done, told) = oneshot::channel();
        let command = Command::Drain { at_most, done };
        let grace = at_most + Duration::from_secs(1);
        if tokio::time::timeout(grace, self.commands.send(command)).await.is_err() {
            return false;
        }
        matches!(tokio::time::timeout(grace, told).await, Ok(Ok(())))
    }
}
