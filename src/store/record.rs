//! Values: a version byte, a form byte, then MessagePack with named fields, so that a field can be added with a default.
//!
//! **No value is larger than [`MAX_VALUE`]**: a larger one is compressed, and if it still is, cut into chunks.

use super::keys::{self, Key};
use crate::evidence::{Counts, MarkCounts, Owner, SignatureFacts};
use crate::exchange::ExchangeId;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::io::Read;

/// Bytes of one value. A leaf of sled holds up to 17 items and becomes a file of its own above 128 KiB, which sled never
/// syncs; 17 of these stay below that.
pub(super) const MAX_VALUE: usize = 7 * 1024;
/// Bytes that one record may unfold to; a larger one is not stored.
const MAX_PLAIN: usize = 16 << 20;
/// The version of every record's layout.
const VERSION: u8 = 1;
const PLAIN: u8 = 0;
const PACKED: u8 = 1;
const CUT: u8 = 2;

/// Why a value cannot be written or read.
#[derive(Debug, thiserror::Error)]
pub(super) enum RecordError {
    /// It has no known first bytes.
    #[error("a record has version {0}, form {1}")]
    Unknown(u8, u8),
    /// It does not serialise.
    #[error("a record does not encode: {0}")]
    Encode(#[from] rmp_serde::encode::Error),
    /// It does not deserialise.
    #[error("a record does not decode: {0}")]
    Decode(#[from] rmp_serde::decode::Error),
    /// It does not unpack.
    #[error("a record does not unpack: {0}")]
    Unpack(#[from] std::io::Error),
    /// A chunk is not there, or not as written.
    #[error("a record's chunks are missing or changed")]
    Chunks,
    /// More than a record may hold.
    #[error("a record of {0} bytes is larger than a store takes")]
    TooLarge(usize),
}

/// Where the chunks of a large value are: all `(blob, 0..chunks)`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Blob {
    /// Its number, never used twice.
    pub(super) blob: u64,
    /// How many chunks.
    pub(super) chunks: u32,
    /// First half of BLAKE3 over the chunks together.
    pub(super) hash: u128,
}

impl Blob {
    /// The keys of its chunks.
    pub(super) fn keys(self) -> impl Iterator<Item = Key> {
        (0..self.chunks).map(move |index| keys::chunk(self.blob, index))
    }
}

/// A value as it goes to disk.
pub(super) struct Packed {
    /// The value itself.
    pub(super) root: Vec<u8>,
    /// Chunks that have to be there before it.
    pub(super) chunks: Vec<Vec<u8>>,
    /// Their place.
    pub(super) blob: Option<Blob>,
}

fn framed(form: u8, body: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(body.len() + 2);
    bytes.extend_from_slice(&[VERSION, form]);
    bytes.extend_from_slice(body);
    bytes
}

fn hash(bytes: &[u8]) -> u128 {
    let mut first = [0; 16];
    first.copy_from_slice(&blake3::hash(bytes).as_bytes()[..16]);
    u128::from_be_bytes(first)
}

/// Encodes a value that is small by nature.
pub(super) fn encode<T: Serialize>(value: &T) -> Result<Vec<u8>, RecordError> {
    Ok(framed(PLAIN, &rmp_serde::to_vec_named(value)?))
}

/// Encodes a value of any size; `blob` is used where it has to be cut.
pub(super) fn pack<T: Serialize>(value: &T, blob: u64) -> Result<Packed, RecordError> {
    let plain = rmp_serde::to_vec_named(value)?;
    if plain.len() > MAX_PLAIN {
        return Err(RecordError::TooLarge(plain.len()));
    }
    if plain.len() + 2 <= MAX_VALUE {
        return Ok(Packed { root: framed(PLAIN, &plain), chunks: Vec::new(), blob: None });
    }
    let small = zstd::bulk::compress(&plain, 3)?;
    if small.len() + 2 <= MAX_VALUE {
        return Ok(Packed { root: framed(PACKED, &small), chunks: Vec::new(), blob: None });
    }
    let chunks: Vec<Vec<u8>> = small.chunks(MAX_VALUE).map(<[u8]>::to_vec).collect();
    let blob = Blob { blob, chunks: chunks.len() as u32, hash: hash(&small) };
    Ok(Packed { root: framed(CUT, &rmp_serde::to_vec_named(&blob)?), chunks, blob: Some(blob) })
}

/// Encodes a value that several records name: it is nothing but chunks, compressed where it is larger than one.
pub(super) fn pack_apart<T: Serialize>(value: &T, blob: u64) -> Result<(Blob, Vec<Vec<u8>>), RecordError> {
    let plain = rmp_serde::to_vec_named(value)?;
    if plain.len() > MAX_PLAIN {
        return Err(RecordError::TooLarge(plain.len()));
    }
    let bytes = match plain.len() + 2 <= MAX_VALUE {
        true => framed(PLAIN, &plain),
        false => framed(PACKED, &zstd::bulk::compress(&plain, 3)?),
    };
    let chunks: Vec<Vec<u8>> = bytes.chunks(MAX_VALUE).map(<[u8]>::to_vec).collect();
    Ok((Blob { blob, chunks: chunks.len() as u32, hash: hash(&bytes) }, chunks))
}

/// All chunks of a blob, as they were written.
fn joined(blob: Blob, mut fetch: impl FnMut(Key) -> Option<Vec<u8>>) -> Result<Vec<u8>, RecordError> {
    let mut small = Vec::new();
    for key in blob.keys() {
        small.extend_from_slice(&fetch(key).ok_or(RecordError::Chunks)?);
        if small.len() > MAX_PLAIN {
            return Err(RecordError::TooLarge(small.len()));
        }
    }
    if hash(&small) == blob.hash { Ok(small) } else { Err(RecordError::Chunks) }
}

/// Decodes what [`pack_apart`] wrote.
pub(super) fn decode_apart<T: DeserializeOwned>(
    blob: Blob,
    fetch: impl FnMut(Key) -> Option<Vec<u8>>,
) -> Result<T, RecordError> {
    decode(&joined(blob, fetch)?, |_| None)
}

fn unfold<T: DeserializeOwned>(small: &[u8]) -> Result<T, RecordError> {
    let mut plain = Vec::new();
    zstd::stream::read::Decoder::new(small)?.take(MAX_PLAIN as u64 + 1).read_to_end(&mut plain)?;
    if plain.len() > MAX_PLAIN {
        return Err(RecordError::TooLarge(plain.len()));
    }
    Ok(rmp_serde::from_slice(&plain)?)
}

/// The blob that a value refers to, if it does.
pub(super) fn blob_of(bytes: &[u8]) -> Option<Blob> {
    match bytes {
        [VERSION, CUT, body @ ..] => rmp_serde::from_slice(body).ok(),
        _ => None,
    }
}

/// A value that needs no chunks: those of one that is cut are put together.
pub(super) fn whole(bytes: Vec<u8>, fetch: impl FnMut(Key) -> Option<Vec<u8>>) -> Result<Vec<u8>, RecordError> {
    let Some(blob) = blob_of(&bytes) else { return Ok(bytes) };
    Ok(framed(PACKED, &joined(blob, fetch)?))
}

/// Decodes a value; `fetch` gets a chunk by its key.
pub(super) fn decode<T: DeserializeOwned>(
    bytes: &[u8],
    fetch: impl FnMut(Key) -> Option<Vec<u8>>,
) -> Result<T, RecordError> {
    match bytes {
        [VERSION, PLAIN, body @ ..] => Ok(rmp_serde::from_slice(body)?),
        [VERSION, PACKED, body @ ..] => unfold(body),
        [VERSION, CUT, body @ ..] => unfold(&joined(rmp_serde::from_slice(body)?, fetch)?),
        other => {
            let at = |i: usize| other.get(i).copied().unwrap_or(0);
            Err(RecordError::Unknown(at(0), at(1)))
        }
    }
}

/// What the store says of itself.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Meta {
    /// The layout of keys and records.
    pub(super) format: u32,
    /// The tee that writes here; random, made once.
    pub(super) tee: u64,
    /// Milliseconds since the Unix epoch.
    #[serde(default)]
    pub(super) created_ms: u64,
}

/// The account and the store's own counters. Reasons by their words, so that a longer list reads an older record.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Totals {
    /// Batches applied since the store began.
    #[serde(default)]
    pub(super) applied: u64,
    /// Terminal outcomes: `not_mirrored.method`, `match`, `inconclusive.truncated` …
    #[serde(default)]
    pub(super) counts: BTreeMap<String, u64>,
    /// Marks of mismatching exchanges by word.
    #[serde(default)]
    pub(super) marks: BTreeMap<String, i64>,
    /// The first number that no blob has had.
    #[serde(default)]
    pub(super) next_blob: u64,
    /// Cells in the store.
    #[serde(default)]
    pub(super) cells: u64,
    /// What the bounds kept out.
    #[serde(default)]
    pub(super) left_out: super::LeftOut,
    /// Leaves compared, and how many of them rules hid.
    #[serde(default)]
    pub(super) compared: super::Compared,
    /// What lives in the store; what one batch adds may be missing after an unclean stop.
    #[serde(default)]
    pub(super) usage: Option<super::disk::Usage>,
}

