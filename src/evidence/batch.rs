//! The unit in which stored evidence changes.

use super::{CellDelta, CellKey, Counts, Exemplar, MarkCounts};
use crate::compare::{Kind, Place, Severity};
use crate::judge::SignatureId;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Who made a batch: a tee, and which of its lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Source {
    /// The tee's id; stays over restarts.
    pub tee: u64,
    /// Random for each start.
    pub incarnation: u64,
}

/// What a signature is, free of any exchange.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignatureFacts {
    /// The route's name.
    pub route: String,
    /// True where the route was guessed.
    pub inferred: bool,
    /// Which part of the answer.
    pub place: Place,
    /// The path with indices and id-like names as `*`.
    pub path: String,
    /// What kind.
    pub kind: Kind,
    /// Finer than the kind.
    #[serde(default)]
    pub detail: Option<String>,
    /// The class of the pair of values.
    pub shape: String,
    /// How bad; the worst seen.
    pub severity: Severity,
}

/// What is added to a signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignatureDelta {
    /// What it is.
    pub facts: SignatureFacts,
    /// Exchanges in which it was seen (once each, however many places).
    pub count: u64,
    /// Of these, by mark.
    pub marks: MarkCounts,
    /// Milliseconds since the Unix epoch.
    pub first_seen_ms: u64,
    /// Milliseconds since the Unix epoch.
    pub last_seen_ms: u64,
    /// Candidate builds in which it was seen, at most [`SignatureDelta::VERSIONS`].
    pub candidate_versions: BTreeSet<String>,
}

impl SignatureDelta {
    /// Candidate builds remembered per signature.
    pub const VERSIONS: usize = 32;
}

/// Everything that changes stored evidence, for at most 50 ms or 200 store operations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceBatch {
    /// Who made it.
    pub source: Source,
    /// Contiguous within a source, from 1.
    pub sequence: u64,
    /// When it was closed, milliseconds since the Unix epoch.
    pub closed_at_ms: u64,
    /// Requests received by this source so far, those in flight included: what bounds a gap after a crash.
    pub received_so_far: u64,
    /// Terminal outcomes.
    pub counts: Counts,
    /// Cells.
    pub cells: BTreeMap<CellKey, CellDelta>,
    /// Signatures.
    pub signatures: BTreeMap<SignatureId, SignatureDelta>,
    /// Exemplars, each under the signature that it was kept for.
    pub exemplars: Vec<(SignatureId, Exemplar)>,
}
