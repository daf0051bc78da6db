//! Which places differ because the monolith disagrees with itself: a paired test, outside the judge.
//!
//! Of one request the primary's answer is held against the candidate's and against that of a second copy of the monolith (or
//! of the monolith asked again). What is seen with both, or with either alone, is counted. Two questions are put to the
//! counts, and neither is answered by want of evidence:
//!
//! - **Does the candidate differ more often?** Among the requests where exactly one of the two differs, the candidate's share
//!   is one half if it is no worse than the monolith. The exact one-sided binomial test (McNemar's), with the rate of false
//!   discoveries over all places bounded (Benjamini and Hochberg, 1995).
//! - **Is it noise?** Only where the monolith's own rate is above 1 % for sure, and the candidate's is above it by less than
//!   the margin for sure (exact bounds at 95 %). The margin is a point, or a tenth of the monolith's own rate where that is
//!   more: a place that differs in every second answer is as noisy at 51 % as at 50 %.
//!
//! What is neither stays as it is, and is shown.

use super::stats::{at_least, lower_bound, upper_bound};
use crate::compare::Kind;
use serde::{Deserialize, Serialize};

/// How sure noise has to be.
const LEVEL: f64 = 0.05;
/// The monolith disagrees with itself at least so often where something is noise.
const RATE: f64 = 0.01;
/// The candidate may differ by so much more often …
const MARGIN: f64 = 0.01;
/// … or by this share of the monolith's own rate, if that is more.
const MARGIN_OF_RATE: f64 = 0.1;
/// False discoveries among those said to be the candidate's.
const DISCOVERIES: f64 = 0.05;

/// What was seen in one place, of so many pairs on its route. Additive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paired {
    /// The candidate differs from the primary there, and the secondary does not.
    pub candidate_only: u64,
    /// The secondary differs there, and the candidate does not.
    pub secondary_only: u64,
    /// Both do.
    pub both: u64,
}

impl Paired {
    /// Adds another's counts.
    pub fn add(&mut self, other: &Paired) {
        self.candidate_only += other.candidate_only;
        self.secondary_only += other.secondary_only;
        self.both += other.both;
    }
    /// Counts one pair: whether each of the two differs there.
    pub fn count(&mut self, candidate: bool, secondary: bool) {
        match (candidate, secondary) {
            (true, true) => self.both += 1,
            (true, false) => self.candidate_only += 1,
            (false, true) => self.secondary_only += 1,
            (false, false) => {}
        }
    }
    /// Pairs in which the candidate differs from the primary.
    pub fn candidate(&self) -> u64 {
        self.candidate_only + self.both
    }
    /// Pairs in which the monolith disagrees with itself.
    pub fn monolith(&self) -> u64 {
        self.secondary_only + self.both
    }
    /// The chance of so many on the candidate's side alone, or more, if it is no worse than the monolith.
    fn p(&self) -> f64 {
        at_least(self.candidate_only, self.candidate_only + self.secondary_only, 0.5)
    }
    /// By how much the candidate's rate may at most be above the monolith's. Of the pairs where exactly one differs the
    /// candidate has at most this share (exact, at four fifths of the level), and there are at most so many of those (exact,
    /// at the rest of it).
    fn excess(&self, pairs: u64) -> f64 {
        let discordant = self.candidate_only + self.secondary_only;
        let share = upper_bound(self.candidate_only, discordant, LEVEL * 0.8);
        (2.0 * share - 1.0).max(0.0) * upper_bound(discordant, pairs, LEVEL * 0.2)
    }
}

/// What is known of a place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Noise {
    /// The monolith disagrees with itself here, and the candidate no more than it. The candidate's rate may be above the
    /// monolith's by less than this margin.
    Noise(f64),
    /// The candidate differs more often than the monolith does from itself, by this p value.
    Candidates(f64),
    /// Not known: shown like any other.
    Unknown,
}

/// One place to be told.
#[derive(Clone, Copy, Debug)]
pub struct Subject {
    /// Its kind: a status, a type, a failure, a missing or an added node is never noise.
    pub kind: Kind,
    /// What was seen.
    pub paired: Paired,
    /// Pairs compared on its route.
    pub pairs: u64,
}

