//! How a fold names what it counts: requests by a keyed hash, cells and pairs of builds by their parts.

use super::Versions;
use crate::evidence::{Builds, PairKey};
use crate::exchange::Exchange;
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// Bytes of a build's name.
const VERSION_BYTES: usize = 64;

/// The key under which requests are named, from the tee's secret key.
pub fn request_key(secret: &[u8; 32]) -> [u8; 32] {
    blake3::derive_key("paritee 2026-11-23 request names v1", secret)
}

/// Names one request: two tees, and two runs of one, with one key agree on what is distinct, or evidence would be counted
/// twice. A keyed hash proper and no seeded checksum: from one known request a seed could be worked out, and then every
/// guess at a secret in a URL be tested against the cells.
pub(super) fn request_hash(key: &[u8; 32], exchange: &Exchange) -> u64 {
    let request = &exchange.request;
    let mut hash = blake3::Hasher::new_keyed(key);
    for field in [request.method.as_str().as_bytes(), request.target.as_bytes(), exchange.principal.as_bytes()] {
        hash.update(&(field.len() as u64).to_le_bytes()).update(field);
    }
    hash.update(&request.body.length().to_le_bytes());
    request.body.kept().iter().for_each(|chunk| {
        hash.update(chunk);
    });
    let mut name = [0; 8];
    hash.finalize_xof().fill(&mut name);
    u64::from_le_bytes(name)
}

pub(super) fn cell_hash(exchange: &Exchange, rule_set: u64, builds: (&str, &str), hour: u32) -> u64 {
    let mut hash = xxh3_64_with_seed(exchange.route.name.as_bytes(), rule_set ^ (u64::from(hour) << 1));
    hash = xxh3_64_with_seed(builds.0.as_bytes(), hash);
    hash = xxh3_64_with_seed(builds.1.as_bytes(), hash);
    xxh3_64_with_seed(exchange.principal.as_bytes(), hash)
}

pub(super) fn builds(versions: Versions<'_>) -> Builds {
    let named = |version: Option<&str>| short(version.unwrap_or_default()).to_owned();
    Builds { primary: named(versions.0), candidate: named(versions.1) }
}

pub(super) fn pair_key(exchange: &Exchange, versions: Versions<'_>) -> PairKey {
    PairKey { route: exchange.route.name.to_string(), builds: builds(versions) }
}

pub(super) fn short(version: &str) -> &str {
    let mut end = version.len().min(VERSION_BYTES);
    while !version.is_char_boundary(end) {
        end -= 1;
    }
    version.get(..end).unwrap_or_default()
}
