//! One live thread's way to the shadow side: admission, counters, and a hand-over in batches that never waits.

use super::Markers;
use super::accepting::Accepting;
use super::account::Account;
use super::admission::{self, Facts};
use super::ask::marker_expiry_s;
use super::back_off::Withheld;
use super::budget::Permit;
use super::in_force::InForce;
use super::lag::{LagWatch, Lateness};
use super::session::{Asked, SessionKey, Ticket};
use super::shared::Shared;
use super::turned::TurnedAway;
use crate::config::{Config, RouteIndex};
use crate::evidence::{NotJudged, NotMirrored};
use crate::exchange::{Answer, Client, FailureKind, Request, Route};
use crate::sys::now_ms;
use crate::upstream::{Capture, Hop, Reach};
use http::{HeaderMap, Method};
use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::Duration;
use tokio::sync::mpsc;

/// Exchanges handed over at once at most.
const BATCH: usize = 64;
/// Exchanges that wait for the shadow thread at most (their bytes are bounded by the budget).
const QUEUED: usize = 8_192;

/// A finished exchange as the live path hands it over.
pub struct Job {
    /// When the request's head was complete, milliseconds since the Unix epoch.
    pub received_at_ms: u64,
    /// What was asked.
    pub request: Request,
    /// Where it came from.
    pub hop: Hop,
    /// The declared route, where there is one.
    pub route: Option<RouteIndex>,
    /// What the monolith answered: its head as soon as it is there, and a failure until then.
    pub primary: Answer,
    /// The copy of its body while it passes.
    pub capture: Capture,
    /// From the request's head to that of the primary's answer, microseconds; `None` where there was none, and no time-out.
    pub to_head_us: Option<u32>,
    /// Whether the client saw the end.
    pub client: Client,
    /// Its place in the budget.
    pub permit: Permit,
    /// What it has to do with sessions.
    pub ticket: Ticket,
}

/// Exchanges handed over at once. Boxed: a job is large, and moves through two lists and a channel.
#[allow(clippy::vec_box, reason = "a job is several hundred bytes, and is moved four times")]
pub(super) type Batch = Vec<Box<Job>>;

/// The bounded queue between live threads and the shadow thread.
#[derive(Clone)]
pub(super) struct Queue {
    sender: mpsc::Sender<Batch>,
    waiting: Arc<AtomicUsize>,
}

/// The queue's other end.
pub(super) struct Jobs {
    receiver: mpsc::Receiver<Batch>,
    waiting: Arc<AtomicUsize>,
}

impl Queue {
    /// An empty one.
    pub(super) fn new() -> (Queue, Jobs) {
        let (sender, receiver) = mpsc::channel(QUEUED);
        let waiting = Arc::new(AtomicUsize::new(0));
        (Queue { sender, waiting: waiting.clone() }, Jobs { receiver, waiting })
    }
    /// Exchanges that wait for the shadow thread.
    pub(super) fn waiting(&self) -> u64 {
        self.waiting.load(Relaxed) as u64
    }
    fn offer(&self, batch: Batch) -> Result<(), Batch> {
        let count = batch.len();
        if self.waiting.fetch_add(count, Relaxed) + count > QUEUED {
            self.waiting.fetch_sub(count, Relaxed);
            return Err(batch);
        }
        self.sender.try_send(batch).map_err(|refused| {
            self.waiting.fetch_sub(count, Relaxed);
            refused.into_inner()
        })
    }
}

impl Jobs {
    /// The next batch; `None` once every live thread is gone.
    pub(super) async fn next(&mut self) -> Option<Batch> {
        let batch = self.receiver.recv().await?;
        self.waiting.fetch_sub(batch.len(), Relaxed);
        Some(batch)
    }
    /// What waits already.
    pub(super) fn try_next(&mut self) -> Option<Batch> {
        let batch = self.receiver.try_recv().ok()?;
        self.waiting.fetch_sub(batch.len(), Relaxed);
        Some(batch)
    }
}

/// One live thread's way to the shadow side, under one config. Whoever serves a request keeps the lane that it began with.
pub struct Lane {
    shared: Arc<Shared>,
    force: Arc<InForce>,
    outbox: Rc<Outbox>,
}

