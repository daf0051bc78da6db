//! Stand-in for the fold: counts only.

use super::StoreBodies;
use super::{Counts, EvidenceBatch, Source, StoredRequest};
use crate::exchange::Exchange;
use crate::judge::Judgement;
use crate::redact::Redactor;
use std::collections::BTreeMap;

/// Stand-in.
pub struct Fold {
    operations: usize,
}

#[allow(missing_docs, clippy::too_many_arguments)]
impl Fold {
    pub fn new(_exemplars: usize) -> Fold {
        Fold { operations: 0 }
    }
    pub fn add(
        &mut self,
        _: &Exchange,
        _: &Judgement,
        _: u64,
        _: (Option<&str>, Option<&str>),
        _: &Redactor,
        _: StoreBodies,
        _: &[StoredRequest],
    ) {
        self.operations = 1;
    }
    pub fn take(
        &mut self,
        source: Source,
        sequence: u64,
        closed_at_ms: u64,
        received_so_far: u64,
        counts: Counts,
    ) -> EvidenceBatch {
        self.operations = 0;
        EvidenceBatch {
            source,
            sequence,
            closed_at_ms,
            received_so_far,
            counts,
            cells: BTreeMap::new(),
            signatures: BTreeMap::new(),
            exemplars: Vec::new(),
        }
    }
    pub fn operations(&self) -> usize {
        self.operations
    }
}

#[allow(missing_docs)]
impl EvidenceBatch {
    pub fn merge(&mut self, other: EvidenceBatch) {
        self.counts.add(&other.counts);
        self.received_so_far = other.received_so_far;
        self.closed_at_ms = other.closed_at_ms;
    }
}
