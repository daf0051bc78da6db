//! The shadow thread: asks the candidate, judges, folds, closes batches. Nothing on a live thread waits for it.

use super::ask::not_asked;
use super::closing::Closing;
use super::in_force::InForce;
use super::infer::Inferred;
use super::lane::{Batch, Job, Jobs};
use super::regime::{Regime, Regimes};
use super::secondary::{self, Beside};
use super::session::Passport;
use super::shared::{Judge, Shared};
use crate::config::Upstream;
use crate::evidence::{NotJudged, Session};
use crate::exchange::{Answer, Client, Exchange, Provenance, Route};
use crate::judge::{Inconclusive, Judgement, Verdict};
use crate::principal::{Caller, Claims, Credential};
use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::Ordering::Relaxed;
use std::time::Duration;
use tokio::runtime::{Builder, LocalOptions};
use tokio::sync::{mpsc, oneshot};
use tokio::time::Instant;

/// A batch stays open this long.
const OPEN_FOR: Duration = Duration::from_millis(50);
/// Shadow requests on their way at once, whatever the budget; what is more waits.
const ASKED_AT_ONCE: usize = 256;
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
    account: Arc<super::account::Account>,
    inferred: RefCell<Inferred>,
    backlog: RefCell<VecDeque<Box<Job>>>,
    asking: Cell<usize>,
    /// What is left has been counted.
    ended: Cell<bool>,
}

impl Shadow {
    fn new(shared: Arc<Shared>, judge: Judge) -> Rc<Shadow> {
        let force = shared.force();
        Rc::new(Shadow {
            account: shared.accounts.open(),
            closing: RefCell::new(Closing::new(shared.clone())),
            regimes: Regimes::new(&force),
            known: Cell::new(force.number),
            shared,
            judge,
            inferred: RefCell::default(),
            backlog: RefCell::default(),
            asking: Cell::new(0),
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
            self.closing.borrow_mut().count_pairs(force.config.secondary.is_some());
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
        self.backlog.borrow_mut().extend(batch);
        while self.asking.get() < ASKED_AT_ONCE {
            let Some(job) = self.backlog.borrow_mut().pop_front() else { break };
            let asking = Asking::new(self.clone());
            tokio::task::spawn_local(async move {
                let shadow = &asking.0;
                let mut next = Some(job);
                while let Some(job) = next.take() {
                    shadow.serve(job, Ending { shadow, judged: false }).await;
                    next = shadow.backlog.borrow_mut().pop_front();
                }
            });
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
            let answered = answer.outcome.response().is_some();
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
        &self,
        job: Box<Job>,
        regime: &Regime,
        candidate: &Upstream,
        (id, answer): (crate::exchange::ExchangeId, Answer),
        passport: &Passport,
        (ending, beside): (Ending<'_>, Option<Beside>),
    ) {
        let force = &*regime.force;
        let config = &force.config;
        let Job { received_at_ms, request, hop, route: place, primary, client, permit, .. } = *job;
        let rules = force.rules(place);
        let route: Route = match place {
            Some(index) => config.routes.get(index).route.clone(),
            None => self.inferred.borrow_mut().route(&request.method, request.path()),
        };
        let Caller { class: principal, subject } = caller(force, &request, passport);
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
            Client::Served => (self.judge)(&exchange, rules, &config.context),
        };
        let mut closing = self.closing.borrow_mut();
        let versions = (build(&config.primary, &exchange.primary), build(candidate, &exchange.candidate));
        let bodies = config.redact.store_bodies;
        // The judge knows no sessions; whoever holds its claims against one another has to.
        let naming = force.naming.as_ref().filter(|_| rules.claims_ids());
        let name = naming.map(|naming| naming.name(&exchange.request.headers, hop.peer));
        let session = Session { name, requests: &[] };
        closing.fold.add(&exchange, &judgement, rules.hash(), versions, &force.redactor, bodies, session);
        naming.into_iter().for_each(|naming| naming.note(closing.fold.ids()));
        ending.judged(judgement.verdict);
        drop(permit);
        if let Some(beside) = beside {
            let found = closing.fold.found(&exchange.route.name, &judgement, &force.redactor);
            let candidate_build = versions.1.map(str::to_owned);
            beside.judged(exchange, place, candidate_build, found);
        }
        if closing.is_full() {
            closing.close();
        }
    }
    /// Who wrote the candidate's answer: an echo of this exchange, or the monolith's own build in it.
    fn provenance(&self, force: &InForce, exchange: &Exchange) -> Provenance {
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

/// Who asks: by a token that the client sends, else by the candidate's credential for its session.
fn caller(force: &InForce, request: &crate::exchange::Request, passport: &Passport) -> Caller {
    let classifier = &force.config.classifier;
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

/// One of the tasks that ask; counted until it ends, however it ends.
struct Asking(Rc<Shadow>);

impl Asking {
    fn new(shadow: Rc<Shadow>) -> Asking {
        shadow.asking.set(shadow.asking.get() + 1);
        Asking(shadow)
    }
}

impl Drop for Asking {
    fn drop(&mut self) {
        self.0.asking.set(self.0.asking.get() - 1);
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
