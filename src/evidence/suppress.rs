//! What is noise now, by the pairs counted so far: a pure function of the counts, whatever their order.

use super::noise::{Noise, Paired, Subject, tell, tell_shapes};
use super::pairs::{Builds, NoisePlace, PairDelta, PairKey};
use crate::judge::SignatureId;
use std::collections::{BTreeMap, BTreeSet};

/// A place that is noise under two builds, with its counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Suppressed {
    /// Route and builds.
    pub key: PairKey,
    /// Where.
    pub at: NoisePlace,
    /// Pairs compared on the route.
    pub pairs: u64,
    /// What was seen.
    pub paired: Paired,
    /// The signatures under it that are noise.
    pub signatures: BTreeSet<SignatureId>,
}

/// Everything that is noise now.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Suppression {
    /// In order of route, builds and place; those under which no signature is noise are left out.
    pub places: Vec<Suppressed>,
    /// Mismatching exchanges all of whose signatures are noise under the builds that answered.
    pub exchanges: u64,
    builds: BTreeMap<SignatureId, BTreeSet<Builds>>,
}

impl Suppression {
    /// True where a signature is noise under these builds.
    pub fn is_noise(&self, id: SignatureId, builds: &Builds) -> bool {
        self.builds.get(&id).is_some_and(|noisy| noisy.contains(builds))
    }
    /// How many of a signature's exchanges are noise, by the builds that answered them.
    pub fn noise_of(&self, id: SignatureId, builds: &BTreeMap<Builds, u64>) -> u64 {
        let noisy = self.builds.get(&id);
        noisy.map_or(0, |noisy| builds.iter().filter(|(one, _)| noisy.contains(*one)).map(|(_, n)| n).sum())
    }
}

/// Tells what is noise. All places of all routes and builds are tested together, so that the share of false discoveries is
/// that of the whole report.
pub fn suppress<'a>(all: impl IntoIterator<Item = (&'a PairKey, &'a PairDelta)>) -> Suppression {
    let all: BTreeMap<&PairKey, &PairDelta> = all.into_iter().collect();
    let places: Vec<_> = all
        .iter()
        .flat_map(|(key, delta)| delta.groups.iter().map(move |(at, group)| (*key, *delta, at, group)))
        .collect();
    let subjects: Vec<Subject> = places
        .iter()
        .map(|(_, delta, at, group)| Subject { kind: at.kind, paired: group.paired, pairs: delta.pairs })
        .collect();
    let noisy: Vec<_> = places
        .into_iter()
        .zip(tell(&subjects))
        .filter_map(|(place, noise)| match noise {
            Noise::Noise(margin) => Some((place, margin)),
            Noise::Candidates(_) | Noise::Unknown => None,
        })
        .collect();
    let shapes: Vec<(Paired, f64, u64)> = noisy
        .iter()
        .flat_map(|((_, delta, _, group), margin)| {
            group.shapes.values().map(move |shape| (shape.paired, *margin, delta.pairs))
        })
        .collect();
    let mut told = tell_shapes(&shapes).into_iter();
    let mut suppression = Suppression::default();
    for ((key, delta, at, group), _) in noisy {
        let told = group.shapes.iter().zip(told.by_ref());
        let signatures: BTreeSet<SignatureId> =
            told.filter(|((_, shape), noise)| *noise && !shape.pinned).map(|((id, _), _)| *id).collect();
        for id in &signatures {
            suppression.builds.entry(*id).or_default().insert(key.builds.clone());
        }
        if !signatures.is_empty() {
            let (key, at) = (key.clone(), at.clone());
            suppression.places.push(Suppressed { key, at, pairs: delta.pairs, paired: group.paired, signatures });
        }
    }
    let mixes = all.iter().flat_map(|(key, delta)| delta.mixes.iter().map(move |(ids, n)| (&key.builds, ids, n)));
    let of_noise = mixes.filter(|(builds, ids, _)| ids.iter().all(|id| suppression.is_noise(*id, builds)));
    suppression.exchanges = of_noise.map(|(_, _, n)| n).sum();
    suppression
}
