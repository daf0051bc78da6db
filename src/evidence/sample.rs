//! Exchanges that rules made equal, a few for each route and rule: without them nobody could tell what removing a rule, or
//! making it narrower, would bring up.

use super::{Exemplar, exemplar_rank};
use serde::{Deserialize, Serialize};

/// What a sample is of.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct SampleKey {
    /// The route's name.
    pub route: String,
    /// The rule's name.
    pub rule: String,
}

/// One sample: the exchanges of lowest rank in which the rule made something equal and nothing differed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Sample {
    /// What it is of.
    pub key: SampleKey,
    /// In order of their rank; they have no differences.
    pub exemplars: Vec<Exemplar>,
}

/// Samples as a store has them: so many exchanges of each key.
pub fn trimmed_samples(mut kept: Vec<(SampleKey, Exemplar)>, keep: usize) -> Vec<Sample> {
    trim_samples(&mut kept, keep);
    let mut samples: Vec<Sample> = Vec::new();
    for (key, exemplar) in kept {
        match samples.last_mut() {
            Some(last) if last.key == key => last.exemplars.push(exemplar),
            _ => samples.push(Sample { key, exemplars: vec![exemplar] }),
        }
    }
    samples
}

/// Keeps the lowest `keep` ranks of each key, each exchange once.
pub(super) fn trim_samples(samples: &mut Vec<(SampleKey, Exemplar)>, keep: usize) {
    samples.sort_by(|a, b| {
        let rank = |exemplar: &Exemplar| (exemplar_rank(exemplar.exchange), exemplar.exchange);
        (&a.0, rank(&a.1)).cmp(&(&b.0, rank(&b.1)))
    });
    samples.dedup_by(|a, b| a.0 == b.0 && a.1.exchange == b.1.exchange);
    let (mut of, mut kept) = (None, 0);
    samples.retain(|(key, _)| {
        kept = if of.as_ref() == Some(key) { kept + 1 } else { 1 };
        if kept == 1 {
            of = Some(key.clone());
        }
        kept <= keep
    });
}
