//! How many client connections the descriptors allow for.

use crate::mirror::asked_at_once;

/// Descriptors of a tee without any clients: threads, sockets, the store, the admin API's connections.
const OWN: u64 = 128;
/// A candidate and a secondary.
const SHADOW_SIDES: u64 = 2;

/// Client connections of each live thread, each with one behind it. What is left over is for the rest of the tee; where the
/// limit is low, half of it: a tee that could not reach its primary would serve nobody. Whatever sides the config has: the next
/// one that is read may have others.
pub(super) fn for_each_thread(descriptors: u64, threads: usize) -> usize {
    let shadow = SHADOW_SIDES * asked_at_once(descriptors);
    let reserved = (OWN + shadow).min(descriptors / 2);
    let connections = (descriptors - reserved) / 2 / threads.max(1) as u64;
    connections.clamp(1, 1 << 20) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_low_limit_leaves_room_for_the_rest_and_a_high_one_is_used() {
        let all = |descriptors, threads| for_each_thread(descriptors, threads) * threads;
        assert_eq!(all(1_024, 2), 320);
        assert_eq!([all(128, 2), all(64, 2), all(8, 1)], [32, 16, 2]);
        assert_eq!(all(0, 4), 4, "one each, whatever is said");
        assert_eq!(all(524_288, 2), 261_824);
        assert_eq!(all(u64::MAX, 2), 2 << 20);
    }
}
