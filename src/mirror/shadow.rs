//! The shadow thread: asks the candidate, judges, folds, closes batches. Nothing on a live thread waits for it.

use super::ask::not_asked;
use super::back_off::{BackOff, Watching};
use super::closing::Closing;
use super::confirm::{Confirmation, Mismatch};
use super::ending::{Counted, Ending};
use super::in_force::InForce;
use super::infer::Inferred;
use super::lane::{Batch, Job, Jobs};
use super::regime::{Regime, Regimes};
use super::secondary::{self, Beside};
use super::session::Passport;
use super::shared::{Judge, Shared};
use crate::config::{RouteIndex, Upstream};
use crate::evidence::{Look, NotJudged, Session};
use crate::exchange::{Answer, Client, Exchange, Provenance, Request, Route};
use crate::judge::{Inconclusive, Judgement, Verdict};
use crate::principal::Caller;
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{Notify, mpsc, oneshot};
use tokio::time::Instant;

/// A batch stays open this long.
const OPEN_FOR: Duration = Duration::from_millis(50);
/// Shadow requests on their way at once, whatever the budget; what is more waits.
const ASKED_AT_ONCE: u64 = 256;
/// Fewer where descriptors are few: one in so many. A candidate that cannot be reached for want of them would look broken.
const DESCRIPTORS_FOR_EACH: u64 = 8;

/// Shadow requests to one side on their way at once, where so many descriptors may be open.
pub fn asked_at_once(descriptors: u64) -> u64 {
    (descriptors / DESCRIPTORS_FOR_EACH).clamp(1, ASKED_AT_ONCE)
}
/// Commands that wait.
const COMMANDS: usize = 16;
/// Between two looks of a drain.
const LOOK_EVERY: Duration = Duration::from_millis(2);

/// What the shadow thread is told.
pub(super) enum Command {
    /// Close the open batch and say so.
    Close(oneshot::Sender<()>),
    /// End within this time, and say so.
    Drain {
        /// What is in flight may end within this.
        at_most: Duration,
        /// Told at the end.
        done: oneshot::Sender<()>,
    },
}

/// The running shadow thread.
pub struct ShadowThread(std::thread::JoinHandle<()>);

impl ShadowThread {
    /// True once it has ended.
    pub fn is_finished(&self) -> bool {
        self.0.is_finished()
    }
}

pub(super) fn spawn(
    shared: Arc<Shared>,
    jobs: Jobs,
    judge: Judge,
) -> std::io::Result<(ShadowThread, mpsc::Sender<Command>)> {
    let (sender, commands) = mpsc::channel(COMMANDS);
    let runtime = Builder::new_current_thread();
    let nice = shared.force().config.mirror.shadow_nice;
    let body = move || {
        // Without the right to it, the thread runs at the live threads' priority.
        let _ = crate::sys::set_thread_nice(nice);
        let mut runtime = runtime;
        match runtime.enable_all().build_local(LocalOptions::default()) {
            Ok(runtime) => runtime.block_on(Shadow::new(shared, judge).run(jobs, commands)),
            Err(error) => tracing::error!(%error, "no shadow runtime: nothing is mirrored"),
        }
    };
    let thread = std::thread::Builder::new().name("paritee-shadow".into()).spawn(body)?;
    Ok((ShadowThread(thread), sender))
}

pub(super) struct Shadow {
    pub(super) shared: Arc<Shared>,
    pub(super) judge: Judge,
    regimes: Regimes,
    /// The number of the config that the shadow thread knows to be in force.
    known: Cell<u64>,
    pub(super) closing: RefCell<Closing>,
    pub(super) account: Arc<super::account::Account>,
    inferred: RefCell<Inferred>,
    /// Where control requests are compared.
    watching: RefCell<Option<Watching>>,
    backlog: RefCell<VecDeque<Box<Job>>>,
    /// Exchanges that a task is busy with.
    asking: Cell<usize>,
    /// Tasks that ask, at most `at_once`; they stay, since starting one costs more than waking it.
    askers: Cell<usize>,
    /// Of these, those that wait and have not been called yet.
    resting: Cell<usize>,
    called: Notify,
    pub(super) at_once: usize,
    pub(super) confirmation: Confirmation,
    /// What is left has been counted.
    pub(super) ended: Cell<bool>,
}

