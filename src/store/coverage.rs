//! The table of coverage: what was seen of each route. Few records and small ones, so the writer holds them all.

use super::StoreError;
use super::disk::Disk;
use super::keys::{self, Table};
use super::record::{self, Blob, StoredCoverage, Totals};
use super::state::Change;
use crate::evidence::CoverageDelta;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Routes of which coverage is kept; of more those that come first stay.
const ROUTES: usize = 2_048;

struct Entry {
    seen: Arc<CoverageDelta>,
    blob: Option<Blob>,
}

/// Every record.
#[derive(Default)]
pub(super) struct Coverage(BTreeMap<String, Entry>);

impl Coverage {
    /// Reads them all.
    pub(super) fn load(disk: &Disk) -> Result<Coverage, StoreError> {
        let mut coverage = Coverage::default();
        for item in disk.table(Table::Coverage, Table::Coverage.prefix(), false)? {
            let value = item?.1;
            let StoredCoverage { route, seen } = disk.decode(&value)?;
            coverage.0.insert(route, Entry { seen: Arc::new(seen), blob: record::blob_of(&value) });
        }
        Ok(coverage)
    }
    /// Every record as it is now, by route.
    pub(super) fn shared(&self) -> BTreeMap<String, Arc<CoverageDelta>> {
        self.0.iter().map(|(route, entry)| (route.clone(), entry.seen.clone())).collect()
    }
    /// How many records there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
    /// Adds what a batch saw of a route; of a route too many nothing is kept, and that is counted.
    pub(super) fn add(
        &mut self,
        route: &str,
        delta: &CoverageDelta,
        totals: &mut Totals,
        change: &mut Change,
        disk: &Disk,
    ) -> Result<(), StoreError> {
        if self.0.len() >= ROUTES && !self.0.contains_key(route) {
            totals.left_out.coverage += delta.sampled;
            return Ok(());
        }
        let fresh = || Entry { seen: Arc::default(), blob: None };
        let entry = self.0.entry(route.to_owned()).or_insert_with(fresh);
        Arc::make_mut(&mut entry.seen).merge(delta);
        let stored = StoredCoverage { route: route.to_owned(), seen: CoverageDelta::clone(&entry.seen) };
        let packed = record::pack(&stored, totals.next_blob).map_err(|e| disk.damaged(e))?;
        let before = std::mem::replace(&mut entry.blob, packed.blob);
        change.set_packed(keys::coverage(route), packed, before, totals);
        Ok(())
    }
    /// Takes away routes of which nothing was seen since then, as many as one change takes; what they had is counted.
    pub(super) fn retire(&mut self, before_ms: u64, totals: &mut Totals, change: &mut Change) {
        let is_old = |entry: &Entry| entry.seen.last_ms > 0 && entry.seen.last_ms < before_ms;
        let old = self.0.iter().filter(|(_, entry)| is_old(entry)).map(|(route, _)| route.clone()).take(32).collect();
        self.take_away(old, totals, change);
    }
    /// Takes away those that say it in the name of a route, a field or a parameter; how many.
    pub(super) fn erase(&mut self, says: &dyn Fn(&str) -> bool, totals: &mut Totals, change: &mut Change) -> u64 {
        let of = |route: &str, seen: &CoverageDelta| {
            let names = seen.fields.keys().chain(seen.parameters.keys()).chain(seen.calls.keys());
            says(route) || names.into_iter().any(|name| says(name))
        };
        let found = self.0.iter().filter(|(route, entry)| of(route, &entry.seen));
        let found: Vec<String> = found.map(|(route, _)| route.clone()).collect();
        let count = found.len() as u64;
        self.take_away(found, totals, change);
        count
    }
    fn take_away(&mut self, routes: Vec<String>, totals: &mut Totals, change: &mut Change) {
        for route in routes {
            let Some(gone) = self.0.remove(&route) else { continue };
            totals.left_out.coverage += gone.seen.sampled;
            change.remove(keys::coverage(&route), gone.blob);
        }
    }
}