/// What a live thread counts and hands over, whatever config is in force.
struct Outbox {
    account: Arc<Account>,
    queue: Queue,
    jobs: RefCell<Batch>,
    /// Whether this thread is late.
    lateness: Rc<Lateness>,
    /// Requests since one earned the next control request.
    earned: Cell<u32>,
}

/// What becomes of a request.
pub enum Admitted {
    /// It is mirrored.
    Mirrored(Permit),
    /// It is not, so that how long the primary takes may be compared.
    Control(Withheld),
    /// It is not.
    No,
}

impl Outbox {
    /// Hands over what has gathered; what is refused is counted and dropped.
    fn flush(&self) {
        let batch = std::mem::take(&mut *self.jobs.borrow_mut());
        if batch.is_empty() {
            return;
        }
        if let Err(refused) = self.queue.offer(batch) {
            let mut tally = self.account.lock();
            refused.iter().for_each(|_| tally.counts.count_not_judged(NotJudged::Queue));
        }
    }
}

impl Lane {
    pub(super) fn new(shared: Arc<Shared>, queue: Queue) -> Rc<Lane> {
        let outbox = Outbox {
            account: shared.accounts.open(),
            queue,
            jobs: RefCell::default(),
            lateness: Rc::default(),
            earned: Cell::new(0),
        };
        Lane::of(shared, Rc::new(outbox))
    }
    fn of(shared: Arc<Shared>, outbox: Rc<Outbox>) -> Rc<Lane> {
        let force = shared.force();
        outbox.lateness.max.set(force.config.mirror.max_lag);
        Rc::new(Lane { shared, force, outbox })
    }
    /// True while this lane's config is the one in force: one relaxed load.
    pub fn is_current(&self) -> bool {
        self.shared.is_in_force(&self.force)
    }
    /// The same thread's lane under the config that is in force now.
    pub fn renewed(&self) -> Rc<Lane> {
        Lane::of(self.shared.clone(), self.outbox.clone())
    }
    /// The configuration.
    pub fn config(&self) -> &Arc<Config> {
        &self.force.config
    }
    /// How the primary is reached.
    pub fn way_to_primary(&self) -> &Arc<Reach> {
        &self.force.ways.primary
    }
    /// How the candidate is reached by requests of clients.
    pub fn way_to_candidate(&self) -> Option<&Arc<Reach>> {
        self.force.ways.candidate.as_ref()
    }
    /// The markers of this tee.
    pub fn markers(&self) -> &Markers {
        &self.shared.markers
    }
    /// The seed of this process's body digests.
    pub fn digest_seed(&self) -> u64 {
        self.shared.digest_seed()
    }
    /// Milliseconds since the Unix epoch.
    pub fn now_ms(&self) -> u64 {
        now_ms()
    }
    /// The client's session, where the request carries one that the mirror has to know of.
    pub fn session_of(&self, request: &HeaderMap) -> Option<SessionKey> {
        self.force.sessions.as_ref().and_then(|sessions| sessions.key_of(request))
    }
    /// The ticket of a mirrored request; `establishes` for a log-in.
    pub fn ticket(&self, key: Option<SessionKey>, establishes: bool) -> Ticket {
        self.force.sessions.as_ref().map(|sessions| sessions.ticket(key, establishes)).unwrap_or_default()
    }
    /// Notes what the primary's answer does to the client's session, before the client sees it.
    pub fn primary_answered(&self, asked: Asked, answer: &HeaderMap, ticket: Option<&mut Ticket>) {
        if let Some(sessions) = &self.force.sessions {
            sessions.answered(asked, answer, ticket);
        }
    }
    /// True where an unmarked request looks like a shadow request that came back: then it counts as marked.
    pub fn is_return(&self, route: Option<&Route>, method: &Method, target: &str) -> bool {
        self.shared.returns.is_return(route.map(|route| &route.name), method, target)
    }
    /// This thread's clock, to be run on it.
    pub fn lag_watch(&self) -> LagWatch {
        LagWatch::new(&self.shared.lags, self.outbox.lateness.clone())
    }
    /// Counts the request, and says what becomes of it.
    pub fn admit(&self, facts: &Facts<'_>) -> Admitted {
        let late = self.outbox.lateness.late.get();
        let mut admitted = admission::admit(&self.shared, &self.force, facts, late).map(Admitted::Mirrored);
        let back_off = &self.force.back_off;
        if back_off.is_open()
            && let Ok(Admitted::Mirrored(permit)) = admitted
        {
            let kept = admission::withhold(&self.force, facts, permit);
            admitted = Ok(kept.map_or_else(Admitted::Control, Admitted::Mirrored));
        }
        if matches!(admitted, Ok(_) | Err(NotMirrored::BackOff)) {
            back_off.count(&self.outbox.earned, || self.force.in_use.now().0);
        }
        let mut tally = self.outbox.account.lock();
        match &admitted {
            Ok(Admitted::Mirrored(_)) => tally.admitted += 1,
            Ok(Admitted::Control(_)) => tally.counts.count_not_mirrored(NotMirrored::Control),
            Ok(Admitted::No) => {}
            Err(reason) => tally.counts.count_not_mirrored(*reason),
        }
        admitted.unwrap_or(Admitted::No)
    }
    /// Marks a client's request on its way to the candidate, which owns its route; not as a copy, since it is none.
    pub fn mark_owned(&self, headers: &mut HeaderMap, method: &Method, path: &str, timeout: Duration) {
        let expiry_s = marker_expiry_s(timeout);
        self.shared.markers.mark_exchange(headers, self.shared.exchange_id(), expiry_s, method, path);
    }
    /// Counts a request that is answered without asking anybody, since it has been here before.
    pub fn refuse_loop(&self) {
        self.outbox.account.lock().counts.count_not_mirrored(NotMirrored::Marked);
    }
    /// An admitted exchange that will not be judged.
    pub fn give_up(&self, reason: NotJudged) {
        let draining = self.shared.draining.load(Relaxed) && reason == NotJudged::Cancelled;
        let reason = if draining { NotJudged::Shutdown } else { reason };
        self.outbox.account.lock().counts.count_not_judged(reason);
    }
    /// Hands a finished exchange over, with the next batch.
    pub fn hand_over(&self, job: Box<Job>) {
        if !self.shared.mirroring.load(Relaxed) {
            return self.give_up(NotJudged::Cancelled);
        }
        let full = {
            let mut jobs = self.outbox.jobs.borrow_mut();
            jobs.push(job);
            jobs.len() >= BATCH
        };
        if full {
            self.outbox.flush();
        }
    }
    /// True once a stop was asked for.
    pub fn is_draining(&self) -> bool {
        self.shared.draining.load(Relaxed)
    }
    /// One more client connection.
    pub fn connection_opened(&self) {
        self.shared.connections.fetch_add(1, Relaxed);
    }
    /// One less.
    pub fn connection_closed(&self) {
        self.shared.connections.fetch_sub(1, Relaxed);
    }
    /// Counts a client's request that this side did not answer.
    pub fn unanswered(&self, side: &str, kind: FailureKind) {
        self.shared.answers.unanswered(side, kind);
    }
    /// How client connections are taken in.
    pub fn taking_in(&self) -> &Accepting {
        &self.shared.taking_in
    }
    /// Counts a client connection that is ended for what the client did.
    pub fn turned_away(&self, reason: TurnedAway) {
        self.shared.turned_away.count(reason);
    }
}

thread_local! {
    /// What this live thread hands over, for the runtime's park hook, which can hold nothing of one thread.
    static PARKING: RefCell<Option<Rc<Outbox>>> = const { RefCell::new(None) };
}

impl Lane {
    /// Makes what this lane gathers the thing that [`flush_when_parked`] hands over on this thread.
    pub fn install(&self) {
        PARKING.with(|slot| *slot.borrow_mut() = Some(self.outbox.clone()));
    }
}

/// For `Builder::on_thread_park`, and for the end of a live thread: hands over what has gathered.
pub fn flush_when_parked() {
    PARKING.with(|slot| {
        if let Ok(outbox) = slot.try_borrow() {
            outbox.iter().for_each(|outbox| outbox.flush());
        }
    });
}
