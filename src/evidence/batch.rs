//! The unit in which stored evidence changes.

use super::sample::trim_samples;
use super::{
    Builds, CellDelta, CellKey, Counts, CoverageDelta, Exemplar, MarkCounts, Ownership, PairDelta, PairKey, SampleKey,
    exemplar_rank,
};
use crate::compare::{Kind, Place, Severity};
use crate::exchange::ExchangeId;
use crate::judge::SignatureId;
use serde::{Deserialize, Serialize};
use std::collections::btree_map::Entry;
use std::collections::{BTreeMap, BTreeSet};

/// Who made a batch: a tee, and which of its lives.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Source {
    /// The tee's id; stays over restarts.
    pub tee: u64,
    /// Random for each start.
    pub incarnation: u64,
}

/// What a signature is, free of any exchange.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignatureFacts {
    /// The route's name.
    pub route: String,
    /// True where the route was guessed.
    pub inferred: bool,
    /// Which part of the answer.
    pub place: Place,
    /// The path with indices and id-like names as `*`.
    pub path: String,
    /// What kind.
    pub kind: Kind,
    /// Finer than the kind.
    #[serde(default)]
    pub detail: Option<String>,
    /// The class of the pair of values.
    pub shape: String,
    /// How bad; the worst seen.
    pub severity: Severity,
}

/// What is added to a signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignatureDelta {
    /// What it is.
    pub facts: SignatureFacts,
    /// Exchanges in which it was seen (once each, however many places).
    pub count: u64,
    /// Of these, by mark.
    pub marks: MarkCounts,
    /// Milliseconds since the Unix epoch.
    pub first_seen_ms: u64,
    /// Milliseconds since the Unix epoch.
    pub last_seen_ms: u64,
    /// Candidate builds in which it was seen, at most [`SignatureDelta::VERSIONS`].
    pub candidate_versions: BTreeSet<String>,
    /// Exchanges by the builds that answered, at most [`SignatureDelta::VERSIONS`] pairs of them.
    #[serde(default)]
    pub builds: BTreeMap<Builds, u64>,
    /// Exchanges on which the sides agreed when they were asked again, by after how many milliseconds they first did; at most
    /// [`SignatureDelta::DELAYS`] delays.
    #[serde(default)]
    pub agreed_after_ms: BTreeMap<u64, u64>,
}

impl SignatureDelta {
    /// Candidate builds remembered per signature, and pairs of builds.
    pub const VERSIONS: usize = 32;
    /// Delays remembered per signature: a config has a few, and its like of last year others.
    pub const DELAYS: usize = 16;

    /// Nothing was seen of it yet.
    pub(super) fn none(facts: SignatureFacts) -> SignatureDelta {
        SignatureDelta {
            facts,
            count: 0,
            marks: MarkCounts::default(),
            first_seen_ms: 0,
            last_seen_ms: 0,
            candidate_versions: BTreeSet::new(),
            builds: BTreeMap::new(),
            agreed_after_ms: BTreeMap::new(),
        }
    }
    /// Adds exchanges by delay; the longest delays stay, since a long lag is what one wants to know of.
    pub fn add_agreed(mine: &mut BTreeMap<u64, u64>, theirs: &BTreeMap<u64, u64>) {
        for (after_ms, n) in theirs {
            *mine.entry(*after_ms).or_default() += n;
        }
        while mine.len() > SignatureDelta::DELAYS {
            mine.pop_first();
        }
    }
    /// Adds exchanges by builds; the pairs that sort last stay, and what goes belongs to no build.
    pub fn add_builds(mine: &mut BTreeMap<Builds, u64>, theirs: &BTreeMap<Builds, u64>) {
        for (builds, n) in theirs {
            match mine.get_mut(builds) {
                Some(sum) => *sum += n,
                None => drop(mine.insert(builds.clone(), *n)),
            }
        }
        while mine.len() > SignatureDelta::VERSIONS {
            mine.pop_first();
        }
    }
}

/// Everything that changes stored evidence, for at most 50 ms or 200 store operations.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceBatch {
    /// Who made it.
    pub source: Source,
    /// Contiguous within a source, from 1.
    pub sequence: u64,
    /// When it was closed, milliseconds since the Unix epoch.
    pub closed_at_ms: u64,
    /// Requests received by this source so far, those in flight included: what bounds a gap after a crash.
    pub received_so_far: u64,
    /// Terminal outcomes.
    pub counts: Counts,
    /// Cells.
    pub cells: BTreeMap<CellKey, CellDelta>,
    /// Signatures.
    pub signatures: BTreeMap<SignatureId, SignatureDelta>,
    /// Exemplars, each under the signature that it was kept for.
    pub exemplars: Vec<(SignatureId, Exemplar)>,
    /// Routes that have changed their owner.
    #[serde(default)]
    pub ownership: Ownership,
    /// What was held against the candidate and against a second copy of the monolith.
    #[serde(default)]
    pub pairs: BTreeMap<PairKey, PairDelta>,
    /// By route: what was seen of it.
    #[serde(default)]
    pub coverage: BTreeMap<String, CoverageDelta>,
    /// Exchanges that rules made equal, each under the route and the rule that it was kept for.
    #[serde(default)]
    pub samples: Vec<(SampleKey, Exemplar)>,
    /// Exchanges that were not looked at for those, since there are too many routes and rules.
    #[serde(default)]
    pub unsampled: u64,
}

