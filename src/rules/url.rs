//! `url`: two URLs that differ in their origin, a trailing slash, or the order of query pairs, as far as the rule names it.
//!
//! Path, query and fragment count else: `%7E` is `~`, but `%2F` is not `/`. An absolute URL is never a relative one, and what
//! has no web origin (`javascript:`, `data:`) is compared as it is.

use super::UrlRule;
use super::value::Operand;
use std::collections::BTreeMap;

#[derive(Clone, Debug)]
pub(super) struct Compiled {
    rule: UrlRule,
}

/// A reference taken apart (RFC 3986, appendix B), each part in its normal spelling.
#[derive(Debug, PartialEq, Eq)]
struct Url {
    /// Scheme, and host with a port that is not the scheme's own; `None` for a path alone.
    origin: Option<(String, String)>,
    path: String,
    query: Option<String>,
    fragment: Option<String>,
}

impl Compiled {
    pub(super) fn new(rule: &UrlRule) -> Result<Compiled, String> {
        if !(rule.origin || rule.trailing_slash || rule.query_order) {
            return Err("name what may differ: origin, trailing_slash, query_order".into());
        }
        if !rule.hosts.is_empty() && !rule.origin {
            return Err("`hosts` says whose origin does not count; add \"origin\" to `ignore`".into());
        }
        Ok(Compiled { rule: rule.clone() })
    }
    pub(super) fn could_accept(&self, value: &Operand<'_>) -> bool {
        value.text().and_then(Url::parse).is_some()
    }
    pub(super) fn accepts(&self, primary: &Operand<'_>, candidate: &Operand<'_>) -> bool {
        let (Some(a), Some(b)) = (primary.text().and_then(Url::parse), candidate.text().and_then(Url::parse)) else {
            return false;
        };
        self.origins(&a, &b) && self.paths(&a, &b) && self.queries(&a, &b) && a.fragment == b.fragment
    }
    fn origins(&self, a: &Url, b: &Url) -> bool {
        let allowed = |origin: &(String, String)| {
            let (_, host) = origin;
            let bare = host.rsplit_once(':').map_or(host.as_str(), |(name, _)| name);
            self.rule.hosts.is_empty() || self.rule.hosts.iter().any(|known| known == host || known == bare)
        };
        match (&a.origin, &b.origin) {
            (a, b) if a == b => true,
            (Some(a), Some(b)) => self.rule.origin && allowed(a) && allowed(b),
            _ => false,
        }
    }
    fn paths(&self, a: &Url, b: &Url) -> bool {
        let bare = |path: &str| path.strip_suffix('/').filter(|bare| !bare.is_empty()).unwrap_or(path).to_owned();
        a.path == b.path || (self.rule.trailing_slash && bare(&a.path) == bare(&b.path))
    }
    fn queries(&self, a: &Url, b: &Url) -> bool {
        a.query == b.query
            || match (&a.query, &b.query) {
                (Some(a), Some(b)) => self.rule.query_order && by_name(a) == by_name(b),
                _ => false,
            }
    }
}

/// The pairs of a query by name: the order of values under one name counts.
fn by_name(query: &str) -> BTreeMap<&str, Vec<&str>> {
    let mut pairs: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for pair in query.split('&') {
        let (name, _) = pair.split_once('=').unwrap_or((pair, ""));
        pairs.entry(name).or_default().push(pair);
    }
    pairs
}

impl Url {
    /// A web URL, or a path; `None` for anything else.
    fn parse(text: &str) -> Option<Url> {
        if text.is_empty() || text.len() > 64 << 10 || text.bytes().any(|b| b <= b' ' || b == b'\\') {
            return None;
        }
        let (rest, fragment) = split(text, '#');
        let (rest, query) = split(rest, '?');
        let (origin, path) = match rest.split_once("://") {
            Some((scheme, rest)) if scheme.eq_ignore_ascii_case("http") || scheme.eq_ignore_ascii_case("https") => {
                let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
                (Some(origin(scheme, authority)?), path)
            }
            // `javascript:…`, `mailto:…`, and `//host/…`, whose scheme is not known here
            _ if rest.starts_with("//") => return None,
            _ if rest.split('/').next().is_some_and(|first| first.contains(':')) => return None,
            _ => (None, rest),
        };
        // without a host an empty path is the page's own, wherever that is
        let path = if path.is_empty() && origin.is_some() { "/".into() } else { normal(path) };
        Some(Url { origin, path, query: query.map(normal), fragment: fragment.map(normal) })
    }
}

fn split(text: &str, at: char) -> (&str, Option<&str>) {
    text.split_once(at).map_or((text, None), |(before, after)| (before, Some(after)))
}

