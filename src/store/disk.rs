//! sled as the rest of the room sees it: reads by key and table, changes that happen whole or not at all.
//!
//! **A change of any size is atomic.** Up to [`OPERATIONS`] operations are one sled batch. A larger change is written to the
//! journal first, then marked complete and synced, then applied; opening the store finishes a marked journal and drops an
//! unmarked one. (sled's batches leak memory while they last, but for what reads between them let go; so they stay small,
//! and each key is read first.)

use super::generation::Place;
use super::keys::{self, Key, Table};
use super::lines::Origin;
use super::record::{self, MAX_VALUE};
use super::sync::Syncer;
use super::{StoreError, open};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::path::Path;

/// Operations of one sled batch at most.
pub(super) const OPERATIONS: usize = 1_000;

/// Keys to set, and keys to remove.
pub(super) type Operations = BTreeMap<Key, Option<Vec<u8>>>;

/// A part of the journal.
type JournalPart = Vec<(Key, Option<Vec<u8>>)>;

/// What lives in a database: keys, and bytes of keys and values.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Usage {
    pub(super) keys: u64,
    pub(super) bytes: u64,
}

/// One operation as it is stored.
type InJournal<T> = (Bytes<T>, Option<Bytes<T>>);

/// Bytes as MessagePack has them. (Numbers one by one, as a journal was written before, are read too.)
struct Bytes<T>(T);

impl Serialize for Bytes<&[u8]> {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_bytes(self.0)
    }
}

impl<'de> Deserialize<'de> for Bytes<Vec<u8>> {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Any;
        impl<'de> serde::de::Visitor<'de> for Any {
            type Value = Bytes<Vec<u8>>;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("bytes")
            }
            fn visit_bytes<E: serde::de::Error>(self, bytes: &[u8]) -> Result<Self::Value, E> {
                Ok(Bytes(bytes.to_vec()))
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut seq: A) -> Result<Self::Value, A::Error> {
                let mut bytes = Vec::new();
                while let Some(byte) = seq.next_element()? {
                    bytes.push(byte);
                }
                Ok(Bytes(bytes))
            }
        }
        deserializer.deserialize_bytes(Any)
    }
}

/// An open sled database.
pub(super) struct Disk {
    db: Option<sled::Db>,
    syncer: Syncer,
    place: Place,
    /// What lives in it; `None` where that is not known.
    usage: Cell<Option<Usage>>,
    /// Bytes of values and keys written since it was opened.
    written: Cell<u64>,
}

impl Disk {
    /// Wraps a database that has just been opened, and finishes what was half applied.
    pub(super) fn new(db: sled::Db, place: &Place) -> Result<Disk, StoreError> {
        let syncer = Syncer::open(&place.path).map_err(|source| StoreError::Io { dir: place.root.clone(), source })?;
        let (usage, written) = (Cell::new(None), Cell::new(0));
        let disk = Disk { db: Some(db), syncer, place: place.clone(), usage, written };
        disk.finish_journal()?;
        Ok(disk)
    }
    /// The store's directory.
    pub(super) fn dir(&self) -> &Path {
        &self.place.root
    }
    /// Where in it this database lies.
    pub(super) fn place(&self) -> &Place {
        &self.place
    }
    /// What lives in it, as far as that is known.
    pub(super) fn usage(&self) -> Option<Usage> {
        self.usage.get()
    }
    /// Says what lives in it; changes are counted from there.
    pub(super) fn set_usage(&self, usage: Option<Usage>) {
        self.usage.set(usage);
    }
    /// Bytes written since it was opened.
    pub(super) fn written(&self) -> u64 {
        self.written.get()
    }
    fn db(&self) -> Result<&sled::Db, StoreError> {
        self.db.as_ref().ok_or_else(|| self.damaged("it is closed"))
    }
    pub(super) fn damaged(&self, message: impl ToString) -> StoreError {
        StoreError::Damaged { dir: self.place.root.clone(), message: message.to_string() }
    }
    fn wrong(&self, error: sled::Error) -> StoreError {
        open::translate(&self.place.root, error)
    }

