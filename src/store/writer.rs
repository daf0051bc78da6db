//! The one thread that calls sled: takes what is offered, applies it, syncs, publishes.
//!
//! sled's concurrency lock is global to the process and its writers wait for its flushes, so nobody else may call it while
//! a tee runs: a reader of exemplars sends a message and waits for the reply, for a bounded time.

use super::applying::apply;
use super::disk::Disk;
use super::index::{Changed, Index};
use super::keys::Key;
use super::record::Session;
use super::samples::{self, SamplePage};
use super::state::{Bounds, State};
use super::upkeep::{self, Upkeep};
use super::{Opened, Options, Space, StoreError, open, read};
use crate::evidence::{CoverageDelta, EvidenceBatch, Exemplar, Source};
use crate::judge::SignatureId;
use parking_lot::{Condvar, Mutex};
use std::collections::{BTreeMap, VecDeque};
use std::path::PathBuf;
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};

/// Batches waiting at most; a refused one is merged with the next by whoever offers.
pub(super) const BATCHES: usize = 8;
/// Questions waiting at most.
pub(super) const QUESTIONS: usize = 16;
/// Between two attempts to open a store that failed: doubled from the first to the second.
const RETRY: (Duration, Duration) = (Duration::from_millis(50), Duration::from_secs(2));

/// Somebody wants what is in no index.
pub(super) enum Question {
    /// A signature's exemplars.
    Exemplars(SignatureId, Reply<Vec<Exemplar>>),
    /// Some cells from this key on.
    Cells(Key, Reply<read::SomeCells>),
    /// Exchanges that rules made equal.
    Samples(Option<String>, Reply<SamplePage>),
    /// What was seen of each route.
    Coverage(Reply<BTreeMap<String, Arc<CoverageDelta>>>),
}

pub(super) type Reply<T> = SyncSender<Result<T, StoreError>>;

/// How the thread is asked to end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Ending {
    /// Not at all.
    Not,
    /// Nobody holds a handle any more: like a crash, but everything offered is written.
    Abandoned,
    /// With a note that it was clean.
    Clean,
}

/// What waits for the thread, and what became of it.
pub(super) struct Desk {
    pub(super) batches: VecDeque<EvidenceBatch>,
    pub(super) questions: VecDeque<Question>,
    /// Batches taken in since the start.
    pub(super) offered: u64,
    /// Of these, durable.
    pub(super) settled: u64,
    pub(super) ending: Ending,
    /// `Some(true)` after a clean end.
    pub(super) ended: Option<bool>,
    pub(super) failing: Option<String>,
    /// Who serves already and waits for the store to be closed.
    pub(super) successor: Option<u64>,
}

/// Shared by the handles and the thread. The lock is held for a push or a pop, never over sled.
pub(super) struct Shared {
    pub(super) desk: Mutex<Desk>,
    /// For the thread: something waits.
    pub(super) work: Condvar,
    /// For those who settle or close: something changed.
    pub(super) news: Condvar,
    pub(super) index: Index,
    /// Set when the store was opened first.
    pub(super) opened: OnceLock<Opened>,
    pub(super) dir: PathBuf,
}

impl Shared {
    pub(super) fn new(dir: PathBuf) -> Shared {
        let desk = Desk {
            batches: VecDeque::new(),
            questions: VecDeque::new(),
            offered: 0,
            settled: 0,
            ending: Ending::Not,
            ended: None,
            failing: None,
            successor: None,
        };
        let (work, news, index, opened) = (Condvar::new(), Condvar::new(), Index::default(), OnceLock::new());
        Shared { desk: Mutex::new(desk), work, news, index, opened, dir }
    }
}

/// What opening gives.
type Ready = (Disk, State);

