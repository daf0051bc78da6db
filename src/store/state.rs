//! The counters that the writer holds, and the change that one batch makes of them: absolute values, ready to be written.

use super::bodies::Bodies;
pub(super) use super::bounds::Bounds;
pub(super) use super::change::Change;
use super::coverage::Coverage;
use super::disk::{Disk, Operations};
use super::keys::{self, Table};
use super::pairs::Pairs;
use super::record::{self, Blob, CellToStore, Meta, Session, StoredCell, StoredOwner, StoredSignature, Totals};
use super::samples::Samples;
use super::signature::{Entry, add, keep, new_record, signature_record, stored_signature};
use super::{StoreError, gap};
use crate::evidence::{
    CellDelta, CellKey, Counts, EvidenceBatch, Exemplar, Gap, Mark, MarkCounts, Ownership, SignatureDelta, Source,
};
use crate::judge::SignatureId;
use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

/// Cells held unpacked; those of the current hour are asked for again and again.
const CELLS_AT_HAND: usize = 64;
/// Lives of tees remembered.
const SESSIONS: usize = 64;

/// Everything that the writer knows.
pub(super) struct State {
    pub(super) meta: Meta,
    pub(super) bounds: Bounds,
    pub(super) totals: Totals,
    pub(super) counts: Counts,
    pub(super) marks: MarkCounts,
    pub(super) sessions: BTreeMap<Source, Session>,
    arrivals: HashMap<Source, gap::Arrivals>,
    pub(super) gaps: Vec<Gap>,
    pub(super) ownership: Ownership,
    pub(super) signatures: HashMap<SignatureId, Entry>,
    pub(super) pairs: Pairs,
    pub(super) bodies: Bodies,
    pub(super) coverage: Coverage,
    pub(super) samples: Samples,
    pub(super) cells: HashMap<CellKey, (CellDelta, Option<Blob>)>,
}

pub(super) fn marks_of(words: &BTreeMap<String, i64>) -> MarkCounts {
    let mut marks = MarkCounts::default();
    for (word, n) in words {
        if let Ok(mark) = word.parse::<Mark>()
            && let Some(slot) = marks.0.get_mut(mark as usize)
        {
            *slot = *n;
        }
    }
    marks
}

impl State {
    /// Reads everything that the writer holds; every signature is decoded, no exemplar and no cell is.
    pub(super) fn load(disk: &Disk, meta: &Meta, bounds: Bounds) -> Result<State, StoreError> {
        let totals: Totals = disk.record(&Table::Totals.prefix())?.unwrap_or_default();
        disk.set_usage(totals.usage.or(disk.usage()));
        let counts =
            record::counts_of(&totals.counts).ok_or_else(|| disk.damaged("the account names an unknown reason"))?;
        let mut sessions = BTreeMap::new();
        for item in disk.table(Table::Session, Table::Session.prefix(), false)? {
            let (key, value) = item?;
            let source = keys::session_source(&key).ok_or_else(|| disk.damaged("a session's key is unreadable"))?;
            sessions.insert(source, disk.decode(&value)?);
        }
        let mut ownership = Ownership::default();
        for item in disk.table(Table::Ownership, Table::Ownership.prefix(), false)? {
            let stored: StoredOwner = disk.decode(&item?.1)?;
            ownership.0.insert(stored.route, stored.owner);
        }
        let (mut signatures, mut bodies) = (HashMap::new(), Bodies::default());
        for item in disk.table(Table::Signature, Table::Signature.prefix(), false)? {
            let (key, value) = item?;
            let id = keys::signature_id(&key).ok_or_else(|| disk.damaged("a signature's key is unreadable"))?;
            let stored: StoredSignature = disk.decode(&value)?;
            let record = Arc::new(signature_record(id, &stored));
            stored.kept.iter().filter_map(|kept| kept.shared).for_each(|blob| bodies.note(blob));
            signatures.insert(id, Entry { record, kept: stored.kept, blob: record::blob_of(&value) });
        }
        Ok(State {
            meta: meta.clone(),
            bounds,
            marks: marks_of(&totals.marks),
            counts,
            totals,
            sessions,
            arrivals: HashMap::new(),
            gaps: disk.record(&Table::Gaps.prefix())?.unwrap_or_default(),
            ownership,
            signatures,
            pairs: Pairs::load(disk)?,
            coverage: Coverage::load(disk)?,
            samples: Samples::load(disk)?,
            bodies,
            cells: HashMap::new(),
        })
    }

