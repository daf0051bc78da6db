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
    /// Small numbers are mixed as words: a buffer that is written by bytes and read by words makes the processor wait.
    pub(super) fn number(&self, key: &NumberKey) -> u128 {
        match key {
            NumberKey::Small { negative, magnitude } => {
                pair(u128::from(*magnitude), 1 | u128::from(*negative) << 8, self.number)
            }
            NumberKey::Float(bits) => pair(u128::from(*bits), 2, self.number),
            NumberKey::Exact(decimal) => {
                let mut head = [0_u8; 18];
                head[0] = 3;
                head[1] = u8::from(decimal.negative);
                head[2..18].copy_from_slice(&decimal.exponent.to_le_bytes());
                let mut all = Vec::with_capacity(18 + decimal.digits.len());
                all.extend_from_slice(&head);
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

/// Two hashes as one, in order. Each half of the result depends on all of both: a product of 64 by 64 bits, folded, keyed by
/// the seed (the mixing step of wyhash).
#[inline]
fn pair(first: u128, second: u128, seed: u64) -> u128 {
    const ODD: [u64; 4] = [0xA076_1D64_78BD_642F, 0xE703_7ED1_A0B4_28DB, 0x8EBC_6AF0_9C88_C6E3, 0x5899_65CC_7537_4CC3];
    let (a, b) = (first as u64, (first >> 64) as u64);
    let (c, d) = (second as u64, (second >> 64) as u64);
    let low = mix(a ^ c.rotate_left(23) ^ seed ^ ODD[0], b ^ d.rotate_left(41) ^ ODD[1]);
    let high = mix(a.wrapping_add(d) ^ ODD[2], b.wrapping_add(c) ^ seed.rotate_left(32) ^ ODD[3]);
    u128::from(low) | u128::from(high) << 64
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn small_inputs_never_meet_in_either_half() {
        let seeds = Seeds::new(7);
        let (mut low, mut high, mut n) = (HashSet::new(), HashSet::new(), 0);
        let mut add = |hash: u128| {
            n += 1;
            low.insert(hash as u64);
            high.insert((hash >> 64) as u64);
        };
        for magnitude in 0..100_000_u64 {
            add(seeds.number(&NumberKey::Small { negative: false, magnitude }));
            add(seeds.number(&NumberKey::Small { negative: true, magnitude: magnitude + 1 }));
            add(seeds.number(&NumberKey::Float((magnitude as f64 + 0.5).to_bits())));
        }
        let leaf: Vec<u128> =
            (0..60).map(|magnitude| seeds.number(&NumberKey::Small { negative: false, magnitude })).collect();
        for a in &leaf {
            for b in &leaf {
                add(seeds.element(*a, *b));
                add(seeds.member(*a, *b));
                add(seeds.object(*a, *b as u64));
                add(seeds.array(seeds.element(seeds.element(0, *a), *b), 2));
                add(seeds.object(seeds.member(*a, *b).wrapping_add(seeds.member(*b, *b)), 2));
            }
        }
        assert_eq!((low.len(), high.len()), (n, n));
    }

    #[test]
    fn every_bit_of_the_input_moves_about_half_of_each_half() {
        let (mut moved, mut times) = ([0_u32; 128], 0);
        for round in 0..64_u64 {
            let word = |n: u64| xxh3_128_with_seed(&round.to_le_bytes(), n);
            let (first, second) = (word(1), word(2));
            let plain = pair(first, second, 99);
            for bit in 0..256_u32 {
                let flip = |value: u128, from: u32| if bit / 128 == from { value ^ 1 << (bit % 128) } else { value };
                let changed = plain ^ pair(flip(first, 0), flip(second, 1), 99);
                assert!(changed as u64 != 0 && (changed >> 64) as u64 != 0);
                (0..128).for_each(|at| moved[at] += (changed >> at & 1) as u32);
                times += 1;
            }
        }
        let share = |moved: &u32| f64::from(*moved) / f64::from(times);
        assert!(moved.iter().all(|moved| (0.45..0.55).contains(&share(moved))), "{:?}", moved.map(|m| share(&m)));
    }
}