/// The thread's own.
pub(super) struct Writer {
    shared: std::sync::Arc<Shared>,
    cache_bytes: u64,
    bounds: Bounds,
    incarnation: u64,
    sides: Vec<String>,
    /// The clock: the time at the start, and how long ago that was.
    started: (u64, Instant),
    ready: Option<Ready>,
    upkeep: Upkeep,
    /// Taken, but not yet durable.
    pending: Vec<EvidenceBatch>,
    /// Failures in a row that say the store is damaged.
    damaged: u32,
    /// When a store that failed is tried again, and how long after that.
    retry_at: Instant,
    retry: Duration,
}

impl Writer {
    /// Of a store that is not open yet.
    pub(super) fn new(
        shared: std::sync::Arc<Shared>,
        options: &Options,
        bounds: Bounds,
        incarnation: u64,
        now_ms: u64,
    ) -> Writer {
        Writer {
            shared,
            cache_bytes: options.cache_bytes,
            bounds,
            incarnation,
            sides: options.sides.clone(),
            started: (now_ms, Instant::now()),
            ready: None,
            upkeep: Upkeep::new(options.caps, options.cache_bytes),
            pending: Vec::new(),
            damaged: 0,
            retry_at: Instant::now(),
            retry: RETRY.0,
        }
    }
    /// Opens the store and notes the start, durably.
    pub(super) fn start(&mut self) -> Result<Source, StoreError> {
        // The time that was passed in is that of this moment.
        self.started.1 = Instant::now();
        let set_aside = self.open(None)?;
        self.note_opened(set_aside);
        Ok(self.source())
    }
    fn note_opened(&self, set_aside: Option<(PathBuf, u64, u64)>) {
        self.shared.opened.get_or_init(|| {
            let (ledger, ownership) = (self.shared.index.ledger(), self.shared.index.figures().ownership);
            Opened { set_aside, ledger, ownership }
        });
    }
    fn now_ms(&self) -> u64 {
        self.started.0 + self.started.1.elapsed().as_millis() as u64
    }
    fn source(&self) -> Source {
        let tee = self.ready.as_ref().map_or(0, |(_, state)| state.meta.tee);
        Source { tee, incarnation: self.incarnation }
    }

    /// Opens, or opens again with what was durable before. Damage may show only at the first write, since opening reads no
    /// exemplar and no cell: then the store is set aside too.
    fn open(&mut self, before: Option<(Session, u64)>) -> Result<Option<(PathBuf, u64, u64)>, StoreError> {
        self.ready = None;
        match self.open_once(before.as_ref(), self.damaged > 1) {
            Err(StoreError::Damaged { message, .. }) => {
                tracing::warn!(message, "the store opens, but does not take the note of a start");
                self.open_once(before.as_ref(), true)
            }
            other => other,
        }
    }
    fn open_once(
        &mut self,
        before: Option<&(Session, u64)>,
        give_up: bool,
    ) -> Result<Option<(PathBuf, u64, u64)>, StoreError> {
        let (now_ms, bounds) = (self.now_ms(), self.bounds);
        let dir = self.shared.dir.clone();
        let (found, mut state) =
            open::for_writing(&dir, self.cache_bytes, now_ms, give_up, |disk, meta| State::load(disk, meta, bounds))?;
        if let (Some((session, durable_seq)), true) = (before, found.set_aside.is_some()) {
            state.lost_some(self.incarnation, Some(session), *durable_seq, now_ms);
        }
        open::guarded(&dir, || {
            let orphans = state.orphans(&found.disk)?;
            found.disk.in_parts(&orphans)?;
            let change = state.begin(self.incarnation, &self.sides, now_ms, &found.disk)?;
            found.disk.commit(&change.operations)?;
            found.disk.sync()
        })?;
        let source = Source { tee: state.meta.tee, incarnation: self.incarnation };
        self.shared.index.publish_all(&state, source);
        self.ready = Some((found.disk, state));
        Ok(found.set_aside)
    }

