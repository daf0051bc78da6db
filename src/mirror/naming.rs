//! Names clients' sessions for ids that map one to one over one, and shows what was done about ids. A name is a keyed hash:
//! what identifies a client is not kept.

use super::sample;
use super::session::value_of;
use crate::config::{Config, SampleKey};
use crate::evidence::{IdCounts, SessionName};
use http::HeaderMap;
use parking_lot::Mutex;
use std::net::IpAddr;

/// What the shadow side knows of ids; nothing of it is made where no rule's ids reach beyond a document.
pub(super) struct Naming {
    key: [u8; 32],
    /// The primary's session cookie, where the config names it.
    cookie: Option<String>,
    /// What identifies a client without one.
    client: SampleKey,
    counts: Mutex<IdCounts>,
}

impl Naming {
    /// For a config of which some rule needs it; `counts` is what has been done before.
    pub(super) fn new(config: &Config, key: &[u8; 32], counts: IdCounts) -> Option<Naming> {
        let needed = config.general_rules.claims_ids() || config.routes.iter().any(|route| route.rules.claims_ids());
        needed.then(|| Naming {
            key: blake3::derive_key("paritee 2026-11-24 clients of ids v1", key),
            cookie: config.mirror.session.as_ref().map(|session| session.cookie.clone()),
            client: config.mirror.key.clone(),
            counts: Mutex::new(counts),
        })
    }
    /// The session of a request: by the session cookie, else by what `mirror.key` names, else by the client's address.
    pub(super) fn name(&self, request: &HeaderMap, peer: IpAddr) -> SessionName {
        let session = self.cookie.as_ref().and_then(|cookie| value_of(request, cookie));
        let named = session.map(|value| (b"session", value));
        let named = named.or_else(|| sample::value_of(&self.client, request).map(|value| (b"mirrkey", value)));
        let mut hash = blake3::Hasher::new_keyed(&self.key);
        match (named, peer) {
            (Some((kind, value)), _) => hash.update(kind).update(value),
            (None, IpAddr::V4(ip)) => hash.update(b"address").update(&ip.octets()),
            (None, IpAddr::V6(ip)) => hash.update(b"address").update(&ip.octets()),
        };
        let mut name = [0; 16];
        hash.finalize_xof().fill(&mut name);
        SessionName(u128::from_le_bytes(name))
    }
    /// Notes what has been done so far.
    pub(super) fn note(&self, counts: IdCounts) {
        *self.counts.lock() = counts;
    }
    /// What has been done so far.
    pub(super) fn counts(&self) -> IdCounts {
        *self.counts.lock()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::HeaderValue;
    use http::header::COOKIE;

    fn naming(cookie: Option<&str>, client: SampleKey) -> Naming {
        Naming { key: [3; 32], cookie: cookie.map(str::to_owned), client, counts: Mutex::default() }
    }

    #[test]
    fn a_session_is_named_by_its_cookie_then_by_the_mirrors_key_then_by_the_address() {
        let by = |naming: &Naming, line: &str, last: u8| {
            let headers = HeaderMap::from_iter([(COOKIE, HeaderValue::from_str(line).unwrap())]);
            naming.name(&headers, IpAddr::from([10, 0, 0, last])).0
        };
        let both = naming(Some("sid"), SampleKey::Cookie("device".into()));
        assert_eq!(by(&both, "sid=a; device=x", 1), by(&both, "device=y; sid=a", 2));
        assert_ne!(by(&both, "sid=a; device=x", 1), by(&both, "sid=b; device=x", 1));
        assert_eq!(by(&both, "device=x", 1), by(&both, "device=x; sid=", 2));
        assert_ne!(by(&both, "device=x", 1), by(&both, "sid=x", 1), "a cookie's value is no other cookie's");
        assert_eq!(by(&both, "theme=dark", 1), by(&both, "theme=light", 1));
        assert_ne!(by(&both, "theme=dark", 1), by(&both, "theme=dark", 2));
        let address = naming(None, SampleKey::Address);
        assert_eq!(by(&address, "sid=a", 1), by(&address, "sid=b", 1));
    }
}
