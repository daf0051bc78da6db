//! The head of a copy: the client's own fields, nearly always as they came, and those that the tee adds.

use super::Markers;
use crate::upstream::{Hop, concerns_one_connection, strip_hop_by_hop};
use http::header::HOST;
use http::{HeaderMap, HeaderName, HeaderValue};
use smallvec::SmallVec;
use std::borrow::Cow;

/// A head; a map is made of it only where something in the client's own has to go, or where the side wants one.
pub(super) struct CopyHead<'a> {
    own: Cow<'a, HeaderMap>,
    added: SmallVec<[(HeaderName, HeaderValue); 6]>,
}

impl<'a> CopyHead<'a> {
    /// A client's head as a side gets it, but for markers. `default_host` is what a client of HTTP/1.0 that names no host has
    /// asked for.
    pub(super) fn new(hop: &Hop, asked: &'a HeaderMap, default_host: Option<&HeaderValue>) -> CopyHead<'a> {
        let mut head = CopyHead { own: Cow::Borrowed(asked), added: SmallVec::new() };
        let goes = |name: &HeaderName| concerns_one_connection(name) || Markers::is_untrusted(name);
        if asked.keys().any(goes) {
            let own = head.own.to_mut();
            strip_hop_by_hop(own);
            Markers::strip_untrusted(own);
        }
        if let (false, Some(host)) = (head.own.keys().any(|name| *name == HOST), default_host) {
            head.own.to_mut().insert(HOST, host.clone());
        }
        let forwarded = hop.forwarded(&head.own);
        if forwarded.replaces {
            head.own.to_mut().remove(&forwarded.fields[0].0);
        }
        head.added.extend(forwarded.fields);
        head
    }
    /// A head that is whole already.
    pub(super) fn whole(head: &'a HeaderMap) -> CopyHead<'a> {
        CopyHead { own: Cow::Borrowed(head), added: SmallVec::new() }
    }
    /// Adds a field that is not there yet.
    pub(super) fn add(&mut self, name: HeaderName, value: HeaderValue) {
        self.added.push((name, value));
    }
    /// The client's own fields, to be changed.
    pub(super) fn own_mut(&mut self) -> &mut HeaderMap {
        self.own.to_mut()
    }
    /// The client's own fields.
    pub(super) fn own(&self) -> &HeaderMap {
        &self.own
    }
    /// Those that were added.
    pub(super) fn added(&self) -> &[(HeaderName, HeaderValue)] {
        &self.added
    }
    /// All of them.
    pub(super) fn into_map(self) -> HeaderMap {
        let mut map = self.own.into_owned();
        map.reserve(self.added.len());
        map.extend(self.added);
        map
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::IpAddr;

    fn head(lines: &[(&'static str, &'static str)], default_host: Option<&'static str>) -> (HeaderMap, bool) {
        let mut asked = HeaderMap::new();
        for (name, value) in lines {
            asked.append(*name, HeaderValue::from_static(value));
        }
        let default = default_host.map(HeaderValue::from_static);
        let head = CopyHead::new(&Hop::new(IpAddr::from([10, 0, 0, 1]), false), &asked, default.as_ref());
        let borrowed = matches!(head.own, Cow::Borrowed(_));
        (head.into_map(), borrowed)
    }

    #[test]
    fn a_plain_head_is_borrowed_and_what_must_go_goes() {
        let (plain, borrowed) = head(&[("host", "shop"), ("accept", "*/*"), ("cookie", "a=1")], None);
        assert!(borrowed);
        assert_eq!((plain.len(), plain["x-forwarded-for"].as_bytes()), (6, &b"10.0.0.1"[..]));
        assert_eq!(
            (plain["x-forwarded-proto"].as_bytes(), plain["x-forwarded-host"].as_bytes()),
            (&b"http"[..], &b"shop"[..])
        );
        let (changed, borrowed) = head(
            &[
                ("host", "shop"),
                ("connection", "x-own"),
                ("x-own", "1"),
                ("x-paritee-exchange", "forged"),
                ("x-shadow-request", "1"),
                ("x-forwarded-for", "1.2.3.4"),
                ("x-forwarded-for", "5.6.7.8"),
                ("x-forwarded-proto", "https"),
            ],
            None,
        );
        assert!(!borrowed);
        let names: std::collections::BTreeSet<_> = changed.keys().map(HeaderName::as_str).collect();
        assert_eq!(
            names.into_iter().collect::<Vec<_>>(),
            ["host", "x-forwarded-for", "x-forwarded-host", "x-forwarded-proto"]
        );
        assert_eq!(changed.get_all("x-forwarded-for").iter().collect::<Vec<_>>(), ["1.2.3.4, 5.6.7.8, 10.0.0.1"]);
        assert_eq!(changed["x-forwarded-proto"], "https");
        let (old, _) = head(&[], Some("monolith:8000"));
        assert_eq!(
            (old["host"].as_bytes(), old["x-forwarded-host"].as_bytes()),
            (&b"monolith:8000"[..], &b"monolith:8000"[..])
        );
    }
}
