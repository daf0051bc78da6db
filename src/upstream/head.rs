//! What both legs do alike to a request's head: hop-by-hop fields go, forwarded fields come.

use bytes::BytesMut;
use http::header::{CONNECTION, CONTENT_LENGTH, HOST, SEC_WEBSOCKET_KEY, TE, TRANSFER_ENCODING, UPGRADE};
use http::uri::{Authority, PathAndQuery, Scheme};
use http::{HeaderMap, HeaderName, HeaderValue, Method, Request, Uri};
use smallvec::SmallVec;
use std::borrow::Cow;
use std::net::IpAddr;

const KEEP_ALIVE: HeaderName = HeaderName::from_static("keep-alive");
const PROXY_CONNECTION: HeaderName = HeaderName::from_static("proxy-connection");
const HTTP2_SETTINGS: HeaderName = HeaderName::from_static("http2-settings");
const FORWARDED_FOR: HeaderName = HeaderName::from_static("x-forwarded-for");
const FORWARDED_PROTO: HeaderName = HeaderName::from_static("x-forwarded-proto");
const FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");

/// Where a request came from, as far as the next hop is told. Cheap to clone: the address is written once a connection.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hop {
    /// The client's address.
    pub peer: IpAddr,
    /// It came over TLS.
    pub secure: bool,
    /// The address as `X-Forwarded-For` says it.
    line: HeaderValue,
}

impl Hop {
    /// A hop from this client.
    pub fn new(peer: IpAddr, secure: bool) -> Hop {
        // An address is made of digits, dots, colons and letters; the fallback keeps this total.
        let line = HeaderValue::try_from(peer.to_string()).unwrap_or_else(|_| HeaderValue::from_static("unknown"));
        Hop { peer, secure, line }
    }
    /// Adds `X-Forwarded-For`, and `-Proto` and `-Host` where nobody in front has said them.
    pub fn append_forwarded(&self, headers: &mut HeaderMap) {
        let forwarded = self.forwarded(headers);
        if forwarded.replaces {
            headers.remove(FORWARDED_FOR);
        }
        headers.reserve(forwarded.fields.len());
        for (name, value) in forwarded.fields {
            headers.append(name, value);
        }
    }
    /// What is to be added to these fields.
    pub fn forwarded(&self, headers: &HeaderMap) -> Forwarded {
        let (mut line, mut says_scheme, mut says_host, mut host) = (BytesMut::new(), false, false, None);
        for (name, value) in headers {
            // A look at the length first: nearly every other name has another.
            match name.as_str().len() {
                15 if *name == FORWARDED_FOR => {
                    line.extend_from_slice(value.as_bytes());
                    line.extend_from_slice(b", ");
                }
                4 if *name == HOST => host = host.or_else(|| Some(value.clone())),
                16 if *name == FORWARDED_HOST => says_host = true,
                17 if *name == FORWARDED_PROTO => says_scheme = true,
                _ => {}
            }
        }
        let replaces = !line.is_empty();
        let mut all = self.line.clone();
        if replaces {
            line.extend_from_slice(self.line.as_bytes());
            // Pieces of valid values, a comma and a blank: valid.
            all = HeaderValue::from_maybe_shared(line.freeze()).unwrap_or(all);
        }
        let mut fields = SmallVec::from_iter([(FORWARDED_FOR, all)]);
        if !says_scheme {
            fields.push((FORWARDED_PROTO, HeaderValue::from_static(if self.secure { "https" } else { "http" })));
        }
        if let (false, Some(host)) = (says_host, host) {
            fields.push((FORWARDED_HOST, host));
        }
        Forwarded { fields, replaces }
    }
}

/// What a hop adds to a head.
pub struct Forwarded {
    /// `X-Forwarded-For` first.
    pub fields: SmallVec<[(HeaderName, HeaderValue); 3]>,
    /// The first stands for those of its name that are there.
    pub replaces: bool,
}

/// True for a field that concerns one connection only.
pub fn concerns_one_connection(name: &HeaderName) -> bool {
    // A look at the lengths first: most names have none of these.
    matches!(name.as_str().len(), 2 | 7 | 10 | 14 | 16 | 17)
        && [CONNECTION, KEEP_ALIVE, PROXY_CONNECTION, UPGRADE, HTTP2_SETTINGS, TE, TRANSFER_ENCODING].contains(name)
}

