//! Which exchanges a fold keeps as exemplars: those of lowest rank, and now and then the latest.

use super::{EXEMPLARS_OF_ONE, Fold};
use crate::evidence::exemplar_rank;
use crate::exchange::Exchange;
use crate::judge::SignatureId;
use smallvec::SmallVec;

/// An exchange this long after the last one that was kept is kept too, whatever its rank: so a signature that is seen has an
/// exemplar of about that time.
const LATEST_EVERY_MS: u64 = 10 * 60 * 1_000;

/// What a fold remembers of a signature's exemplars.
#[derive(Default)]
pub(super) struct Kept {
    /// The lowest ranks, in order.
    ranks: SmallVec<[u64; 5]>,
    /// When the latest of them was received.
    latest_ms: u64,
}

impl Fold {
    /// Notes that a signature wants this exchange as an exemplar, if it does.
    pub(super) fn enter(
        &mut self,
        id: SignatureId,
        exchange: &Exchange,
        entering: &mut SmallVec<[SignatureId; EXEMPLARS_OF_ONE]>,
    ) {
        let rank = exemplar_rank(exchange.id);
        let Kept { ranks, latest_ms } = self.ranks.entry(id).or_default();
        let low = ranks.len() < self.keep || ranks.last().is_some_and(|last| rank < *last);
        let late = exchange.received_at_ms >= latest_ms.saturating_add(LATEST_EVERY_MS);
        if (low || late) && self.keep > 0 && !ranks.contains(&rank) && entering.len() < EXEMPLARS_OF_ONE {
            if low {
                ranks.insert(ranks.partition_point(|other| *other < rank), rank);
                ranks.truncate(self.keep);
            }
            *latest_ms = exchange.received_at_ms.max(*latest_ms);
            entering.push(id);
        }
    }
}
