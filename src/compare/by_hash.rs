//! Tables whose keys are hashes of values already: they are keyed and well mixed, so a quick hash of them suffices.

use foldhash::fast::FixedState;
use std::collections::HashMap;

/// From a value's hash.
pub(super) type ByHash<V> = HashMap<u128, V, FixedState>;

/// With room for so many.
pub(super) fn by_hash<V>(capacity: usize) -> ByHash<V> {
    HashMap::with_capacity_and_hasher(capacity, FixedState::default())
}
