//! Set-Cookie as a list keyed by name, domain and path. Values are opaque: each side makes its own, and none of them may
//! show in a difference. What protects the cookie is compared exactly.

use super::{Difference, Fields, Severity, dates, text};
use http::HeaderValue;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Lifetime {
    /// Until the browser closes.
    Session,
    /// Taken away.
    Deleted,
    /// For so many seconds.
    For(i64),
    /// Until an instant, where the answer has no Date to hold it against.
    Until(i64),
}

#[derive(Debug)]
struct Cookie {
    name: String,
    is_empty: bool,
    domain: String,
    path: String,
    secure: bool,
    http_only: bool,
    partitioned: bool,
    same_site: String,
    lifetime: Lifetime,
    /// The line with the value cut.
    shown: String,
}

pub(super) fn compare(fields: &Fields<'_>, out: &mut Vec<Difference>) {
    let primary = parse_all(&fields.primary, fields.dates.0);
    let mut candidate: Vec<Option<Cookie>> =
        parse_all(&fields.candidate, fields.dates.1).into_iter().map(Some).collect();
    // First those of the same key, in order; then those of the same name, which moved to another path or domain.
    let mut pairs: Vec<Option<Cookie>> = primary.iter().map(|a| take(&mut candidate, |b| a.key() == b.key())).collect();
    for (a, found) in primary.iter().zip(&mut pairs).filter(|(_, found)| found.is_none()) {
        *found = take(&mut candidate, |b| a.name == b.name);
    }
    for (a, found) in primary.iter().zip(&pairs) {
        match found {
            Some(b) => compare_pair(fields, a, b, out),
            None => push(fields, "missing", "missing", (Some(a), None), Severity::High, out),
        }
    }
    for b in candidate.iter().flatten() {
        push(fields, "added", "added", (None, Some(b)), Severity::Low, out);
    }
}

fn take(from: &mut [Option<Cookie>], is_it: impl Fn(&Cookie) -> bool) -> Option<Cookie> {
    from.iter_mut().find(|slot| slot.as_ref().is_some_and(&is_it)).and_then(Option::take)
}

fn compare_pair(fields: &Fields<'_>, a: &Cookie, b: &Cookie, out: &mut Vec<Difference>) {
    let mut say = |detail: &str, shape: &str, severity| push(fields, detail, shape, (Some(a), Some(b)), severity, out);
    let gone = |primary: bool| if primary { "lost" } else { "gained" };
    if a.secure != b.secure {
        say("secure", gone(a.secure), Severity::High);
    }
    if a.http_only != b.http_only {
        say("httponly", gone(a.http_only), Severity::High);
    }
    if a.partitioned != b.partitioned {
        say("partitioned", gone(a.partitioned), Severity::High);
    }
    if a.same_site != b.same_site {
        say("samesite", &format!("{}→{}", same_site_word(&a.same_site), same_site_word(&b.same_site)), Severity::High);
    }
    if a.path != b.path {
        say("path", "value", Severity::High);
    }
    if a.domain != b.domain {
        say("domain", "value", Severity::High);
    }
    match (a.lifetime, b.lifetime) {
        (Lifetime::For(a), Lifetime::For(b)) | (Lifetime::Until(a), Lifetime::Until(b)) => {
            if a.abs_diff(b) > dates::TOLERANCE_S as u64 {
                say("lifetime", if b < a { "shorter" } else { "longer" }, Severity::Low);
            }
        }
        (a, b) if a == b => {}
        (a, b) => say("lifetime", &format!("{}→{}", a.word(), b.word()), Severity::High),
    }
    if a.is_empty != b.is_empty && a.lifetime != Lifetime::Deleted && b.lifetime != Lifetime::Deleted {
        say("value", if b.is_empty { "set→empty" } else { "empty→set" }, Severity::High);
    }
}

