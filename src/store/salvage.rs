//! Carries over what a damaged store still gives. Nothing here may fail the new store: what does not read is counted.

use super::disk::{Disk, Operations};
use super::keys::{self, Key, Table};
use super::record::{self, Session, StoredSignature, Totals};
use super::{StoreError, gap, generation, open, read};
use crate::evidence::{Exemplar, Gap, Sample};
use std::fs;
use std::path::Path;

/// sled's segment: where a store does not even open, each that its file holds counts as one record lost.
const SEGMENT: u64 = 512 * 1024;
const CACHE: u64 = 8 << 20;
/// Where the counter of blobs is lost, new ones are numbered from here, beyond all that a store has had.
const FRESH_BLOBS: u64 = 1 << 32;

/// Opens what was set aside: as it is, then without sled's snapshots, then without its settings too; both only repeat what
/// the log says.
fn open_somehow(aside: &Path) -> Option<Disk> {
    let dir = generation::current(aside).path;
    for spare in [&[][..], &["snap."], &["snap.", "conf"]] {
        for entry in fs::read_dir(&dir).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if spare.iter().any(|prefix| name.starts_with(prefix)) {
                let _ = fs::rename(entry.path(), dir.join(format!("unreadable-{name}")));
            }
        }
        match open::disk(aside, CACHE) {
            Ok(disk) => return Some(disk),
            Err(error) => tracing::warn!(%error, without = ?spare, "the damaged store does not open"),
        }
    }
    None
}

/// Everything of a table that reads: from the front until it breaks, then from the back. Says whether it broke.
fn readable(disk: &Disk, table: Table) -> (Vec<(Key, Vec<u8>)>, bool) {
    let (mut found, mut broken) = (Vec::new(), false);
    for backwards in [false, true] {
        let from = found.last().map_or(table.prefix(), |(key, _): &(Key, _)| [key.as_slice(), &[0]].concat());
        // the items are kept as they come, since sled may panic in the middle
        let _ = open::guarded(disk.dir(), || {
            broken = true;
            for item in disk.table(table, from, backwards)? {
                found.push(item?);
            }
            broken = false;
            Ok(())
        });
        if !broken {
            return (found, backwards);
        }
    }
    (found, true)
}

struct Carrier<'a> {
    old: &'a Disk,
    new: &'a Disk,
    pending: Operations,
    salvaged: u64,
    lost: u64,
    next_blob: u64,
}

impl Carrier<'_> {
    fn keep(&mut self, key: Key, value: Vec<u8>) -> Result<(), StoreError> {
        self.pending.insert(key, Some(value));
        if self.pending.len() >= super::disk::OPERATIONS {
            self.new.in_parts(&std::mem::take(&mut self.pending))?;
        }
        Ok(())
    }
    fn record(&mut self, key: Key, value: Vec<u8>) -> Result<(), StoreError> {
        self.salvaged += 1;
        self.keep(key, value)
    }
    /// A large value's chunks; false when one is missing or changed.
    fn chunks(&mut self, blob: Option<record::Blob>) -> Result<bool, StoreError> {
        let Some(blob) = blob else { return Ok(true) };
        self.next_blob = self.next_blob.max(blob.blob + 1);
        for key in blob.keys() {
            match open::guarded(self.old.dir(), || self.old.get(&key)) {
                Ok(Some(value)) => self.keep(key, value)?,
                _ => return Ok(false),
            }
        }
        Ok(true)
    }
    /// True when the value reads as what it should be, chunks and all.
    fn reads<T: serde::de::DeserializeOwned>(&self, value: &[u8]) -> Option<T> {
        open::guarded(self.old.dir(), || self.old.decode::<T>(value)).ok()
    }
    /// A table of records of one type.
    fn table<T: serde::de::DeserializeOwned>(&mut self, table: Table) -> Result<Vec<T>, StoreError> {
        let (found, broken) = readable(self.old, table);
        self.lost += u64::from(broken);
        let mut read = Vec::new();
        for (key, value) in found {
            match self.reads::<T>(&value) {
                Some(record) if self.chunks(record::blob_of(&value))? => {
                    read.push(record);
                    self.record(key, value)?;
                }
                _ => self.lost += 1,
            }
        }
        Ok(read)
    }
    /// Signatures with those of their exemplars that read.
    fn signatures(&mut self) -> Result<(), StoreError> {
        let (found, broken) = readable(self.old, Table::Signature);
        self.lost += u64::from(broken);
        for (key, value) in found {
            let (Some(id), Some(mut signature)) = (keys::signature_id(&key), self.reads::<StoredSignature>(&value))
            else {
                self.lost += 1;
                continue;
            };
            let mut kept = Vec::new();
            for one in &signature.kept {
                if let Some(shared) = one.shared {
                    let reads = open::guarded(self.old.dir(), || read::exemplar(self.old, id, one)).is_ok();
                    // those that several signatures name are written again, to no effect
                    if reads && self.chunks(Some(shared))? {
                        self.salvaged += 1;
                        kept.push(*one);
                    } else {
                        self.lost += 1;
                    }
                    continue;
                }
                let key = keys::exemplar(id, one.rank, one.exchange);
                let root = open::guarded(self.old.dir(), || self.old.get(&key)).ok().flatten();
                match root.filter(|root| self.reads::<Exemplar>(root).is_some()) {
                    Some(root) if self.chunks(one.blob)? => {
                        self.record(key, root)?;
                        kept.push(*one);
                    }
                    _ => self.lost += 1,
                }
            }
            signature.kept = kept;
            let packed = record::pack(&signature, self.next_blob).map_err(|e| self.new.damaged(e))?;
            for (chunk, value) in packed.blob.iter().flat_map(|blob| blob.keys()).zip(packed.chunks) {
                self.next_blob += 1;
                self.keep(chunk, value)?;
            }
            self.record(key, packed.root)?;
        }
        Ok(())
    }
}

