//! What goes when the store holds too much, or too old: ordinary changes, counted in the account that they are written with.
//!
//! **The oldest goes first**: cells by their hour, exemplars by when their signature was last seen, then the signatures
//! themselves. The account of requests is never reduced.

use super::disk::{Disk, Usage};
use super::keys::{self, Table};
use super::record::{self, StoredCell};
use super::signature::leave;
use super::state::{Change, State};
use super::{Caps, StoreError};
use crate::judge::SignatureId;

/// Operations after which a change is written; with what the last thing adds it is still one batch, most often.
const OPERATIONS: usize = 150;
/// Bytes that one of them frees, about.
const FREED: u64 = 3 << 10;
const HOUR_MS: u64 = 3_600_000;

/// How far the store is to be brought down.
#[derive(Clone, Copy, Debug)]
pub(super) struct Goal {
    /// What was seen before this goes, milliseconds since the Unix epoch.
    pub(super) before_ms: u64,
    /// Keys and bytes that may stay.
    pub(super) most: Usage,
    /// Signatures that may stay.
    pub(super) signatures: usize,
}

impl Goal {
    /// What these caps ask for at this time.
    pub(super) fn new(caps: &Caps, now_ms: u64, most: Usage, signatures: usize) -> Goal {
        Goal { before_ms: now_ms.saturating_sub(caps.max_age_ms), most, signatures }
    }
    fn is_over(&self, usage: Usage) -> bool {
        usage.keys > self.most.keys || usage.bytes > self.most.bytes
    }
}

impl State {
    /// The next part of what has to go, of a size that one batch takes; `None` when nothing has.
    pub(super) fn retire(&mut self, goal: &Goal, disk: &Disk) -> Result<Option<Change>, StoreError> {
        let mut change = Change::default();
        self.retire_old(goal, &mut change, disk)?;
        if change.operations.is_empty() && self.signatures.len() > goal.signatures {
            let surplus = self.signatures.len() - goal.signatures;
            for id in self.longest_unseen(|_| true).into_iter().take(surplus) {
                self.forget(id, &mut change);
                if change.operations.len() > OPERATIONS {
                    break;
                }
            }
        }
        if change.operations.is_empty() && disk.usage().is_some_and(|usage| goal.is_over(usage)) {
            self.retire_the_oldest(goal, &mut change, disk)?;
        }
        if change.operations.is_empty() {
            return Ok(None);
        }
        self.write_account(&mut change, disk)?;
        Ok(Some(change))
    }

    /// What is older than may stay.
    fn retire_old(&mut self, goal: &Goal, change: &mut Change, disk: &Disk) -> Result<(), StoreError> {
        for (hour, key, value) in self.oldest_cells(disk)? {
            if (u64::from(hour) + 1) * HOUR_MS > goal.before_ms || change.operations.len() > OPERATIONS {
                break;
            }
            self.retire_cell(key, &value, change, disk)?;
        }
        let is_old = |at_ms: u64| at_ms < goal.before_ms;
        let ids: Vec<SignatureId> = self.signatures.keys().copied().collect();
        for id in ids {
            let Some(entry) = self.signatures.get_mut(&id) else { continue };
            if change.operations.len() > OPERATIONS {
                return Ok(());
            }
            // what a person said of it is kept as long as there is room
            if is_old(entry.record.last_seen_ms) && entry.record.status == "open" {
                self.forget(id, change);
            } else if entry.kept.iter().any(|kept| kept.received_at_ms > 0 && is_old(kept.received_at_ms)) {
                let kept = std::mem::take(&mut entry.kept);
                let (old, kept) = kept.into_iter().partition(|kept| is_old(kept.received_at_ms));
                entry.kept = kept;
                let old: Vec<_> = old;
                self.totals.left_out.exemplars += old.len() as u64;
                old.into_iter().for_each(|kept| leave(id, kept, &mut self.bodies, change));
                self.write_signature(id, change, disk)?;
            }
        }
        if change.operations.len() <= OPERATIONS {
            self.pairs.retire(goal.before_ms, &mut self.totals, change);
            self.coverage.retire(goal.before_ms, &mut self.totals, change);
            if goal.before_ms > 0 {
                self.samples.retire(goal.before_ms, &mut self.totals, change, disk)?;
            }
        }
        Ok(())
    }