    /// Works until it is asked to end.
    pub(super) fn run(mut self) {
        loop {
            let (questions, ending) = self.wait();
            questions.into_iter().for_each(|question| self.answer(question));
            if ending != Ending::Not {
                self.upkeep.abandon();
            }
            let mut clean = None;
            let was_open = self.ready.is_some();
            let now = ending != Ending::Not || was_open || Instant::now() >= self.retry_at;
            if now && (!self.pending.is_empty() || !was_open) {
                match self.write() {
                    Ok(batches) => self.settled(batches),
                    Err(error) => {
                        self.failed(&error);
                        // at the end one attempt more, on a store opened anew; then what is left is lost
                        clean = (ending != Ending::Not && !was_open).then_some(false);
                    }
                }
            }
            if ending == Ending::Not && self.ready.is_some() {
                self.keep_up();
            }
            if ending != Ending::Not && self.pending.is_empty() && self.ready.is_some() {
                clean = clean.or_else(|| self.nothing_waits().then(|| self.end(ending)));
            }
            if let Some(clean) = clean {
                self.ready = None;
                self.shared.desk.lock().ended = Some(clean);
                self.shared.news.notify_all();
                return;
            }
        }
    }
    fn nothing_waits(&self) -> bool {
        self.shared.desk.lock().batches.is_empty()
    }
    /// Takes what waits; while the store fails, looks again after a while.
    fn wait(&mut self) -> (VecDeque<Question>, Ending) {
        let mut desk = self.shared.desk.lock();
        while desk.questions.is_empty() && desk.ending == Ending::Not {
            if self.ready.is_none() {
                if self.shared.work.wait_until(&mut desk, self.retry_at).timed_out() {
                    break;
                }
            } else if !desk.batches.is_empty()
                || !self.pending.is_empty()
                || self.upkeep.is_busy()
                || self.shared.work.wait_until(&mut desk, self.upkeep.wake_at()).timed_out()
            {
                break;
            }
        }
        // what failed stays as it is: more waits at the desk, which is bounded
        if self.pending.is_empty() {
            self.pending.extend(desk.batches.drain(..));
        }
        (std::mem::take(&mut desk.questions), desk.ending)
    }
    /// Who asked may have gone.
    fn answer(&self, question: Question) {
        let ready = self.ready.as_ref().ok_or_else(|| {
            let source = std::io::Error::other("it does not take reads at present; see the log");
            StoreError::Io { dir: self.shared.dir.clone(), source }
        });
        match question {
            Question::Exemplars(id, reply) => {
                let exemplars = ready.and_then(|(disk, state)| match state.signatures.get(&id) {
                    Some(entry) => read::exemplars(disk, id, &entry.kept),
                    None => Ok(Vec::new()),
                });
                let _ = reply.try_send(exemplars);
            }
            Question::Cells(from, reply) => {
                let _ = reply.try_send(ready.and_then(|(disk, _)| read::some_cells(disk, from)));
            }
            Question::Samples(from, reply) => {
                let _ = reply.try_send(ready.and_then(|(disk, _)| samples::page(disk, from.as_deref())));
            }
            Question::Coverage(reply) => {
                let _ = reply.try_send(ready.map(|(_, state)| state.coverage.shared()));
            }
        }
    }