impl Shadow {
    fn new(shared: Arc<Shared>, judge: Judge) -> Rc<Shadow> {
        let force = shared.force();
        Rc::new(Shadow {
            account: shared.accounts.open(),
            closing: RefCell::new(Closing::new(shared.clone())),
            regimes: Regimes::new(&force, shared.operations.clone()),
            known: Cell::new(force.number),
            watching: RefCell::new(Watching::new(force.back_off.clone())),
            shared,
            judge,
            inferred: RefCell::default(),
            backlog: RefCell::default(),
            asking: Cell::new(0),
            askers: Cell::new(0),
            resting: Cell::new(0),
            called: Notify::new(),
            at_once: asked_at_once(crate::sys::raise_descriptor_limit()) as usize,
            confirmation: Confirmation::default(),
            ended: Cell::new(false),
        })
    }
    async fn run(self: Rc<Self>, mut jobs: Jobs, mut commands: mpsc::Receiver<Command>) {
        let mut tick = tokio::time::interval(OPEN_FOR);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        loop {
            tokio::select! {
                batch = jobs.next() => match batch {
                    Some(batch) => self.take(batch),
                    None => break,
                },
                _ = tick.tick() => self.tick(),
                command = commands.recv() => match command {
                    Some(Command::Close(closed)) => {
                        while let Some(batch) = jobs.try_next() {
                            self.take(batch);
                        }
                        self.close_for_sure().await;
                        // Whoever asked may have given up.
                        let _ = closed.send(());
                    }
                    Some(Command::Drain { at_most, done }) => {
                        self.drain(&mut jobs, Instant::now() + at_most).await;
                        let _ = done.send(());
                        break;
                    }
                    None => break,
                },
            }
        }
    }
    fn tick(&self) {
        self.closing.borrow_mut().close();
        let force = self.shared.force();
        if self.known.replace(force.number) != force.number {
            self.regimes.of(&force);
            self.watch(&force.back_off);
            self.confirmation.reloaded();
            self.closing.borrow_mut().count_pairs(force.config.secondary.is_some());
        }
        if let Some(watching) = &mut *self.watching.borrow_mut() {
            let mut inferred = self.inferred.borrow_mut();
            watching.tick(std::time::Instant::now(), |method, path| inferred.route(method, path).name);
        }
        self.shared.learn_owners(&force);
        drop(force);
        self.regimes.sweep();
        self.shared.let_go();
    }
    /// Offers until the store has taken everything; whoever waits for it has a deadline.
    async fn close_for_sure(&self) {
        let deadline = Instant::now() + Duration::from_secs(1);
        while !self.closing.borrow_mut().close() && Instant::now() < deadline {
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
    async fn drain(self: &Rc<Self>, jobs: &mut Jobs, deadline: Instant) {
        loop {
            while let Some(batch) = jobs.try_next() {
                self.take(batch);
            }
            let idle = self.asking.get() == 0 && self.backlog.borrow().is_empty();
            if idle || Instant::now() >= deadline {
                break;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
        let left = std::mem::take(&mut *self.backlog.borrow_mut()).len() + self.asking.get();
        {
            let mut tally = self.account.lock();
            (0..left).for_each(|_| tally.counts.count_not_judged(NotJudged::Shutdown));
        }
        self.ended.set(true);
        self.close_for_sure().await;
    }
    fn take(self: &Rc<Self>, batch: Batch) {
        let new = batch.len();
        self.backlog.borrow_mut().extend(batch);
        for _ in 0..new {
            if self.resting.get() > 0 {
                self.resting.set(self.resting.get() - 1);
                // Whoever rested last: what it needs is still in the cache.
                self.called.notify_last();
            } else if self.askers.get() < self.at_once {
                tokio::task::spawn_local(self.clone().ask_on(Counted::new(self, |shadow| &shadow.askers)));
            } else {
                break;
            }
        }
    }
    /// Asks for one exchange after the other, and waits for more.
    async fn ask_on(self: Rc<Self>, _counted: Counted) {
        loop {
            loop {
                let Some(job) = self.backlog.borrow_mut().pop_front() else { break };
                let asking = Counted::new(&self, |shadow| &shadow.asking);
                self.serve(job, Ending { shadow: &self, judged: false }).await;
                drop(asking);
            }
            self.resting.set(self.resting.get() + 1);
            self.called.notified().await;
        }
    }
    async fn serve(self: &Rc<Self>, mut job: Box<Job>, mut ending: Ending<'_>) {
        let regime = self.regimes.of(job.permit.force());
        let Some(candidate) = &regime.candidate else { return };
        let force = &regime.force;
        let id = self.shared.exchange_id();
        let mut passport = Passport::plain(&job.request, job.primary.outcome.status());
        let mut beside = None;
        let answer = if job.client == Client::Left {
            secondary::begin(self, &regime, &job, id);
            // Half a request must not be sent, and half an answer cannot be compared.
            not_asked("the client left")
        } else if !self.shared.mirroring.load(Relaxed) {
            return;
        } else {
            let probe = job.permit.is_probe();
            if let Some(sessions) = &force.sessions {
                passport = sessions.passport(&self.shared, candidate, &job).await;
            }
            beside = secondary::begin(self, &regime, &job, id);
            if beside.as_ref().is_some_and(|beside| beside.is_first) {
                tokio::task::yield_now().await;
            }
            let (request, now) = (&job.request, std::time::Instant::now());
            let route = job.route.map(|index| &force.config.routes.get(index).route.name);
            let under_way = self.shared.returns.under_way(route, &request.method, &request.target, now);
            let answer = match candidate.ask(&self.shared, &mut job, id, &passport).await {
                Ok(answer) => answer,
                Err(reason) => return ending.not_judged(reason),
            };
            drop(under_way);
            let answered = answer.outcome.response().is_some() && !super::ask::is_endless(&answer, &job.primary);
            force.breaker.report(probe, answered, std::time::Instant::now());
            job.permit.asked();
            if let Some(sessions) = &force.sessions {
                sessions.candidate_answered(&mut job, &answer);
            }
            answer
        };
        self.judge(job, &regime, &candidate.upstream, (id, answer), &passport, (ending, beside));
    }
    fn judge(
        self: &Rc<Self>,
        job: Box<Job>,
        regime: &Rc<Regime>,
        candidate: &Upstream,
        (id, answer): (crate::exchange::ExchangeId, Answer),
        passport: &Passport,
        (ending, beside): (Ending<'_>, Option<Beside>),
    ) {
        let force = &*regime.force;
        let config = &force.config;
        let Job { received_at_ms, request, hop, route: place, primary, to_head_us, client, permit, .. } = *job;
        let rules = force.rules(place);
        let route = self.route(place, &request, regime);
        if let Some(us) = to_head_us {
            self.told_of_time(place, &route, us, force);
        }
        let Caller { class: principal, subject } = force.caller(&request, passport);
        let mut exchange = Exchange {
            id,
            received_at_ms,
            route,
            principal,
            subject,
            request,
            provenance: Provenance::Own,
            primary,
            candidate: answer,
            secondary: None,
            client,
            candidate_session: passport.session,
        };
        exchange.provenance = self.provenance(force, &exchange);
        let judgement = match exchange.client {
            Client::Left => Judgement::undecided(Verdict::Inconclusive(Inconclusive::ClientLeft)),
            Client::Served => {
                self.shared.answers.note(&exchange);
                (self.judge)(&exchange, rules, &config.context)
            }
        };
        let mut closing = self.closing.borrow_mut();
        let versions = (build(&config.primary, &exchange.primary), build(candidate, &exchange.candidate));
        let bodies = config.redact.store_bodies;
        // The judge knows no sessions; whoever holds its claims against one another has to.
        let naming = force.naming.as_ref().filter(|_| rules.claims_ids());
        let name = naming.map(|naming| naming.name(&exchange.request.headers, hop.peer));
        let session = Session { name, requests: &[] };
        let added = closing.fold.add(&exchange, &judgement, rules.hash(), versions, &force.redactor, bodies, session);
        let (branches, calls) = (force.branches(place), !config.roles.is_empty());
        let look = Look { branches, rules, context: &config.context, calls };
        closing.fold.look(&exchange, added.request, versions, &force.redactor, look);
        naming.into_iter().for_each(|naming| naming.note(closing.fold.ids()));
        ending.judged(judgement.verdict);
        drop(permit);
        if !added.signatures.is_empty() {
            let (exchange, judgement, jar) = (&exchange, &judgement, passport.jar.as_ref());
            let mismatch = Mismatch { exchange, judgement, ids: &added.signatures, versions, place, hop: &hop, jar };
            self.confirm(regime, &mismatch, &mut closing);
        }
        if let Some(beside) = beside {
            let found = closing.fold.found(&exchange.route.name, &judgement, &force.redactor);
            let candidate_build = versions.1.map(str::to_owned);
            beside.judged(exchange, place, candidate_build, found);
        }
        if closing.is_full() {
            closing.close();
        }
    }
    /// The declared route, or that of the operation where several share it; else one that is guessed.
    fn route(&self, place: Option<RouteIndex>, request: &Request, regime: &Regime) -> Route {
        let Some(index) = place else { return self.inferred.borrow_mut().route(&request.method, request.path()) };
        let (declared, redactor) = (regime.force.config.routes.get(index), &regime.force.redactor);
        regime.operations.route(index, declared, request, redactor)
    }
    /// Looks at control windows of this one from now on.
    fn watch(&self, back_off: &Arc<BackOff>) {
        let mut watching = self.watching.borrow_mut();
        if !watching.as_ref().is_some_and(|watching| watching.is_of(back_off)) {
            *watching = Watching::new(back_off.clone());
        }
    }
    /// How long the primary took, for what control requests are held against.
    fn told_of_time(&self, place: Option<RouteIndex>, route: &Route, us: u32, force: &InForce) {
        let mut watching = self.watching.borrow_mut();
        if let Some(watching) = watching.as_mut().filter(|watching| watching.is_of(&force.back_off)) {
            // A control request's operation is not read: it is held against all of its route.
            let name = place.map_or(&route.name, |index| &force.config.routes.get(index).route.name);
            watching.mirrored(place.is_some(), name, us);
        }
    }
    /// Who wrote the candidate's answer: an echo of this exchange, or the monolith's own build in it.
    pub(super) fn provenance(&self, force: &InForce, exchange: &Exchange) -> Provenance {
        let Some(answer) = exchange.candidate.outcome.response() else {
            return Provenance::Own;
        };
        let echoed = self.shared.markers.is_echo_of(&answer.headers, exchange.id);
        let same_build = || {
            let name = force.config.primary.version_header.as_ref()?;
            let primary = exchange.primary.outcome.response()?.headers.get(name)?;
            Some(answer.headers.get_all(name).iter().any(|value| value == primary))
        };
        if echoed {
            return Provenance::Proxied;
        }
        if same_build() != Some(true) {
            return Provenance::Own;
        }
        // It came past the tee, or through it without its marker.
        let route = Some(&exchange.route).filter(|route| !route.inferred).map(|route| &route.name);
        self.shared.returns.passed_on(route, std::time::Instant::now());
        Provenance::Proxied
    }
}

/// The build that a side tells.
pub(super) fn build<'a>(side: &Upstream, answer: &'a Answer) -> Option<&'a str> {
    let name = side.version_header.as_ref()?;
    answer.outcome.response()?.headers.get(name)?.to_str().ok()
}
