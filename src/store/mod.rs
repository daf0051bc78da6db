//! The only room that says `sled`: batches in, queries out, versions, recovery.
//!
//! **One tree, one writer thread, absolute values.** Acknowledged means flushed by sled *and* synced to the device.

use crate::evidence::{EvidenceBatch, Exemplar, Ledger, MarkCounts, SignatureFacts, Source};
use crate::judge::SignatureId;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How a store is opened.
#[derive(Clone, Debug)]
pub struct Options {
    /// sled's page cache, bytes.
    pub cache_bytes: u64,
    /// Exemplars kept for each signature.
    pub exemplars: usize,
}

/// Why a store cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Another process has it.
    #[error("the store {0} is in use by another process: ask that tee with --admin URL, or stop it first")]
    Locked(PathBuf),
    /// There is none.
    #[error("there is no store in {0}: name the directory that `paritee serve --store` wrote")]
    Missing(PathBuf),
    /// A newer version wrote it.
    #[error("the store {dir} has format {found}, this version reads up to {known}: use a newer paritee")]
    Newer {
        /// Where.
        dir: PathBuf,
        /// Its format.
        found: u32,
        /// Ours.
        known: u32,
    },
    /// It does not open or read.
    #[error("the store {dir} is damaged: {message}")]
    Damaged {
        /// Where.
        dir: PathBuf,
        /// What sled says.
        message: String,
    },
    /// The disk says no.
    #[error("the store {dir}: {source}")]
    Io {
        /// Where.
        dir: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
}

/// A signature as it stands.
#[derive(Clone, Debug, PartialEq)]
pub struct SignatureRecord {
    /// Its id.
    pub id: SignatureId,
    /// What it is.
    pub facts: SignatureFacts,
    /// Exchanges in which it was seen.
    pub count: u64,
    /// Of these, by mark.
    pub marks: MarkCounts,
    /// Milliseconds since the Unix epoch.
    pub first_seen_ms: u64,
    /// Milliseconds since the Unix epoch.
    pub last_seen_ms: u64,
    /// What a person said of it: `open` until somebody has.
    pub status: String,
    /// Candidate builds in which it was seen.
    pub candidate_versions: BTreeSet<String>,
    /// Exemplars kept.
    pub exemplars: usize,
}

/// A store at rest, opened for queries alone: nothing in it is changed.
pub struct AtRest {}

impl AtRest {
    /// Opens a directory that no tee has open.
    pub fn open(_dir: &Path) -> Result<AtRest, StoreError> {
        todo!("store")
    }
    /// The account, with the gap of an unclean stop.
    pub fn ledger(&self) -> Result<Ledger, StoreError> {
        todo!("store")
    }
    /// Every signature, worst severity first, then by count.
    pub fn signatures(&self) -> Result<Vec<SignatureRecord>, StoreError> {
        todo!("store")
    }
    /// A signature's exemplars, in order of their hash.
    pub fn exemplars(&self, _id: SignatureId) -> Result<Vec<Exemplar>, StoreError> {
        todo!("store")
    }
}

/// The writer's handle. Stand-in: in memory.
#[derive(Clone)]
pub struct StoreHandle {
    state: std::sync::Arc<parking_lot::Mutex<Ledger>>,
    incarnation: u64,
}

/// What opening for writing found.
#[derive(Debug)]
pub struct Opened {
    /// Where a damaged store was set aside, with how many records were salvaged and lost.
    pub set_aside: Option<(PathBuf, u64, u64)>,
    /// The account so far: what a live ledger starts from.
    pub ledger: Ledger,
}

#[allow(missing_docs)]
impl StoreHandle {
    pub fn start(
        _dir: &Path,
        _options: &Options,
        incarnation: u64,
        _now_ms: u64,
        _nice: i32,
    ) -> Result<(StoreHandle, Opened), StoreError> {
        let opened = Opened { set_aside: None, ledger: Ledger::default() };
        Ok((StoreHandle { state: Default::default(), incarnation }, opened))
    }
    pub fn source(&self) -> Source {
        Source { tee: 1, incarnation: self.incarnation }
    }
    pub fn offer(&self, batch: EvidenceBatch) -> Result<(), Box<EvidenceBatch>> {
        let mut state = self.state.lock();
        state.counts.add(&batch.counts);
        state.durable_seq += 1;
        Ok(())
    }
    pub fn settle(&self, _at_most: Duration) -> bool {
        true
    }
    pub fn ledger(&self) -> Ledger {
        self.state.lock().clone()
    }
    pub fn signatures(&self) -> Vec<SignatureRecord> {
        Vec::new()
    }
    pub fn exemplars(&self, _id: SignatureId) -> Result<Vec<Exemplar>, StoreError> {
        Ok(Vec::new())
    }
    pub fn failing(&self) -> Option<String> {
        None
    }
    pub fn close(&self, _at_most: Duration) -> bool {
        true
    }
}
