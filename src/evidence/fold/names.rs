//! How a fold names what it counts: requests by a keyed hash, cells and pairs of builds by their parts.

use super::Versions;
use crate::evidence::{Builds, PairKey};
use crate::exchange::{Chunks, Exchange};
use xxhash_rust::xxh3::{Xxh3, xxh3_64_with_seed, xxh3_128_with_secret};

/// Bytes of a build's name.
const VERSION_BYTES: usize = 64;

/// The key under which requests are named, from the tee's secret key.
pub fn request_key(secret: &[u8; 32]) -> [u8; 32] {
    blake3::derive_key("paritee 2026-11-23 request names v1", secret)
}

/// Bodies of up to this many bytes are hashed by the keyed hash itself.
const SHORT_BODY: usize = 512;
/// Bytes of the secret under which longer ones are reduced first.
const SECRET: usize = 192;

/// What requests are named under.
pub(super) struct Namer {
    key: [u8; 32],
    secret: Box<[u8; SECRET]>,
}

impl Namer {
    pub(super) fn new(key: [u8; 32]) -> Namer {
        let mut secret = Box::new([0; SECRET]);
        blake3::Hasher::new_keyed(&key).update(b"long bodies").finalize_xof().fill(&mut *secret);
        Namer { key, secret }
    }
    /// Names one request: two tees, and two runs of one, with one key agree on what is distinct, or evidence would be counted
    /// twice. A keyed hash proper and no seeded checksum: from one known request a seed could be worked out, and then every
    /// guess at a secret in a URL be tested against the cells.
    ///
    /// A long body enters as its XXH3-128 under a secret of the same key, as in UMAC (Black, Halevi, Krawczyk, Krovetz and
    /// Rogaway, "UMAC: Fast and Secure Message Authentication", 1999): what is told outside is the keyed hash of that alone.
    /// Two bodies that a client makes collide are counted once, which is the careful side.
    pub(super) fn name(&self, exchange: &Exchange) -> u64 {
        let request = &exchange.request;
        let fields = [request.method.as_str().as_bytes(), request.target.as_bytes(), exchange.principal.as_bytes()];
        let mut text = Vec::with_capacity(fields.iter().map(|field| field.len()).sum::<usize>() + 4 * 8 + SHORT_BODY);
        for field in fields {
            text.extend_from_slice(&(field.len() as u64).to_le_bytes());
            text.extend_from_slice(field);
        }
        text.extend_from_slice(&request.body.length().to_le_bytes());
        let body = request.body.kept();
        match body.len() <= SHORT_BODY {
            true => body.iter().for_each(|chunk| text.extend_from_slice(chunk)),
            false => text.extend_from_slice(&self.digest(body).to_le_bytes()),
        }
        let name = blake3::keyed_hash(&self.key, &text);
        name.as_bytes().first_chunk().copied().map_or(0, u64::from_le_bytes)
    }
    /// The same wherever the frames end.
    fn digest(&self, body: &Chunks) -> u128 {
        let mut parts = body.iter();
        match (parts.next(), parts.next()) {
            (Some(one), None) => xxh3_128_with_secret(one, &*self.secret),
            _ => {
                let mut digest = Box::new(Xxh3::with_secret(*self.secret));
                body.iter().for_each(|part| digest.update(part));
                digest.digest128()
            }
        }
    }
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
