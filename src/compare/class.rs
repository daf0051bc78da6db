//! The class of a pair of values: what signatures keep of them. A closed list, free of the values themselves.
//!
//! A class must not depend on the data: one bug must fall into one class whatever the record. So only classes that a
//! mistake in code produces every time are here, and everything else is the bare type:
//! - `present→absent`, `absent→present`, whatever the type: a field that is dropped is dropped for null and text alike;
//! - `null→string` and so on between types, `bool`, `array`, `object`, `order`;
//! - `string→empty`, `empty→string`: a default that is missing on one side;
//! - `string:zone` (one has a zone, the other none), `string:time` (both are timestamps);
//! - `string:case`, `string:whitespace`: equal but for it;
//! - `string:suffix_lost`, `string:suffix_added`: one is the other's beginning (a lost ellipsis, a cut). There is no class
//!   for a lost beginning: a cut in the middle of `éééé...` looks like one, and of `naïve...` does not;
//! - `number:rounded`: different integers with the same binary64; `number:sign`; `number:scale` (a power of ten apart);
//! - `string`, `number`: any other pair. `number:+1` is not among them: the same bug is off by one on one record and by
//!   three on the next.

use crate::document::json::{Decimal, Document, NodeId, NodeKind};
use crate::rules::parse_timestamp;

/// The class of two values that are both there.
pub(crate) fn class(primary: (&Document<'_>, NodeId), candidate: (&Document<'_>, NodeId)) -> String {
    let ((p, a), (c, b)) = (primary, candidate);
    match (p.kind(a), c.kind(b)) {
        (NodeKind::String, NodeKind::String) => strings(&p.string(a), &c.string(b)).to_string(),
        (NodeKind::Number, NodeKind::Number) => numbers(p.raw(a), c.raw(b)).to_string(),
        (from, to) if from == to => from.as_str().to_string(),
        (from, to) => format!("{}→{}", from.as_str(), to.as_str()),
    }
}

fn strings(a: &[u8], b: &[u8]) -> &'static str {
    match (a.is_empty(), b.is_empty()) {
        (false, true) => return "string→empty",
        (true, false) => return "empty→string",
        _ => {}
    }
    if let (Ok(a), Ok(b)) = (std::str::from_utf8(a), std::str::from_utf8(b)) {
        match (parse_timestamp(a), parse_timestamp(b)) {
            (Some(a), Some(b)) if a.zoned != b.zoned => return "string:zone",
            (Some(_), Some(_)) => return "string:time",
            _ => {}
        }
        if a.split_whitespace().eq(b.split_whitespace()) {
            return "string:whitespace";
        }
        if a.chars().flat_map(char::to_lowercase).eq(b.chars().flat_map(char::to_lowercase)) {
            return "string:case";
        }
    }
    if a.starts_with(b) {
        "string:suffix_lost"
    } else if b.starts_with(a) {
        "string:suffix_added"
    } else {
        "string"
    }
}

fn numbers(a: &str, b: &str) -> &'static str {
    let (x, y) = (Decimal::parse(a), Decimal::parse(b));
    if !x.bounded || !y.bounded || x.is_zero() || y.is_zero() {
        return "number";
    }
    if x.digits == y.digits && x.exponent == y.exponent {
        return "number:sign";
    }
    if x.digits == y.digits && x.negative == y.negative {
        return "number:scale";
    }
    match (a.parse::<f64>(), b.parse::<f64>()) {
        (Ok(a), Ok(b)) if a == b && a.is_finite() && a != 0.0 => "number:rounded",
        _ => "number",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_mistake_one_class() {
        for (a, b, class) in [
            ("Abc...", "Abc", "string:suffix_lost"),
            ("abc", "abc ", "string:whitespace"),
            ("Émile", "émile", "string:case"),
            ("/x", "https://h/x", "string"),
            ("2026-01-01T00:00:00Z", "2026-01-01T00:00:00", "string:zone"),
            ("2026-01-01T00:00:00Z", "2026-01-01T01:00:00Z", "string:time"),
            ("x", "", "string→empty"),
            // a summary cut by bytes, not by characters: never a prefix, since both end alike
            ("naïve review of a bo...", "naïve review of a b...", "string"),
            ("naïve...", "naï\u{fffd}...", "string"),
            ("éééééééé...", "éééé...", "string"),
        ] {
            assert_eq!(strings(a.as_bytes(), b.as_bytes()), class, "{a} {b}");
        }
        for (a, b, class) in [
            ("9007199254740993", "9007199254740992", "number:rounded"),
            ("10176718226607830673", "10176718226607831000", "number:rounded"),
            ("18446744073709551615", "1.8446744073709552e19", "number:rounded"),
            ("5", "-5", "number:sign"),
            ("1700000000", "1700000000000", "number:scale"),
            ("4.5", "450", "number:scale"),
            ("3", "4", "number"),
            ("0", "7", "number"),
            ("1e400", "2e400", "number"),
        ] {
            assert_eq!(numbers(a, b), class, "{a} {b}");
        }
    }
}
