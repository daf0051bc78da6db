//! One Set-Cookie line, read as RFC 6265 (section 5.2) says.

use super::dates;
use std::fmt;

/// For how long a cookie is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Lifetime {
    /// Until the browser closes.
    Session,
    /// Taken away.
    Deleted,
    /// For so many seconds.
    For(i64),
    /// Until an instant, where the answer has no Date to hold it against.
    Until(i64),
}

/// A cookie as one line sets it.
pub(crate) struct SetCookie {
    /// As spelled.
    pub(crate) name: String,
    /// A secret: never shown, never stored.
    pub(crate) value: String,
    /// Lower case, without a leading dot; empty where the line names none.
    pub(crate) domain: String,
    /// Empty where the line names none.
    pub(crate) path: String,
    pub(super) secure: bool,
    pub(super) http_only: bool,
    pub(super) partitioned: bool,
    /// Lower case; empty where the line says nothing.
    pub(super) same_site: String,
    /// For how long.
    pub(crate) lifetime: Lifetime,
    /// The line with the value cut.
    pub(super) shown: String,
}

impl fmt::Debug for SetCookie {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown)
    }
}

impl Lifetime {
    pub(super) fn word(self) -> &'static str {
        match self {
            Lifetime::Session => "session",
            Lifetime::Deleted => "deleted",
            Lifetime::For(_) | Lifetime::Until(_) => "persistent",
        }
    }
}

impl SetCookie {
    /// Attributes in any order and case, the last of a kind counts, unknown ones mean nothing. `now`, in seconds since the
    /// Unix epoch, is what an absolute time is held against.
    pub(crate) fn parse(line: &str, now: Option<i64>) -> SetCookie {
        let mut parts = line.split(';');
        let first = parts.next().unwrap_or_default();
        let (name, value) = first.split_once('=').unwrap_or(("", first));
        let mut cookie = SetCookie {
            name: name.trim().to_owned(),
            value: value.trim().to_owned(),
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
    /// True where the value is nothing, in quotes or not.
    pub(super) fn is_empty(&self) -> bool {
        self.value.trim_matches('"').is_empty()
    }
    pub(super) fn key(&self) -> (&str, &str, &str) {
        (&self.name, &self.domain, &self.path)
    }
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