    /// Chunks written ahead of a change that never came.
    pub(super) fn orphans(&self, disk: &Disk) -> Result<Operations, StoreError> {
        let mut operations = Operations::new();
        for item in disk.table(Table::Chunk, keys::chunk(self.totals.next_blob, 0), false)? {
            operations.insert(item?.0, None);
        }
        Ok(operations)
    }

    /// Begins a life of this tee, or goes on with it after the store was opened again: notes the gap of every life that
    /// did not stop cleanly.
    pub(super) fn begin(
        &mut self,
        incarnation: u64,
        sides: &[String],
        now_ms: u64,
        disk: &Disk,
    ) -> Result<Change, StoreError> {
        let mine = Source { tee: self.meta.tee, incarnation };
        let mut change = Change::default();
        let ended: Vec<Source> =
            self.sessions.keys().filter(|s| s.tee == mine.tee && s.incarnation != incarnation).copied().collect();
        for source in ended {
            self.end(source, now_ms, &mut change, disk)?;
        }
        let session = self.sessions.entry(mine).or_insert_with(|| Session {
            started_at_ms: now_ms,
            last_ms: now_ms,
            lease: gap::Arrivals::first(),
            ..Session::default()
        });
        session.sides = sides.to_vec();
        self.write_session(mine, &mut change, disk)?;
        while self.sessions.len() > SESSIONS {
            let oldest =
                self.sessions.iter().filter(|(source, _)| **source != mine).min_by_key(|(_, session)| session.last_ms);
            let Some(source) = oldest.map(|(source, _)| *source) else { break };
            self.sessions.remove(&source);
            change.operations.insert(keys::session(source), None);
        }
        self.write_account(&mut change, disk)?;
        Ok(change)
    }
    fn end(&mut self, source: Source, now_ms: u64, change: &mut Change, disk: &Disk) -> Result<(), StoreError> {
        let Some(session) = self.sessions.get_mut(&source) else { return Ok(()) };
        if let Some(gap) = gap::after(session, now_ms) {
            tracing::warn!(from_ms = gap.from_ms, up_to = gap.up_to, "the tee was stopped without a chance to write");
            session.closed = true;
            gap::note(&mut self.gaps, gap);
            self.write_session(source, change, disk)?;
        }
        Ok(())
    }
    /// Ends this tee's life cleanly. Requests received but neither judged nor counted otherwise are a gap too. The life of
    /// a successor that serves already has begun: how much it received by the time it opens the store, nobody knows yet.
    pub(super) fn close(
        &mut self,
        incarnation: u64,
        successor: Option<u64>,
        now_ms: u64,
        disk: &Disk,
    ) -> Result<Change, StoreError> {
        let mine = Source { tee: self.meta.tee, incarnation };
        let mut change = Change::default();
        if let Some(session) = self.sessions.get_mut(&mine) {
            session.closed = true;
            let missing = session.received_so_far.saturating_sub(session.accounted);
            if missing > 0 {
                let gap = Gap { from_ms: session.last_ms, to_ms: now_ms.max(session.last_ms), up_to: missing };
                gap::note(&mut self.gaps, gap);
            }
        }
        self.write_session(mine, &mut change, disk)?;
        if let Some(incarnation) = successor {
            let next = Source { tee: self.meta.tee, incarnation };
            let begun = Session { started_at_ms: now_ms, last_ms: now_ms, lease: gap::UNKNOWN, ..Session::default() };
            self.sessions.insert(next, begun);
            self.write_session(next, &mut change, disk)?;
        }
        self.write_account(&mut change, disk)?;
        Ok(change)
    }
    /// After damage while running, what was durable may be gone again: notes what is missing of this life.
    pub(super) fn lost_some(&mut self, incarnation: u64, before: Option<&Session>, durable_seq: u64, now_ms: u64) {
        let mine = Source { tee: self.meta.tee, incarnation };
        self.totals.applied = self.totals.applied.max(durable_seq);
        let Some(before) = before else { return };
        let session = self.sessions.entry(mine).or_default();
        let missing = before.received_so_far.saturating_sub(session.accounted);
        if missing > 0 {
            let gap = Gap { from_ms: session.last_ms, to_ms: now_ms.max(session.last_ms), up_to: missing };
            gap::note(&mut self.gaps, gap);
        }
        // the lost batches do not come again; those not yet written do
        *session = Session { accounted: before.received_so_far, ..before.clone() };
    }

