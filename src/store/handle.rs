//! The handle by which the rest of the tee reaches the writer thread. Nothing here waits for the disk but what says so.

use super::samples::SamplePage;
use super::state::Bounds;
use super::writer::{BATCHES, Ending, QUESTIONS, Question, Reply, Shared, Writer};
use super::{Figures, LeftOut, Opened, Options, SignatureRecord, Space, StoreError, read};
use crate::evidence::{CellDelta, CellKey, CoverageDelta, EvidenceBatch, Exemplar, Hours, Ledger, Source, Suppression};
use crate::judge::SignatureId;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::sync_channel;
use std::time::{Duration, Instant};

/// Signatures in a store.
const SIGNATURES: usize = 10_000;
/// Cells in a store.
const CELLS: u64 = 200_000;
/// Routes and builds of which pairs are kept, and places in all of them: as many megabytes as the signatures take.
const PAIRS: (usize, usize) = (4_096, 16_384);
/// How long a reader waits for the writer thread, which may be in the middle of a sync.
const PATIENCE: Duration = Duration::from_secs(5);

/// The bounds of a store that keeps so many exemplars of each signature.
pub(super) fn bounds(exemplars: usize) -> Bounds {
    let (pairs, places) = PAIRS;
    Bounds { exemplars, signatures: SIGNATURES, cells: CELLS, pairs, places }
}

/// The writer's handle: cheap to clone, used by the shadow side (offers) and the admin side (reads). When the last one is
/// dropped without [`StoreHandle::close`], the thread writes what it has and ends, and the next start shows a gap.
#[derive(Clone)]
pub struct StoreHandle {
    shared: Arc<Shared>,
    source: Source,
    /// Held for its drop: ends the thread with the last handle.
    _last: Arc<Last>,
}

struct Last(Arc<Shared>);

impl Drop for Last {
    fn drop(&mut self) {
        let mut desk = self.0.desk.lock();
        desk.ending = desk.ending.max(Ending::Abandoned);
        self.0.work.notify_all();
    }
}