/// True for the kinds of difference that a monolith may have with itself: another value in the same place. That something is
/// gone, of another type, or answered otherwise is never called noise.
pub fn may_be_noise(kind: Kind) -> bool {
    matches!(kind, Kind::Value | Kind::Order | Kind::Header | Kind::Body)
}

/// Tells every place; in the order given. What one is told depends on all of them, and on no order.
pub fn tell(subjects: &[Subject]) -> Vec<Noise> {
    let discoveries = discoveries(subjects.iter().map(|subject| subject.paired));
    let told = |subject: &Subject| match subject.paired.p() {
        p if p <= discoveries => Noise::Candidates(p),
        _ => margin(subject).map_or(Noise::Unknown, Noise::Noise),
    };
    subjects.iter().map(told).collect()
}

/// The largest p value that is a discovery (the step-up procedure); below every p where there is none.
fn discoveries(all: impl Iterator<Item = Paired>) -> f64 {
    let mut ranked: Vec<f64> = all.map(|paired| paired.p()).collect();
    ranked.sort_by(f64::total_cmp);
    let tests = ranked.len() as f64;
    let allowed = ranked.iter().enumerate().filter(|(rank, p)| **p <= DISCOVERIES * (*rank as f64 + 1.0) / tests);
    allowed.map(|(_, p)| *p).next_back().unwrap_or(-1.0)
}

/// The margin of a place that is noise. The cheap questions come first: most places are not.
fn margin(subject: &Subject) -> Option<f64> {
    let Subject { kind, paired, pairs } = *subject;
    let pairs = pairs.max(paired.candidate_only + paired.monolith());
    if !may_be_noise(kind) || at_least(paired.monolith(), pairs, RATE) >= LEVEL {
        return None;
    }
    let margin = MARGIN.max(MARGIN_OF_RATE * lower_bound(paired.monolith(), pairs, LEVEL));
    (paired.excess(pairs) < margin).then_some(margin)
}

