//! What pairs of comparisons show: of one request the primary held against the candidate, and against the secondary.
//!
//! Counted by route and by the builds that answered, since noise learnt under one build says nothing of the next. **Additive,
//! bounded, and merged in any order to the same sums**: where there is too much, the keys that sort first stay. A key that is
//! there at the end was never among those to go, so its sum is whole.

use super::noise::{Paired, may_be_noise};
use crate::compare::{Kind, Place, Severity};
use crate::judge::{Judgement, SignatureId, Verdict};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// The builds that answered, as the sides tell them; empty where one does not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Builds {
    /// The primary's.
    pub primary: String,
    /// The candidate's.
    pub candidate: String,
}

/// What pairs are counted by.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct PairKey {
    /// The route's name.
    pub route: String,
    /// Who answered.
    pub builds: Builds,
}

/// A place as noise is told of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct NoisePlace {
    /// Which part of the answer.
    pub place: Place,
    /// The path with indices and id-like names as `*`.
    pub path: String,
    /// What kind.
    pub kind: Kind,
}

/// One kind of value in a place.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shape {
    /// How often it was seen.
    pub paired: Paired,
    /// It is never noise: it was critical with the candidate, or says that a header field came or went.
    pub pinned: bool,
}

/// One place.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Group {
    /// How often any difference of the kind was seen there.
    pub paired: Paired,
    /// By signature, which is route, place, kind and the class of the two values.
    pub shapes: BTreeMap<SignatureId, Shape>,
}

/// What is added to the pairs of one route and two builds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PairDelta {
    /// Pairs of which both comparisons reached headers and bodies, and were told whole.
    pub pairs: u64,
    /// By place; only kinds that may be noise.
    pub groups: BTreeMap<NoisePlace, Group>,
    /// Mismatching exchanges all of whose signatures may be noise, by those signatures: with a secondary's answer or without.
    pub mixes: BTreeMap<Vec<SignatureId>, u64>,
    /// Counts that found no place within the bounds.
    #[serde(default)]
    pub left_out: u64,
    /// The last exchange, milliseconds since the Unix epoch.
    #[serde(default)]
    pub last_ms: u64,
}

/// What one comparison found where noise may be.
#[derive(Clone, Debug, Default)]
pub struct Found {
    seen: BTreeMap<NoisePlace, BTreeMap<SignatureId, bool>>,
    /// Body paths below which nothing was compared.
    hidden: BTreeSet<String>,
}

impl Found {
    /// Of a judgement, with the signature and the general path of each difference. `None` where headers and bodies were not
    /// compared to an end, or not all differences are told: then the places that it does not name may differ all the same.
    pub(super) fn of(judgement: &Judgement, named: impl Iterator<Item = (SignatureId, String)>) -> Option<Found> {
        let compared = matches!(judgement.verdict, Verdict::Match | Verdict::Normalised | Verdict::Mismatch);
        let whole = judgement.differences_total == judgement.differences.len() as u64;
        let reached = |kind| !matches!(kind, Kind::Status | Kind::Failure);
        if !compared || !whole || !judgement.differences.iter().all(|difference| reached(difference.kind)) {
            return None;
        }
        let mut found = Found::default();
        for (difference, (id, path)) in judgement.differences.iter().zip(named) {
            let (place, kind) = (difference.place, difference.kind);
            if place == Place::Body && matches!(kind, Kind::Missing | Kind::Type | Kind::Body) {
                found.hidden.insert(path.clone());
            }
            if may_be_noise(kind) {
                let pinned = found.seen.entry(NoisePlace { place, path, kind }).or_default().entry(id).or_default();
                *pinned |= is_pinned(difference.severity, difference.detail.as_deref());
            }
        }
        Some(found)
    }
    fn has(&self, at: &NoisePlace) -> bool {
        self.seen.contains_key(at)
    }
    /// True where nothing could be seen at this place, since what it stands in is gone or another.
    fn hides(&self, at: &NoisePlace) -> bool {
        let path = at.path.as_str();
        let mut above = path.match_indices('/').map(|(end, _)| end).chain([path.len()]);
        at.place == Place::Body && above.any(|end| path.get(..end).is_some_and(|above| self.hidden.contains(above)))
    }
}

/// A header field that came or went is like a member that did; what is critical is shown, whatever the counts.
pub(super) fn is_pinned(severity: Severity, detail: Option<&str>) -> bool {
    severity == Severity::Critical || matches!(detail, Some("missing" | "added"))
}

/// The signatures of a mismatch, where each of them may be noise.
pub(super) fn mix(judgement: &Judgement, ids: &[SignatureId]) -> Option<Vec<SignatureId>> {
    let whole = judgement.differences_total == judgement.differences.len() as u64;
    let may_be = judgement
        .differences
        .iter()
        .all(|one| may_be_noise(one.kind) && !is_pinned(one.severity, one.detail.as_deref()));
    let ids: BTreeSet<SignatureId> = ids.iter().copied().collect();
    (whole && may_be && ids.len() <= PairDelta::MIXED).then(|| ids.into_iter().collect())
}

