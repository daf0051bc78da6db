//! Evidence batches: what was judged and counted since the last one, closed and offered to the store; a refused one grows.

use super::shared::Shared;
use crate::evidence::{Counts, EvidenceBatch, Fold};
use crate::sys::now_ms;
use std::sync::Arc;

/// Store operations of one batch at most.
pub(super) const OPERATIONS: usize = 200;

/// The shadow side's open batch.
pub(super) struct Closing {
    shared: Arc<Shared>,
    pub(super) fold: Fold,
    exemplars: usize,
    counted: Counts,
    /// Requests received when last looked at.
    pub(super) received: u64,
    sequence: u64,
    /// Closed, and not yet taken by the store.
    pending: Option<EvidenceBatch>,
}

impl Closing {
    /// Nothing judged yet.
    pub(super) fn new(shared: Arc<Shared>) -> Closing {
        let force = shared.force();
        let exemplars = force.config.store.exemplars;
        let mut fold = Fold::new(exemplars).with_request_key(shared.request_key);
        fold.count_pairs(force.config.secondary.is_some());
        Closing { shared, fold, exemplars, counted: Counts::default(), received: 0, sequence: 0, pending: None }
    }
    /// From now on there is a secondary, or none: what was folded before is closed first.
    pub(super) fn count_pairs(&mut self, wanted: bool) {
        self.close();
        self.fold.count_pairs(wanted);
    }
    /// Closes the open batch, if at least one exchange, request or pair came to its end since the last, and offers it. True
    /// when the store has taken all there is.
    pub(super) fn close(&mut self) -> bool {
        let cut = self.shared.accounts.cut();
        self.received = cut.received();
        // What is folded is counted in the same breath, so nothing can be folded and not counted.
        let ownership = std::mem::take(&mut self.shared.owners.lock().untold);
        if cut.counts != self.counted || !ownership.0.is_empty() || !self.fold.is_empty() {
            let mut delta = cut.counts.clone();
            delta.subtract(&self.counted);
            self.counted = cut.counts;
            // A batch that the store has not taken yet has not used its number up.
            let sequence = self.sequence + 1;
            let mut batch = self.fold.take(self.shared.store.source(), sequence, now_ms(), self.received, delta);
            batch.ownership = ownership;
            match &mut self.pending {
                Some(pending) => {
                    pending.merge(batch);
                    pending.trim(self.exemplars);
                }
                None => self.pending = Some(batch),
            }
        }
        let Some(batch) = self.pending.take() else {
            return true;
        };
        match self.shared.store.offer(batch) {
            Ok(()) => {
                self.sequence += 1;
                true
            }
            Err(refused) => {
                self.pending = Some(*refused);
                false
            }
        }
    }
    /// True when the open batch is as large as one may be.
    pub(super) fn is_full(&self) -> bool {
        self.fold.operations() >= OPERATIONS
    }
}
