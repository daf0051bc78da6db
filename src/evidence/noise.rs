//! Which places differ because the monolith disagrees with itself: a paired test of each signature, outside the judge.
//!
//! Of one request the primary's answer is held against the candidate's and against that of a second copy of the monolith (or
//! of the monolith asked again). A signature seen with both, or with either alone, is counted. Two questions are put to the
//! counts, and neither is answered by want of evidence:
//!
//! - **Does the candidate differ more often?** Among the requests where exactly one of the two differs, the candidate's share
//!   is one half if it is no worse than the monolith. The exact one-sided binomial test (McNemar's), with the rate of false
//!   discoveries over all signatures bounded (Benjamini and Hochberg, 1995).
//! - **Is it noise?** Only where the monolith's own rate is above 1 % for sure, and the candidate's is less than a point above
//!   it for sure (one-sided Clopper-Pearson bounds at 95 %).
//!
//! What is neither stays as it is, and is shown.

use super::stats::{at_least, lower_bound, upper_bound};
use crate::compare::Kind;
use crate::judge::SignatureId;
use serde::{Deserialize, Serialize};

/// How sure noise has to be.
const LEVEL: f64 = 0.05;
/// The monolith disagrees with itself at least so often where something is noise.
const RATE: f64 = 0.01;
/// The candidate may differ by so much more often, and no more.
const MARGIN: f64 = 0.01;
/// False discoveries among those said to be the candidate's.
const DISCOVERIES: f64 = 0.05;

/// What was seen of one signature, of so many pairs on its route. Additive.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Paired {
    /// The candidate differs from the primary so, and the second copy does not.
    pub candidate_only: u64,
    /// The second copy differs so, and the candidate does not.
    pub second_only: u64,
    /// Both do.
    pub both: u64,
}

impl Paired {
    /// Adds another's counts.
    pub fn add(&mut self, other: &Paired) {
        self.candidate_only += other.candidate_only;
        self.second_only += other.second_only;
        self.both += other.both;
    }
    /// Counts one pair: whether each of the two differs so.
    pub fn count(&mut self, candidate: bool, second: bool) {
        match (candidate, second) {
            (true, true) => self.both += 1,
            (true, false) => self.candidate_only += 1,
            (false, true) => self.second_only += 1,
            (false, false) => {}
        }
    }
}

/// What is known of a signature.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Noise {
    /// The monolith disagrees with itself here, and the candidate no more than it: suppressed, and listed.
    Noise,
    /// The candidate differs more often than the monolith does from itself, by this p value.
    Candidates(f64),
    /// Not known: shown like any other.
    Unknown,
}

/// One signature to be told.
#[derive(Clone, Copy, Debug)]
pub struct Subject {
    /// Which.
    pub id: SignatureId,
    /// Its kind: a status, a type, a failure, a missing or an added node is never noise.
    pub kind: Kind,
    /// What was seen.
    pub paired: Paired,
    /// Pairs compared on its route.
    pub pairs: u64,
}

/// Tells every signature; in the order given.
pub fn tell(subjects: &[Subject]) -> Vec<(SignatureId, Noise)> {
    let p_of = |paired: &Paired| {
        let discordant = paired.candidate_only + paired.second_only;
        at_least(paired.candidate_only, discordant, 0.5)
    };
    let mut ranked: Vec<f64> = subjects.iter().map(|subject| p_of(&subject.paired)).collect();
    ranked.sort_by(f64::total_cmp);
    let tests = ranked.len() as f64;
    // The largest p that its rank allows (the step-up procedure).
    let allowed = ranked
        .iter()
        .enumerate()
        .filter(|(rank, p)| **p <= DISCOVERIES * (*rank as f64 + 1.0) / tests)
        .map(|(_, p)| *p)
        .next_back();
    let told = |subject: &Subject| {
        let p = p_of(&subject.paired);
        if allowed.is_some_and(|allowed| p <= allowed) {
            return Noise::Candidates(p);
        }
        if is_noise(subject) { Noise::Noise } else { Noise::Unknown }
    };
    subjects.iter().map(|subject| (subject.id, told(subject))).collect()
}

