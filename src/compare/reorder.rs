//! From which elements belong together to the steps that turn one array into the other, one after another.
//!
//! Elements of the longest run that keeps its order stay where they are; the others move. Pure arithmetic on positions.

use super::array::longest_increasing;

/// One step. Positions are those at the moment of the step; of a move, `to` is counted without the element itself, as
/// RFC 6902 does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    /// Takes an element out.
    Remove {
        /// Where it stands.
        at: usize,
    },
    /// Takes an element out and puts it in elsewhere.
    Move {
        /// Where it stands.
        from: usize,
        /// Where it stands then.
        to: usize,
    },
    /// Puts in the candidate's element.
    Add {
        /// Where it stands then.
        at: usize,
        /// Its position in the candidate's array.
        theirs: usize,
    },
}

/// The steps. `matched` has, for each element of the primary's array, its position in the candidate's; no position twice.
/// `theirs` is the length of the candidate's. In order: removals from the end, then moves and additions from the start.
pub(super) fn steps(matched: &[Option<usize>], theirs: usize) -> Vec<Step> {
    let gone = matched.iter().enumerate().rev().filter(|(_, other)| other.is_none());
    let mut steps: Vec<Step> = gone.map(|(at, _)| Step::Remove { at }).collect();
    let kept: Vec<usize> = matched.iter().flatten().copied().collect();
    let fixed = fixed(&kept);
    // a slot is a place among the kept elements, from 1; slot 0 is the start of the array
    let mut slots: Vec<Option<usize>> = vec![None; theirs];
    for (slot, other) in kept.iter().enumerate() {
        if let Some(place) = slots.get_mut(*other) {
            *place = Some(slot + 1);
        }
    }
    if kept.len() == theirs && fixed.iter().all(|fixed| *fixed) {
        return steps;
    }
    // how many elements stand at each slot: the one that was there, and those put in behind it
    let mut counts = Counts::new(kept.len());
    let mut anchor = 0;
    for (at, slot) in slots.into_iter().enumerate() {
        match slot {
            Some(slot) if fixed.get(slot - 1).copied().unwrap_or(true) => anchor = slot,
            Some(slot) => {
                let from = counts.up_to(slot - 1);
                counts.change(slot, -1);
                steps.push(Step::Move { from, to: counts.up_to(anchor) });
                counts.change(anchor, 1);
            }
            None => {
                steps.push(Step::Add { at: counts.up_to(anchor), theirs: at });
                counts.change(anchor, 1);
            }
        }
    }
    steps
}

/// The elements that change their place among the others: positions in the primary's and in the candidate's array.
pub(super) fn moves(matched: &[Option<usize>]) -> Vec<(usize, usize)> {
    let pairs: Vec<(usize, usize)> =
        matched.iter().enumerate().filter_map(|(at, other)| Some((at, (*other)?))).collect();
    let kept: Vec<usize> = pairs.iter().map(|pair| pair.1).collect();
    pairs.into_iter().zip(fixed(&kept)).filter(|(_, fixed)| !fixed).map(|(pair, _)| pair).collect()
}

/// Which elements need not move.
fn fixed(kept: &[usize]) -> Vec<bool> {
    let mut fixed = vec![false; kept.len()];
    let pairs: Vec<(usize, usize)> = kept.iter().copied().enumerate().collect();
    for (slot, _) in longest_increasing(&pairs) {
        if let Some(fixed) = fixed.get_mut(slot) {
            *fixed = true;
        }
    }
    fixed
}

/// Counts with sums over a prefix (a Fenwick tree): one at each slot but slot 0 at first.
struct Counts(Vec<i64>);

impl Counts {
    fn new(slots: usize) -> Counts {
        let mut counts: Vec<i64> = std::iter::once(0).chain(std::iter::once(0)).chain(vec![1; slots]).collect();
        for at in 1..counts.len() {
            let above = at + (at & at.wrapping_neg());
            let mine = counts.get(at).copied().unwrap_or(0);
            if let Some(above) = counts.get_mut(above) {
                *above += mine;
            }
        }
        Counts(counts)
    }
    fn change(&mut self, slot: usize, by: i64) {
        let mut at = slot + 1;
        while let Some(count) = self.0.get_mut(at) {
            *count += by;
            at += at & at.wrapping_neg();
        }
    }
    /// The sum over slots 0 to this one.
    fn up_to(&self, slot: usize) -> usize {
        let mut at = slot + 1;
        let mut sum = 0;
        while at > 0 {
            sum += self.0.get(at).copied().unwrap_or(0);
            at &= at - 1;
        }
        usize::try_from(sum).unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the steps over the positions themselves.
    fn run(matched: &[Option<usize>], theirs: usize) -> Vec<usize> {
        let mut array: Vec<Option<usize>> = matched.to_vec();
        for step in steps(matched, theirs) {
            match step {
                Step::Remove { at } => assert_eq!(array.remove(at), None, "a kept element is removed"),
                Step::Move { from, to } => {
                    assert_ne!(from, to, "a move that moves nothing");
                    let element = array.remove(from);
                    array.insert(to, element);
                }
                Step::Add { at, theirs } => array.insert(at, Some(theirs)),
            }
        }
        array.into_iter().flatten().collect()
    }

    #[test]
    fn every_small_array_becomes_the_other() {
        // every partial matching of up to five elements onto up to five
        for theirs in 0..=5 {
            for mine in 0..=5_u32 {
                for code in 0..(theirs + 1_usize).pow(mine) {
                    let digit = |at: u32| code / (theirs + 1).pow(at) % (theirs + 1);
                    let matched: Vec<Option<usize>> = (0..mine).map(|at| digit(at).checked_sub(1)).collect();
                    let mut seen: Vec<usize> = matched.iter().flatten().copied().collect();
                    seen.sort_unstable();
                    if seen.windows(2).any(|two| two[0] == two[1]) {
                        continue;
                    }
                    assert_eq!(run(&matched, theirs), (0..theirs).collect::<Vec<_>>(), "{matched:?} {theirs}");
                }
            }
        }
    }

    #[test]
    fn one_element_that_moves_is_one_step() {
        let matched: Vec<Option<usize>> = [4, 0, 1, 2, 3].map(Some).to_vec();
        assert_eq!(steps(&matched, 5), [Step::Move { from: 0, to: 4 }]);
        assert_eq!(moves(&matched), [(0, 4)]);
        assert_eq!(steps(&[Some(0), None, Some(1)], 3), [Step::Remove { at: 1 }, Step::Add { at: 2, theirs: 2 }]);
    }
}
