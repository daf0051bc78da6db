//! Whether a store at rest is sound: every record of every table reads, and what refers to another finds it.

use super::keys::{self, Table};
use super::lines::Origin;
use super::read::{self, AtRest};
use super::record::{self, Blob, Session, StoredCell, StoredOwner};
use super::{StoreError, generation, open};
use crate::evidence::Sample;
use std::collections::{HashMap, HashSet};

/// What a sound store holds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// The layout that it has.
    pub format: u32,
    /// The tee that writes to it.
    pub tee: u64,
    /// Which generation is in use; 0 where none was made yet.
    pub generation: u64,
    /// Kinds of mismatch.
    pub signatures: u64,
    /// Exemplars, once for each signature that keeps one.
    pub exemplars: u64,
    /// Exemplars' contents, once each.
    pub contents: u64,
    /// Cells.
    pub cells: u64,
    /// Pairs of routes and builds.
    pub pairs: u64,
    /// Routes of which it is known what was seen.
    pub coverage: u64,
    /// Routes and rules of which exchanges are kept that the rule made equal.
    pub samples: u64,
    /// Lives of tees.
    pub sessions: u64,
    /// Keys in all tables.
    pub keys: u64,
    /// Bytes of keys and values.
    pub live_bytes: u64,
    /// Bytes that its files take.
    pub file_bytes: u64,
}

/// Chunks by the number of their blob: how many there must be, and how many were seen.
#[derive(Default)]
struct Chunks(HashMap<u64, (u32, u32)>);

impl Chunks {
    fn expect(&mut self, blob: Option<Blob>) {
        self.0.extend(blob.map(|blob| (blob.blob, (blob.chunks, 0))));
    }
    /// False for a chunk that belongs to nothing.
    fn see(&mut self, key: &[u8]) -> bool {
        let place = keys::chunk_place(key);
        let found = place.and_then(|(blob, index)| self.0.get_mut(&blob).filter(|(chunks, _)| index < *chunks));
        found.map(|(_, seen)| *seen += 1).is_some()
    }
    fn are_whole(&self) -> bool {
        self.0.values().all(|(chunks, seen)| chunks == seen)
    }
}

impl AtRest {
    /// Checks every record of every table, and that what refers to another finds it. Says how many there are; the first
    /// that is wrong is the error.
    pub fn verify(&self) -> Result<Verified, StoreError> {
        open::guarded(self.disk.dir(), || {
            let mut found = Verified {
                format: self.state.meta.format,
                tee: self.state.meta.tee,
                generation: self.disk.place().number,
                pairs: self.state.pairs.len() as u64,
                coverage: self.state.coverage.len() as u64,
                sessions: self.state.sessions.len() as u64,
                file_bytes: generation::size(self.disk.dir()),
                ..Verified::default()
            };
            let mut chunks = Chunks::default();
            let (mut contents, mut own) = (HashSet::new(), HashSet::new());
            for (id, entry) in &self.state.signatures {
                found.signatures += 1;
                for kept in &entry.kept {
                    found.exemplars += 1;
                    match kept.shared {
                        // a content that several keep is read once
                        Some(blob) if !contents.insert(blob.blob) => continue,
                        Some(blob) => chunks.expect(Some(blob)),
                        None => drop(own.insert(keys::exemplar(*id, kept.rank, kept.exchange))),
                    }
                    read::exemplar(&self.disk, *id, kept)?;
                }
            }
            found.contents = (contents.len() + own.len()) as u64;
            self.verify_tables(&mut found, &mut chunks, &own)?;
            Ok(found)
        })
    }

    /// Every key once, in order: chunks come before some of what refers to them, so they are looked at last.
    fn verify_tables(
        &self,
        found: &mut Verified,
        chunks: &mut Chunks,
        own: &HashSet<keys::Key>,
    ) -> Result<(), StoreError> {
        for item in self.disk.after(&[])? {
            let (key, value) = item?;
            found.keys += 1;
            found.live_bytes += (key.len() + value.len()) as u64;
            let table = key.first().copied().unwrap_or(0);
            if table == Table::Cell as u8 {
                found.cells += 1;
                self.disk.decode::<StoredCell>(&value)?;
            } else if table == Table::Session as u8 {
                self.disk.decode::<Session>(&value)?;
            } else if table == Table::Ownership as u8 {
                self.disk.decode::<StoredOwner>(&value)?;
            } else if table == Table::Sample as u8 {
                found.samples += 1;
                self.disk.decode::<Sample>(&value)?;
            } else if table == Table::Import as u8 {
                self.disk.decode::<Origin>(&value)?;
            } else if table == Table::Exemplar as u8 && !own.contains(&key) {
                return Err(self.disk.damaged("an exemplar belongs to no signature"));
            }
            if table != Table::Chunk as u8 {
                chunks.expect(record::blob_of(&value));
            }
        }
        let next = keys::chunk(self.state.totals.next_blob, 0);
        for item in self.disk.table(Table::Chunk, Table::Chunk.prefix(), false)? {
            let key = item?.0;
            // those beyond were written ahead of a batch that never came; the next start removes them
            if key < next && !chunks.see(&key) {
                return Err(self.disk.damaged("a chunk belongs to nothing"));
            }
        }
        if !chunks.are_whole() {
            return Err(self.disk.damaged("a chunk is missing"));
        }
        if found.cells != self.state.totals.cells {
            let message = format!("{} cells are counted, and {} are there", self.state.totals.cells, found.cells);
            return Err(self.disk.damaged(message));
        }
        Ok(())
    }
}
