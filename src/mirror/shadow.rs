//! The shadow thread: asks the candidate, judges, folds, closes batches. Nothing on a live thread waits for it.

use super::ask::{Leg, not_asked};
use super::back_off::Watching;
use super::closing::Closing;
use super::infer::Inferred;
use super::lane::{Batch, Job, Jobs};
use super::operation::Operations;
use super::secondary::{self, Beside, Secondary};
use super::session::Passport;
use super::shared::{Judge, Shared};
use crate::config::{RouteIndex, Upstream};
use crate::evidence::{NotJudged, Ownership, Session};
use crate::exchange::{Answer, Client, Exchange, Provenance, Request, Route};
use crate::judge::{Inconclusive, Judgement, Verdict};
use crate::principal::{Caller, Claims, Credential};
use crate::redact::Redactor;
use crate::rules::RuleSet;
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
    redactor: Redactor,
    ownership: Ownership,
) -> std::io::Result<(ShadowThread, mpsc::Sender<Command>)> {
    let (sender, commands) = mpsc::channel(COMMANDS);
    let runtime = Builder::new_current_thread();
    let nice = shared.config.mirror.shadow_nice;
    let body = move || {
        // Without the right to it, the thread runs at the live threads' priority.
        let _ = crate::sys::set_thread_nice(nice);
        let mut runtime = runtime;
        match runtime.enable_all().build_local(LocalOptions::default()) {
            Ok(runtime) => runtime.block_on(Shadow::new(shared, judge, redactor, ownership).run(jobs, commands)),
            Err(error) => tracing::error!(%error, "no shadow runtime: nothing is mirrored"),
        }
    };
    let thread = std::thread::Builder::new().name("paritee-shadow".into()).spawn(body)?;
    Ok((ShadowThread(thread), sender))
}

pub(super) struct Shadow {
    pub(super) shared: Arc<Shared>,
    pub(super) judge: Judge,
    pub(super) redactor: Redactor,
    candidate: Option<Leg>,
    pub(super) secondary: Option<Rc<Secondary>>,
    pub(super) closing: RefCell<Closing>,
    account: Arc<super::account::Account>,
    inferred: RefCell<Inferred>,
    /// Where control requests are compared.
    watching: Option<RefCell<Watching>>,
    operations: RefCell<Operations>,
    backlog: RefCell<VecDeque<Box<Job>>>,
    /// Exchanges that a task is busy with.
    asking: Cell<usize>,
    /// Tasks that ask, at most `at_once`; they stay, since starting one costs more than waking it.
    askers: Cell<usize>,
    /// Of these, those that wait and have not been called yet.
    resting: Cell<usize>,
    called: Notify,
    at_once: usize,
    /// What is left has been counted.
    ended: Cell<bool>,
}

