//! What batches change, before it is written: absolute values under their keys, and what is still to become one.

use super::StoreError;
use super::disk::{Disk, Operations};
use super::keys::Key;
use super::record::{self, Blob, Totals};
use crate::evidence::CellKey;
use crate::judge::SignatureId;
use serde::de::DeserializeOwned;
use std::collections::BTreeSet;

/// What has to be written for a batch: what others refer to, then everything else at once.
#[derive(Default)]
pub(super) struct Change {
    pub(super) ahead: Operations,
    pub(super) operations: Operations,
    /// Signatures that it touches; written when it is finished, however many batches add to them.
    pub(super) signatures: BTreeSet<SignatureId>,
    /// Cells, likewise.
    pub(super) cells: BTreeSet<CellKey>,
    /// It touches the table of pairs.
    pub(super) pairs: bool,
}

impl Change {
    /// About how many operations it will be.
    pub(super) fn len(&self) -> usize {
        self.operations.len() + self.signatures.len() + self.cells.len()
    }
    /// Bytes that it will write, about.
    pub(super) fn bytes(&self) -> usize {
        let values = self.ahead.values().chain(self.operations.values());
        values.map(|value| value.as_ref().map_or(0, Vec::len)).sum()
    }
    /// A record as it will be: as this change sets it, or else as it is on the disk.
    pub(super) fn read<T: DeserializeOwned>(&self, key: &Key, disk: &Disk) -> Result<Option<T>, StoreError> {
        let Some(set) = self.operations.get(key) else { return disk.record(key) };
        let chunk = |key: Key| self.ahead.get(&key).cloned().flatten().or_else(|| disk.get(&key).ok().flatten());
        let read = |bytes: &Vec<u8>| record::decode(bytes, chunk).map_err(|e| disk.damaged(e));
        set.as_ref().map(read).transpose()
    }
    pub(super) fn set(&mut self, key: Key, value: Vec<u8>) {
        self.operations.insert(key, Some(value));
    }
    pub(super) fn remove(&mut self, key: Key, blob: Option<Blob>) {
        self.operations.insert(key, None);
        self.remove_chunks(blob);
    }
    fn remove_chunks(&mut self, blob: Option<Blob>) {
        self.operations.extend(blob.into_iter().flat_map(Blob::keys).map(|key| (key, None)));
    }
    /// Sets a value of any size; the chunks of the one before go.
    pub(super) fn set_packed(&mut self, key: Key, packed: record::Packed, before: Option<Blob>, totals: &mut Totals) {
        self.remove_chunks(before);
        if let Some(blob) = packed.blob {
            totals.next_blob += 1;
            self.ahead.extend(blob.keys().zip(packed.chunks.into_iter().map(Some)));
        }
        self.set(key, packed.root);
    }
}
