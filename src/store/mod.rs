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

/// The writer's handle: cheap to clone, used by the shadow side (offers) and the admin side (reads).
#[derive(Clone)]
pub struct StoreHandle {}

/// What opening for writing found.
#[derive(Debug)]
pub struct Opened {
    /// Where a damaged store was set aside, with how many records were salvaged and lost.
    pub set_aside: Option<(PathBuf, u64, u64)>,
    /// The account so far: what a live ledger starts from.
    pub ledger: Ledger,
}

impl StoreHandle {
    /// Opens (or creates) the store and starts its writer thread at the given niceness. `source.tee` is used where the
    /// store has none yet; the store's own tee id comes back in [`StoreHandle::source`].
    pub fn start(
        _dir: &Path,
        _options: &Options,
        _incarnation: u64,
        _now_ms: u64,
        _nice: i32,
    ) -> Result<(StoreHandle, Opened), StoreError> {
        todo!("store")
    }
    /// Who writes.
    pub fn source(&self) -> Source {
        todo!("store")
    }
    /// Hands a batch over; never waits. A full queue gives it back, to be merged with the next.
    pub fn offer(&self, _batch: EvidenceBatch) -> Result<(), Box<EvidenceBatch>> {
        todo!("store")
    }
    /// Waits until everything offered so far is durable (or has failed), at most this long; true when it is.
    pub fn settle(&self, _at_most: Duration) -> bool {
        todo!("store")
    }
    /// The durable account (without what is in flight).
    pub fn ledger(&self) -> Ledger {
        todo!("store")
    }
    /// Every signature, worst severity first, then by count.
    pub fn signatures(&self) -> Vec<SignatureRecord> {
        todo!("store")
    }
    /// A signature's exemplars, in order of their hash.
    pub fn exemplars(&self, _id: SignatureId) -> Result<Vec<Exemplar>, StoreError> {
        todo!("store")
    }
    /// The last error of the writer, where the store does not take writes at present.
    pub fn failing(&self) -> Option<String> {
        todo!("store")
    }
    /// Writes what is left, notes the clean stop, syncs and ends the thread; at most this long.
    pub fn close(&self, _at_most: Duration) -> bool {
        todo!("store")
    }
}