/// Who serves a route.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredOwner {
    pub(super) route: String,
    pub(super) owner: Owner,
}

/// One life of a tee.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Session {
    /// Milliseconds since the Unix epoch.
    #[serde(default)]
    pub(super) started_at_ms: u64,
    /// When its last durable batch was closed; the start, before there is one.
    #[serde(default)]
    pub(super) last_ms: u64,
    /// Its last batch's sequence.
    #[serde(default)]
    pub(super) sequence: u64,
    /// Requests received by then.
    #[serde(default)]
    pub(super) received_so_far: u64,
    /// It received no more than this before its next batch was durable.
    #[serde(default)]
    pub(super) lease: u64,
    /// Of its requests, those in the account or in a gap.
    #[serde(default)]
    pub(super) accounted: u64,
    /// True when it stopped with everything written, or its gap is noted.
    #[serde(default)]
    pub(super) closed: bool,
    /// URLs of its primary and candidate.
    #[serde(default)]
    pub(super) sides: Vec<String>,
}

/// An exemplar that is kept, without its content.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Kept {
    /// Its rank among the signature's exchanges.
    pub(super) rank: u64,
    /// The exchange.
    pub(super) exchange: ExchangeId,
    /// Where its content is cut, if it has a record of its own, as format 2 wrote it.
    #[serde(default)]
    pub(super) blob: Option<Blob>,
    /// Its content, which all signatures of the exchange share.
    #[serde(default)]
    pub(super) shared: Option<Blob>,
    /// When it was received; 0 where format 2 does not say.
    #[serde(default)]
    pub(super) received_at_ms: u64,
}

