//! The table of pairs: what noise is told from. Few records and small ones, so the writer holds them all, and publishes them
//! to whoever asks what is noise.

use super::StoreError;
use super::disk::Disk;
use super::keys::{self, Table};
use super::record::{self, Blob, StoredPairs, Totals};
use super::state::{Bounds, Change};
use crate::evidence::{PairDelta, PairKey};
use std::collections::HashMap;
use std::sync::Arc;

/// One record, shared with those who read.
pub(super) type Shared = (Arc<PairKey>, Arc<PairDelta>);

struct Entry {
    delta: Arc<PairDelta>,
    blob: Option<Blob>,
}

/// Every record.
#[derive(Default)]
pub(super) struct Pairs {
    records: HashMap<Arc<PairKey>, Entry>,
    /// Places in all of them.
    groups: usize,
}

impl Pairs {
    /// Reads them all.
    pub(super) fn load(disk: &Disk) -> Result<Pairs, StoreError> {
        let mut pairs = Pairs::default();
        for item in disk.table(Table::Pairs, Table::Pairs.prefix(), false)? {
            let value = item?.1;
            let StoredPairs { key, pairs: delta } = disk.decode(&value)?;
            pairs.groups += delta.groups.len();
            let entry = Entry { delta: Arc::new(delta), blob: record::blob_of(&value) };
            pairs.records.insert(Arc::new(key), entry);
        }
        Ok(pairs)
    }
    /// Every record as it is now.
    pub(super) fn shared(&self) -> Vec<Shared> {
        self.records.iter().map(|(key, entry)| (key.clone(), entry.delta.clone())).collect()
    }
    /// How many records there are.
    pub(super) fn len(&self) -> usize {
        self.records.len()
    }
    /// Adds what a batch saw. Where there are too many, those longest without an exchange go, and are counted.
    pub(super) fn add(
        &mut self,
        key: &PairKey,
        delta: &PairDelta,
        bounds: Bounds,
        totals: &mut Totals,
        change: &mut Change,
        disk: &Disk,
    ) -> Result<(), StoreError> {
        let fresh = || Entry { delta: Arc::default(), blob: None };
        let entry = match self.records.get_mut(key) {
            Some(entry) => entry,
            None => self.records.entry(Arc::new(key.clone())).or_insert_with(fresh),
        };
        let before = entry.delta.groups.len();
        Arc::make_mut(&mut entry.delta).merge(delta);
        self.groups = self.groups - before + entry.delta.groups.len();
        let stored = StoredPairs { key: key.clone(), pairs: PairDelta::clone(&entry.delta) };
        let packed = record::pack(&stored, totals.next_blob).map_err(|e| disk.damaged(e))?;
        let before = std::mem::replace(&mut entry.blob, packed.blob);
        change.set_packed(keys::pairs(key), packed, before, totals);
        change.pairs = true;
        while self.records.len() > bounds.pairs || self.groups > bounds.places {
            let others = self.records.iter().filter(|(one, _)| ***one != *key);
            let oldest = others.min_by_key(|(one, entry)| (entry.delta.last_ms, (*one).clone()));
            let Some(oldest) = oldest.map(|(one, _)| one.clone()) else { break };
            let Some(gone) = self.records.remove(&oldest) else { break };
            self.groups -= gone.delta.groups.len();
            totals.left_out.pairs += gone.delta.pairs;
            change.remove(keys::pairs(&oldest), gone.blob);
        }
        Ok(())
    }

    /// Takes away what saw no exchange since then, as much as one change takes; it is counted.
    pub(super) fn retire(&mut self, before_ms: u64, totals: &mut Totals, change: &mut Change) {
        let old = self.records.iter().filter(|(_, entry)| entry.delta.last_ms < before_ms && entry.delta.last_ms > 0);
        let old = old.map(|(key, _)| key.clone()).take(32).collect();
        self.take_away(old, totals, change);
    }

    /// Takes away those that say it in a place's path or in the route's name; how many.
    pub(super) fn erase(&mut self, says: &dyn Fn(&str) -> bool, totals: &mut Totals, change: &mut Change) -> u64 {
        let of = |key: &PairKey, delta: &PairDelta| says(&key.route) || delta.groups.keys().any(|at| says(&at.path));
        let found = self.records.iter().filter(|(key, entry)| of(key, &entry.delta));
        let found: Vec<_> = found.map(|(key, _)| key.clone()).collect();
        let count = found.len() as u64;
        self.take_away(found, totals, change);
        count
    }
    fn take_away(&mut self, all: Vec<Arc<PairKey>>, totals: &mut Totals, change: &mut Change) {
        for key in all {
            let Some(gone) = self.records.remove(&key) else { continue };
            self.groups -= gone.delta.groups.len();
            totals.left_out.pairs += gone.delta.pairs;
            change.remove(keys::pairs(&key), gone.blob);
            change.pairs = true;
        }
    }
}

#[cfg(test)]
mod tests;