/// Removes what concerns one connection only. Host and framing cannot be removed by naming them in `Connection`; framing is
/// the sender's own business, so `Transfer-Encoding` goes as well (and with it a `Content-Length` beside it).
pub fn strip_hop_by_hop(headers: &mut HeaderMap) {
    if !headers.keys().any(concerns_one_connection) {
        return;
    }
    if headers.contains_key(CONNECTION) {
        let named: Vec<HeaderName> = headers
            .get_all(CONNECTION)
            .iter()
            .flat_map(|value| value.as_bytes().split(|b| *b == b','))
            .filter_map(|token| HeaderName::from_bytes(token.trim_ascii()).ok())
            .filter(|name| *name != HOST && *name != CONTENT_LENGTH && *name != TRANSFER_ENCODING && *name != TE)
            .collect();
        headers.remove(CONNECTION);
        named.iter().for_each(|name| {
            headers.remove(name);
        });
    }
    for name in [KEEP_ALIVE, PROXY_CONNECTION, UPGRADE, HTTP2_SETTINGS] {
        headers.remove(name);
    }
    if headers.contains_key(TE) {
        let trailers = headers
            .get_all(TE)
            .iter()
            .flat_map(|value| value.as_bytes().split(|b| *b == b','))
            .any(|token| token.trim_ascii().eq_ignore_ascii_case(b"trailers"));
        headers.remove(TE);
        if trailers {
            headers.insert(TE, HeaderValue::from_static("trailers"));
        }
    }
    if headers.remove(TRANSFER_ENCODING).is_some() {
        headers.remove(CONTENT_LENGTH);
    }
}

/// True for a WebSocket handshake (RFC 6455, 4.1). No other upgrade is passed on: what comes behind it would be neither
/// checked nor compared.
pub fn wants_websocket(method: &Method, headers: &HeaderMap) -> bool {
    if !headers.keys().any(|name| *name == UPGRADE) {
        return false;
    }
    let mut upgrades = headers.get_all(UPGRADE).iter();
    let (Some(upgrade), None) = (upgrades.next(), upgrades.next()) else {
        return false;
    };
    let named = || {
        headers
            .get_all(CONNECTION)
            .iter()
            .flat_map(|value| value.as_bytes().split(|b| *b == b','))
            .any(|token| token.trim_ascii().eq_ignore_ascii_case(b"upgrade"))
    };
    *method == Method::GET
        && upgrade.as_bytes().trim_ascii().eq_ignore_ascii_case(b"websocket")
        && headers.contains_key(SEC_WEBSOCKET_KEY)
        && named()
}

/// A copy of a head whose values lie in one allocation, since each is else a slice that keeps a whole read buffer alive.
pub fn compact(headers: &HeaderMap) -> HeaderMap {
    let mut all = BytesMut::with_capacity(headers.values().map(HeaderValue::len).sum());
    headers.values().for_each(|value| all.extend_from_slice(value.as_bytes()));
    let mut all = all.freeze();
    // The table is copied as it is: to build it anew would be to hash every name once more.
    let mut copy = headers.clone();
    for value in copy.values_mut() {
        let (own, is_sensitive) = (all.split_to(value.len()), value.is_sensitive());
        if let Ok(own) = HeaderValue::from_maybe_shared(own) {
            *value = own;
            value.set_sensitive(is_sensitive);
        }
    }
    copy
}

/// Path and query of a target; an absolute one may have a query and no path.
pub fn path_and_query(uri: &Uri) -> Cow<'_, str> {
    match uri.path_and_query().map_or("/", PathAndQuery::as_str) {
        query if query.starts_with('?') => Cow::Owned(format!("/{query}")),
        target => Cow::Borrowed(target),
    }
}

/// The target as it goes to a side: path and query alone, behind the side's base path. An authority in the request line
/// has become the Host and never selects the side.
pub fn origin_form(uri: Uri, base_path: &str) -> Uri {
    let bare = uri.scheme().is_none() && uri.authority().is_none();
    if bare && base_path.is_empty() {
        return uri;
    }
    let target = path_and_query(&uri);
    let target = if target.starts_with('/') { &target } else { "/" };
    PathAndQuery::try_from(format!("{base_path}{target}")).map_or_else(|_| uri.clone(), Uri::from)
}

