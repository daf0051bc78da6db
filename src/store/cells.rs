//! A stand-in until the evidence room merges cells itself.

use crate::evidence::{CellDelta, Distinct};

pub(super) trait Merge {
    fn merge(&mut self, other: &CellDelta);
}

impl Merge for CellDelta {
    fn merge(&mut self, other: &CellDelta) {
        other.verdicts.iter().for_each(|(word, n)| *self.verdicts.entry(word.clone()).or_default() += n);
        self.marks.add(&other.marks);
        for (mine, theirs) in [(&mut self.distinct, &other.distinct), (&mut self.mismatching, &other.mismatching)] {
            if let (Distinct::Exact(mine), Distinct::Exact(theirs)) = (mine, theirs) {
                mine.extend(theirs);
            }
        }
        self.leaves += other.leaves;
    }
}
