//! The only room that says `sled`: batches in, queries out, versions, recovery.
//!
//! **One tree, one writer thread, absolute values.** Acknowledged means flushed by sled *and* synced to the device.
//! A batch is applied whole or not at all, and once.

mod applying;
mod bodies;
mod bounds;
mod change;
mod coverage;
mod disk;
mod export;
mod gap;
mod generation;
mod handle;
mod import;
mod index;
mod keys;
mod lines;
mod making;
mod offline;
mod open;
mod pairs;
mod portable;
mod read;
mod record;
mod retire;
mod salvage;
mod samples;
mod signature;
mod state;
mod sync;
mod upkeep;
mod verify;
mod writer;

#[cfg(test)]
mod tests;

pub use export::ExportError;
pub use handle::StoreHandle;
pub use import::{ImportError, Imported, import};
pub use offline::{Compacted, Erased, compact, erase, set_aside_of};
pub use open::is_held;
pub use read::AtRest;
pub use samples::SamplePage;
pub use verify::Verified;

use crate::evidence::{Builds, Ledger, MarkCounts, Ownership, SignatureFacts, Suppression};
use crate::judge::SignatureId;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::Arc;

/// The socket in a store's directory by which a tee can be asked to hand over. Whoever has the store may put it there.
pub const HAND_OVER: &str = "hand-over";

/// How a store is opened.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// sled's page cache, bytes.
    pub cache_bytes: u64,
    /// Exemplars kept for each signature.
    pub exemplars: usize,
    /// URLs of the primary and, where there is one, of the candidate: what a store at rest knows of where the sides were.
    pub sides: Vec<String>,
    /// What the store may grow to.
    pub caps: Caps,
}

/// What a store may grow to; what was seen longest ago goes first, and is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Caps {
    /// Evidence older than this goes, milliseconds.
    pub max_age_ms: u64,
    /// What all its files may take together, also while a new generation is made.
    pub max_bytes: u64,
    /// Keys in it.
    pub max_keys: u64,
}

impl Caps {
    /// Keys that a store may have at most: with more, sled takes too much memory and time to open.
    pub const MAX_KEYS: u64 = 1_000_000;
}

impl Default for Caps {
    /// No cap but that on keys.
    fn default() -> Caps {
        Caps { max_age_ms: u64::MAX, max_bytes: u64::MAX, max_keys: Caps::MAX_KEYS }
    }
}

/// What a store takes on the disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Space {
    /// Generations made by this process.
    pub generations: u64,
    /// Bytes that its files took when it was looked at last.
    pub bytes: u64,
    /// Keys that live in it.
    pub keys: u64,
    /// Bytes of these keys and their values.
    pub live_bytes: u64,
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
    /// Of these, by mark; what noise statistics say is no part of them, since it changes with the counts.
    pub marks: MarkCounts,
    /// Milliseconds since the Unix epoch.
    pub first_seen_ms: u64,
    /// Milliseconds since the Unix epoch.
    pub last_seen_ms: u64,
    /// What a person said of it: `open` until somebody has.
    pub status: String,
    /// Candidate builds in which it was seen.
    pub candidate_versions: BTreeSet<String>,
    /// Exchanges by the builds that answered.
    pub builds: BTreeMap<Builds, u64>,
    /// Exchanges on which the sides agreed when asked again, by after how many milliseconds.
    pub agreed_after_ms: BTreeMap<u64, u64>,
    /// Exemplars kept.
    pub exemplars: usize,
}

/// What bounds and caps kept out, counted since the store began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LeftOut {
    /// Exchanges of signatures that found no place, or made room for others.
    #[serde(default)]
    pub signatures: u64,
    /// Exemplars of such signatures, those too large to store, and those that made room for others.
    #[serde(default)]
    pub exemplars: u64,
    /// Cells of the oldest hours that made room for new ones, or were too old.
    #[serde(default)]
    pub cells: u64,
    /// Pairs of routes and builds that made room for new ones, or were too old.
    #[serde(default)]
    pub pairs: u64,
    /// Exchanges that rules made equal and of which none is kept, since there are too many routes and rules, or they are too
    /// large.
    #[serde(default)]
    pub samples: u64,
    /// Exchanges that were looked at, of routes whose coverage found no place.
    #[serde(default)]
    pub coverage: u64,
    /// Exemplars that a person had erased.
    #[serde(default)]
    pub erased: u64,
}

impl LeftOut {
    /// Adds another's counts.
    pub(crate) fn add(&mut self, other: &LeftOut) {
        self.signatures += other.signatures;
        self.exemplars += other.exemplars;
        self.cells += other.cells;
        self.pairs += other.pairs;
        self.coverage += other.coverage;
        self.samples += other.samples;
        self.erased += other.erased;
    }
}

/// How much was compared, and how much of it rules kept from being seen; since the store began.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Compared {
    /// Leaves of the primary's documents.
    #[serde(default)]
    pub leaves: u64,
    /// Of these, equal only because of a rule.
    #[serde(default)]
    pub hidden: u64,
}

/// What a report says beside the account and the signatures.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// What rules hide.
    pub compared: Compared,
    /// Which routes were cut over, and when.
    pub ownership: Ownership,
    /// What is noise.
    pub suppression: Arc<Suppression>,
}

/// What opening for writing found.
#[derive(Clone, Debug)]
pub struct Opened {
    /// Where a damaged store was set aside, with how many records were salvaged and lost.
    pub set_aside: Option<(PathBuf, u64, u64)>,
    /// The account so far: what a live ledger starts from.
    pub ledger: Ledger,
    /// Who served the routes so far.
    pub ownership: Ownership,
}