    /// Adds a batch to a change that may hold others already, to be finished before it is written. False when the batch was
    /// applied before.
    pub(super) fn apply(
        &mut self,
        batch: &EvidenceBatch,
        change: &mut Change,
        disk: &Disk,
    ) -> Result<bool, StoreError> {
        let session = self.sessions.entry(batch.source).or_default();
        if batch.sequence <= session.sequence {
            tracing::debug!(sequence = batch.sequence, "a batch came twice");
            return Ok(false);
        }
        if batch.sequence != session.sequence + 1 {
            tracing::warn!(expected = session.sequence + 1, got = batch.sequence, "a batch is missing");
        }
        session.sequence = batch.sequence;
        session.last_ms = session.last_ms.max(batch.closed_at_ms);
        session.received_so_far = session.received_so_far.max(batch.received_so_far);
        session.accounted += batch.counts.done();
        let arrivals = self.arrivals.entry(batch.source).or_default();
        session.lease = arrivals.lease(batch.closed_at_ms, session.received_so_far);

        self.counts.add(&batch.counts);
        for (key, delta) in &batch.cells {
            self.marks.add(&delta.marks);
            self.totals.compared.leaves += delta.leaves;
            self.totals.compared.hidden += delta.rules.values().map(|(_, hidden)| hidden).sum::<u64>();
            self.add_cell(key, delta, change, disk)?;
        }
        let mut exemplars: BTreeMap<SignatureId, Vec<&Exemplar>> = BTreeMap::new();
        batch.exemplars.iter().for_each(|(id, exemplar)| exemplars.entry(*id).or_default().push(exemplar));
        let ids = batch.signatures.keys().chain(exemplars.keys()).copied().collect::<BTreeSet<_>>();
        for id in ids {
            let new = exemplars.remove(&id).unwrap_or_default();
            self.add_signature(id, batch.signatures.get(&id), &new, change, disk)?;
        }
        for (key, delta) in &batch.pairs {
            self.pairs.add(key, delta, self.bounds, &mut self.totals, change, disk)?;
        }
        for (route, delta) in &batch.coverage {
            self.coverage.add(route, delta, &mut self.totals, change, disk)?;
        }
        self.totals.left_out.samples += batch.unsampled;
        self.samples.add(&batch.samples, self.bounds.exemplars, &mut self.totals, change, disk)?;
        self.ownership.merge(&batch.ownership);
        for route in batch.ownership.0.keys() {
            self.write_owner(route, change, disk)?;
        }
        // Pairs and marks come after the exchanges that they are of: alone they account for no request.
        let told_later = batch.counts.is_zero() && !(batch.pairs.is_empty() && batch.cells.is_empty());
        self.totals.applied += u64::from(!told_later);
        self.write_session(batch.source, change, disk)?;
        Ok(true)
    }
    /// Sets what the batches of a change have added to: each of it once.
    pub(super) fn finish(&mut self, change: &mut Change, disk: &Disk) -> Result<(), StoreError> {
        for key in std::mem::take(&mut change.cells) {
            self.write_cell(&key, change, disk)?;
        }
        for id in change.signatures.clone() {
            self.write_signature(id, change, disk)?;
        }
        self.write_account(change, disk)
    }

    /// True where cells may have to leave for those of this batch: then what came before has to be on the disk.
    pub(super) fn needs_room(&self, batch: &EvidenceBatch) -> bool {
        self.totals.cells.saturating_add(batch.cells.len() as u64) > self.bounds.cells
    }
    /// A change is applied: what it set can be read again, so cells that the last batch did not ask for need not be at hand.
    pub(super) fn applied(&mut self, last: &EvidenceBatch) {
        if self.cells.len() > CELLS_AT_HAND {
            self.cells.retain(|key, _| last.cells.contains_key(key));
        }
    }