/// Lower case, without the scheme's own port; `None` with a user in it: that is no mere origin.
fn origin(scheme: &str, authority: &str) -> Option<(String, String)> {
    if authority.is_empty() || authority.contains('@') {
        return None;
    }
    let (scheme, host) = (scheme.to_ascii_lowercase(), authority.to_ascii_lowercase());
    let own = if scheme == "http" { ":80" } else { ":443" };
    let host = host.strip_suffix(own).unwrap_or(&host).to_owned();
    Some((scheme, host))
}

/// Escapes of unreserved characters undone, the others in upper case (RFC 3986, 6.2.2).
pub(crate) fn normal(part: &str) -> String {
    let bytes = part.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(byte) = bytes.get(at) {
        let hex = bytes.get(at + 1..at + 3).filter(|hex| *byte == b'%' && hex.iter().all(u8::is_ascii_hexdigit));
        let code = hex.and_then(|hex| u8::from_str_radix(std::str::from_utf8(hex).ok()?, 16).ok());
        match (code, hex) {
            (Some(code), _) if code.is_ascii_alphanumeric() || b"-._~".contains(&code) => {
                out.push(code);
                at += 3;
            }
            (Some(_), Some(hex)) => {
                out.push(b'%');
                out.extend(hex.iter().map(u8::to_ascii_uppercase));
                at += 3;
            }
            _ => {
                out.push(*byte);
                at += 1;
            }
        }
    }
    String::from_utf8_lossy(&out).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(rule: &UrlRule, a: &str, b: &str) -> bool {
        let rule = Compiled::new(rule).unwrap();
        let (a, b) = (Operand::Text(a.as_bytes().into()), Operand::Text(b.as_bytes().into()));
        assert_eq!(rule.accepts(&a, &b), rule.accepts(&b, &a));
        rule.accepts(&a, &b)
    }

    #[test]
    fn an_origin_is_hidden_and_nothing_behind_it() {
        let rule = UrlRule { origin: true, ..UrlRule::default() };
        let old = "http://monolith:8000/a/b?x=1#f";
        assert!(same(&rule, old, "https://api.example/a/b?x=1#f") && same(&rule, "http://a:80/", "HTTP://A"));
        assert!(same(&rule, "http://a/%7euser", "http://b/~user"));
        for other in [
            "https://api.example/a/B?x=1#f",
            "https://api.example/a%2Fb?x=1#f",
            "https://api.example/a/b/?x=1#f",
            "https://api.example/a/b#f",
            "https://api.example/a/b?x=1",
            "/a/b?x=1#f",
            "//api.example/a/b?x=1#f",
            "javascript:alert(1)",
            "https://u:p@api.example/a/b?x=1#f",
            "",
        ] {
            assert!(!same(&rule, old, other), "{other}");
        }
    }

    #[test]
    fn only_the_named_hosts_may_stand_for_one_another() {
        let hosts = vec!["monolith".into(), "api.example:8443".into()];
        let rule = UrlRule { origin: true, hosts, ..UrlRule::default() };
        assert!(same(&rule, "http://monolith:8000/a", "https://api.example:8443/a"));
        assert!(!same(&rule, "http://monolith/a", "https://evil.example/a"));
        assert!(!same(&rule, "http://monolith/a", "https://api.example/a"), "another port");
    }

    #[test]
    fn a_reference_to_the_page_itself_is_none_to_the_root() {
        let order = UrlRule { query_order: true, trailing_slash: true, ..UrlRule::default() };
        assert!(same(&order, "?a=1&b=2", "?b=2&a=1"));
        assert!(!same(&order, "?a=1&b=2", "/?b=2&a=1") && !same(&order, "#x", "/#x"));
        assert!(!same(&order, "/%+a", "/%+A"), "no escape, so its case counts");
    }

    #[test]
    fn slashes_and_the_order_of_a_query() {
        let slash = UrlRule { trailing_slash: true, ..UrlRule::default() };
        assert!(same(&slash, "/a/", "/a") && same(&slash, "/a/?x", "/a?x"));
        assert!(!same(&slash, "/a//", "/a") && !same(&slash, "http://a/", "http://b"));
        let order = UrlRule { query_order: true, ..UrlRule::default() };
        assert!(same(&order, "/a?x=1&y=2&x=3", "/a?y=2&x=1&x=3"));
        assert!(!same(&order, "/a?x=1&x=3", "/a?x=3&x=1"), "values of one name keep their order");
        assert!(!same(&order, "/a?x=1", "/a?x=1&x=1") && !same(&order, "/a?", "/a"));
    }

    #[test]
    fn senseless_rules_are_refused() {
        assert!(Compiled::new(&UrlRule::default()).is_err());
        let rule = UrlRule { trailing_slash: true, hosts: vec!["a".into()], ..UrlRule::default() };
        assert!(Compiled::new(&rule).is_err());
    }
}
