//! The lines of an export, as both who writes and who reads them has them.
//!
//! One JSON object a line. The first says what it is and whose, the last how many there were: a file that is cut short is
//! told. Between them records in a fixed order, so that the same content is the same text.

use super::record::{Session, StoredCell, StoredCoverage, StoredOwner, StoredPairs, Totals};
use super::{Compared, LeftOut, portable};
use crate::evidence::{Builds, Exemplar, Gap, MarkCounts, Sample, SignatureFacts};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The layout of these lines; one that is newer is refused.
pub(super) const VERSION: u32 = 1;

/// The first line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Header {
    /// [`VERSION`].
    pub(super) paritee_store: u32,
    /// The tee whose store it was.
    #[serde(serialize_with = "portable::in_hex", deserialize_with = "portable::number")]
    pub(super) tee: u64,
    /// When that store began.
    pub(super) created_ms: u64,
    /// Batches that had been applied to it.
    pub(super) applied: u64,
}

/// The account.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Account {
    pub(super) counts: BTreeMap<String, u64>,
    pub(super) marks: BTreeMap<String, i64>,
    pub(super) left_out: LeftOut,
    pub(super) compared: Compared,
    pub(super) gaps: Vec<Gap>,
}

impl Account {
    pub(super) fn of(totals: &Totals, gaps: &[Gap]) -> Account {
        Account {
            counts: totals.counts.clone(),
            marks: totals.marks.clone(),
            left_out: totals.left_out,
            compared: totals.compared,
            gaps: gaps.to_vec(),
        }
    }
}

/// A life of a tee.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Life {
    #[serde(serialize_with = "portable::in_hex", deserialize_with = "portable::number")]
    pub(super) tee: u64,
    #[serde(serialize_with = "portable::in_hex", deserialize_with = "portable::number")]
    pub(super) incarnation: u64,
    pub(super) session: Session,
}

/// An export that was imported before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Origin {
    #[serde(serialize_with = "portable::in_hex", deserialize_with = "portable::number")]
    pub(super) tee: u64,
    pub(super) applied: u64,
}

/// A kind of mismatch; its exemplars follow it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Kind {
    #[serde(serialize_with = "portable::in_hex", deserialize_with = "portable::number")]
    pub(super) id: u64,
    pub(super) facts: SignatureFacts,
    pub(super) count: u64,
    pub(super) marks: MarkCounts,
    pub(super) first_seen_ms: u64,
    pub(super) last_seen_ms: u64,
    pub(super) status: String,
    pub(super) candidate_versions: BTreeSet<String>,
    pub(super) builds: BTreeMap<Builds, u64>,
    #[serde(default)]
    pub(super) agreed_after_ms: BTreeMap<u64, u64>,
}

/// An exemplar of the signature named last.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct Kept {
    #[serde(serialize_with = "portable::in_hex", deserialize_with = "portable::number")]
    pub(super) signature: u64,
    pub(super) exemplar: Exemplar,
}

/// The last line.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct End {
    /// Lines, this one counted.
    pub(super) lines: u64,
}

/// A line between the first and the last: `{"account": …}`.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Line {
    Account(Account),
    Session(Life),
    Import(Origin),
    Owner(StoredOwner),
    Signature(Box<Kind>),
    Exemplar(Box<Kept>),
    Cell(Box<StoredCell>),
    Pairs(Box<StoredPairs>),
    Coverage(Box<StoredCoverage>),
    Sample(Box<Sample>),
    End(End),
}