impl SignatureDelta {
    /// Adds another's counts; the result does not depend on the order of merging.
    pub fn merge(&mut self, other: &SignatureDelta) {
        self.facts.severity = self.facts.severity.max(other.facts.severity);
        self.facts.inferred &= other.facts.inferred;
        self.count += other.count;
        self.marks.add(&other.marks);
        self.first_seen_ms = self.first_seen_ms.min(other.first_seen_ms);
        self.last_seen_ms = self.last_seen_ms.max(other.last_seen_ms);
        self.candidate_versions.extend(other.candidate_versions.iter().cloned());
        while self.candidate_versions.len() > SignatureDelta::VERSIONS {
            self.candidate_versions.pop_last();
        }
        SignatureDelta::add_builds(&mut self.builds, &other.builds);
        SignatureDelta::add_agreed(&mut self.agreed_after_ms, &other.agreed_after_ms);
    }
}

impl EvidenceBatch {
    /// Exemplars of one signature that a merged batch holds beside the latest; a store keeps at most so many too.
    pub const EXEMPLARS: usize = 16;
    /// The store's largest value, bytes: a larger exemplar takes more operations.
    const CHUNK: usize = 16 << 10;

    /// An empty batch.
    pub fn empty(source: Source, sequence: u64) -> EvidenceBatch {
        EvidenceBatch {
            source,
            sequence,
            closed_at_ms: 0,
            received_so_far: 0,
            counts: Counts::default(),
            cells: BTreeMap::new(),
            signatures: BTreeMap::new(),
            exemplars: Vec::new(),
            ownership: Ownership::default(),
            pairs: BTreeMap::new(),
            coverage: BTreeMap::new(),
            samples: Vec::new(),
            unsampled: 0,
        }
    }

    /// Adds another batch of the same source. Sequence, time and requests received become the later ones; the rest is a sum
    /// that does not depend on the order of merging.
    pub fn merge(&mut self, other: EvidenceBatch) {
        self.sequence = self.sequence.max(other.sequence);
        self.closed_at_ms = self.closed_at_ms.max(other.closed_at_ms);
        self.received_so_far = self.received_so_far.max(other.received_so_far);
        self.counts.add(&other.counts);
        for (key, delta) in other.cells {
            match self.cells.entry(key) {
                Entry::Vacant(entry) => drop(entry.insert(delta)),
                Entry::Occupied(mut entry) => entry.get_mut().merge(&delta),
            }
        }
        for (id, delta) in other.signatures {
            match self.signatures.entry(id) {
                Entry::Vacant(entry) => drop(entry.insert(delta)),
                Entry::Occupied(mut entry) => entry.get_mut().merge(&delta),
            }
        }
        for (key, delta) in other.pairs {
            match self.pairs.entry(key) {
                Entry::Vacant(entry) => drop(entry.insert(delta)),
                Entry::Occupied(mut entry) => entry.get_mut().merge(&delta),
            }
        }
        for (route, delta) in other.coverage {
            self.coverage.entry(route).or_default().merge(&delta);
        }
        self.exemplars.extend(other.exemplars);
        self.samples.extend(other.samples);
        self.unsampled += other.unsampled;
        self.ownership.merge(&other.ownership);
        self.trim(EvidenceBatch::EXEMPLARS);
    }

    /// Keeps the lowest `keep` ranks of each signature and its latest, each exchange once.
    pub fn trim(&mut self, keep: usize) {
        self.exemplars.sort_by_key(|(id, exemplar)| (*id, exemplar_rank(exemplar.exchange), exemplar.exchange));
        self.exemplars.dedup_by_key(|(id, exemplar)| (*id, exemplar.exchange));
        let mut latest: BTreeMap<SignatureId, (u64, ExchangeId)> = BTreeMap::new();
        for (id, exemplar) in &self.exemplars {
            let one = (exemplar.received_at_ms, exemplar.exchange);
            latest.entry(*id).and_modify(|latest| *latest = one.max(*latest)).or_insert(one);
        }
        let (mut of, mut kept) = (None, 0);
        self.exemplars.retain(|(id, exemplar)| {
            kept = if of == Some(*id) { kept + 1 } else { 1 };
            of = Some(*id);
            let is_latest = latest.get(id).is_some_and(|(_, exchange)| *exchange == exemplar.exchange);
            kept <= keep || (keep > 0 && is_latest)
        });
        trim_samples(&mut self.samples, keep);
    }

    /// About how many store operations it takes: a batch is closed before there are too many.
    pub fn operations(&self) -> usize {
        let kept = self.exemplars.iter().map(|(_, e)| e).chain(self.samples.iter().map(|(_, e)| e));
        let exemplars: usize = kept.map(|e| 2 + e.size() / EvidenceBatch::CHUNK).sum();
        let routes = self.ownership.0.len() + self.coverage.len();
        1 + self.cells.len() + self.signatures.len() + self.pairs.len() + exemplars + routes
    }
}

#[cfg(test)]
mod tests;