fn is_noise(subject: &Subject) -> bool {
    let may_be = matches!(subject.kind, Kind::Value | Kind::Order | Kind::Header | Kind::Body);
    let Paired { candidate_only, second_only, both } = subject.paired;
    let pairs = subject.pairs.max(candidate_only + second_only + both);
    // Each of the two bounds of the difference takes half of the level.
    let excess = upper_bound(candidate_only, pairs, LEVEL / 2.0) - lower_bound(second_only, pairs, LEVEL / 2.0);
    may_be && lower_bound(second_only + both, pairs, LEVEL) > RATE && excess < MARGIN
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Numbers of its own for every seed (SplitMix64); below one.
    struct Chance(u64);

    impl Chance {
        fn happens(&mut self, p: f64) -> bool {
            self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
            let mut z = self.0;
            z = (z ^ (z >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
            z = (z ^ (z >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
            ((z ^ (z >> 31)) >> 11) as f64 / (1_u64 << 53) as f64 <= p
        }
    }

    fn simulated(seed: u64, pairs: u64, candidate: f64, second: f64) -> Subject {
        let mut chance = Chance(seed);
        let mut paired = Paired::default();
        (0..pairs).for_each(|_| paired.count(chance.happens(candidate), chance.happens(second)));
        Subject { id: SignatureId(seed), kind: Kind::Value, paired, pairs }
    }

    fn one(subject: Subject) -> Noise {
        tell(&[subject])[0].1
    }

    #[test]
    fn seventy_against_sixty_percent_is_the_candidates() {
        let found =
            (0..100).filter(|seed| matches!(one(simulated(*seed, 1_000, 0.7, 0.6)), Noise::Candidates(_))).count();
        assert!(found >= 95, "{found} of 100 runs");
        // and among two hundred that are noise alone, it is still found, with few of the others
        let mut found = (0, 0);
        for run in 0..20 {
            let noisy = |n: u64| simulated(run * 1_000 + n, 1_000, 0.6, 0.6);
            let subjects: Vec<Subject> =
                std::iter::once(simulated(run * 1_000 + 999, 1_000, 0.7, 0.6)).chain((0..200).map(noisy)).collect();
            let told = tell(&subjects);
            let candidates = told.iter().filter(|(_, noise)| matches!(noise, Noise::Candidates(_))).count();
            found.0 += usize::from(matches!(told[0].1, Noise::Candidates(_)));
            found.1 += candidates - usize::from(matches!(told[0].1, Noise::Candidates(_)));
        }
        assert!(found.0 >= 17 && found.1 <= 5, "{found:?}");
    }

    #[test]
    fn a_wrong_value_once_on_a_quiet_path_is_never_suppressed() {
        for pairs in [1, 10, 1_000, 100_000, 10_000_000] {
            let paired = Paired { candidate_only: 1, ..Paired::default() };
            let told = one(Subject { id: SignatureId(1), kind: Kind::Value, paired, pairs });
            assert_ne!(told, Noise::Noise, "{pairs}");
        }
    }

    #[test]
    fn a_status_or_a_type_is_never_noise_however_noisy() {
        let noisy = simulated(7, 100_000, 0.4, 0.4);
        assert_eq!(one(noisy), Noise::Noise);
        for kind in [Kind::Status, Kind::Type, Kind::Failure, Kind::Missing, Kind::Added] {
            assert_eq!(one(Subject { kind, ..noisy }), Noise::Unknown, "{kind}");
        }
    }

    #[test]
    fn noise_needs_evidence_of_noise() {
        assert_eq!(one(simulated(1, 50, 0.5, 0.5)), Noise::Unknown, "too few to tell");
        assert_eq!(one(simulated(1, 100_000, 0.005, 0.005)), Noise::Unknown, "rarer than 1 %");
        assert_eq!(one(simulated(1, 100_000, 0.3, 0.3)), Noise::Noise);
        assert_ne!(one(simulated(1, 100_000, 0.32, 0.3)), Noise::Noise, "two points more are not hidden");
        assert_eq!(tell(&[]), []);
    }

    #[test]
    fn few_discordant_pairs_give_the_values_of_the_table() {
        let p = |candidate_only| match one(Subject {
            id: SignatureId(1),
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