impl Shadow {
    fn new(shared: Arc<Shared>, judge: Judge, redactor: Redactor, ownership: Ownership) -> Rc<Shadow> {
        let config = &shared.config;
        // With a secondary, an exchange is kept until that has answered too.
        let for_now = config.secondary.is_none();
        let candidate = config.candidate.clone().map(|side| Leg::new("candidate", side, &config.primary, for_now));
        let secondary = config.secondary.clone().map(|upstream| Secondary::new(upstream, config));
        Rc::new(Shadow {
            account: shared.accounts.open(),
            watching: Watching::new(shared.back_off.clone()).map(RefCell::new),
            closing: RefCell::new(Closing::new(shared.clone(), ownership)),
            operations: RefCell::new(Operations::new(shared.operations.clone().unwrap_or_default())),
            shared,
            judge,
            redactor,
            candidate,
            secondary,
            inferred: RefCell::default(),
            backlog: RefCell::default(),
            asking: Cell::new(0),
            askers: Cell::new(0),
            resting: Cell::new(0),
            called: Notify::new(),
            at_once: asked_at_once(crate::sys::raise_descriptor_limit()) as usize,
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
        if let Some(watching) = &self.watching {
            let mut inferred = self.inferred.borrow_mut();
            watching.borrow_mut().tick(std::time::Instant::now(), |method, path| inferred.route(method, path).name);
        }
        if let Some(candidate) = &self.candidate {
            candidate.sweep();
        }
        self.secondary.iter().for_each(|secondary| secondary.sweep());
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
        let Some(candidate) = &self.candidate else { return };
        let id = self.shared.exchange_id();
        let mut passport = Passport::plain(&job.request, job.primary.outcome.status());
        let mut beside = None;
        let answer = if job.client == Client::Left {
            secondary::begin(self, &job, id);
            // Half a request must not be sent, and half an answer cannot be compared.
            not_asked("the client left")
        } else if !self.shared.mirroring.load(Relaxed) {
            return;
        } else {
            let probe = job.permit.is_probe();
            if let Some(sessions) = &self.shared.sessions {
                passport = sessions.passport(&self.shared, candidate, &job).await;
            }
            beside = secondary::begin(self, &job, id);
            if beside.as_ref().is_some_and(|beside| beside.is_first) {
                tokio::task::yield_now().await;
            }
            let (request, now) = (&job.request, std::time::Instant::now());
            let under_way = self.shared.returns.under_way(job.route, &request.method, &request.target, now);
            let answer = match candidate.ask(&self.shared, &mut job, id, &passport).await {
                Ok(answer) => answer,
                Err(reason) => return ending.not_judged(reason),
            };
            drop(under_way);
            let answered = answer.outcome.response().is_some();
            self.shared.breaker.report(probe, answered, std::time::Instant::now());
            job.permit.asked();
            if let Some(sessions) = &self.shared.sessions {
                sessions.candidate_answered(&mut job, &answer);
            }
            answer
        };
        self.judge(job, candidate, id, answer, &passport, (ending, beside));
    }
    fn judge(
        &self,
        job: Box<Job>,
        candidate: &Leg,
        id: crate::exchange::ExchangeId,
        answer: Answer,
        passport: &Passport,
        (ending, beside): (Ending<'_>, Option<Beside>),
    ) {
        let config = &self.shared.config;
        let Job { received_at_ms, request, hop, route: place, primary, to_head_us, client, permit, .. } = *job;
        let rules = self.rules(place);
        let route = self.route(place, &request);
        if let (Some(watching), Some(us)) = (&self.watching, to_head_us) {
            watching.borrow_mut().mirrored(place.map(|index| index.0), &route.name, us);
        }
        let Caller { class: principal, subject } = self.caller(&request, passport);
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
        exchange.provenance = self.provenance(&exchange, place);
        let judgement = match exchange.client {
            Client::Left => Judgement::undecided(Verdict::Inconclusive(Inconclusive::ClientLeft)),
            Client::Served => {
                self.shared.answers.note(&exchange);
                (self.judge)(&exchange, rules, &config.context)
            }
        };
        let mut closing = self.closing.borrow_mut();
        let versions = (build(&config.primary, &exchange.primary), build(&candidate.upstream, &exchange.candidate));
        let bodies = config.redact.store_bodies;
        // The judge knows no sessions; whoever holds its claims against one another has to.
        let naming = self.shared.naming.as_ref().filter(|_| rules.claims_ids());
        let name = naming.map(|naming| naming.name(&exchange.request.headers, hop.peer));
        let session = Session { name, requests: &[] };
        closing.fold.add(&exchange, &judgement, rules.hash(), versions, &self.redactor, bodies, session);
        naming.into_iter().for_each(|naming| naming.note(closing.fold.ids()));
        ending.judged(judgement.verdict);
        drop(permit);
        if let Some(beside) = beside {
            let found = closing.fold.found(&exchange.route.name, &judgement, &self.redactor);
            let candidate_build = versions.1.map(str::to_owned);
            beside.judged(exchange, place, candidate_build, found);
        }
        if closing.is_full() {
            closing.close();
        }
    }
    /// The declared route, or that of the operation where several share it; else one that is guessed.
    fn route(&self, place: Option<RouteIndex>, request: &Request) -> Route {
        let Some(index) = place else { return self.inferred.borrow_mut().route(&request.method, request.path()) };
        let declared = self.shared.config.routes.get(index);
        match &declared.split_by {
            None => declared.route.clone(),
            Some(by) => self.operations.borrow_mut().route(index, (&declared.route, by), request, &self.redactor),
        }
    }
    /// The rules of a declared route, or those of every other.
    pub(super) fn rules(&self, place: Option<RouteIndex>) -> &RuleSet {
        let config = &self.shared.config;
        place.map_or(&config.general_rules, |index| &config.routes.get(index).rules)
    }
    /// Who asks: by a token that the client sends, else by the candidate's credential for its session.
    fn caller(&self, request: &Request, passport: &Passport) -> Caller {
        let classifier = &self.shared.config.classifier;
        if classifier.is_empty() {
            // No token need be read.
            return classifier.classify(passport.credential, None);
        }
        let own = Claims::of_request(&request.headers);
        let credential = match passport.credential {
            // A token in a cookie alone.
            Credential::None if own.is_some() => Credential::Accepted,
            credential => credential,
        };
        classifier.classify(credential, own.as_ref().or(passport.claims.as_deref()))
    }
    /// Who wrote the candidate's answer: an echo of this exchange, or the monolith's own build in it.
    fn provenance(&self, exchange: &Exchange, place: Option<RouteIndex>) -> Provenance {
        let Some(answer) = exchange.candidate.outcome.response() else {
            return Provenance::Own;
        };
        let echoed = self.shared.markers.is_echo_of(&answer.headers, exchange.id);
        let same_build = || {
            let name = self.shared.config.primary.version_header.as_ref()?;
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
        self.shared.returns.passed_on(place, std::time::Instant::now());
        Provenance::Proxied
    }
}

/// Something counted until it ends, however it ends.
struct Counted {
    shadow: Rc<Shadow>,
    counter: fn(&Shadow) -> &Cell<usize>,
}

impl Counted {
    fn new(shadow: &Rc<Shadow>, counter: fn(&Shadow) -> &Cell<usize>) -> Counted {
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
struct Ending<'s> {
    shadow: &'s Shadow,
    judged: bool,
}

impl Ending<'_> {
    fn judged(mut self, verdict: Verdict) {
        self.judged = true;
        self.shadow.account.lock().counts.count_verdict(verdict);
    }
    fn not_judged(&mut self, reason: NotJudged) {
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

/// The build that a side tells.
pub(super) fn build<'a>(side: &Upstream, answer: &'a Answer) -> Option<&'a str> {
    let name = side.version_header.as_ref()?;
    answer.outcome.response()?.headers.get(name)?.to_str().ok()
}
