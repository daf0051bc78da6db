//! The signs by which tees and sides know each other's requests: pure functions over a key. Nothing here reads a clock.
//!
//! Hop (primary leg): which tees a request has passed. Exchange (candidate leg): which shadow request this is, signed, with an
//! end. Echo (an answer to the candidate): the monolith wrote this, asked through a tee for that exchange.

use crate::exchange::ExchangeId;
use bytes::Bytes;
use http::{HeaderMap, HeaderName, HeaderValue, Method};
use smallvec::SmallVec;

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
        let mut text = SmallVec::<[u8; 256]>::new();
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

/// Of up to 32 bytes.
fn put_hex(line: &mut Vec<u8>, bytes: &[u8]) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    let mut text = [0; 64];
    for (two, byte) in text.chunks_exact_mut(2).zip(bytes) {
        two[0] = DIGITS[usize::from(byte >> 4)];
        two[1] = DIGITS[usize::from(byte & 15)];
    }
    line.extend_from_slice(&text[..(2 * bytes.len()).min(64)]);
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
    fn own_hops_are_seen_among_others() {
        let (mine, other) = (Markers::new(&[1; 32], 5), Markers::new(&[1; 32], 6));
        let mut headers = HeaderMap::new();
        other.append_hop(&mut headers);
        assert!(!mine.has_own_hop(&headers));
        mine.append_hop(&mut headers);
        assert!(mine.has_own_hop(&headers) && other.has_own_hop(&headers));
    }
}
