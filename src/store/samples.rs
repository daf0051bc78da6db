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

/// Records that are looked at at once for what is too old.
const LOOK: usize = 16;

#[derive(Default)]
struct Entry {
    /// `None` until it is asked for: a start reads no exchange.
    kept: Option<Vec<(u64, ExchangeId)>>,
    blob: Option<Blob>,
}

/// Every record, by its place on disk.
#[derive(Default)]
pub(super) struct Samples {
    all: BTreeMap<Key, Entry>,
    /// Up to here they were looked at for what is too old; from the start again after the last.
    looked_at: Key,
}

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
            samples.all.insert(place, Entry { kept: None, blob: record::blob_of(&value) });
        }
        Ok(samples)
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
            if !self.all.contains_key(&place) && self.all.len() >= SAMPLES {
                totals.left_out.samples += new.len() as u64;
                continue;
            }
            let entry = self.all.entry(place.clone()).or_default();
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
    /// Takes away what was received before then, of the next few records; a whole round takes many looks, since a look reads
    /// the exchanges themselves.
    pub(super) fn retire(
        &mut self,
        before_ms: u64,
        totals: &mut Totals,
        change: &mut Change,
        disk: &Disk,
    ) -> Result<(), StoreError> {
        use std::ops::Bound::{Excluded, Unbounded};
        let next = self.all.range((Excluded(self.looked_at.clone()), Unbounded)).take(LOOK);
        let places: Vec<Key> = next.map(|(place, _)| place.clone()).collect();
        self.looked_at = if places.len() < LOOK { Key::new() } else { places.last().cloned().unwrap_or_default() };
        for place in places {
            totals.left_out.samples +=
                self.without(&place, &|one| one.received_at_ms < before_ms, totals, change, disk)?;
        }
        Ok(())
    }
    /// One record goes to make room: the next in the round.
    pub(super) fn make_room(
        &mut self,
        totals: &mut Totals,
        change: &mut Change,
        disk: &Disk,
    ) -> Result<(), StoreError> {
        let next = self.all.range(self.looked_at.clone()..).chain(&self.all).next();
        let Some(place) = next.map(|(place, _)| place.clone()) else { return Ok(()) };
        totals.left_out.samples += self.without(&place, &|_| true, totals, change, disk)?;
        Ok(())
    }
    /// Takes away every exchange with a text that says it; how many.
    pub(super) fn erase(
        &mut self,
        says: &dyn Fn(&str) -> bool,
        totals: &mut Totals,
        change: &mut Change,
        disk: &Disk,
    ) -> Result<u64, StoreError> {
        let places: Vec<Key> = self.all.keys().cloned().collect();
        let mut erased = 0;
        for place in places {
            erased += self.without(&place, &|one| one.texts().into_iter().any(says), totals, change, disk)?;
        }
        Ok(erased)
    }
    /// Writes a record without some of its exchanges; how many those were. Without any it goes.
    fn without(
        &mut self,
        place: &Key,
        gone: &dyn Fn(&Exemplar) -> bool,
        totals: &mut Totals,
        change: &mut Change,
        disk: &Disk,
    ) -> Result<u64, StoreError> {
        let Some(entry) = self.all.get_mut(place) else { return Ok(0) };
        let Some(bytes) = disk.get(place)? else {
            self.all.remove(place);
            return Ok(0);
        };
        let mut sample: Sample = disk.decode(&bytes)?;
        let before = sample.exemplars.len();
        sample.exemplars.retain(|one| !gone(one));
        let count = (before - sample.exemplars.len()) as u64;
        if sample.exemplars.is_empty() {
            change.remove(place.clone(), entry.blob);
            self.all.remove(place);
        } else if count > 0 {
            entry.kept = Some(sample.exemplars.iter().map(rank).collect());
            let packed = record::pack(&sample, totals.next_blob).map_err(|e| disk.damaged(e))?;
            let before = std::mem::replace(&mut entry.blob, packed.blob);
            change.set_packed(place.clone(), packed, before, totals);
        }
        Ok(count)
    }
}
