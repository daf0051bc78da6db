//! What the writer publishes after each sync: everybody else reads this and never waits for sled.

use super::pairs::Shared;
use super::record::Session;
use super::state::{Change, State};
use super::{Figures, SignatureRecord};
use crate::evidence::{Ledger, Source, Suppression, suppress};
use crate::judge::SignatureId;
use parking_lot::{Mutex, RwLock};
use std::collections::HashMap;
use std::sync::Arc;

/// The durable account and the signatures' heads; bounded as their tables are. The records are shared with the writer.
#[derive(Default)]
pub(super) struct Index {
    inner: RwLock<Inner>,
    /// What the pairs of this number were told to be.
    told: Mutex<(u64, Arc<Suppression>)>,
}

#[derive(Default)]
struct Inner {
    ledger: Ledger,
    left_out: super::LeftOut,
    space: super::Space,
    figures: Figures,
    session: Option<Session>,
    signatures: HashMap<SignatureId, Arc<SignatureRecord>>,
    pairs: Vec<Shared>,
    /// How often they were published.
    pairs_number: u64,
}

/// What of a state has changed.
#[derive(Default)]
pub(super) struct Changed {
    pub(super) signatures: Vec<SignatureId>,
    pub(super) pairs: bool,
}

impl Changed {
    /// One more change was applied.
    pub(super) fn add(&mut self, change: Change) {
        self.signatures.extend(change.signatures);
        self.pairs |= change.pairs;
    }
}

/// What is noise by these pairs.
pub(super) fn suppression(pairs: &[Shared]) -> Suppression {
    suppress(pairs.iter().map(|(key, delta)| (&**key, &**delta)))
}

/// The account as a state tells it.
pub(super) fn ledger_of(state: &State) -> Ledger {
    Ledger {
        counts: state.counts.clone(),
        in_flight: 0,
        marks: state.marks,
        gaps: state.gaps.clone(),
        durable_seq: state.totals.applied,
    }
}

/// Worst severity first, then by count, then by id.
pub(super) fn in_order(mut records: Vec<SignatureRecord>) -> Vec<SignatureRecord> {
    records.sort_by(|a, b| (b.facts.severity, b.count).cmp(&(a.facts.severity, a.count)).then_with(|| a.id.cmp(&b.id)));
    records
}

impl Index {
    /// Publishes a state as a whole.
    pub(super) fn publish_all(&self, state: &State, source: Source) {
        let signatures = state.signatures.iter().map(|(id, entry)| (*id, entry.record.clone())).collect();
        self.inner.write().signatures = signatures;
        self.publish(state, source, &Changed { signatures: Vec::new(), pairs: true });
    }
    /// Publishes the account, and what else has changed.
    pub(super) fn publish(&self, state: &State, source: Source, changed: &Changed) {
        let pairs = changed.pairs.then(|| state.pairs.shared());
        let ledger = ledger_of(state);
        let session = state.sessions.get(&source).cloned();
        let mut inner = self.inner.write();
        inner.ledger = ledger;
        inner.session = session;
        inner.left_out = state.totals.left_out;
        inner.figures.compared = state.totals.compared;
        if inner.figures.ownership != state.ownership {
            inner.figures.ownership = state.ownership.clone();
        }
        if let Some(pairs) = pairs {
            inner.pairs = pairs;
            inner.pairs_number += 1;
        }
        for id in &changed.signatures {
            match state.signatures.get(id) {
                Some(entry) => drop(inner.signatures.insert(*id, entry.record.clone())),
                None => drop(inner.signatures.remove(id)),
            }
        }
    }
    pub(super) fn ledger(&self) -> Ledger {
        self.inner.read().ledger.clone()
    }
    pub(super) fn left_out(&self) -> super::LeftOut {
        self.inner.read().left_out
    }
    pub(super) fn note_space(&self, space: super::Space) {
        self.inner.write().space = space;
    }
    pub(super) fn space(&self) -> super::Space {
        self.inner.read().space
    }
    pub(super) fn figures(&self) -> Figures {
        let figures = self.inner.read().figures.clone();
        Figures { suppression: self.suppression(), ..figures }
    }
    /// What is noise. Those who ask at once wait for one another, and for nobody else.
    pub(super) fn suppression(&self) -> Arc<Suppression> {
        let mut told = self.told.lock();
        let (number, pairs) = {
            let inner = self.inner.read();
            match inner.pairs_number == told.0 {
                true => return told.1.clone(),
                false => (inner.pairs_number, inner.pairs.clone()),
            }
        };
        *told = (number, Arc::new(suppression(&pairs)));
        told.1.clone()
    }
    /// This life as last made durable.
    pub(super) fn session(&self) -> Option<Session> {
        self.inner.read().session.clone()
    }
    pub(super) fn signatures(&self, keeps: impl Fn(&SignatureRecord) -> bool) -> Vec<SignatureRecord> {
        // pointers under the lock, copies outside it
        let shared: Vec<Arc<SignatureRecord>> = self.inner.read().signatures.values().cloned().collect();
        let kept = shared.iter().filter(|record| keeps(record));
        in_order(kept.map(|record| SignatureRecord::clone(record)).collect())
    }
}
