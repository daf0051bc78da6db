//! The key layout: one default tree, one prefix byte a table, numbers big-endian so that byte order is number order.
//!
//! Keys that grow with time (cells by hour, chunks by number) append at the end, which is what sled writes best.

use crate::evidence::{CellKey, PairKey, SampleKey, Source};
use crate::exchange::ExchangeId;
use crate::judge::SignatureId;

/// A key or a prefix of keys.
pub(super) type Key = Vec<u8>;

/// The tables, in key order. A number is never used again for something else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(super) enum Table {
    /// One record: format and tee id.
    Meta = 0x01,
    /// One record: the account.
    Totals = 0x02,
    /// A change larger than one sled batch, written whole before it is applied.
    Journal = 0x03,
    /// A tee's lives.
    Session = 0x10,
    /// One record: the gaps.
    Gaps = 0x11,
    /// Who serves each route that was ever cut over.
    Ownership = 0x12,
    /// Stores of which an export was imported.
    Import = 0x13,
    /// Signatures, each with the list of its exemplars.
    Signature = 0x20,
    /// Exemplars by signature, rank and exchange.
    Exemplar = 0x21,
    /// Parts of values that are too large for one.
    Chunk = 0x22,
    /// Cells by hour.
    Cell = 0x30,
    /// Pairs by route and builds: what noise is told from.
    Pairs = 0x31,
    /// What was seen of each route.
    Coverage = 0x32,
    /// Exchanges that rules made equal, by route and rule.
    Sample = 0x33,
}

impl Table {
    /// The prefix of all its keys; the whole key of a table with one record.
    pub(super) fn prefix(self) -> Key {
        vec![self as u8]
    }
    fn key(self, parts: &[&[u8]]) -> Key {
        let mut key = Vec::with_capacity(1 + parts.iter().map(|part| part.len()).sum::<usize>());
        key.push(self as u8);
        parts.iter().for_each(|part| key.extend_from_slice(part));
        key
    }
}

/// Says that the journal is complete; sorts before its parts.
pub(super) fn journal_mark() -> Key {
    Table::Journal.key(&[&[0]])
}
/// One part of the journal.
pub(super) fn journal_part(index: u32) -> Key {
    Table::Journal.key(&[&[1], &index.to_be_bytes()])
}
/// A route's owner, by a hash of the route's name.
pub(super) fn owner(route: &str) -> Key {
    Table::Ownership.key(&[&blake3::hash(route.as_bytes()).as_bytes()[..16]])
}
/// What was imported of this tee's store.
pub(super) fn import(tee: u64) -> Key {
    Table::Import.key(&[&tee.to_be_bytes()])
}
/// One life of a tee.
pub(super) fn session(source: Source) -> Key {
    Table::Session.key(&[&source.tee.to_be_bytes(), &source.incarnation.to_be_bytes()])
}
/// The life that a session's key names.
pub(super) fn session_source(key: &[u8]) -> Option<Source> {
    let rest: &[u8; 16] = key.strip_prefix(&[Table::Session as u8])?.try_into().ok()?;
    let both = u128::from_be_bytes(*rest);
    Some(Source { tee: (both >> 64) as u64, incarnation: both as u64 })
}
/// A signature.
pub(super) fn signature(id: SignatureId) -> Key {
    Table::Signature.key(&[&id.0.to_be_bytes()])
}
/// The id that a signature's key names.
pub(super) fn signature_id(key: &[u8]) -> Option<SignatureId> {
    let rest: &[u8; 8] = key.strip_prefix(&[Table::Signature as u8])?.try_into().ok()?;
    Some(SignatureId(u64::from_be_bytes(*rest)))
}
/// An exemplar of a signature.
pub(super) fn exemplar(id: SignatureId, rank: u64, exchange: ExchangeId) -> Key {
    Table::Exemplar.key(&[&id.0.to_be_bytes(), &rank.to_be_bytes(), &exchange.0.to_be_bytes()])
}
/// One chunk of a blob; all chunks from this blob on sort at or after it.
pub(super) fn chunk(blob: u64, index: u32) -> Key {
    Table::Chunk.key(&[&blob.to_be_bytes(), &index.to_be_bytes()])
}
/// The blob and the index that a chunk's key names.
pub(super) fn chunk_place(key: &[u8]) -> Option<(u64, u32)> {
    let rest: &[u8; 12] = key.strip_prefix(&[Table::Chunk as u8])?.try_into().ok()?;
    let (blob, index) = rest.split_at(8);
    Some((u64::from_be_bytes(blob.try_into().ok()?), u32::from_be_bytes(index.try_into().ok()?)))
}
/// A cell: by hour, so that the oldest come first, then by a hash of the whole key.
pub(super) fn cell(key: &CellKey) -> Key {
    let mut hasher = blake3::Hasher::new();
    for text in [&key.route, &key.primary_version, &key.candidate_version, &key.principal] {
        hasher.update(&(text.len() as u64).to_be_bytes());
        hasher.update(text.as_bytes());
    }
    hasher.update(&[u8::from(key.inferred)]);
    hasher.update(&key.rule_set.to_be_bytes());
    hasher.update(&key.comparator.to_be_bytes());
    let hash = hasher.finalize();
    Table::Cell.key(&[&key.hour.to_be_bytes(), &hash.as_bytes()[..16]])
}

/// The pairs of one route and two builds, by a hash of the whole key.
pub(super) fn pairs(key: &PairKey) -> Key {
    let mut hasher = blake3::Hasher::new();
    for text in [&key.route, &key.builds.primary, &key.builds.candidate] {
        hasher.update(&(text.len() as u64).to_be_bytes());
        hasher.update(text.as_bytes());
    }
    Table::Pairs.key(&[&hasher.finalize().as_bytes()[..16]])
}

/// The sample of a route and a rule, by a hash of both.
pub(super) fn sample(key: &SampleKey) -> Key {
    let mut hasher = blake3::Hasher::new();
    for text in [&key.route, &key.rule] {
        hasher.update(&(text.len() as u64).to_be_bytes());
        hasher.update(text.as_bytes());
    }
    Table::Sample.key(&[&hasher.finalize().as_bytes()[..16]])
}
/// How a page of samples is asked for that begins at a key: hex digits.
pub(super) fn name_of_sample(key: &[u8]) -> String {
    key.iter().skip(1).map(|byte| format!("{byte:02x}")).collect()
}
/// The key that it names.
pub(super) fn sample_named(name: &str) -> Option<Key> {
    let rest = u128::from_str_radix(name, 16).ok().filter(|_| name.len() == 32)?;
    Some(Table::Sample.key(&[&rest.to_be_bytes()]))
}
/// What was seen of a route, by a hash of its name.
pub(super) fn coverage(route: &str) -> Key {
    Table::Coverage.key(&[&blake3::hash(route.as_bytes()).as_bytes()[..16]])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys_sort_as_their_numbers_and_read_back() {
        assert!(chunk(255, 9) < chunk(256, 0));
        assert!(journal_mark() < journal_part(0));
        let source = Source { tee: 7, incarnation: u64::MAX };
        assert_eq!(session_source(&session(source)), Some(source));
        assert_eq!(signature_id(&signature(SignatureId(0xfeed))), Some(SignatureId(0xfeed)));
        assert_eq!(signature_id(&chunk(1, 1)), None);
        assert_eq!(chunk_place(&chunk(7, 9)), Some((7, 9)));
    }
}