    /// Cells from the oldest hour on, as many as one change can take.
    fn oldest_cells(&self, disk: &Disk) -> Result<Vec<(u32, keys::Key, Vec<u8>)>, StoreError> {
        let items = disk.table(Table::Cell, Table::Cell.prefix(), false)?.take(OPERATIONS / 4);
        let hour = |key: &[u8]| key.get(1..5).and_then(|hour| hour.try_into().ok()).map_or(0, u32::from_be_bytes);
        items.map(|item| item.map(|(key, value)| (hour(&key), key, value))).collect()
    }
    fn retire_cell(
        &mut self,
        key: keys::Key,
        value: &[u8],
        change: &mut Change,
        disk: &Disk,
    ) -> Result<(), StoreError> {
        let stored: StoredCell = disk.decode(value)?;
        self.cells.remove(&stored.key);
        change.remove(key, record::blob_of(value));
        self.totals.cells = self.totals.cells.saturating_sub(1);
        self.totals.left_out.cells += 1;
        Ok(())
    }
    /// Signatures by when they were last seen, those that a person has decided last.
    fn longest_unseen(&self, wanted: impl Fn(&super::signature::Entry) -> bool) -> Vec<SignatureId> {
        let mut all: Vec<_> = self.signatures.iter().filter(|(_, entry)| wanted(entry)).collect();
        all.sort_by_key(|(id, entry)| (entry.record.status != "open", entry.record.last_seen_ms, **id));
        all.into_iter().map(|(id, _)| *id).collect()
    }
    /// A signature goes with all that belongs to it.
    pub(super) fn forget(&mut self, id: SignatureId, change: &mut Change) {
        let Some(entry) = self.signatures.remove(&id) else { return };
        self.totals.left_out.signatures += entry.record.count;
        self.totals.left_out.exemplars += entry.kept.len() as u64;
        entry.kept.into_iter().for_each(|kept| leave(id, kept, &mut self.bodies, change));
        change.remove(keys::signature(id), entry.blob);
        change.signatures.insert(id);
    }

    /// Cells and exemplars as they were last seen, then signatures, then pairs.
    fn retire_the_oldest(&mut self, goal: &Goal, change: &mut Change, disk: &Disk) -> Result<(), StoreError> {
        // of samples nobody knows when their like was last seen: one goes with each part of the others
        self.samples.make_room(&mut self.totals, change, disk)?;
        let mut cells = self.oldest_cells(disk)?.into_iter().peekable();
        let mut unseen = self.longest_unseen(|entry| !entry.kept.is_empty()).into_iter().peekable();
        // An operation frees a key, and some kilobytes; what is left then is looked at again.
        let surplus = disk.usage().map_or(0, |usage| {
            usage.keys.saturating_sub(goal.most.keys).max(usage.bytes.saturating_sub(goal.most.bytes) / FREED)
        });
        let enough = OPERATIONS.min(surplus as usize + 1);
        while change.operations.len() < enough {
            let cell_ms = cells.peek().map(|(hour, _, _)| u64::from(*hour) * HOUR_MS);
            let seen_ms = unseen.peek().and_then(|id| Some(self.signatures.get(id)?.record.last_seen_ms));
            match (cell_ms, seen_ms) {
                (Some(cell), seen) if seen.is_none_or(|seen| cell <= seen) => {
                    let Some((_, key, value)) = cells.next() else { break };
                    self.retire_cell(key, &value, change, disk)?;
                }
                (_, Some(_)) => {
                    let Some(id) = unseen.next() else { break };
                    let Some(entry) = self.signatures.get_mut(&id) else { continue };
                    let kept = std::mem::take(&mut entry.kept);
                    self.totals.left_out.exemplars += kept.len() as u64;
                    kept.into_iter().for_each(|kept| leave(id, kept, &mut self.bodies, change));
                    self.write_signature(id, change, disk)?;
                }
                _ => break,
            }
        }
        if change.operations.is_empty() {
            for id in self.longest_unseen(|_| true).into_iter().take(OPERATIONS / 4) {
                self.forget(id, change);
            }
        }
        if change.operations.is_empty() {
            self.pairs.retire(u64::MAX, &mut self.totals, change);
            self.coverage.retire(u64::MAX, &mut self.totals, change);
        }
        Ok(())
    }
}
