//! `number`: numbers within a tolerance, in exact decimals: `|a-b| <= abs`, or `|a-b| <= rel × max(|a|,|b|)`. A change of
//! sign is never within a tolerance (from or to zero, `abs` alone decides). Numbers only: never null, absent, or a string
//! that reads as one, unless the rule says so (`string`). `spelling` is the other way round: there even equal numbers differ
//! where they are not written alike.

use super::NumberTolerance;
use super::value::Operand;
use crate::document::json::{Decimal, NumberKey, is_json_number};
use std::cmp::Ordering;

/// Digits of one intermediate result; numbers further apart than this are not equal within any sane tolerance.
const DIGITS: usize = 2_000;

#[derive(Clone, Debug)]
pub(super) struct Compiled {
    abs: Decimal,
    rel: Decimal,
    string: bool,
    spelling: bool,
}

impl Compiled {
    pub(super) fn new(tolerance: &NumberTolerance) -> Result<Compiled, String> {
        let read = |text: &Option<String>| match text {
            None => Ok(Decimal::parse("0")),
            Some(text) if is_decimal(text) => Ok(Decimal::parse(text)),
            Some(text) => Err(format!("`{text}` is not a decimal of 0 or more, such as \"0.01\"")),
        };
        let (abs, rel) = (read(&tolerance.abs)?, read(&tolerance.rel)?);
        if !abs.bounded || !rel.bounded {
            return Err("a tolerance's exponent has at most 30 digits".into());
        }
        let NumberTolerance { string, spelling, .. } = *tolerance;
        if spelling && (string || !abs.is_zero() || !rel.is_zero()) {
            return Err("where the spelling counts nothing is tolerated; leave the rest out".into());
        }
        if abs.is_zero() && rel.is_zero() && !string && !spelling {
            return Err("without a tolerance the rule can never act; give `abs` or `rel` above 0".into());
        }
        if rel.cmp_magnitude(&Decimal::parse("1")) != Ordering::Less {
            return Err("a relative tolerance of 1 or more hides any number; give less than 1".into());
        }
        Ok(Compiled { abs, rel, string, spelling })
    }
    /// True where the spelling counts.
    pub(super) fn spells(&self) -> bool {
        self.spelling
    }
    pub(super) fn could_accept(&self, value: &Operand<'_>) -> bool {
        !self.spelling && self.number(value).is_some()
    }
    /// The text of a number, or of a string that stands for one.
    fn number<'v>(&self, value: &'v Operand<'_>) -> Option<&'v str> {
        match value {
            Operand::Number(text) => Some(text),
            Operand::Text(_) if self.string => value.text().filter(|text| is_json_number(text)),
            _ => None,
        }
    }
    pub(super) fn accepts(&self, primary: &Operand<'_>, candidate: &Operand<'_>) -> bool {
        let (Some(a), Some(b)) = (self.number(primary), self.number(candidate)) else { return false };
        if self.spelling {
            return false;
        }
        if self.string && NumberKey::of(a) == NumberKey::of(b) {
            // Two strings are compared as strings.
            return !matches!((primary, candidate), (Operand::Text(_), Operand::Text(_)));
        }
        let both_numbers = matches!((primary, candidate), (Operand::Number(_), Operand::Number(_)));
        let (a, b) = (Decimal::parse(a), Decimal::parse(b));
        if !both_numbers || (self.abs.is_zero() && self.rel.is_zero()) {
            return false;
        }
        if a.negative != b.negative && !a.is_zero() && !b.is_zero() {
            return false;
        }
        let Some(distance) = a.distance(&b, DIGITS) else { return false };
        if distance.cmp_magnitude(&self.abs) != Ordering::Greater {
            return true;
        }
        if a.is_zero() || b.is_zero() || self.rel.is_zero() {
            return false;
        }
        let larger = if a.cmp_magnitude(&b) == Ordering::Less { &b } else { &a };
        larger.times(&self.rel, DIGITS).is_some_and(|limit| distance.cmp_magnitude(&limit) != Ordering::Greater)
    }
}