/// Which kinds of value are noise too, of places that are: each with the margin of its place and the pairs on its route. A
/// kind of value was seen between the two copies itself, and not with the candidate for sure more often, nor perhaps by the
/// margin: noisy numbers do not hide one that is gone empty.
pub(super) fn tell_shapes(shapes: &[(Paired, f64, u64)]) -> Vec<bool> {
    let discoveries = discoveries(shapes.iter().map(|(paired, ..)| *paired));
    let is_noise = |(paired, margin, pairs): &(Paired, f64, u64)| {
        paired.monolith() > 0 && paired.p() > discoveries && paired.excess(*pairs) < *margin
    };
    shapes.iter().map(is_noise).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn simulated(seed: u64, pairs: u64, candidate: f64, secondary: f64) -> Subject {
        let mut chance = fastrand::Rng::with_seed(seed);
        let mut paired = Paired::default();
        (0..pairs).for_each(|_| paired.count(chance.f64() < candidate, chance.f64() < secondary));
        Subject { kind: Kind::Value, paired, pairs }
    }

    fn one(subject: Subject) -> Noise {
        tell(&[subject])[0]
    }

    /// How many of so many seeds are told noise, and how many the candidate's.
    fn shares(seeds: u64, pairs: u64, candidate: f64, secondary: f64) -> (usize, usize) {
        let told: Vec<Noise> = (0..seeds).map(|seed| one(simulated(seed, pairs, candidate, secondary))).collect();
        let count = |is: fn(&Noise) -> bool| told.iter().filter(|noise| is(noise)).count();
        (count(|noise| matches!(noise, Noise::Noise(_))), count(|noise| matches!(noise, Noise::Candidates(_))))
    }

    #[test]
    fn seventy_against_sixty_percent_is_the_candidates() {
        let (noise, candidates) = shares(100, 1_000, 0.7, 0.6);
        assert!(noise == 0 && candidates >= 95, "{noise} and {candidates} of 100 runs");
        // and among two hundred that are noise alone, it is still found, with few of the others
        let mut found = (0, 0);
        for run in 0..20 {
            let noisy = |n: u64| simulated(run * 1_000 + n, 1_000, 0.6, 0.6);
            let subjects: Vec<Subject> =
                std::iter::once(simulated(run * 1_000 + 999, 1_000, 0.7, 0.6)).chain((0..200).map(noisy)).collect();
            let told = tell(&subjects);
            let candidates = told.iter().filter(|noise| matches!(noise, Noise::Candidates(_))).count();
            let is_found = usize::from(matches!(told[0], Noise::Candidates(_)));
            assert!(!matches!(told[0], Noise::Noise(_)), "run {run}: shown, if not found");
            found = (found.0 + is_found, found.1 + candidates - is_found);
        }
        assert!(found.0 >= 17 && found.1 <= 5, "{found:?}");
    }

    #[test]
    fn a_wrong_value_once_on_a_quiet_path_is_never_suppressed() {
        for pairs in [1, 10, 1_000, 100_000, 10_000_000] {
            let paired = Paired { candidate_only: 1, ..Paired::default() };
            assert!(!matches!(one(Subject { kind: Kind::Value, paired, pairs }), Noise::Noise(_)), "{pairs}");
        }
    }

    #[test]
    fn a_status_or_a_type_is_never_noise_however_noisy() {
        let noisy = simulated(7, 100_000, 0.4, 0.4);
        assert!(matches!(one(noisy), Noise::Noise(_)));
        for kind in [Kind::Status, Kind::Type, Kind::Failure, Kind::Missing, Kind::Added] {
            assert_eq!(one(Subject { kind, ..noisy }), Noise::Unknown, "{kind}");
        }
    }

    #[test]
    fn noise_needs_evidence_of_noise() {
        // The test may be wrong once in twenty: a place alone is then falsely the candidate's, and shown, or is told too soon.
        for (pairs, rate, why) in [(50, 0.5, "too few to tell"), (20_000, 0.005, "rarer than 1 %")] {
            let (noise, candidates) = shares(400, pairs, rate, rate);
            assert!(noise <= 30 && candidates <= 30, "{why}: {noise} and {candidates} of 400");
        }
        assert_eq!(shares(400, 20_000, 0.005, 0.005).0, 0, "rarer than 1 %, for sure");
        let (noise, candidates) = shares(100, 20_000, 0.3, 0.3);
        assert!(noise >= 90 && noise + candidates == 100, "{noise} and {candidates}");
        let (noise, candidates) = shares(100, 20_000, 0.33, 0.3);
        assert!(noise == 0 && candidates == 100, "three points more are not hidden: {noise} and {candidates}");
        assert_eq!(tell(&[]), []);
    }

    #[test]
    fn what_is_above_by_the_margin_is_called_noise_seldom() {
        // At the very edge the evidence is wrong as often as its level says.
        for (pairs, rate, margin) in [(1_000, 0.4, 0.04), (5_000, 0.05, 0.01)] {
            let (noise, _) = shares(400, pairs, rate + margin, rate);
            assert!(noise <= 20, "{noise} of 400 at {rate}");
        }
    }

    #[test]
    fn what_differs_in_every_answer_is_told_soon() {
        let always = |pairs| Subject { kind: Kind::Value, paired: Paired { both: pairs, ..Paired::default() }, pairs };
        assert_eq!(one(always(20)), Noise::Unknown);
        assert!(matches!(one(always(100)), Noise::Noise(_)));
    }

    #[test]
    fn few_discordant_pairs_give_the_values_of_the_table() {
        let p = |candidate_only| match one(Subject {
            kind: Kind::Value,
            paired: Paired { candidate_only, ..Paired::default() },
            pairs: 1_000,
        }) {
            Noise::Candidates(p) => p,
            other => panic!("{other:?}"),
        };
        assert!(
            (p(5) - 0.031_25).abs() < 1e-9
                && (p(7) - 0.007_812_5).abs() < 1e-9
                && (p(10) - 0.000_976_562_5).abs() < 1e-9
        );
    }
}
