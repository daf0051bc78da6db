//! Reading: a store at rest, and the exemplars of one signature for both readers.

use super::disk::Disk;
use super::keys::{self, Key, Table};
use super::record::{self, Kept, Meta, StoredCell};
use super::samples::SamplePage;
use super::state::{Bounds, State};
use super::{SignatureRecord, StoreError, gap, index, open, samples};
use crate::evidence::{CellDelta, CellKey, CoverageDelta, Exemplar, Hours, Ledger, Suppression};
use crate::judge::SignatureId;
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

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

/// Bytes of cells that are read at once: what a reader costs the writer thread between two batches.
const AT_ONCE: usize = 4 << 20;

/// Some cells as stored, and from where there may be more.
pub(super) type SomeCells = (Vec<Vec<u8>>, Option<Key>);

/// The next cells from this key on, the oldest hour first, not decoded yet: that is left to whoever asks.
pub(super) fn some_cells(disk: &Disk, from: Key) -> Result<SomeCells, StoreError> {
    open::guarded(disk.dir(), || {
        let (mut values, mut bytes) = (Vec::new(), 0);
        for item in disk.table(Table::Cell, from, false)? {
            let (key, value) = item?;
            if bytes > AT_ONCE {
                return Ok((values, Some(key)));
            }
            let value = record::whole(value, |key| disk.get(&key).ok().flatten()).map_err(|e| disk.damaged(e))?;
            bytes += value.len();
            values.push(value);
        }
        Ok((values, None))
    })
}

/// Hands over every cell, the oldest hour first, by reading some at a time. Each is as it was when it was read.
pub(super) fn each_cell(
    dir: &Path,
    read: impl Fn(Key) -> Result<SomeCells, StoreError>,
    mut take: impl FnMut(CellKey, CellDelta),
) -> Result<(), StoreError> {
    let mut from = Some(Table::Cell.prefix());
    while let Some(key) = from {
        let (values, next) = read(key)?;
        for value in values {
            let stored: StoredCell = record::decode(&value, |_| None)
                .map_err(|error| StoreError::Damaged { dir: dir.to_path_buf(), message: error.to_string() })?;
            take(stored.key, stored.cell);
        }
        from = next;
    }
    Ok(())
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
        let now_ms = crate::sys::now_ms();
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
        self.signatures_where(|_| true)
    }
    /// Those that this keeps, in the same order; no other is copied.
    pub fn signatures_where(
        &self,
        keeps: impl Fn(&SignatureRecord) -> bool,
    ) -> Result<Vec<SignatureRecord>, StoreError> {
        let kept = self.state.signatures.values().filter(|entry| keeps(&entry.record));
        Ok(index::in_order(kept.map(|entry| SignatureRecord::clone(&entry.record)).collect()))
    }
    /// A signature's exemplars, in order of their hash; none where there is no such signature. Opening does not read them, so
    /// damage among them shows here first, as an error.
    pub fn exemplars(&self, id: SignatureId) -> Result<Vec<Exemplar>, StoreError> {
        let Some(entry) = self.state.signatures.get(&id) else { return Ok(Vec::new()) };
        exemplars(&self.disk, id, &entry.kept)
    }
    /// Every cell, oldest hour first.
    pub fn cells(&self) -> Result<Vec<(CellKey, CellDelta)>, StoreError> {
        let mut cells = Vec::new();
        each_cell(self.disk.dir(), |from| some_cells(&self.disk, from), |key, cell| cells.push((key, cell)))?;
        Ok(cells)
    }
    /// Cells summed over their hours, those last seen before this moment apart: all that a gate needs of them.
    pub fn cells_by_age(&self, edge_ms: u64) -> Result<Vec<(CellKey, CellDelta)>, StoreError> {
        let mut hours = Hours::before(edge_ms);
        each_cell(self.disk.dir(), |from| some_cells(&self.disk, from), |key, cell| hours.add(key, cell))?;
        Ok(hours.cells())
    }
    /// Every cell as far as it tells of rules.
    pub fn cells_of_rules(&self) -> Result<Vec<(CellKey, CellDelta)>, StoreError> {
        let mut cells = Vec::new();
        each_cell(
            self.disk.dir(),
            |from| some_cells(&self.disk, from),
            |key, cell| cells.push((key, cell.of_rules())),
        )?;
        Ok(cells)
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
