//! The signs by which tees and sides know each other's requests: pure functions over a key. Nothing here reads a clock.
//!
//! Hop (primary leg): which tees a request has passed. Exchange (candidate leg): which shadow request this is, signed, with an
//! end. Echo (an answer to the candidate): the monolith wrote this, asked through a tee for that exchange.

use crate::exchange::ExchangeId;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};

/// Primary leg: one line for each tee on the way.
pub(super) const HOP: HeaderName = HeaderName::from_static("x-paritee-hop");
/// Candidate leg: `id.expiry.mac`.
pub(super) const EXCHANGE: HeaderName = HeaderName::from_static("x-paritee-exchange");
/// An answer given to the candidate: `id.mac`.
pub const ECHO: HeaderName = HeaderName::from_static("x-paritee-echo");
/// Candidate leg: for people and logs.
pub(super) const SHADOW: HeaderName = HeaderName::from_static("x-shadow-request");

/// An id, two dots, the largest number of seconds and a hash.
const MARKER_BYTES: usize = 32 + 2 + 20 + 64;

/// One tee's markers.
#[derive(Clone)]
pub struct Markers {
    key: [u8; 32],
    instance: HeaderValue,
}

impl Markers {
    /// Markers signed with `key` (shared by the tees of one fleet) and named after this instance.
    pub fn new(key: &[u8; 32], instance: u64) -> Markers {
        let instance = HeaderValue::from_str(&format!("{instance:016x}"));
        // 16 hex digits are a valid value; the fallback keeps this total.
        let instance = instance.unwrap_or_else(|_| HeaderValue::from_static("paritee"));
        Markers { key: blake3::derive_key("paritee 2026-11-23 markers v1", key), instance }
    }
    /// True when the request has passed this very tee before.
    pub fn has_own_hop(&self, headers: &HeaderMap) -> bool {
        // A look at the names is cheaper than one at the table, and hardly anybody has this one.
        if !headers.keys().any(|name| *name == HOP) {
            return false;
        }
        headers
            .get_all(HOP)
            .iter()
            .flat_map(|value| value.as_bytes().split(|b| *b == b','))
            .any(|hop| hop.trim_ascii() == self.instance.as_bytes())
    }
    /// Adds this tee to the hops of a request; those of other tees stay.
    pub fn append_hop(&self, headers: &mut HeaderMap) {
        headers.append(HOP, self.instance.clone());
    }
    /// What marks a shadow request.
    pub fn of_shadow(
        &self,
        id: ExchangeId,
        expiry_s: u64,
        method: &Method,
        path: &str,
    ) -> [(HeaderName, HeaderValue); 2] {
        [(SHADOW, HeaderValue::from_static("1")), (EXCHANGE, self.exchange(id, expiry_s, method, path))]
    }
    /// Marks a request so that it is known when it comes back, without calling it a shadow request.
    pub fn mark_exchange(&self, headers: &mut HeaderMap, id: ExchangeId, expiry_s: u64, method: &Method, path: &str) {
        headers.insert(EXCHANGE, self.exchange(id, expiry_s, method, path));
    }
    fn exchange(&self, id: ExchangeId, expiry_s: u64, method: &Method, path: &str) -> HeaderValue {
        let mac = self.exchange_mac(id, expiry_s, method, path);
        let mut line = Vec::with_capacity(MARKER_BYTES);
        put_hex(&mut line, &id.0.to_be_bytes());
        line.push(b'.');
        line.extend_from_slice(itoa::Buffer::new().format(expiry_s).as_bytes());
        line.push(b'.');
        put_hex(&mut line, mac.as_bytes());
        // Digits and dots are a valid value; the fallback, which marks nothing, keeps this total.
        HeaderValue::from_maybe_shared(Bytes::from(line)).unwrap_or_else(|_| HeaderValue::from_static("-"))
    }
    /// The exchange whose shadow request made somebody send this one: same method and path, not yet over.
    pub fn shadow_of(&self, headers: &HeaderMap, now_s: u64, method: &Method, path: &str) -> Option<ExchangeId> {
        if !headers.keys().any(|name| *name == EXCHANGE) {
            return None;
        }
        let mut parts = headers.get(EXCHANGE)?.to_str().ok()?.splitn(3, '.');
        let id: ExchangeId = parts.next()?.parse().ok()?;
        let expiry_s: u64 = parts.next()?.parse().ok()?;
        let mac = blake3::Hash::from_hex(parts.next()?).ok()?;
        // Comparing two hashes takes the same time wherever they differ.
        (mac == self.exchange_mac(id, expiry_s, method, path) && now_s <= expiry_s).then_some(id)
    }
    /// What the answer to such a request carries.
    pub fn echo(&self, id: ExchangeId) -> Option<HeaderValue> {
        HeaderValue::from_str(&format!("{id}.{}", self.echo_mac(id).to_hex())).ok()
    }
    /// True when an answer carries the echo of this exchange: the monolith wrote it.
    pub fn is_echo_of(&self, headers: &HeaderMap, id: ExchangeId) -> bool {
        if !headers.keys().any(|name| *name == ECHO) {
            return false;
        }
        headers.get_all(ECHO).iter().filter_map(|value| value.to_str().ok()?.split_once('.')).any(|(echoed, mac)| {
            echoed.parse() == Ok(id) && blake3::Hash::from_hex(mac).is_ok_and(|mac| mac == self.echo_mac(id))
        })
    }
    /// True for what a client must not be able to say.
    pub(super) fn is_untrusted(name: &HeaderName) -> bool {
        [EXCHANGE, SHADOW, ECHO].contains(name)
    }
    /// Removes what a client must not be able to say: that its request is a shadow request.
    pub fn strip_untrusted(headers: &mut HeaderMap) {
        // A look at the names is cheaper than three at the table, and hardly anybody has them.
        if !headers.keys().any(Markers::is_untrusted) {
            return;
        }
        headers.remove(EXCHANGE);
        headers.remove(SHADOW);
        headers.remove(ECHO);
    }
    /// Removes what only tees need of a shadow request that came back: that it is one, the primary may know.
    pub fn strip_returned(headers: &mut HeaderMap) {
        headers.remove(EXCHANGE);
        headers.remove(ECHO);
    }
    fn exchange_mac(&self, id: ExchangeId, expiry_s: u64, method: &Method, path: &str) -> blake3::Hash {
        // In one piece: each part that is added by itself costs as much as hashing a short target.
        let mut text = Vec::with_capacity(64 + path.len());
        text.extend_from_slice(b"exchange\0");
        text.extend_from_slice(&id.0.to_be_bytes());
        text.extend_from_slice(&expiry_s.to_be_bytes());
        text.extend_from_slice(method.as_str().as_bytes());
        text.push(b' ');
        text.extend_from_slice(path.as_bytes());
        blake3::keyed_hash(&self.key, &text)
    }
    fn echo_mac(&self, id: ExchangeId) -> blake3::Hash {
        blake3::Hasher::new_keyed(&self.key).update(b"echo\0").update(&id.0.to_be_bytes()).finalize()
    }
}

