//! Tables whose keys are hashes of values already: they are keyed and well mixed, so a quick hash of them suffices.

use foldhash::fast::FixedState;
use std::collections::HashMap;

/// From a value's hash.
pub(super) type ByHash<V> = HashMap<u128, V, FixedState>;

/// With room for so many.
pub(super) fn by_hash<V>(capacity: usize) -> ByHash<V> {
    HashMap::with_capacity_and_hasher(capacity, FixedState::default())
}

/// Positions by key, the first of each key first; a chain through one array, since most keys stand once.
pub(super) struct Positions {
    first: ByHash<u32>,
    next: Vec<u32>,
}

/// The end of a chain.
const END: u32 = u32::MAX;

impl Positions {
    /// Of these keys, in order.
    pub(super) fn of(keys: impl DoubleEndedIterator<Item = u128> + ExactSizeIterator) -> Positions {
        let (mut first, mut next) = (by_hash(keys.len()), vec![END; keys.len()]);
        for (at, key) in keys.enumerate().rev() {
            let after = first.insert(key, at as u32);
            if let (Some(next), Some(after)) = (next.get_mut(at), after) {
                *next = after;
            }
        }
        Positions { first, next }
    }
    /// Takes the first position that is left of a key.
    pub(super) fn take(&mut self, key: u128) -> Option<usize> {
        let first = self.first.get_mut(&key)?;
        let at = *first as usize;
        *first = *self.next.get(at)?;
        Some(at)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_is_taken_first_and_each_once() {
        let mut positions = Positions::of([7, 8, 7, 7].into_iter());
        let taken: Vec<Option<usize>> = [7, 9, 8, 7, 8, 7, 7].into_iter().map(|key| positions.take(key)).collect();
        assert_eq!(taken, [Some(0), None, Some(1), Some(2), None, Some(3), None]);
    }
}
