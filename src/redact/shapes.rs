//! Secrets known by what they look like.

use super::Span;
use regex::Regex;
use std::sync::LazyLock;

/// A constant pattern: that it compiles is tested.
pub(super) fn regex(pattern: &str) -> Option<Regex> {
    Regex::new(pattern).ok()
}

static TOKEN: LazyLock<Option<Regex>> = LazyLock::new(|| regex(r"\[redacted:[a-z]+:len=[0-9]{1,12}:h=[0-9a-f]{8}\]"));
/// A signed (three parts) or encrypted (five) JSON web token.
static JWT: LazyLock<Option<Regex>> = LazyLock::new(|| regex(r"eyJ[A-Za-z0-9_-]{4,}(?:\.[A-Za-z0-9_-]*){2,4}"));
static BEARER: LazyLock<Option<Regex>> = LazyLock::new(|| regex(r"(?i)\bbearer +([A-Za-z0-9._~+/-]{8,}=*)"));
static USERINFO: LazyLock<Option<Regex>> = LazyLock::new(|| regex(r"://([^/?#\s@:]*:[^/?#\s@]+)@"));
static EMAIL: LazyLock<Option<Regex>> =
    LazyLock::new(|| regex(r"[A-Za-z0-9._%+'-]+@[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?\.[A-Za-z]{2,}"));

/// Where tokens stand already.
pub(super) fn tokens(text: &str) -> Vec<(usize, usize)> {
    if !text.contains("[redacted:") {
        return Vec::new();
    }
    TOKEN.iter().flat_map(|regex| regex.find_iter(text)).map(|found| (found.start(), found.end())).collect()
}

/// True where the whole text is one token.
pub(super) fn is_token(text: &str) -> bool {
    text.starts_with("[redacted:") && tokens(text) == [(0, text.len())]
}

/// Adds the spans of every shape.
pub(super) fn find(text: &str, email: bool, spans: &mut Vec<Span>) {
    let mut all = |regex: &Option<Regex>, class| {
        for found in regex.iter().flat_map(|regex| regex.captures_iter(text)) {
            if let Some(found) = found.get(1).or_else(|| found.get(0)) {
                spans.push(Span { from: found.start(), to: found.end(), class });
            }
        }
    };
    if text.contains("eyJ") {
        all(&JWT, "jwt");
    }
    if text.contains("://") {
        all(&USERINFO, "credential");
    }
    if text.contains("earer") || text.contains("EARER") {
        all(&BEARER, "credential");
    }
    if email && text.contains('@') {
        all(&EMAIL, "email");
    }
    cards(text, spans);
}

/// Card numbers: 13 to 19 digits, bare or grouped as on the card, an issuer's prefix and a right check digit. An ISBN
/// (978, 979) has no issuer's prefix.
fn cards(text: &str, spans: &mut Vec<Span>) {
    let bytes = text.as_bytes();
    let mut at = 0;
    while let Some(start) = bytes.get(at..).and_then(|rest| rest.iter().position(u8::is_ascii_digit)).map(|i| at + i) {
        let bare = run(bytes, start);
        if (13..=19).contains(&bare) {
            push_card(text, start, start + bare, spans);
            at = start + bare;
        } else if let Some(end) = grouped(bytes, start) {
            push_card(text, start, end, spans);
            at = end;
        } else {
            at = start + bare;
        }
    }
}

fn run(bytes: &[u8], from: usize) -> usize {
    bytes.get(from..).map_or(0, |rest| rest.iter().take_while(|b| b.is_ascii_digit()).count())
}

/// The end of `4-4-4-4`, `4-4-4-4-3`, `4-6-5` or `4-6-4` digits with one kind of separator.
fn grouped(bytes: &[u8], start: usize) -> Option<usize> {
    let separator = *bytes.get(start + 4)?;
    if run(bytes, start) != 4 || !matches!(separator, b' ' | b'-') {
        return None;
    }
    let (mut groups, mut at) = (vec![4], start + 4);
    while bytes.get(at) == Some(&separator) && groups.len() < 5 {
        match run(bytes, at + 1) {
            0 => break,
            length => {
                groups.push(length);
                at += 1 + length;
            }
        }
    }
    matches!(groups.as_slice(), [4, 4, 4, 4] | [4, 4, 4, 4, 3] | [4, 6, 5] | [4, 6, 4]).then_some(at)
}

fn push_card(text: &str, from: usize, to: usize, spans: &mut Vec<Span>) {
    let digits: Vec<u32> = text.get(from..to).unwrap_or_default().chars().filter_map(|c| c.to_digit(10)).collect();
    if has_issuer(&digits) && luhn(&digits) {
        spans.push(Span { from, to, class: "card" });
    }
}

/// Issuer prefixes and lengths (ISO/IEC 7812): Visa, Mastercard, American Express, Diners, Discover, JCB, UnionPay, Maestro.
fn has_issuer(digits: &[u32]) -> bool {
    let prefix = digits.iter().take(4).fold(0, |number, digit| number * 10 + digit);
    matches!(
        (prefix, digits.len()),
        (4000..=4999, 13 | 16 | 19)
            | (5100..=5599 | 2221..=2720, 16)
            | (3400..=3499 | 3700..=3799, 15)
            | (3000..=3059 | 3600..=3699 | 3800..=3899, 14)
            | (3528..=3589 | 6011 | 6440..=6599 | 6200..=6299, 16..=19)
            | (5018 | 5020 | 5038 | 5893 | 6304 | 6759 | 6761..=6763, 13..=19)
    )
}

fn luhn(digits: &[u32]) -> bool {
    let sum: u32 = digits
        .iter()
        .rev()
        .enumerate()
        .map(|(at, digit)| match (at % 2, digit * 2) {
            (0, _) => *digit,
            (_, double) if double > 9 => double - 9,
            (_, double) => double,
        })
        .sum();
    sum.is_multiple_of(10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_patterns_compile() {
        for pattern in [&TOKEN, &JWT, &BEARER, &USERINFO, &EMAIL] {
            assert!(pattern.is_some());
        }
    }

    #[test]
    fn no_isbn_is_a_card() {
        for middle in 0..2_000_000u64 {
            let digits: Vec<u32> = format!("978{:010}", middle * 4999).chars().filter_map(|c| c.to_digit(10)).collect();
            assert!(!has_issuer(&digits));
        }
    }
}