/// In words of four bytes, of which all digits are made at once: a nibble in each byte, and where it is above nine the way from
/// `:` to `a` besides.
fn put_hex(line: &mut Vec<u8>, bytes: &[u8]) {
    const ONES: u64 = 0x0101_0101_0101_0101;
    for word in bytes.as_chunks::<4>().0 {
        let four = u64::from(u32::from_be_bytes(*word));
        let two = (four << 16 | four) & 0x0000_ffff_0000_ffff;
        let one = (two << 8 | two) & 0x00ff_00ff_00ff_00ff;
        let nibbles = (one << 4 | one) & (15 * ONES);
        let above_nine = (nibbles + 6 * ONES) >> 4 & ONES;
        let digits = nibbles + u64::from(b'0') * ONES + above_nine * u64::from(b'a' - b'0' - 10);
        line.extend_from_slice(&digits.to_be_bytes());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: ExchangeId = ExchangeId(77);

    fn marked(markers: &Markers) -> HeaderMap {
        let mut headers = HeaderMap::new();
        headers.extend(markers.of_shadow(ID, 100, &Method::GET, "/a"));
        headers
    }

    #[test]
    fn a_marker_holds_for_its_method_path_key_and_time_only() {
        let markers = Markers::new(&[1; 32], 5);
        let headers = marked(&markers);
        assert_eq!(markers.shadow_of(&headers, 100, &Method::GET, "/a"), Some(ID));
        assert_eq!(markers.shadow_of(&headers, 101, &Method::GET, "/a"), None);
        assert_eq!(markers.shadow_of(&headers, 100, &Method::POST, "/a"), None);
        assert_eq!(markers.shadow_of(&headers, 100, &Method::GET, "/b"), None);
        assert_eq!(Markers::new(&[2; 32], 5).shadow_of(&headers, 100, &Method::GET, "/a"), None);
        assert_eq!(Markers::new(&[1; 32], 6).shadow_of(&headers, 100, &Method::GET, "/a"), Some(ID), "another tee's");
    }

    #[test]
    fn an_echo_is_of_one_exchange_and_cannot_be_made_from_the_request() {
        let markers = Markers::new(&[1; 32], 5);
        let mut answer = HeaderMap::new();
        answer.append(ECHO, marked(&markers)[EXCHANGE].clone());
        assert!(!markers.is_echo_of(&answer, ID));
        answer.append(ECHO, markers.echo(ID).unwrap());
        assert!(markers.is_echo_of(&answer, ID));
        assert!(!markers.is_echo_of(&answer, ExchangeId(78)));
    }

    #[test]
    fn digits_are_those_of_the_standard_library() {
        for seed in 0..=255u8 {
            let bytes: Vec<u8> = (0..16).map(|at| seed.wrapping_mul(31).wrapping_add(at * 17)).collect();
            let mut line = Vec::new();
            put_hex(&mut line, &bytes);
            let expected: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            assert_eq!(String::from_utf8(line).unwrap(), expected);
        }
    }

    #[test]
    fn own_hops_are_seen_among_others() {
        let (mine, other) = (Markers::new(&[1; 32], 5), Markers::new(&[1; 32], 6));
        let mut headers = HeaderMap::new();
        other.append_hop(&mut headers);
        assert!(!mine.has_own_hop(&headers));
        mine.append_hop(&mut headers);
        assert!(mine.has_own_hop(&headers) && other.has_own_hop(&headers));
    }
}
