//! Marks that come later: what confirmation found of a mismatch, as a change to the very cell and signatures it is counted in.

use super::{Fold, Versions};
use crate::evidence::pairs;
use crate::evidence::{CellDelta, CellKey, Confirming, SignatureDelta, SignatureFacts};
use crate::exchange::Exchange;
use crate::judge::{Judgement, SignatureId};
use std::collections::BTreeMap;

/// Where a mismatch is counted, so that its mark finds it.
#[derive(Clone, Debug)]
pub struct Marking {
    cell: CellKey,
    /// The distinct request, and the signatures that it mismatched by where all of them may be noise.
    request: u64,
    mix: Option<Vec<SignatureId>>,
    received_at_ms: u64,
    signatures: Vec<(SignatureId, SignatureFacts)>,
}

/// Marks since the last batch.
#[derive(Default)]
pub(super) struct Marks {
    cells: BTreeMap<CellKey, CellDelta>,
    signatures: BTreeMap<SignatureId, SignatureDelta>,
}

impl Marks {
    pub(super) fn len(&self) -> usize {
        self.cells.len() + self.signatures.len()
    }
    /// Adds them to what was judged since.
    pub(super) fn take(
        &mut self,
        cells: &mut BTreeMap<CellKey, CellDelta>,
        signatures: &mut BTreeMap<SignatureId, SignatureDelta>,
    ) {
        for (key, delta) in std::mem::take(&mut self.cells) {
            cells.entry(key).or_default().merge(&delta);
        }
        for (id, delta) in std::mem::take(&mut self.signatures) {
            match signatures.entry(id) {
                std::collections::btree_map::Entry::Vacant(entry) => drop(entry.insert(delta)),
                std::collections::btree_map::Entry::Occupied(mut entry) => entry.get_mut().merge(&delta),
            }
        }
    }
}

impl Fold {
    /// The signatures of a mismatch where there is a secondary, and each of them may be noise.
    pub(super) fn mix(&self, judgement: &Judgement, ids: &[SignatureId]) -> Option<Vec<SignatureId>> {
        self.pairs.is_some().then(|| pairs::mix(judgement, ids)).flatten()
    }

    /// Where the mismatch that was added last is counted; call it before the batch is closed. Signatures of which there are
    /// too many are not counted, and so not marked.
    pub fn marking(
        &mut self,
        exchange: &Exchange,
        rule_set: u64,
        versions: Versions<'_>,
        (judgement, ids): (&Judgement, &[SignatureId]),
    ) -> Marking {
        let mix = self.mix(judgement, ids);
        let request = self.namer.name(exchange);
        let cell = self.cell(exchange, rule_set, versions).key.clone();
        let mut signatures: Vec<(SignatureId, SignatureFacts)> = Vec::new();
        for id in ids {
            if let Some(delta) = self.signatures.get(id)
                && signatures.iter().all(|(known, _)| known != id)
            {
                signatures.push((*id, delta.facts.clone()));
            }
        }
        Marking { cell, request, mix, received_at_ms: exchange.received_at_ms, signatures }
    }

    /// Marks a mismatch by what asking again has found. A request is taken back from those that count for this one mismatch
    /// alone.
    pub fn mark(&mut self, marking: &Marking, found: &Confirming) {
        if let Some(mark) = found.exchange() {
            let cell = self.marks.cells.entry(marking.cell.clone()).or_default();
            cell.marks.confirm(mark);
            if !mark.counts() {
                cell.take_back(marking.request, marking.mix.as_deref());
            }
        }
        for marked in found.signatures() {
            let known = marking.signatures.iter().find(|(id, _)| *id == marked.id);
            let Some(((id, facts), mark)) = known.zip(marked.mark) else { continue };
            let delta = self.marks.signatures.entry(*id).or_insert_with(|| SignatureDelta {
                first_seen_ms: marking.received_at_ms,
                last_seen_ms: marking.received_at_ms,
                ..SignatureDelta::none(facts.clone())
            });
            delta.first_seen_ms = delta.first_seen_ms.min(marking.received_at_ms);
            delta.last_seen_ms = delta.last_seen_ms.max(marking.received_at_ms);
            delta.marks.confirm(mark);
            if let Some(after_ms) = marked.agreed_after_ms {
                SignatureDelta::add_agreed(&mut delta.agreed_after_ms, &BTreeMap::from([(after_ms, 1)]));
            }
        }
    }
}
