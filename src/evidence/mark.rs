//! What is known of a mismatch beside its judgement: marks partition mismatches.

use crate::compare::words;
use serde::{Deserialize, Serialize};

/// What confirmation and noise statistics say of a mismatch.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mark {
    /// Nobody has asked again.
    Unconfirmed,
    /// It is still there when asked again.
    Persistent,
    /// Both sides agree when asked again.
    Race,
    /// The primary disagrees with itself in that place, by test.
    Noise,
    /// The primary changes its answer.
    PrimaryUnstable,
    /// The candidate changes its answer: one replica of ten is a bug too.
    CandidateUnstable,
}
words!(Mark {
    Unconfirmed = "unconfirmed", Persistent = "persistent", Race = "race", Noise = "noise",
    PrimaryUnstable = "primary_unstable", CandidateUnstable = "candidate_unstable",
});

/// Counters by [`Mark`], in its order. Signed, since a mark moves an exchange from `unconfirmed` to another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct MarkCounts(pub [i64; 6]);

impl MarkCounts {
    /// Adds another's counters.
    pub fn add(&mut self, other: &MarkCounts) {
        self.0.iter_mut().zip(other.0).for_each(|(a, b)| *a += b);
    }
    /// One more exchange of this mark.
    pub fn count(&mut self, mark: Mark) {
        self.0[mark as usize] += 1;
    }
    /// So many of the unconfirmed ones, as far as there are, are noise.
    pub fn move_to_noise(&mut self, n: u64) {
        let moved = i64::try_from(n).unwrap_or(i64::MAX).min(self.0[Mark::Unconfirmed as usize]).max(0);
        self.0[Mark::Unconfirmed as usize] -= moved;
        self.0[Mark::Noise as usize] += moved;
    }
    /// Marks and their counts, zeros left out.
    pub fn iter(&self) -> impl Iterator<Item = (Mark, i64)> + '_ {
        Mark::ALL.iter().map(|m| (*m, self.0[*m as usize])).filter(|(_, n)| *n != 0)
    }
}