fn is_decimal(text: &str) -> bool {
    let (mantissa, exponent) = text.split_once(['e', 'E']).unwrap_or((text, "0"));
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, "0"));
    let digits = |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits(whole) && digits(fraction) && digits(exponent.strip_prefix(['-', '+']).unwrap_or(exponent))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::json::NodeKind;

    fn within(a: &str, b: &str, abs: &str, rel: &str) -> bool {
        let rule =
            Compiled::new(&NumberTolerance { abs: Some(abs.into()), rel: Some(rel.into()), ..Default::default() })
                .unwrap();
        let (a, b) = (Operand::Number(a), Operand::Number(b));
        assert_eq!(rule.accepts(&a, &b), rule.accepts(&b, &a));
        rule.accepts(&a, &b)
    }

    #[test]
    fn a_change_of_sign_is_never_hidden_however_small() {
        assert!(!within("-0.004", "0.004", "0.01", "0"));
        assert!(within("-0.004", "-0.001", "0.01", "0"));
        assert!(within("0", "-0.004", "0.01", "0"), "zero has no sign");
    }

    #[test]
    fn the_boundary_is_inside_in_exact_decimals() {
        assert!(within("7.175", "7.174", "0.001", "0"));
        assert!(!within("7.175", "7.174", "0.0001", "0"));
        assert!(within("6714795744484.493", "6714795744484.502", "0.01", "0"));
        assert!(within("3.5", "4", "0.5", "0") && within("9.709999618320632", "9.710000038146973", "1e-06", "0"));
        assert!(!within("9.709999618320632", "9.710000038146973", "1e-07", "0"));
        assert!(within("100", "101", "0", "0.01") && !within("100", "102", "0", "0.01"));
    }

    #[test]
    fn hides_no_sign_no_type_and_no_bomb() {
        assert!(!within("100", "-100", "0", "0.99"), "relative never crosses zero");
        assert!(!within("0", "0.0000001", "0", "0.5"));
        assert!(!within("1e1000000000", "1", "0.5", "0.5"));
        assert!(!within("9007199254740993", "9007199254740992", "0.5", "0"));
        let rule = Compiled::new(&NumberTolerance { abs: Some("1".into()), ..Default::default() }).unwrap();
        let number = Operand::Number("0");
        for other in [Operand::Absent, Operand::Other(NodeKind::Null), Operand::Text(b"0"[..].into())] {
            assert!(!rule.accepts(&number, &other) && !rule.accepts(&other, &number));
        }
    }

    #[test]
    fn a_string_is_a_number_where_the_rule_says_so_and_it_is_spelled_as_one() {
        let rule = Compiled::new(&NumberTolerance { string: true, ..Default::default() }).unwrap();
        let text = |text: &'static str| Operand::Text(text.as_bytes().into());
        let number = Operand::Number("1.50");
        assert!(rule.accepts(&text("1.5"), &number) && rule.accepts(&number, &text("15e-1")));
        for other in ["", " 1.5", "01.5", "+1.5", "1.5.0", "1,5", "0x1", "1.6", "null", "1.5 "] {
            assert!(!rule.accepts(&text(other), &number), "{other:?}");
        }
        assert!(!rule.accepts(&text("1.5"), &text("1.50")), "two strings are two strings");
        assert!(!rule.accepts(&Operand::Number("1.5"), &Operand::Number("1.6")));
    }

    #[test]
    fn refuses_what_can_never_act_or_hides_all() {
        for (abs, rel) in
            [(None, None), (Some("0"), Some("0.0")), (Some("-1"), None), (Some("x"), None), (None, Some("1"))]
        {
            let tolerance =
                NumberTolerance { abs: abs.map(Into::into), rel: rel.map(Into::into), ..Default::default() };
            assert!(Compiled::new(&tolerance).is_err(), "{tolerance:?}");
        }
    }
}
