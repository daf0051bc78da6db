//! Making the next generation: a copy of everything that lives, in parts, while the old one goes on taking batches.
//!
//! What is written meanwhile below the place that the copy has reached is written to both; what lies above it is copied later.
//! So at its end the copy says what the old one says, and only then is it put in use ([`super::generation`]).

use super::disk::{Disk, Operations, Usage};
use super::keys::{Key, Table};
use super::{StoreError, generation, open};
use std::path::Path;

/// Keys of one part of a copy: no batch waits longer than for these.
const ITEMS: usize = 200;

/// Bytes copied between two syncs, so that the last one is short.
const SYNC_EVERY: u64 = 16 << 20;

/// A generation that is not in use yet. Dropped before that, its directory stays until [`generation::sweep`].
pub(super) struct Making {
    disk: Disk,
    /// Everything up to here is copied.
    reached: Key,
    synced: u64,
}

fn wrong(root: &Path, source: std::io::Error) -> StoreError {
    StoreError::Io { dir: root.to_path_buf(), source }
}

impl Making {
    /// Begins with nothing.
    pub(super) fn begin(root: &Path, cache_bytes: u64) -> Result<Making, StoreError> {
        let place = generation::next(root).map_err(|error| wrong(root, error))?;
        let disk = open::disk_at(&place, cache_bytes)?;
        disk.set_usage(Some(Usage::default()));
        Ok(Making { disk, reached: Key::new(), synced: 0 })
    }
    /// The copy itself.
    pub(super) fn disk(&self) -> &Disk {
        &self.disk
    }
    /// Copies about so many bytes more; true when everything is there.
    pub(super) fn copy(&mut self, old: &Disk, bytes: u64) -> Result<bool, StoreError> {
        open::guarded(old.dir(), || {
            let until = self.disk.written() + bytes;
            loop {
                let mut part = Operations::new();
                let from = std::mem::take(&mut self.reached);
                let items = old.after(&from)?.take(ITEMS);
                self.reached.clone_from(&from);
                for item in items {
                    let (key, value) = item?;
                    self.reached.clone_from(&key);
                    // a journal is applied when a store is opened: nothing of it lives
                    if key.first() != Some(&(Table::Journal as u8)) {
                        part.insert(key, Some(value));
                    }
                }
                if part.is_empty() {
                    return Ok(true);
                }
                self.disk.in_parts(&part)?;
                if self.disk.written() - self.synced > SYNC_EVERY {
                    self.disk.sync()?;
                    self.synced = self.disk.written();
                }
                if self.disk.written() >= until {
                    return Ok(false);
                }
            }
        })
    }
    /// Does what was just done to the old one.
    pub(super) fn follow(&self, operations: &Operations) -> Result<(), StoreError> {
        let below = |key: &Key| *key <= self.reached;
        let copied: Operations =
            operations.iter().filter(|(key, _)| below(key)).map(|(key, value)| (key.clone(), value.clone())).collect();
        open::guarded(self.disk.dir(), || self.disk.in_parts(&copied))
    }
    /// Puts it in use: from here on a crash finds this one. The old one is still there.
    pub(super) fn put_in_use(self) -> Result<Disk, StoreError> {
        open::guarded(self.disk.dir(), || self.disk.sync())?;
        generation::put_in_use(self.disk.place()).map_err(|error| wrong(self.disk.dir(), error))?;
        Ok(self.disk)
    }
    /// Gives it up.
    pub(super) fn abandon(self) {
        let place = self.disk.place().clone();
        drop(self.disk);
        if let Err(error) = generation::remove(&place) {
            tracing::warn!(dir = %place.path.display(), %error, "a half-made generation of the store stays until the next start");
        }
    }
}

/// Copies a store that nobody writes to meanwhile, and puts the copy in use; the old one is removed.
pub(super) fn renew(old: Disk, cache_bytes: u64) -> Result<Disk, StoreError> {
    let mut making = Making::begin(old.dir(), cache_bytes)?;
    let copied = making.copy(&old, u64::MAX / 2).and_then(|_| making.put_in_use());
    drop(old);
    let new = copied?;
    generation::sweep(new.place());
    Ok(new)
}

#[cfg(test)]
mod tests;
