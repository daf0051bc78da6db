//! The sampled percentage: whole sessions by a stable key. Whoever is in at 10 % is in at 20 %.

use crate::config::SampleKey;
use http::HeaderMap;
use std::net::IpAddr;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Fixed for ever: another seed would change everybody's side of the line.
const SEED: u64 = 0x7061_7269_7465_6531;
const ALL: u32 = 10_000;

/// True when the key of this request lies below the line.
pub(super) fn sampled(basis_points: u32, key: &SampleKey, headers: &HeaderMap, peer: IpAddr) -> bool {
    if basis_points >= ALL {
        return true;
    }
    let hash = match value_of(key, headers) {
        Some(value) => xxh3_64_with_seed(value, SEED),
        None => match peer {
            IpAddr::V4(ip) => xxh3_64_with_seed(&ip.octets(), SEED),
            IpAddr::V6(ip) => xxh3_64_with_seed(&ip.octets(), SEED),
        },
    };
    // The upper half scaled to 0..10,000: monotone, and without the bias of a remainder.
    let place = ((hash >> 32) * u64::from(ALL)) >> 32;
    place < u64::from(basis_points)
}

/// What identifies the client of a request beside its address.
pub(super) fn value_of<'h>(key: &SampleKey, headers: &'h HeaderMap) -> Option<&'h [u8]> {
    match key {
        SampleKey::Address => None,
        SampleKey::Header(name) => headers.get(name).map(|value| value.as_bytes()),
        SampleKey::Cookie(name) => super::session::value_of(headers, name),
    }
    .filter(|value| !value.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use http::header::COOKIE;

    fn cookie(session: usize) -> HeaderMap {
        let line = format!("theme=dark; sessionid=s{session}; lang=en");
        HeaderMap::from_iter([(COOKIE, HeaderValue::from_str(&line).unwrap())])
    }

    fn among(basis_points: u32) -> Vec<usize> {
        let key = SampleKey::Cookie("sessionid".into());
        let peer = IpAddr::from([127, 0, 0, 1]);
        (0..10_000).filter(|n| sampled(basis_points, &key, &cookie(*n), peer)).collect()
    }

    #[test]
    fn raising_the_percentage_keeps_everybody() {
        let (ten, twenty) = (among(1_000), among(2_000));
        assert!((900..1_100).contains(&ten.len()) && (1_850..2_150).contains(&twenty.len()));
        assert!(ten.iter().all(|session| twenty.contains(session)));
        assert_eq!((among(0).len(), among(10_000).len()), (0, 10_000));
    }

    #[test]
    fn without_the_cookie_the_address_decides() {
        let key = SampleKey::Cookie("sessionid".into());
        let by = |last: u8| sampled(5_000, &key, &HeaderMap::new(), IpAddr::from([10, 0, 0, last]));
        assert_eq!(by(1), by(1));
        assert!((0..255).any(by) && !(0..255).all(by));
    }
}