/// A signature with the list of its exemplars: one value, so that counts and exemplars cannot disagree.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub(super) struct StoredSignature {
    pub(super) facts: SignatureFacts,
    #[serde(default)]
    pub(super) count: u64,
    #[serde(default)]
    pub(super) marks: MarkCounts,
    #[serde(default)]
    pub(super) first_seen_ms: u64,
    #[serde(default)]
    pub(super) last_seen_ms: u64,
    #[serde(default)]
    pub(super) status: String,
    #[serde(default)]
    pub(super) candidate_versions: BTreeSet<String>,
    #[serde(default)]
    pub(super) builds: BTreeMap<crate::evidence::Builds, u64>,
    #[serde(default)]
    pub(super) agreed_after_ms: BTreeMap<u64, u64>,
    #[serde(default)]
    pub(super) kept: Vec<Kept>,
}

/// A cell with its key, since the stored key holds a hash of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredCell {
    pub(super) key: crate::evidence::CellKey,
    pub(super) cell: crate::evidence::CellDelta,
}

/// The same as it is written, without a copy of it.
#[derive(Serialize)]
pub(super) struct CellToStore<'a> {
    pub(super) key: &'a crate::evidence::CellKey,
    pub(super) cell: &'a crate::evidence::CellDelta,
}

/// The pairs of one route and two builds, with their key, since the stored key holds a hash of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredPairs {
    pub(super) key: crate::evidence::PairKey,
    pub(super) pairs: crate::evidence::PairDelta,
}

/// A route's coverage, with its name, since the stored key holds a hash of it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct StoredCoverage {
    pub(super) route: String,
    pub(super) seen: crate::evidence::CoverageDelta,
}

/// Counters by word.
pub(super) fn words_of(counts: &Counts) -> BTreeMap<String, u64> {
    let mut words: BTreeMap<String, u64> = BTreeMap::new();
    words.extend(counts.by_not_mirrored().map(|(reason, n)| (format!("not_mirrored.{reason}"), n)));
    words.extend(counts.by_not_judged().map(|(reason, n)| (format!("not_judged.{reason}"), n)));
    words.extend(counts.by_inconclusive().map(|(reason, n)| (format!("inconclusive.{reason}"), n)));
    words.extend(counts.by_vacuous().map(|(reason, n)| (format!("vacuous.{reason}"), n)));
    for (word, n) in [("match", counts.matched), ("normalised", counts.normalised), ("mismatch", counts.mismatched)] {
        if n > 0 {
            words.insert(word.to_owned(), n);
        }
    }
    words
}

/// The counters that the words name; a word that this version does not know is an error, since leaving it out would make
/// the account wrong.
pub(super) fn counts_of(words: &BTreeMap<String, u64>) -> Option<Counts> {
    let mut counts = Counts::default();
    for (word, n) in words {
        let slot = match word.split_once('.') {
            None => match word.as_str() {
                "match" => &mut counts.matched,
                "normalised" => &mut counts.normalised,
                "mismatch" => &mut counts.mismatched,
                _ => return None,
            },
            Some(("not_mirrored", reason)) => {
                counts.not_mirrored.get_mut(reason.parse::<crate::evidence::NotMirrored>().ok()? as usize)?
            }
            Some(("not_judged", reason)) => {
                counts.not_judged.get_mut(reason.parse::<crate::evidence::NotJudged>().ok()? as usize)?
            }
            Some(("inconclusive", reason)) => {
                counts.inconclusive.get_mut(reason.parse::<crate::judge::Inconclusive>().ok()? as usize)?
            }
            Some(("vacuous", reason)) => {
                counts.vacuous.get_mut(reason.parse::<crate::judge::Vacuous>().ok()? as usize)?
            }
            Some(_) => return None,
        };
        *slot = *n;
    }
    Some(counts)
}

#[cfg(test)]
mod tests;