impl StoreHandle {
    /// Opens (or creates) the store and starts its writer thread at the given niceness. The tee's id is made once and kept
    /// in the store; with the incarnation it comes back in [`StoreHandle::source`].
    pub fn start(
        dir: &Path,
        options: &Options,
        incarnation: u64,
        now_ms: u64,
        nice: i32,
    ) -> Result<(StoreHandle, Opened), StoreError> {
        Self::start_bounded(dir, options, bounds(options.exemplars), incarnation, now_ms, nice)
    }
    pub(super) fn start_bounded(
        dir: &Path,
        options: &Options,
        bounds: Bounds,
        incarnation: u64,
        now_ms: u64,
        nice: i32,
    ) -> Result<(StoreHandle, Opened), StoreError> {
        let wrong = |source| StoreError::Io { dir: dir.to_path_buf(), source };
        let shared = Arc::new(Shared::new(dir.to_path_buf()));
        let (tell, told) = sync_channel(1);
        let mut writer = Writer::new(shared.clone(), options, bounds, incarnation, now_ms);
        on_its_thread(nice, move || match writer.start() {
            Ok(source) => {
                if tell.send(Ok(source)).is_ok() {
                    writer.run();
                }
            }
            Err(error) => drop(tell.send(Err(error))),
        })
        .map_err(wrong)?;
        let ended = || wrong(std::io::Error::other("the store thread ended while opening"));
        let source = told.recv().map_err(|_| ended())??;
        let opened = shared.opened.get().cloned().ok_or_else(ended)?;
        let last = Arc::new(Last(shared.clone()));
        Ok((StoreHandle { shared, source, _last: last }, opened))
    }
    /// The same for a store that another process still has: it is opened when that one has closed it, and what is offered
    /// meanwhile waits. [`StoreHandle::opened`] says when, [`StoreHandle::failing`] why not yet.
    pub fn start_when_free(
        dir: &Path,
        options: &Options,
        incarnation: u64,
        now_ms: u64,
        nice: i32,
    ) -> Result<StoreHandle, StoreError> {
        let bounds = bounds(options.exemplars);
        let shared = Arc::new(Shared::new(dir.to_path_buf()));
        let writer = Writer::new(shared.clone(), options, bounds, incarnation, now_ms);
        on_its_thread(nice, move || writer.run())
            .map_err(|source| StoreError::Io { dir: dir.to_path_buf(), source })?;
        // Whose store it is shows when it is open.
        let source = Source { tee: 0, incarnation };
        let last = Arc::new(Last(shared.clone()));
        Ok(StoreHandle { shared, source, _last: last })
    }
    /// What was found when it was opened; `None` before that.
    pub fn opened(&self) -> Option<&Opened> {
        self.shared.opened.get()
    }
    /// Who writes.
    pub fn source(&self) -> Source {
        self.source
    }
    /// Hands a batch over; never waits. A full queue gives it back, to be merged with the next: the sequence goes on from
    /// what was taken.
    pub fn offer(&self, batch: EvidenceBatch) -> Result<(), Box<EvidenceBatch>> {
        let mut desk = self.shared.desk.lock();
        if desk.batches.len() >= BATCHES || desk.ending != Ending::Not {
            return Err(Box::new(batch));
        }
        desk.batches.push_back(batch);
        desk.offered += 1;
        self.shared.work.notify_one();
        Ok(())
    }
    /// Waits until everything offered so far is durable, at most this long; true when it is, false at once when the store
    /// fails.
    pub fn settle(&self, at_most: Duration) -> bool {
        let until = Instant::now() + at_most;
        let mut desk = self.shared.desk.lock();
        let offered = desk.offered;
        while desk.settled < offered {
            if desk.failing.is_some() || desk.ended.is_some() || Instant::now() >= until {
                return false;
            }
            let _ = self.shared.news.wait_until(&mut desk, until);
        }
        true
    }
    /// The durable account (without what is in flight, and before anything is called noise).
    pub fn ledger(&self) -> Ledger {
        self.shared.index.ledger()
    }
    /// Every signature, worst severity first, then by count.
    pub fn signatures(&self) -> Vec<SignatureRecord> {
        self.shared.index.signatures(|_| true)
    }
    /// Those that this keeps, in the same order; no other is copied.
    pub fn signatures_where(&self, keeps: impl Fn(&SignatureRecord) -> bool) -> Vec<SignatureRecord> {
        self.shared.index.signatures(keeps)
    }
    /// A signature's exemplars, in order of their hash; none where there is no such signature. Waits for the writer thread,
    /// at most five seconds: not for a live or an async thread.
    pub fn exemplars(&self, id: SignatureId) -> Result<Vec<Exemplar>, StoreError> {
        self.ask(|reply| Question::Exemplars(id, reply))
    }
    /// Cells summed over their hours, those last seen before this moment apart: all that a gate needs of them, in far less
    /// memory. Batches go in between what is read at a time. Waits likewise.
    pub fn cells_by_age(&self, edge_ms: u64) -> Result<Vec<(CellKey, CellDelta)>, StoreError> {
        let mut hours = Hours::before(edge_ms);
        self.each_cell(|key, cell| hours.add(key, cell))?;
        Ok(hours.cells())
    }
    /// Every cell as far as it tells of rules. Waits likewise.
    pub fn cells_of_rules(&self) -> Result<Vec<(CellKey, CellDelta)>, StoreError> {
        let mut cells = Vec::new();
        self.each_cell(|key, cell| cells.push((key, cell.of_rules())))?;
        Ok(cells)
    }
    fn each_cell(&self, take: impl FnMut(CellKey, CellDelta)) -> Result<(), StoreError> {
        read::each_cell(&self.shared.dir, |from| self.ask(|reply| Question::Cells(from, reply)), take)
    }
    /// Exchanges that rules made equal: those of one page, the first where `from` is none. Waits likewise.
    pub fn samples(&self, from: Option<&str>) -> Result<SamplePage, StoreError> {
        self.ask(|reply| Question::Samples(from.map(str::to_owned), reply))
    }
    /// What was seen of each route, as far as it is durable. Waits likewise.
    pub fn coverage(&self) -> Result<BTreeMap<String, Arc<CoverageDelta>>, StoreError> {
        self.ask(Question::Coverage)
    }
    fn ask<T>(&self, question: impl FnOnce(Reply<T>) -> Question) -> Result<T, StoreError> {
        let wrong =
            |message: &str| StoreError::Io { dir: self.shared.dir.clone(), source: std::io::Error::other(message) };
        let (reply, answer) = sync_channel(1);
        {
            let mut desk = self.shared.desk.lock();
            if desk.ended.is_some() || desk.ending != Ending::Not {
                return Err(wrong("it is closed"));
            }
            if desk.questions.len() >= QUESTIONS {
                return Err(wrong("too many readers wait: try again"));
            }
            desk.questions.push_back(question(reply));
            self.shared.work.notify_one();
        }
        answer.recv_timeout(PATIENCE).map_err(|_| wrong("the store thread does not answer: try again"))?
    }
    /// What rules hide, which routes were cut over, and what is noise.
    pub fn figures(&self) -> Figures {
        self.shared.index.figures()
    }
    /// What is noise, by the pairs that are durable. Tested anew where there are more of them: for whoever can wait some
    /// milliseconds.
    pub fn suppression(&self) -> Arc<Suppression> {
        self.shared.index.suppression()
    }
    /// What the bounds of the tables kept out since the store began.
    pub fn left_out(&self) -> LeftOut {
        self.shared.index.left_out()
    }
    /// What it takes on the disk, as last looked at.
    pub fn space(&self) -> Space {
        self.shared.index.space()
    }
    /// Batches taken and not durable yet.
    pub fn waiting(&self) -> u64 {
        let desk = self.shared.desk.lock();
        desk.offered.saturating_sub(desk.settled)
    }
    /// The last error of the writer, where the store does not take writes at present.
    pub fn failing(&self) -> Option<String> {
        self.shared.desk.lock().failing.clone()
    }
    /// Writes what is left, notes the clean stop, syncs and ends the thread; at most this long. True when all of that is
    /// durable and the directory is free for others.
    pub fn close(&self, at_most: Duration) -> bool {
        self.close_for(None, at_most)
    }
    /// The same, where a process of this incarnation serves already and waits for the store: should it die before it has
    /// opened it, the next start shows the gap.
    pub fn close_for(&self, successor: Option<u64>, at_most: Duration) -> bool {
        let until = Instant::now() + at_most;
        let mut desk = self.shared.desk.lock();
        desk.ending = Ending::Clean;
        desk.successor = successor;
        self.shared.work.notify_all();
        while desk.ended.is_none() && Instant::now() < until {
            let _ = self.shared.news.wait_until(&mut desk, until);
        }
        desk.ended == Some(true)
    }
}

/// Runs the writer on a thread of its own; sled's threads come from there and inherit its niceness.
fn on_its_thread(nice: i32, work: impl FnOnce() + Send + 'static) -> std::io::Result<()> {
    let body = move || {
        if let Err(error) = rustix::process::setpriority_process(Some(rustix::thread::gettid()), nice) {
            tracing::warn!(%error, nice, "the store thread keeps its priority");
        }
        work();
    };
    std::thread::Builder::new().name("store".to_owned()).spawn(body).map(drop)
}
