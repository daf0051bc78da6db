//! Reading: a store at rest, and the exemplars of one signature for both readers.

use super::disk::Disk;
use super::keys::{self, Table};
use super::record::{self, Kept, Meta, StoredCell};
use super::samples::SamplePage;
use super::state::{Bounds, State};
use super::{SignatureRecord, StoreError, gap, index, open, samples};
use crate::evidence::{CellDelta, CellKey, CoverageDelta, Exemplar, Ledger, Suppression};
use crate::judge::SignatureId;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

/// Page cache of a store that is only read.
const CACHE: u64 = 16 << 20;

/// One exemplar of a signature.
pub(super) fn exemplar(disk: &Disk, id: SignatureId, kept: &Kept) -> Result<Exemplar, StoreError> {
    let wrong = |why: &str| disk.damaged(format!("exemplar {} of signature {id} {why}", kept.exchange));
    match kept.shared {
        Some(blob) => record::decode_apart(blob, |key| disk.get(&key).ok().flatten())
            .map_err(|error| wrong(&format!("does not read: {error}"))),
        None => {
            disk.record::<Exemplar>(&keys::exemplar(id, kept.rank, kept.exchange))?.ok_or_else(|| wrong("is missing"))
        }
    }
}

/// A signature's exemplars, in order of their rank.
pub(super) fn exemplars(disk: &Disk, id: SignatureId, kept: &[Kept]) -> Result<Vec<Exemplar>, StoreError> {
    open::guarded(disk.dir(), || kept.iter().map(|kept| exemplar(disk, id, kept)).collect())
}

/// Every cell, the oldest hour first.
pub(super) fn cells(disk: &Disk) -> Result<Vec<(CellKey, CellDelta)>, StoreError> {
    open::guarded(disk.dir(), || {
        let mut cells = Vec::new();
        for item in disk.table(Table::Cell, Table::Cell.prefix(), false)? {
            let stored: StoredCell = disk.decode(&item?.1)?;
            cells.push((stored.key, stored.cell));
        }
        Ok(cells)
    })
}

/// A store at rest, opened for queries alone: no record in it is changed. (Opening is sled's: it finishes a batch that a
/// crash cut short, as the next start would.)
pub struct AtRest {
    pub(super) disk: Disk,
    pub(super) state: State,
    now_ms: u64,
    suppression: Arc<Suppression>,
}

impl AtRest {
    /// Opens a directory that no tee has open. A damaged store stays where it is and is an error.
    pub fn open(dir: &Path) -> Result<AtRest, StoreError> {
        // sled would create one
        if !open::holds_a_store(dir) {
            return Err(StoreError::Missing(dir.to_path_buf()));
        }
        let disk = open::disk(dir, CACHE)?;
        let meta: Meta = open::meta(&disk)?.ok_or_else(|| StoreError::Missing(dir.to_path_buf()))?;
        let state = open::guarded(dir, || State::load(&disk, &meta, Bounds::NONE))?;
        let now_ms = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64);
        let suppression = Arc::new(index::suppression(&state.pairs.shared()));
        Ok(AtRest { disk, state, now_ms, suppression })
    }
    /// The account, with the gap of an unclean stop. Nothing has been accounted for since, so that gap reaches until now.
    pub fn ledger(&self) -> Result<Ledger, StoreError> {
        let mut ledger = index::ledger_of(&self.state);
        ledger.marks.move_to_noise(self.suppression.exchanges);
        let mine = self.state.sessions.iter().filter(|(source, _)| source.tee == self.state.meta.tee);
        for (_, session) in mine {
            if let Some(gap) = gap::after(session, self.now_ms) {
                gap::note(&mut ledger.gaps, gap);
            }
        }
        Ok(ledger)
    }
    /// URLs of the primary and the candidate as the last tee that wrote here had them; empty where none is known.
    pub fn sides(&self) -> &[String] {
        let last = self.state.sessions.values().max_by_key(|session| (session.started_at_ms, session.last_ms));
        last.map_or(&[], |session| &session.sides)
    }
    /// Every signature, worst severity first, then by count.
    pub fn signatures(&self) -> Result<Vec<SignatureRecord>, StoreError> {
        let records = self.state.signatures.values().map(|entry| SignatureRecord::clone(&entry.record));
        Ok(index::in_order(records.collect()))
    }
    /// A signature's exemplars, in order of their hash; none where there is no such signature. Opening does not read them, so
    /// damage among them shows here first, as an error.
    pub fn exemplars(&self, id: SignatureId) -> Result<Vec<Exemplar>, StoreError> {
        let Some(entry) = self.state.signatures.get(&id) else { return Ok(Vec::new()) };
        exemplars(&self.disk, id, &entry.kept)
    }
    /// Every cell, oldest hour first.
    pub fn cells(&self) -> Result<Vec<(CellKey, CellDelta)>, StoreError> {
        cells(&self.disk)
    }
    /// Exchanges that rules made equal: those of one page, the first where `from` is none.
    pub fn samples(&self, from: Option<&str>) -> Result<SamplePage, StoreError> {
        samples::page(&self.disk, from)
    }
    /// What was seen of each route.
    pub fn coverage(&self) -> BTreeMap<String, Arc<CoverageDelta>> {
        self.state.coverage.shared()
    }
    /// What rules hide, and which routes were cut over.
    pub fn figures(&self) -> super::Figures {
        super::Figures {
            compared: self.state.totals.compared,
            ownership: self.state.ownership.clone(),
            suppression: self.suppression.clone(),
        }
    }
    /// What the bounds of the tables kept out since the store began.
    pub fn left_out(&self) -> super::LeftOut {
        self.state.totals.left_out
    }
}