fn push(
    fields: &Fields<'_>,
    detail: &str,
    shape: &str,
    (a, b): (Option<&Cookie>, Option<&Cookie>),
    severity: Severity,
    out: &mut Vec<Difference>,
) {
    // The name is part of the shape, so that a decision on one cookie does not mute another.
    let name = a.or(b).map_or("*", |cookie| general_name(&cookie.name));
    let values = (a.map(|c| c.shown.clone()), b.map(|c| c.shown.clone()));
    fields.push_values(detail, severity, &format!("{name}:{shape}"), values, out);
}

/// Names that look generated would make a signature each.
fn general_name(name: &str) -> &str {
    let digits = name.bytes().filter(u8::is_ascii_digit).count();
    let plain = name.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.".contains(&b));
    if plain && name.len() <= 32 && digits <= 2 && !name.is_empty() { name } else { "*" }
}

fn same_site_word(value: &str) -> &'static str {
    match value {
        "" => "unset",
        "lax" => "lax",
        "strict" => "strict",
        "none" => "none",
        _ => "other",
    }
}

impl Lifetime {
    fn word(self) -> &'static str {
        match self {
            Lifetime::Session => "session",
            Lifetime::Deleted => "deleted",
            Lifetime::For(_) | Lifetime::Until(_) => "persistent",
        }
    }
}

impl Cookie {
    fn key(&self) -> (&str, &str, &str) {
        (&self.name, &self.domain, &self.path)
    }
}

fn parse_all(lines: &[&HeaderValue], now: Option<i64>) -> Vec<Cookie> {
    lines.iter().map(|line| parse(&text(line), now)).collect()
}

/// RFC 6265 section 5.2: attributes in any order and case, the last of a kind counts, unknown ones mean nothing.
fn parse(line: &str, now: Option<i64>) -> Cookie {
    let mut parts = line.split(';');
    let first = parts.next().unwrap_or_default();
    let (name, value) = first.split_once('=').unwrap_or(("", first));
    let mut cookie = Cookie {
        name: name.trim().to_owned(),
        is_empty: value.trim().trim_matches('"').is_empty(),
        domain: String::new(),
        path: String::new(),
        secure: false,
        http_only: false,
        partitioned: false,
        same_site: String::new(),
        lifetime: Lifetime::Session,
        shown: format!("{}=…", name.trim()),
    };
    let (mut max_age, mut expires) = (None, None);
    for part in parts {
        let (name, value) = part.split_once('=').unwrap_or((part, ""));
        let value = value.trim();
        match name.trim().to_ascii_lowercase().as_str() {
            "secure" => cookie.secure = true,
            "httponly" => cookie.http_only = true,
            "partitioned" => cookie.partitioned = true,
            "samesite" => cookie.same_site = value.to_ascii_lowercase(),
            "domain" => cookie.domain = value.trim_start_matches('.').to_ascii_lowercase(),
            "path" => cookie.path = if value.starts_with('/') { value.to_owned() } else { String::new() },
            "max-age" => max_age = value.parse::<i64>().ok().or(max_age),
            "expires" => expires = dates::parse(value).or(expires),
            _ => {}
        }
        cookie.shown.push_str("; ");
        cookie.shown.push_str(part.trim());
    }
    cookie.lifetime = lifetime(max_age, expires, now);
    cookie
}

/// Max-Age counts before Expires; both mean for how long.
fn lifetime(max_age: Option<i64>, expires: Option<i64>, now: Option<i64>) -> Lifetime {
    const A_DAY_AFTER_THE_EPOCH: i64 = 86_400;
    match (max_age, expires, now) {
        (Some(seconds), ..) if seconds <= 0 => Lifetime::Deleted,
        (Some(seconds), ..) => Lifetime::For(seconds),
        (None, None, _) => Lifetime::Session,
        (None, Some(at), _) if at <= A_DAY_AFTER_THE_EPOCH => Lifetime::Deleted,
        (None, Some(at), Some(now)) if at <= now => Lifetime::Deleted,
        (None, Some(at), Some(now)) => Lifetime::For(at - now),
        (None, Some(at), None) => Lifetime::Until(at),
    }
}