    /// Applies what is pending, or the first of it where the store has to be kept within its caps, syncs once, publishes.
    /// Says how many batches that were.
    fn write(&mut self) -> Result<usize, StoreError> {
        if self.ready.is_none() {
            let before = self.shared.index.session().map(|session| (session, self.shared.index.ledger().durable_seq));
            let set_aside = self.open(before)?;
            self.note_opened(set_aside);
        }
        let (source, dir) = (self.source(), self.shared.dir.clone());
        let Some((disk, state)) = &mut self.ready else { return Ok(0) };
        // What was closed before the store was open does not know whose it is.
        self.pending.iter_mut().filter(|batch| batch.source.tee == 0).for_each(|batch| batch.source = source);
        let pending = &self.pending;
        let upkeep = &mut self.upkeep;
        let (changed, batches) = open::guarded(&dir, || {
            let told = apply(pending, state, disk, upkeep.together(), |disk, change| {
                upkeep::apply(disk, upkeep, change)?;
                Ok(!upkeep.is_pressed(disk))
            })?;
            disk.sync()?;
            Ok(told)
        })?;
        self.shared.index.publish(state, source, &changed);
        self.tell_space();
        Ok(batches)
    }
    /// The next part of keeping the store within its caps.
    fn keep_up(&mut self) {
        let (now_ms, source) = (self.now_ms(), self.source());
        let Some((disk, state)) = &mut self.ready else { return };
        match self.upkeep.turn(disk, state, now_ms) {
            Ok(told) if told.any => {
                self.shared.index.publish(state, source, &told.changed);
                self.tell_space();
            }
            Ok(_) => {}
            Err(error) => self.failed(&error),
        }
    }
    fn tell_space(&self) {
        let usage = self.ready.as_ref().and_then(|(disk, _)| disk.usage()).unwrap_or_default();
        let Upkeep { made, size, .. } = self.upkeep;
        let space = Space { generations: made, bytes: size, keys: usage.keys, live_bytes: usage.bytes };
        self.shared.index.note_space(space);
    }
    fn settled(&mut self, batches: usize) {
        let was_failing = {
            let mut desk = self.shared.desk.lock();
            desk.settled += batches as u64;
            desk.failing.take()
        };
        self.shared.news.notify_all();
        if was_failing.is_some() {
            tracing::info!(store = %self.shared.dir.display(), "the store takes writes again");
        }
        self.pending.drain(..batches);
        self.damaged = 0;
        self.retry = RETRY.0;
    }
    /// The counters in memory are ahead of the disk now: they are read again when the store opens again.
    fn failed(&mut self, error: &StoreError) {
        self.upkeep.abandon();
        self.ready = None;
        if matches!(error, StoreError::Damaged { .. }) {
            self.damaged += 1;
        }
        let awaited = matches!(error, StoreError::Locked(_)) && self.shared.opened.get().is_none();
        self.retry_at = Instant::now() + if awaited { Duration::ZERO } else { self.retry };
        self.retry = if awaited { RETRY.0 } else { (self.retry * 2).min(RETRY.1) };
        let first = self.shared.desk.lock().failing.replace(error.to_string()).is_none();
        self.shared.news.notify_all();
        if first && awaited {
            tracing::info!("the store is with the process before; what is found waits in memory");
        } else if first {
            tracing::error!(%error, "the store does not take writes; they wait in memory, and it is tried again");
        }
    }
    /// Notes how it ended; true when that is durable. Damage may show only at this last write: then the store is set aside
    /// as at any other write, and the end is noted in the new one.
    fn end(&mut self, ending: Ending) -> bool {
        if ending != Ending::Clean {
            return false;
        }
        let noted = match self.note_end() {
            Err(StoreError::Damaged { message, .. }) => {
                tracing::warn!(message, "the store is damaged where a clean stop is noted");
                let before =
                    self.shared.index.session().map(|session| (session, self.shared.index.ledger().durable_seq));
                self.damaged = 2;
                self.open(before).and_then(|_| self.note_end())
            }
            other => other,
        };
        noted.inspect_err(|error| tracing::error!(%error, "the clean stop could not be noted")).is_ok()
    }
    fn note_end(&mut self) -> Result<(), StoreError> {
        let (now_ms, source, dir) = (self.now_ms(), self.source(), self.shared.dir.clone());
        let successor = self.shared.desk.lock().successor;
        let Some((disk, state)) = &mut self.ready else { return Ok(()) };
        open::guarded(&dir, || {
            let change = state.close(source.incarnation, successor, now_ms, disk)?;
            disk.commit(&change.operations)?;
            disk.sync()
        })?;
        self.shared.index.publish(state, source, &Changed::default());
        Ok(())
    }
}
