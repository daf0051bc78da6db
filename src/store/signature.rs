//! A signature as the writer holds it: what is added to it, and which exemplars stay.

use super::SignatureRecord;
use super::bodies::Bodies;
use super::keys;
use super::record::{self, Blob, Kept, StoredSignature, Totals};
use super::state::Change;
use crate::evidence::{Exemplar, MarkCounts, SignatureDelta, SignatureFacts, exemplar_rank};
use crate::exchange::ExchangeId;
use crate::judge::SignatureId;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A signature as the writer holds it.
#[derive(Clone)]
pub(super) struct Entry {
    pub(super) record: Arc<SignatureRecord>,
    pub(super) kept: Vec<Kept>,
    pub(super) blob: Option<Blob>,
}

/// A stored signature as the rest of the house sees it.
pub(super) fn signature_record(id: SignatureId, stored: &StoredSignature) -> SignatureRecord {
    SignatureRecord {
        id,
        facts: stored.facts.clone(),
        count: stored.count,
        marks: stored.marks,
        first_seen_ms: stored.first_seen_ms,
        last_seen_ms: stored.last_seen_ms,
        status: stored.status.clone(),
        candidate_versions: stored.candidate_versions.clone(),
        builds: stored.builds.clone(),
        agreed_after_ms: stored.agreed_after_ms.clone(),
        exemplars: stored.kept.len(),
    }
}

/// As it goes to disk.
pub(super) fn stored_signature(entry: &Entry) -> StoredSignature {
    let record = &entry.record;
    StoredSignature {
        facts: record.facts.clone(),
        count: record.count,
        marks: record.marks,
        first_seen_ms: record.first_seen_ms,
        last_seen_ms: record.last_seen_ms,
        status: record.status.clone(),
        candidate_versions: record.candidate_versions.clone(),
        builds: record.builds.clone(),
        agreed_after_ms: record.agreed_after_ms.clone(),
        kept: entry.kept.clone(),
    }
}

/// A signature that nothing was added to yet.
pub(super) fn new_record(id: SignatureId, facts: &SignatureFacts) -> SignatureRecord {
    SignatureRecord {
        id,
        facts: facts.clone(),
        count: 0,
        marks: MarkCounts::default(),
        first_seen_ms: u64::MAX,
        last_seen_ms: 0,
        status: "open".to_owned(),
        candidate_versions: Default::default(),
        builds: Default::default(),
        agreed_after_ms: Default::default(),
        exemplars: 0,
    }
}

/// Adds what a batch saw of it.
pub(super) fn add(record: &mut SignatureRecord, delta: &SignatureDelta) {
    record.facts.severity = record.facts.severity.max(delta.facts.severity);
    record.count += delta.count;
    record.marks.add(&delta.marks);
    record.first_seen_ms = record.first_seen_ms.min(delta.first_seen_ms);
    record.last_seen_ms = record.last_seen_ms.max(delta.last_seen_ms);
    record.candidate_versions.extend(delta.candidate_versions.iter().cloned());
    // the greatest stay, so that the order in which batches come does not matter
    while record.candidate_versions.len() > SignatureDelta::VERSIONS {
        record.candidate_versions.pop_first();
    }
    SignatureDelta::add_builds(&mut record.builds, &delta.builds);
    SignatureDelta::add_agreed(&mut record.agreed_after_ms, &delta.agreed_after_ms);
}

/// Keeps the exemplars of lowest rank, and the latest; writes those that stay and removes those that leave.
pub(super) fn keep(
    id: SignatureId,
    entry: &mut Entry,
    new: &[&Exemplar],
    most: usize,
    bodies: &mut Bodies,
    totals: &mut Totals,
    change: &mut Change,
) -> Result<(), record::RecordError> {
    let mut all: BTreeMap<(u64, ExchangeId), Result<Kept, &Exemplar>> = BTreeMap::new();
    for exemplar in new {
        all.insert((exemplar_rank(exemplar.exchange), exemplar.exchange), Err(exemplar));
    }
    // what is there already stays as it is
    all.extend(entry.kept.drain(..).map(|kept| ((kept.rank, kept.exchange), Ok(kept))));
    let received = |one: &Result<Kept, &Exemplar>| match one {
        Ok(kept) => kept.received_at_ms,
        Err(exemplar) => exemplar.received_at_ms,
    };
    let latest = all.iter().max_by_key(|((_, exchange), one)| (received(one), *exchange)).map(|(key, _)| *key);
    for (index, ((rank, exchange), one)) in all.into_iter().enumerate() {
        let stays = index < most || (most > 0 && latest == Some((rank, exchange)));
        match one {
            Ok(kept) if stays => entry.kept.push(kept),
            Ok(kept) => leave(id, kept, bodies, change),
            Err(exemplar) if stays => match bodies.hold(exemplar, totals, change) {
                Ok(shared) => {
                    let received_at_ms = exemplar.received_at_ms;
                    entry.kept.push(Kept { rank, exchange, blob: None, shared: Some(shared), received_at_ms });
                }
                Err(record::RecordError::TooLarge(_)) => totals.left_out.exemplars += 1,
                Err(other) => return Err(other),
            },
            Err(_) => {}
        }
    }
    Ok(())
}

/// Takes away what a signature no longer keeps.
pub(super) fn leave(id: SignatureId, kept: Kept, bodies: &mut Bodies, change: &mut Change) {
    match kept.shared {
        Some(blob) => bodies.let_go(blob, change),
        None => change.remove(keys::exemplar(id, kept.rank, kept.exchange), kept.blob),
    }
}
