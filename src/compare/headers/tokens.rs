//! List-typed fields: several fields are one list, names in it know no case.

use super::{Difference, Fields, text};
use http::{HeaderMap, HeaderValue};
use std::collections::BTreeSet;

/// The tokens of a list-typed field, without allocation; a field that is no text has none.
pub(super) fn of<'a>(headers: &'a HeaderMap, name: &'static str) -> impl Iterator<Item = &'a str> {
    headers
        .get_all(name)
        .iter()
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .map(str::trim)
        .filter(|token| !token.is_empty())
}

/// The elements of a list, split at commas outside quotes.
pub(super) fn elements(lines: &[&HeaderValue]) -> Vec<String> {
    let mut all = Vec::new();
    for line in lines {
        let line = text(line);
        let (mut quoted, mut escaped, mut from) = (false, false, 0);
        for (at, c) in line.char_indices() {
            match c {
                _ if escaped => escaped = false,
                '\\' if quoted => escaped = true,
                '"' => quoted = !quoted,
                ',' if !quoted => {
                    all.push(line.get(from..at).unwrap_or_default().trim().to_owned());
                    from = at + 1;
                }
                _ => {}
            }
        }
        all.push(line.get(from..).unwrap_or_default().trim().to_owned());
    }
    all.retain(|element| !element.is_empty());
    all
}

pub(super) fn compare_set(fields: &Fields<'_>, out: &mut Vec<Difference>) {
    if fields.one_sided(fields.severity(), out) {
        return;
    }
    let set = |lines: &[&HeaderValue]| {
        elements(lines).into_iter().map(|e| e.to_ascii_lowercase()).collect::<BTreeSet<String>>()
    };
    let (primary, candidate) = (set(&fields.primary), set(&fields.candidate));
    let shape = match (primary.is_subset(&candidate), candidate.is_subset(&primary)) {
        (true, true) => return,
        (false, true) => "set:fewer",
        (true, false) => "set:more",
        (false, false) => "set:other",
    };
    fields.push("value", fields.severity(), shape, out);
}

pub(super) fn compare_list(fields: &Fields<'_>, out: &mut Vec<Difference>) {
    if fields.one_sided(fields.severity(), out) {
        return;
    }
    if elements(&fields.primary) != elements(&fields.candidate) {
        fields.push("value", fields.severity(), "list", out);
    }
}
