//! Contents of exemplars by what they are: an exchange that shows several kinds of mismatch is stored once, and every
//! signature that keeps it names it. How many do is counted in memory, from their lists.

use super::keys::Key;
use super::record::{self, Blob, RecordError, Totals};
use super::state::Change;
use crate::evidence::Exemplar;
use std::collections::HashMap;

/// Where each content is, and how many signatures name it.
#[derive(Default)]
pub(super) struct Bodies {
    by_hash: HashMap<u128, (Blob, u32)>,
}

impl Bodies {
    /// One more signature names what is stored already.
    pub(super) fn note(&mut self, blob: Blob) {
        self.by_hash.entry(blob.hash).or_insert((blob, 0)).1 += 1;
    }
    /// Keeps a content for one more signature; it is written where it is not there yet, before whatever names it.
    pub(super) fn hold(
        &mut self,
        exemplar: &Exemplar,
        totals: &mut Totals,
        change: &mut Change,
    ) -> Result<Blob, RecordError> {
        let (blob, chunks) = record::pack_apart(exemplar, totals.next_blob)?;
        if let Some((there, names)) = self.by_hash.get_mut(&blob.hash) {
            *names += 1;
            return Ok(*there);
        }
        self.by_hash.insert(blob.hash, (blob, 1));
        totals.next_blob += 1;
        change.ahead.extend(blob.keys().zip(chunks.into_iter().map(Some)));
        Ok(blob)
    }
    /// One signature less names it; with the last it goes.
    pub(super) fn let_go(&mut self, blob: Blob, change: &mut Change) {
        let Some((_, names)) = self.by_hash.get_mut(&blob.hash) else { return };
        *names -= 1;
        if *names == 0 {
            self.by_hash.remove(&blob.hash);
            // what this very change wrote ahead is taken back, whichever comes first
            let gone: Vec<Key> = blob.keys().collect();
            gone.iter().for_each(|key| drop(change.ahead.remove(key)));
            change.operations.extend(gone.into_iter().map(|key| (key, None)));
        }
    }
}
