//! How many client connections the descriptors allow for.

use crate::config::Config;
use crate::mirror::asked_at_once;

/// Descriptors of a tee without any clients: threads, sockets, the store, the admin API's connections.
const OWN: u64 = 128;

/// Client connections of each live thread, each with one behind it. What is left over is for the rest of the tee; where the
/// limit is low, half of it: a tee that could not reach its primary would serve nobody.
pub(super) fn for_each_thread(descriptors: u64, threads: usize, config: &Config) -> usize {
    let sides = u64::from(config.candidate.is_some()) + u64::from(config.secondary.is_some());
    let shadow = sides * asked_at_once(descriptors).min(config.mirror.max_in_flight as u64);
    let reserved = (OWN + shadow).min(descriptors / 2);
    let connections = (descriptors - reserved) / 2 / threads.max(1) as u64;
    connections.clamp(1, 1 << 20) as usize
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Flags, load};

    #[test]
    fn a_low_limit_leaves_room_for_the_rest_and_a_high_one_is_used() {
        let flags = |candidate: Option<&str>| Flags {
            primary: Some("http://127.0.0.1:1".into()),
            candidate: candidate.map(str::to_owned),
            ..Flags::default()
        };
        let alone = load(None, &flags(None)).unwrap();
        let both = load(None, &flags(Some("http://127.0.0.1:2"))).unwrap();
        let all = |descriptors, threads, config| for_each_thread(descriptors, threads, config) * threads;
        assert_eq!((all(1_024, 2, &alone), all(1_024, 2, &both)), (448, 416));
        assert_eq!([all(128, 2, &both), all(64, 2, &both), all(8, 1, &both)], [32, 16, 2]);
        assert_eq!(all(0, 4, &both), 4, "one each, whatever is said");
        assert_eq!(all(524_288, 2, &both), 262_048);
        assert_eq!(all(u64::MAX, 2, &both), 2 << 20);
    }
}
