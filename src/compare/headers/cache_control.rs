//! Cache-Control as a map of directives: order, case and spacing mean nothing; a lost `no-store` or `private` is high.

use super::{Difference, Fields, Severity, tokens};
use http::HeaderValue;
use std::collections::BTreeMap;

/// Ages count down in caches and are computed by the second.
const AGE_TOLERANCE_S: u64 = 2;

/// Directives by name; anything else is a difference of detail `directive`, so that details stay a finite list.
const KNOWN: &[&str] = &[
    "immutable",
    "max-age",
    "must-revalidate",
    "must-understand",
    "no-cache",
    "no-store",
    "no-transform",
    "private",
    "proxy-revalidate",
    "public",
    "s-maxage",
    "stale-if-error",
    "stale-while-revalidate",
];

pub(super) fn compare(fields: &Fields<'_>, out: &mut Vec<Difference>) {
    let (primary, candidate) = (directives(&fields.primary), directives(&fields.candidate));
    let protects = primary.contains_key("no-store") || primary.contains_key("private");
    if fields.one_sided(if protects { Severity::High } else { Severity::Low }, out) {
        return;
    }
    for (name, value) in &primary {
        match candidate.get(name) {
            None => fields.push(detail(name), lost(name), "lost", out),
            Some(other) if same(name, value, other) => {}
            Some(_) => fields.push(detail(name), Severity::Low, "value", out),
        }
    }
    for name in candidate.keys().filter(|name| !primary.contains_key(*name)) {
        fields.push(detail(name), Severity::Low, "gained", out);
    }
}

fn directives(lines: &[&HeaderValue]) -> BTreeMap<String, Option<String>> {
    let mut map = BTreeMap::new();
    for element in tokens::elements(lines) {
        let (name, value) = match element.split_once('=') {
            Some((name, value)) => (name, Some(value.trim().trim_matches('"').to_owned())),
            None => (element.as_str(), None),
        };
        map.entry(name.trim().to_ascii_lowercase()).or_insert(value);
    }
    map
}

fn detail(name: &str) -> &'static str {
    KNOWN.iter().find(|known| **known == name).copied().unwrap_or("directive")
}

fn lost(name: &str) -> Severity {
    if matches!(name, "no-store" | "private") { Severity::High } else { Severity::Low }
}

fn same(name: &str, a: &Option<String>, b: &Option<String>) -> bool {
    let seconds = |value: &Option<String>| value.as_deref().and_then(|text| text.parse::<u64>().ok());
    match (name, seconds(a), seconds(b)) {
        // Zero is another meaning, not another number.
        ("max-age" | "s-maxage", Some(a), Some(b)) => a == b || (a > 0 && b > 0 && a.abs_diff(b) <= AGE_TOLERANCE_S),
        _ => match (a, b) {
            (Some(a), Some(b)) => a.eq_ignore_ascii_case(b),
            (None, None) => true,
            _ => false,
        },
    }
}