/// Makes a head that is ready for HTTP/1.1 one for HTTP/2: the Host becomes the authority, framing is the protocol's own.
pub(super) fn to_http2<B>(request: &mut Request<B>, scheme: Scheme) {
    let headers = request.headers_mut();
    headers.remove(TRANSFER_ENCODING);
    let Some(authority) = headers.get(HOST).and_then(|host| Authority::try_from(host.as_bytes()).ok()) else {
        return;
    };
    let mut parts = std::mem::take(request.uri_mut()).into_parts();
    (parts.scheme, parts.authority) = (Some(scheme), Some(authority));
    // Without a path it is `*` or a target that was never one.
    let _ = parts.path_and_query.get_or_insert(PathAndQuery::from_static("/"));
    if let Ok(uri) = Uri::from_parts(parts) {
        *request.uri_mut() = uri;
        request.headers_mut().remove(HOST);
    }
}

/// Undoes [`to_http2`] where a request comes to a connection of HTTP/1.1 after all.
pub(super) fn to_http1<B>(request: &mut Request<B>) {
    let Some(authority) = request.uri().authority() else {
        return;
    };
    if let Ok(host) = HeaderValue::from_str(authority.as_str()) {
        request.headers_mut().insert(HOST, host);
    }
    *request.uri_mut() = request.uri().path_and_query().cloned().map(Uri::from).unwrap_or_default();
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(lines: &[(&'static str, &'static str)]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(*name, HeaderValue::from_static(value));
        }
        headers
    }

    #[test]
    fn connection_removes_what_it_names_but_never_host_or_framing() {
        let mut headers = map(&[
            ("connection", "close, X-Secret, host, content-length"),
            ("x-secret", "1"),
            ("host", "a"),
            ("content-length", "3"),
            ("keep-alive", "timeout=5"),
            ("te", "gzip, trailers"),
            ("upgrade", "h2c"),
            ("http2-settings", "x"),
        ]);
        strip_hop_by_hop(&mut headers);
        assert_eq!(headers, map(&[("host", "a"), ("content-length", "3"), ("te", "trailers")]));
    }

    #[test]
    fn a_length_beside_chunked_goes_with_it() {
        let mut headers = map(&[("transfer-encoding", "chunked"), ("content-length", "3")]);
        strip_hop_by_hop(&mut headers);
        assert!(headers.is_empty());
    }

    #[test]
    fn forwarded_for_is_appended_and_what_a_balancer_said_is_kept() {
        let mut headers = map(&[("host", "shop"), ("x-forwarded-for", "1.2.3.4"), ("x-forwarded-proto", "https")]);
        Hop::new(IpAddr::from([10, 0, 0, 1]), false).append_forwarded(&mut headers);
        assert_eq!(headers["x-forwarded-for"], "1.2.3.4, 10.0.0.1");
        assert_eq!(headers["x-forwarded-proto"], "https");
        assert_eq!(headers["x-forwarded-host"], "shop");
    }

    #[test]
    fn a_compact_copy_is_equal() {
        let headers = map(&[("a", "1"), ("set-cookie", "x=1"), ("set-cookie", "y=2"), ("empty", "")]);
        assert_eq!(compact(&headers), headers);
    }

    #[test]
    fn only_a_websocket_handshake_is_an_upgrade() {
        let key = ("sec-websocket-key", "x3JJHMbDL1EzLkh9GBhXDw==");
        let wants = |lines: &[_]| wants_websocket(&Method::GET, &map(lines));
        let whole = [("connection", "keep-alive, Upgrade"), ("upgrade", "WebSocket"), key];
        assert!(wants(&whole));
        assert!(!wants_websocket(&Method::POST, &map(&whole)));
        assert!(!wants(&[("upgrade", "websocket"), key]));
        assert!(!wants(&[("connection", "upgrade"), ("upgrade", "websocket")]));
        for other in ["h2c", "TLS/1.2, HTTP/1.1", "websocket, h2c", "websocket2"] {
            assert!(!wants(&[("connection", "upgrade"), ("upgrade", other), key]), "{other}");
        }
        assert!(!wants(&[("connection", "upgrade"), ("upgrade", "websocket"), ("upgrade", "h2c"), key]));
    }

    #[test]
    fn an_absolute_target_loses_its_authority() {
        let target = |text: &str, base: &str| origin_form(text.parse().unwrap(), base).to_string();
        assert_eq!(target("http://evil.example/a?b=1", ""), "/a?b=1");
        assert_eq!(target("http://evil.example?b=1", ""), "/?b=1");
        assert_eq!(target("http://evil.example?b=1", "/base"), "/base/?b=1");
        assert_eq!(path_and_query(&"http://evil.example?b=1".parse().unwrap()), "/?b=1");
        assert_eq!(target("/a?b=1", "/base"), "/base/a?b=1");
        assert_eq!(target("*", ""), "*");
    }
}