impl PairDelta {
    /// Places counted on one route under two builds.
    pub const GROUPS: usize = 64;
    /// Kinds of value counted in one place.
    pub const SHAPES: usize = 8;
    /// Sets of signatures counted.
    pub const MIXES: usize = 128;
    /// Signatures of one such set.
    pub const MIXED: usize = 8;

    /// Counts one pair.
    ///
    /// A place that the candidate's answer hides (what it stands in is missing or of another type) says nothing of who
    /// differs more often there; where the secondary differs it counts with both, which is the monolith's own rate and no
    /// more. Where the secondary's answer hides the place, a difference of the candidate's is its own.
    pub fn count(&mut self, candidate: &Found, secondary: &Found) {
        self.pairs += 1;
        let places: BTreeSet<&NoisePlace> = candidate.seen.keys().chain(secondary.seen.keys()).collect();
        for at in places {
            let hidden = candidate.hides(at);
            let group = self.groups.entry(at.clone()).or_default();
            group.paired.count(candidate.has(at) || hidden, secondary.has(at));
            let none = BTreeMap::new();
            let (mine, theirs) = (candidate.seen.get(at).unwrap_or(&none), secondary.seen.get(at).unwrap_or(&none));
            let ids: BTreeSet<&SignatureId> = mine.keys().chain(theirs.keys()).collect();
            for id in ids {
                let shape = group.shapes.entry(*id).or_default();
                shape.paired.count(mine.contains_key(id) || hidden, theirs.contains_key(id));
                shape.pinned |= mine.get(id).copied().unwrap_or_default();
            }
        }
        self.bound();
    }
    /// Counts one mismatching exchange of these signatures.
    fn count_mix(&mut self, ids: Vec<SignatureId>) {
        *self.mixes.entry(ids).or_default() += 1;
        self.bound();
    }
    /// Adds another's counts; the result does not depend on the order of merging.
    pub fn merge(&mut self, other: &PairDelta) {
        self.pairs += other.pairs;
        self.left_out += other.left_out;
        self.last_ms = self.last_ms.max(other.last_ms);
        for (at, theirs) in &other.groups {
            let group = self.groups.entry(at.clone()).or_default();
            group.paired.add(&theirs.paired);
            for (id, shape) in &theirs.shapes {
                let mine = group.shapes.entry(*id).or_default();
                mine.paired.add(&shape.paired);
                mine.pinned |= shape.pinned;
            }
        }
        for (ids, n) in &other.mixes {
            *self.mixes.entry(ids.clone()).or_default() += n;
        }
        self.bound();
    }
    fn bound(&mut self) {
        while self.groups.len() > PairDelta::GROUPS {
            self.left_out += self.groups.pop_last().map_or(0, |(_, group)| seen(&group.paired));
        }
        for group in self.groups.values_mut() {
            // What has no shape is no kind of value that the monolith was seen to have: it is shown.
            while group.shapes.len() > PairDelta::SHAPES {
                group.shapes.pop_last();
            }
        }
        while self.mixes.len() > PairDelta::MIXES {
            self.left_out += self.mixes.pop_last().map_or(0, |(_, n)| n);
        }
    }
}

fn seen(paired: &Paired) -> u64 {
    paired.candidate_only + paired.monolith()
}

/// The pairs of a fold since its last batch.
#[derive(Default)]
pub(super) struct Pairs(BTreeMap<PairKey, PairDelta>);

/// Routes and builds between two batches; what is more is not counted.
const KEYS: usize = 4_096;

impl Pairs {
    /// Where the pairs of one route and two builds are counted.
    fn of(&mut self, key: PairKey, at_ms: u64) -> Option<&mut PairDelta> {
        if self.0.len() >= KEYS && !self.0.contains_key(&key) {
            return None;
        }
        let delta = self.0.entry(key).or_default();
        delta.last_ms = delta.last_ms.max(at_ms);
        Some(delta)
    }
    pub(super) fn count(&mut self, key: PairKey, at_ms: u64, candidate: &Found, secondary: &Found) {
        if let Some(delta) = self.of(key, at_ms) {
            delta.count(candidate, secondary);
        }
    }
    pub(super) fn count_mix(&mut self, key: PairKey, at_ms: u64, ids: Vec<SignatureId>) {
        if let Some(delta) = self.of(key, at_ms) {
            delta.count_mix(ids);
        }
    }
    pub(super) fn len(&self) -> usize {
        self.0.len()
    }
    pub(super) fn take(&mut self) -> BTreeMap<PairKey, PairDelta> {
        std::mem::take(&mut self.0)
    }
}

#[cfg(test)]
mod tests;
