//! Keyed, type-tagged hashes of values: what is equal hashes alike, and no two types share an input.

use super::number::NumberKey;
use xxhash_rust::xxh3::{xxh3_64_with_seed, xxh3_128_with_seed};

/// One seed for each type, so that a string and a number of the same bytes never meet.
#[derive(Clone, Copy, Debug)]
pub(super) struct Seeds {
    string: u64,
    name: u64,
    number: u64,
    member: u64,
    object: u64,
    array: u64,
    pub(super) null: u128,
    pub(super) yes: u128,
    pub(super) no: u128,
}

impl Seeds {
    pub(super) fn new(key: u64) -> Seeds {
        let seed = |tag: &[u8]| xxh3_64_with_seed(tag, key);
        let word = |tag: &[u8]| xxh3_128_with_seed(tag, key);
        Seeds {
            string: seed(b"string"),
            name: seed(b"name"),
            number: seed(b"number"),
            member: seed(b"member"),
            object: seed(b"object"),
            array: seed(b"array"),
            null: word(b"null"),
            yes: word(b"true"),
            no: word(b"false"),
        }
    }
    #[inline]
    pub(super) fn string(&self, content: &[u8]) -> u128 {
        xxh3_128_with_seed(content, self.string)
    }
    #[inline]
    pub(super) fn name(&self, content: &[u8]) -> u128 {
        xxh3_128_with_seed(content, self.name)
    }
    pub(super) fn number(&self, key: &NumberKey) -> u128 {
        let mut head = [0_u8; 25];
        match key {
            NumberKey::Small { negative, magnitude } => {
                head[0] = 1;
                head[1] = u8::from(*negative);
                head[2..10].copy_from_slice(&magnitude.to_le_bytes());
                xxh3_128_with_seed(&head[..10], self.number)
            }
            NumberKey::Float(bits) => {
                head[0] = 2;
                head[1..9].copy_from_slice(&bits.to_le_bytes());
                xxh3_128_with_seed(&head[..9], self.number)
            }
            NumberKey::Exact(decimal) => {
                head[0] = 3;
                head[1] = u8::from(decimal.negative);
                head[2..18].copy_from_slice(&decimal.exponent.to_le_bytes());
                let mut all = Vec::with_capacity(18 + decimal.digits.len());
                all.extend_from_slice(&head[..18]);
                all.extend_from_slice(&decimal.digits);
                xxh3_128_with_seed(&all, self.number)
            }
            NumberKey::Literal(text) => {
                let mut all = vec![4];
                all.extend_from_slice(text.as_bytes());
                xxh3_128_with_seed(&all, self.number)
            }
        }
    }
    /// One member of an object: the sum over all of them does not depend on their order.
    #[inline]
    pub(super) fn member(&self, name: u128, value: u128) -> u128 {
        pair(name, value, self.member)
    }
    /// The n-th further value under a name that was seen before.
    pub(super) fn repeated(&self, name: u128, value: u128, nth: u64) -> u128 {
        pair(name, value, self.member ^ nth.wrapping_mul(0x9E37_79B9_7F4A_7C15))
    }
    #[inline]
    pub(super) fn object(&self, sum: u128, count: u64) -> u128 {
        pair(sum, u128::from(count), self.object)
    }
    /// One step of an array: the hash so far and the next element's.
    #[inline]
    pub(super) fn element(&self, so_far: u128, item: u128) -> u128 {
        pair(so_far, item, self.array)
    }
    #[inline]
    pub(super) fn array(&self, folded: u128, count: u64) -> u128 {
        pair(folded, u128::from(count), !self.array)
    }
}

/// Two hashes as one, in order. Each half of the result depends on all of both: products of 64 by 64 bits, folded, keyed by
/// the seed (the mixing step of wyhash).
#[inline]
fn pair(first: u128, second: u128, seed: u64) -> u128 {
    const ODD: [u64; 4] = [0xA076_1D64_78BD_642F, 0xE703_7ED1_A0B4_28DB, 0x8EBC_6AF0_9C88_C6E3, 0x5899_65CC_7537_4CC3];
    let (a, b) = (first as u64, (first >> 64) as u64);
    let (c, d) = (second as u64, (second >> 64) as u64);
    let low = mix(a ^ seed ^ ODD[0], c ^ ODD[1]) ^ mix(b ^ ODD[2], d ^ seed.rotate_left(32) ^ ODD[3]);
    let high = mix(a ^ ODD[3], d ^ seed ^ ODD[2]) ^ mix(b ^ seed.rotate_left(17) ^ ODD[1], c ^ ODD[0]);
    let last = mix(low ^ seed, high ^ ODD[0]);
    u128::from(low ^ last) | u128::from(high.wrapping_add(last.rotate_left(29))) << 64
}

#[inline]
fn mix(a: u64, b: u64) -> u64 {
    let product = u128::from(a) * u128::from(b);
    product as u64 ^ (product >> 64) as u64
}

/// Hashes for what a rule makes of values; the seeds are those of parsing under the same key.
#[derive(Clone, Copy, Debug)]
pub struct Hasher(Seeds);

impl Hasher {
    /// For one key.
    pub fn new(key: u64) -> Hasher {
        Hasher(Seeds::new(key))
    }
    /// A string's hash by its content.
    pub fn string(&self, content: &[u8]) -> u128 {
        self.0.string(content)
    }
    /// A member's share in its object: summed over members, in any order.
    pub fn member(&self, name: &[u8], value: u128) -> u128 {
        self.0.member(self.0.name(name), value)
    }
    /// The same for a member known by the hash of its name alone, which is no share in an object's hash.
    pub fn named(&self, name: u64, value: u128) -> u128 {
        self.0.member(u128::from(name), value)
    }
    /// An object of which the members' shares were summed.
    pub fn object(&self, sum: u128, count: u64) -> u128 {
        self.0.object(sum, count)
    }
    /// An array up to one more element.
    pub fn element(&self, so_far: u128, item: u128) -> u128 {
        self.0.element(so_far, item)
    }
    /// An array of which the elements were folded.
    pub fn array(&self, folded: u128, count: u64) -> u128 {
        self.0.array(folded, count)
    }
}