/// Copies what reads from the directory set aside into a new store: (records carried over, records lost). The record that
/// makes it a store is written last.
pub(super) fn carry_over(aside: &Path, new: &Disk, now_ms: u64) -> Result<(u64, u64), StoreError> {
    let size = fs::metadata(generation::current(aside).path.join("db")).map_or(0, |meta| meta.len());
    let Some(old) = open_somehow(aside) else {
        note_loss(new, Vec::new(), now_ms)?;
        open::begin(new, now_ms)?;
        return Ok((0, size.div_ceil(SEGMENT).max(1)));
    };
    let mut carrier =
        Carrier { old: &old, new, pending: Operations::new(), salvaged: 0, lost: 0, next_blob: FRESH_BLOBS };
    let totals = carrier.table::<Totals>(Table::Totals)?.pop();
    if let Some(totals) = &totals {
        carrier.next_blob = totals.next_blob;
    }
    let sessions = carrier.table::<Session>(Table::Session)?;
    let gaps = carrier.table::<Vec<Gap>>(Table::Gaps)?;
    carrier.signatures()?;
    let cells = carrier.table::<record::StoredCell>(Table::Cell)?.len() as u64;
    carrier.table::<record::StoredPairs>(Table::Pairs)?;
    carrier.table::<record::StoredCoverage>(Table::Coverage)?;
    carrier.table::<Sample>(Table::Sample)?;
    carrier.table::<record::StoredOwner>(Table::Ownership)?;
    carrier.table::<super::lines::Origin>(Table::Import)?;
    if totals.is_none() || sessions.is_empty() {
        note_loss(new, gaps.into_iter().flatten().collect(), now_ms)?;
    }
    // no blob number is used twice, whatever became of the counter
    let usage = new.usage();
    let totals = Totals { next_blob: carrier.next_blob, usage, cells, ..totals.unwrap_or_default() };
    let bytes = record::encode(&totals).map_err(|e| new.damaged(e))?;
    carrier.keep(Table::Totals.prefix(), bytes)?;
    new.in_parts(&std::mem::take(&mut carrier.pending))?;
    let meta = carrier.table::<record::Meta>(Table::Meta)?;
    new.in_parts(&std::mem::take(&mut carrier.pending))?;
    if meta.is_empty() {
        open::begin(new, now_ms)?;
    }
    new.sync()?;
    let (salvaged, lost) = (carrier.salvaged, carrier.lost);
    Ok((salvaged, if salvaged == 0 { lost.max(size.div_ceil(SEGMENT)).max(1) } else { lost }))
}

/// The account itself is lost: the gap has no bound, and says so.
fn note_loss(new: &Disk, mut gaps: Vec<Gap>, now_ms: u64) -> Result<(), StoreError> {
    let from_ms = gaps.iter().map(|gap| gap.to_ms).max().unwrap_or(0);
    gap::note(&mut gaps, Gap { from_ms, to_ms: now_ms, up_to: gap::UNKNOWN });
    let bytes = record::encode(&gaps).map_err(|e| new.damaged(e))?;
    new.in_parts(&Operations::from([(Table::Gaps.prefix(), Some(bytes))]))
}
