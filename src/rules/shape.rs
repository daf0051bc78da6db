//! `shape`: both values must look alike: volatile, not invisible. An absent, null or empty value never looks like one.

use super::value::Operand;
use super::{Shape, pattern, timestamp};
use regex::Regex;

#[derive(Clone, Debug)]
pub(super) enum Compiled {
    Uuid,
    Timestamp,
    Number,
    Pattern(Regex),
    SameType,
}

impl Compiled {
    pub(super) fn new(shape: &Shape) -> Result<Compiled, String> {
        Ok(match shape {
            Shape::Uuid => Compiled::Uuid,
            Shape::Timestamp => Compiled::Timestamp,
            Shape::Number => Compiled::Number,
            Shape::SameType => Compiled::SameType,
            Shape::Pattern(text) => Compiled::Pattern(pattern::anchored(text)?),
        })
    }
    pub(super) fn accepts(&self, primary: &Operand<'_>, candidate: &Operand<'_>) -> bool {
        if let Compiled::SameType = self {
            return primary.kind().is_some() && primary.kind() == candidate.kind();
        }
        if let Compiled::Timestamp = self {
            // a zone that is lost changes which instant is meant, whatever the instant
            let zoned = |value: &Operand<'_>| value.text().and_then(timestamp::parse).map(|time| time.zoned);
            return zoned(primary).is_some() && zoned(primary) == zoned(candidate);
        }
        self.fits(primary) && self.fits(candidate)
    }
    pub(super) fn fits(&self, value: &Operand<'_>) -> bool {
        match self {
            Compiled::SameType => value.kind().is_some(),
            Compiled::Number => matches!(value, Operand::Number(_)),
            Compiled::Uuid => value.text().is_some_and(is_uuid),
            Compiled::Timestamp => value.text().and_then(timestamp::parse).is_some(),
            Compiled::Pattern(regex) => value.text().is_some_and(|text| regex.is_match(text)),
        }
    }
}

/// `8-4-4-4-12` hex digits in either case.
pub(crate) fn is_uuid(text: &str) -> bool {
    text.len() == 36
        && text.bytes().enumerate().all(|(at, byte)| match at {
            8 | 13 | 18 | 23 => byte == b'-',
            _ => byte.is_ascii_hexdigit(),
        })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::json::NodeKind;

    fn text(value: &str) -> Operand<'_> {
        Operand::Text(value.as_bytes().into())
    }

    #[test]
    fn a_lost_zone_is_not_hidden() {
        let shape = Compiled::new(&Shape::Timestamp).unwrap();
        let (zoned, naive) = (text("2020-01-01T00:00:00Z"), text("2021-02-01T00:00:00"));
        assert!(shape.accepts(&zoned, &text("2021-02-01T00:00:00+01:00")));
        assert!(!shape.accepts(&zoned, &naive) && !shape.accepts(&naive, &zoned));
    }

    #[test]
    fn hides_one_uuid_for_another_and_nothing_else() {
        let uuid = Compiled::new(&Shape::Uuid).unwrap();
        let (a, b) = ("c3d1e7a4-11aa-4b2c-9d3e-5f60718293a4", "D4E2F8B5-22BB-4C3D-8E4F-60718293A4B5");
        assert!(uuid.accepts(&text(a), &text(b)));
        for other in
            [text("undefined"), text(""), Operand::Other(NodeKind::Null), Operand::Absent, Operand::Number("1")]
        {
            assert!(!uuid.accepts(&text(a), &other) && !uuid.accepts(&other, &text(a)), "{other:?}");
        }
    }

    #[test]
    fn same_type_is_about_type_alone() {
        let same = Compiled::new(&Shape::SameType).unwrap();
        assert!(same.accepts(&Operand::Number("1"), &Operand::Number("2")));
        assert!(!same.accepts(&Operand::Number("1"), &text("1")));
        assert!(!same.accepts(&Operand::Absent, &Operand::Absent));
        assert!(!same.accepts(&text("x"), &Operand::Other(NodeKind::Null)));
    }

    #[test]
    fn a_pattern_means_the_whole_value() {
        let pattern = Compiled::new(&Shape::Pattern("ord-[0-9]+|x".into())).unwrap();
        assert!(pattern.accepts(&text("ord-1"), &text("ord-22")));
        assert!(
            !pattern.accepts(&text("ord-1"), &text("ord-22 ")) && !pattern.accepts(&text("ord-1"), &text("my ord-2"))
        );
        for refused in [".*", ".+", "[0-9]*", "(?s).*", "^", "(", "\\S*", "[^\u{0}]+"] {
            assert!(Compiled::new(&Shape::Pattern(refused.into())).is_err(), "{refused}");
        }
    }

    #[test]
    fn a_timestamp_must_be_a_real_one() {
        let shape = Compiled::new(&Shape::Timestamp).unwrap();
        assert!(shape.accepts(&text("2026-11-23T10:00:00Z"), &text("2027-01-01 00:00:00+01:00")));
        assert!(!shape.accepts(&text("2026-11-23T10:00:00Z"), &text("2026-02-30T10:00:00Z")));
        assert!(!shape.accepts(&text("2026-11-23T10:00:00Z"), &text("2026-11-23")));
        assert!(!shape.accepts(&Operand::Number("1700000000"), &Operand::Number("1700000001")));
    }
}