    pub(super) fn add_cell(
        &mut self,
        key: &CellKey,
        delta: &CellDelta,
        change: &mut Change,
        disk: &Disk,
    ) -> Result<(), StoreError> {
        if !self.cells.contains_key(key) {
            let stored = disk.get(&keys::cell(key))?;
            if stored.is_none() && delta.is_of_marks_alone() {
                // A mark of what had to make room.
                return Ok(());
            }
            let at_hand = match &stored {
                Some(bytes) => (disk.decode::<StoredCell>(bytes)?.cell, record::blob_of(bytes)),
                None => (CellDelta::default(), None),
            };
            if stored.is_none() {
                self.make_room_for_a_cell(change, disk)?;
            }
            self.cells.insert(key.clone(), at_hand);
        }
        let Some((cell, _)) = self.cells.get_mut(key) else { return Ok(()) };
        cell.merge(delta);
        change.cells.insert(key.clone());
        Ok(())
    }
    fn write_cell(&mut self, key: &CellKey, change: &mut Change, disk: &Disk) -> Result<(), StoreError> {
        let Some((cell, blob)) = self.cells.get_mut(key) else { return Ok(()) };
        let packed = record::pack(&CellToStore { key, cell }, self.totals.next_blob).map_err(|e| disk.damaged(e))?;
        let before = std::mem::replace(blob, packed.blob);
        change.set_packed(keys::cell(key), packed, before, &mut self.totals);
        Ok(())
    }
    /// The oldest leaves where there are too many, but for those that this change touches.
    fn make_room_for_a_cell(&mut self, change: &mut Change, disk: &Disk) -> Result<(), StoreError> {
        self.totals.cells += 1;
        if self.totals.cells <= self.bounds.cells {
            return Ok(());
        }
        for item in disk.table(Table::Cell, Table::Cell.prefix(), false)? {
            let (key, value) = item?;
            let stored: StoredCell = disk.decode(&value)?;
            if change.operations.contains_key(&key) || change.cells.contains(&stored.key) {
                continue;
            }
            self.cells.remove(&stored.key);
            change.remove(key, record::blob_of(&value));
            self.totals.cells -= 1;
            self.totals.left_out.cells += 1;
            return Ok(());
        }
        Ok(())
    }

    fn add_signature(
        &mut self,
        id: SignatureId,
        delta: Option<&SignatureDelta>,
        new: &[&Exemplar],
        change: &mut Change,
        disk: &Disk,
    ) -> Result<(), StoreError> {
        if !self.signatures.contains_key(&id) {
            let full = self.signatures.len() >= self.bounds.signatures;
            // Without an exchange it is a mark of what found no place.
            let Some(delta) = delta.filter(|delta| !full && delta.count > 0) else {
                self.totals.left_out.signatures += delta.map_or(0, |delta| delta.count);
                self.totals.left_out.exemplars += new.len() as u64;
                return Ok(());
            };
            let record = Arc::new(new_record(id, &delta.facts));
            self.signatures.insert(id, Entry { record, kept: Vec::new(), blob: None });
        }
        let Some(entry) = self.signatures.get_mut(&id) else { return Ok(()) };
        if let Some(delta) = delta {
            add(Arc::make_mut(&mut entry.record), delta);
        }
        keep(id, entry, new, self.bounds.exemplars, &mut self.bodies, &mut self.totals, change)
            .map_err(|e| disk.damaged(e))?;
        change.signatures.insert(id);
        Ok(())
    }
    pub(super) fn write_signature(
        &mut self,
        id: SignatureId,
        change: &mut Change,
        disk: &Disk,
    ) -> Result<(), StoreError> {
        change.signatures.insert(id);
        let Some(entry) = self.signatures.get_mut(&id) else { return Ok(()) };
        Arc::make_mut(&mut entry.record).exemplars = entry.kept.len();
        let packed = record::pack(&stored_signature(entry), self.totals.next_blob).map_err(|e| disk.damaged(e))?;
        let before = std::mem::replace(&mut entry.blob, packed.blob);
        change.set_packed(keys::signature(id), packed, before, &mut self.totals);
        Ok(())
    }

    pub(super) fn write_owner(&self, route: &str, change: &mut Change, disk: &Disk) -> Result<(), StoreError> {
        let Some(owner) = self.ownership.0.get(route) else { return Ok(()) };
        let stored = StoredOwner { route: route.to_owned(), owner: *owner };
        change.set(keys::owner(route), record::encode(&stored).map_err(|e| disk.damaged(e))?);
        Ok(())
    }
    pub(super) fn write_session(&self, source: Source, change: &mut Change, disk: &Disk) -> Result<(), StoreError> {
        let session = self.sessions.get(&source).cloned().unwrap_or_default();
        change.set(keys::session(source), record::encode(&session).map_err(|e| disk.damaged(e))?);
        Ok(())
    }
    pub(super) fn write_account(&mut self, change: &mut Change, disk: &Disk) -> Result<(), StoreError> {
        self.totals.usage = disk.usage();
        self.totals.counts = record::words_of(&self.counts);
        self.totals.marks = self.marks.iter().map(|(mark, n)| (mark.to_string(), n)).collect();
        change.set(Table::Totals.prefix(), record::encode(&self.totals).map_err(|e| disk.damaged(e))?);
        change.set(Table::Gaps.prefix(), record::encode(&self.gaps).map_err(|e| disk.damaged(e))?);
        Ok(())
    }
}
