//! Set-Cookie as a list keyed by name, domain and path. Values are opaque: each side makes its own, and none of them may
//! show in a difference. What protects the cookie is compared exactly.

use super::set_cookie::{Lifetime, SetCookie};
use super::{Difference, Fields, HeaderContext, Severity, dates, text};
use crate::compare::Tallies;
use crate::rules::SideChoice;
use http::HeaderValue;

pub(super) fn compare(
    fields: &Fields<'_>,
    context: HeaderContext<'_>,
    tallies: &mut Tallies,
    out: &mut Vec<Difference>,
) {
    let mut primary = parse_all(&fields.primary, fields.dates.0);
    let mut candidate = parse_all(&fields.candidate, fields.dates.1);
    for (rule, pair) in context.rules.cookies() {
        if as_one(&pair.primary, &pair.candidate, pair.cleared_by, &mut primary, &mut candidate) {
            tallies.hit(rule, 0);
        }
    }
    let mut candidate: Vec<Option<SetCookie>> = candidate.into_iter().map(Some).collect();
    // First those of the same key, in order; then those of the same name, which moved to another path or domain.
    let mut pairs: Vec<Option<SetCookie>> =
        primary.iter().map(|a| take(&mut candidate, |b| a.key() == b.key())).collect();
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

/// Gives the candidate's cookie the primary's name of it, where the candidate does not use that name itself; and leaves out
/// a cookie that one side clears, where it may do so alone. True where either was done.
fn as_one(
    name: &str,
    theirs: &str,
    cleared_by: Option<SideChoice>,
    primary: &mut Vec<SetCookie>,
    candidate: &mut Vec<SetCookie>,
) -> bool {
    let mut acted = false;
    let has = |cookies: &[SetCookie], name: &str| cookies.iter().any(|cookie| cookie.name == name);
    if name != theirs && has(candidate, theirs) && has(primary, name) && !has(candidate, name) {
        candidate.iter_mut().filter(|cookie| cookie.name == theirs).for_each(|cookie| cookie.name = name.to_owned());
        acted = true;
    }
    let mut drop_cleared = |cookies: &mut Vec<SetCookie>, name: &str| {
        let before = cookies.len();
        cookies.retain(|cookie| cookie.name != name || cookie.lifetime != Lifetime::Deleted);
        acted |= cookies.len() < before;
    };
    match cleared_by {
        Some(SideChoice::Primary) if !has(candidate, name) => drop_cleared(primary, name),
        Some(SideChoice::Candidate) if !has(primary, name) => drop_cleared(candidate, theirs),
        _ => {}
    }
    acted
}

fn take(from: &mut [Option<SetCookie>], is_it: impl Fn(&SetCookie) -> bool) -> Option<SetCookie> {
    from.iter_mut().find(|slot| slot.as_ref().is_some_and(&is_it)).and_then(Option::take)
}

fn compare_pair(fields: &Fields<'_>, a: &SetCookie, b: &SetCookie, out: &mut Vec<Difference>) {
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
    if a.is_empty() != b.is_empty() && a.lifetime != Lifetime::Deleted && b.lifetime != Lifetime::Deleted {
        say("value", if b.is_empty() { "set→empty" } else { "empty→set" }, Severity::High);
    }
}

fn push(
    fields: &Fields<'_>,
    detail: &str,
    shape: &str,
    (a, b): (Option<&SetCookie>, Option<&SetCookie>),
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

fn parse_all(lines: &[&HeaderValue], now: Option<i64>) -> Vec<SetCookie> {
    lines.iter().map(|line| SetCookie::parse(&text(line), now)).collect()
}
