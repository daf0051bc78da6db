//! The table of samples: exchanges that rules made equal, a few for each route and rule. A record holds all exchanges of one,
//! and is written when one of them changes, which is seldom; the writer holds the ranks alone of those that a batch named.

use super::StoreError;
use super::disk::Disk;
use super::keys::{self, Key, Table};
use super::record::{self, Blob, Totals};
use super::state::Change;
use crate::evidence::{Exemplar, Sample, SampleKey, exemplar_rank};
use crate::exchange::ExchangeId;
use std::collections::BTreeMap;

/// Routes and rules of which samples are kept; of more those that come first stay.
const SAMPLES: usize = 2_048;

#[derive(Default)]
struct Entry {
    /// `None` until it is asked for: a start reads no exchange.
    kept: Option<Vec<(u64, ExchangeId)>>,
    blob: Option<Blob>,
}

/// Every record, by its place on disk.
#[derive(Default)]
pub(super) struct Samples(BTreeMap<Key, Entry>);

fn rank(exemplar: &Exemplar) -> (u64, ExchangeId) {
    (exemplar_rank(exemplar.exchange), exemplar.exchange)
}

/// Bytes of the exchanges of one page, about.
const PAGE: usize = 4 << 20;

/// Some of the samples, and where the next ones begin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SamplePage {
    /// In no order that means anything.
    pub samples: Vec<Sample>,
    /// To be asked for next; `None` where these are the last.
    pub next: Option<String>,
}

/// The page that begins at this place, or the first.
pub(super) fn page(disk: &Disk, from: Option<&str>) -> Result<SamplePage, StoreError> {
    let from = match from {
        Some(text) => keys::sample_named(text).unwrap_or_else(|| Table::Sample.prefix()),
        None => Table::Sample.prefix(),
    };
    super::open::guarded(disk.dir(), || {
        let (mut samples, mut bytes) = (Vec::new(), 0);
        for item in disk.table(Table::Sample, from.clone(), false)? {
            let (place, value) = item?;
            if bytes >= PAGE {
                return Ok(SamplePage { samples, next: Some(keys::name_of_sample(&place)) });
            }
            let sample: Sample = disk.decode(&value)?;
            bytes += sample.exemplars.iter().map(Exemplar::size).sum::<usize>();
            samples.push(sample);
        }
        Ok(SamplePage { samples, next: None })
    })
}

impl Samples {
    /// Reads which there are.
    pub(super) fn load(disk: &Disk) -> Result<Samples, StoreError> {
        let mut samples = Samples::default();
        for item in disk.table(Table::Sample, Table::Sample.prefix(), false)? {
            let (place, value) = item?;
            samples.0.insert(place, Entry { kept: None, blob: record::blob_of(&value) });
        }
        Ok(samples)
    }
    /// How many records there are.
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
    /// Adds what a batch kept; of each key the lowest ranks stay, whatever the order of batches.
    pub(super) fn add(
        &mut self,
        new: &[(SampleKey, Exemplar)],
        most: usize,
        totals: &mut Totals,
        change: &mut Change,
        disk: &Disk,
    ) -> Result<(), StoreError> {
        let mut by_key: BTreeMap<&SampleKey, Vec<&Exemplar>> = BTreeMap::new();
        new.iter().for_each(|(key, exemplar)| by_key.entry(key).or_default().push(exemplar));
        for (key, new) in by_key {
            let place = keys::sample(key);
            if !self.0.contains_key(&place) && self.0.len() >= SAMPLES {
                totals.left_out.samples += new.len() as u64;
                continue;
            }
            let entry = self.0.entry(place.clone()).or_default();
            if let Some(kept) = &entry.kept {
                let enters = |exemplar: &&Exemplar| {
                    let (one, full) = (rank(exemplar), kept.len() >= most);
                    !(kept.contains(&one) || full && kept.last().is_some_and(|last| *last < one))
                };
                if !new.iter().any(enters) {
                    continue;
                }
            }
            let mut exemplars = change.read::<Sample>(&place, disk)?.map_or_else(Vec::new, |stored| stored.exemplars);
            exemplars.extend(new.into_iter().cloned());
            exemplars.sort_by_key(rank);
            exemplars.dedup_by_key(|exemplar| exemplar.exchange);
            exemplars.truncate(most);
            entry.kept = Some(exemplars.iter().map(rank).collect());
            let stored = Sample { key: key.clone(), exemplars };
            let packed = match record::pack(&stored, totals.next_blob) {
                Err(record::RecordError::TooLarge(_)) => {
                    totals.left_out.samples += 1;
                    continue;
                }
                other => other.map_err(|e| disk.damaged(e))?,
            };
            let before = std::mem::replace(&mut entry.blob, packed.blob);
            change.set_packed(place, packed, before, totals);
        }
        Ok(())
    }
}