    /// A value as stored.
    pub(super) fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.db()?.get(key).map_err(|e| self.wrong(e))?.map(|value| value.to_vec()))
    }
    /// A record.
    pub(super) fn record<T: DeserializeOwned>(&self, key: &[u8]) -> Result<Option<T>, StoreError> {
        self.get(key)?.map(|bytes| self.decode(&bytes)).transpose()
    }
    /// A stored value as a record; its chunks are fetched where it is cut.
    pub(super) fn decode<T: DeserializeOwned>(&self, bytes: &[u8]) -> Result<T, StoreError> {
        record::decode(bytes, |key| self.get(&key).ok().flatten()).map_err(|e| self.damaged(e))
    }
    /// Tees whose exports were imported, with how many batches of each that was.
    pub(super) fn imports(&self) -> Result<BTreeMap<u64, u64>, StoreError> {
        let mut imports = BTreeMap::new();
        for item in self.table(Table::Import, Table::Import.prefix(), false)? {
            let Origin { tee, applied } = self.decode(&item?.1)?;
            imports.insert(tee, applied);
        }
        Ok(imports)
    }
    /// Every key and value from this key on, within one table, in order; from the end when `backwards`.
    pub(super) fn table(
        &self,
        table: Table,
        from: Key,
        backwards: bool,
    ) -> Result<impl Iterator<Item = Result<(Key, Vec<u8>), StoreError>>, StoreError> {
        let mut range = self.db()?.range(from..vec![table as u8 + 1]);
        let dir = self.place.root.clone();
        Ok(std::iter::from_fn(move || {
            let item = if backwards { range.next_back() } else { range.next() };
            item.map(|item| match item {
                Ok((key, value)) => Ok((key.to_vec(), value.to_vec())),
                Err(error) => Err(open::translate(&dir, error)),
            })
        }))
    }
    /// Keys and values after this key, in order, whatever their table.
    pub(super) fn after(
        &self,
        key: &[u8],
    ) -> Result<impl Iterator<Item = Result<(Key, Vec<u8>), StoreError>>, StoreError> {
        let range = self.db()?.range::<&[u8], _>((std::ops::Bound::Excluded(key), std::ops::Bound::Unbounded));
        let dir = self.place.root.clone();
        Ok(range.map(move |item| match item {
            Ok((key, value)) => Ok((key.to_vec(), value.to_vec())),
            Err(error) => Err(open::translate(&dir, error)),
        }))
    }
    /// True when there is not one key.
    pub(super) fn is_empty(&self) -> Result<bool, StoreError> {
        match self.db()?.iter().next() {
            None => Ok(true),
            Some(item) => item.map(|_| false).map_err(|e| self.wrong(e)),
        }
    }

    /// One sled batch. Where a page is damaged, sled would stop half-way with the first half applied: so every key is read
    /// first, which loads each page that the batch touches and fails before anything has changed. (The reads also let sled
    /// free the nodes that batches retire.)
    fn apply<'a>(&self, operations: impl Iterator<Item = (&'a Key, &'a Option<Vec<u8>>)>) -> Result<(), StoreError> {
        let mut batch = sled::Batch::default();
        let (mut usage, mut written) = (self.usage.get(), 0);
        for (key, value) in operations {
            let before = self.db()?.get(key).map_err(|e| self.wrong(e))?;
            let size = |length: usize| (key.len() + length) as u64;
            let (was, is) = (before.map(|value| size(value.len())), value.as_ref().map(|value| size(value.len())));
            if let Some(usage) = &mut usage {
                usage.keys = (usage.keys + u64::from(is.is_some())).saturating_sub(u64::from(was.is_some()));
                usage.bytes = (usage.bytes + is.unwrap_or(0)).saturating_sub(was.unwrap_or(0));
            }
            written += is.unwrap_or(key.len() as u64);
            match value {
                Some(value) => batch.insert(key.as_slice(), value.as_slice()),
                None => batch.remove(key.as_slice()),
            }
        }
        self.db()?.apply_batch(batch).map_err(|e| self.wrong(e))?;
        self.usage.set(usage);
        self.written.set(self.written.get() + written);
        Ok(())
    }
    /// Applies operations that need not happen together.
    pub(super) fn in_parts(&self, operations: &Operations) -> Result<(), StoreError> {
        let all: Vec<_> = operations.iter().collect();
        all.chunks(OPERATIONS).try_for_each(|part| self.apply(part.iter().copied()))
    }
    /// Applies a change: after a crash all of it is there or none of it.
    pub(super) fn commit(&self, operations: &Operations) -> Result<(), StoreError> {
        if operations.len() <= OPERATIONS {
            return self.apply(operations.iter());
        }
        self.write_journal(operations)?;
        self.finish_journal()
    }
    /// Writes the journal and marks it as complete.
    pub(super) fn write_journal(&self, operations: &Operations) -> Result<(), StoreError> {
        let mut journal = Operations::new();
        let (mut part, mut bytes): (JournalPart, usize) = (Vec::new(), 0);
        let mut parts = 0;
        for (key, value) in operations {
            let size = key.len() + value.as_ref().map_or(0, Vec::len) + 16;
            if bytes + size > MAX_VALUE && !part.is_empty() {
                self.add_part(&mut journal, &mut parts, std::mem::take(&mut part))?;
                bytes = 0;
            }
            bytes += size;
            part.push((key.clone(), value.clone()));
        }
        self.add_part(&mut journal, &mut parts, part)?;
        self.in_parts(&journal)?;
        let mark = record::encode(&parts).map_err(|e| self.damaged(e))?;
        self.in_parts(&Operations::from([(keys::journal_mark(), Some(mark))]))?;
        self.sync()
    }
    fn add_part(&self, journal: &mut Operations, parts: &mut u32, part: JournalPart) -> Result<(), StoreError> {
        let bytes: Vec<InJournal<&[u8]>> =
            part.iter().map(|(key, value)| (Bytes(key.as_slice()), value.as_deref().map(Bytes))).collect();
        let value = record::encode(&bytes).map_err(|e| self.damaged(e))?;
        journal.insert(keys::journal_part(*parts), Some(value));
        *parts += 1;
        Ok(())
    }
    /// Applies a complete journal; drops an incomplete one.
    fn finish_journal(&self) -> Result<(), StoreError> {
        let mut done = Operations::new();
        for item in self.table(Table::Journal, Table::Journal.prefix(), false)? {
            done.insert(item?.0, None);
        }
        if done.is_empty() {
            return Ok(());
        }
        if let Some(parts) = self.record::<u32>(&keys::journal_mark())? {
            for index in 0..parts {
                let part: Vec<InJournal<Vec<u8>>> = self
                    .record(&keys::journal_part(index))?
                    .ok_or_else(|| self.damaged("a part of the journal is missing"))?;
                let operations = part.into_iter().map(|(key, value)| (key.0, value.map(|value| value.0)));
                self.in_parts(&operations.collect())?;
            }
            // the mark goes first: without it the parts are only rubbish
            self.in_parts(&Operations::from([(keys::journal_mark(), None)]))?;
        }
        self.in_parts(&done)
    }
    /// Returns when everything applied so far is on the device.
    pub(super) fn sync(&self) -> Result<(), StoreError> {
        self.db()?.flush().map_err(|e| self.wrong(e))?;
        self.syncer.sync().map_err(|source| StoreError::Io { dir: self.place.root.clone(), source })
    }
}

impl Drop for Disk {
    /// sled writes when it is dropped and panics where that fails: that must not end the thread, let alone the process.
    fn drop(&mut self) {
        let db = self.db.take();
        let _ = open::guarded(&self.place.root, move || {
            drop(db);
            Ok(())
        });
        open::wait_for_lock(&self.place.path);
    }
}
