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

impl Mark {
    /// True where the gate counts a mismatch of this mark.
    pub fn counts(self) -> bool {
        matches!(self, Mark::Unconfirmed | Mark::Persistent | Mark::CandidateUnstable)
    }
}

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
    /// One unconfirmed exchange is of this mark.
    pub fn confirm(&mut self, mark: Mark) {
        self.0[Mark::Unconfirmed as usize] -= 1;
        self.count(mark);
    }
    /// So many of them, as far as there are, are noise. Which ones nobody knows: first those that nobody asked for again, then
    /// those that do not count anyway, so that as many count as may have to.
    pub fn move_to_noise(&mut self, n: u64) {
        let mut left = i64::try_from(n).unwrap_or(i64::MAX);
        let order = [Mark::Unconfirmed, Mark::PrimaryUnstable, Mark::Race, Mark::CandidateUnstable, Mark::Persistent];
        for mark in order {
            let moved = left.min(self.0[mark as usize]).max(0);
            self.0[mark as usize] -= moved;
            self.0[Mark::Noise as usize] += moved;
            left -= moved;
        }
    }
    /// Marks and their counts, zeros left out.
    pub fn iter(&self) -> impl Iterator<Item = (Mark, i64)> + '_ {
        Mark::ALL.iter().map(|m| (*m, self.0[*m as usize])).filter(|(_, n)| *n != 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn noise_takes_first_what_does_not_count_anyway() {
        // 95 unconfirmed, 8 persistent, 0 race, 0 noise, 2 of the primary's; 5 of all of them are of another build.
        let mut marks = MarkCounts([95, 8, 0, 0, 2, 0]);
        marks.move_to_noise(100);
        assert_eq!(marks, MarkCounts([0, 5, 0, 100, 0, 0]));
        marks.move_to_noise(u64::MAX);
        assert_eq!(marks, MarkCounts([0, 0, 0, 105, 0, 0]), "no more than there are");
    }

    #[test]
    fn confirming_moves_one_and_changes_no_sum() {
        let mut marks = MarkCounts([3, 0, 0, 0, 0, 0]);
        marks.confirm(Mark::Race);
        marks.confirm(Mark::Persistent);
        assert_eq!(marks, MarkCounts([1, 1, 1, 0, 0, 0]));
    }
}
