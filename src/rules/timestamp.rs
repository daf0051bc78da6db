//! `timestamp`: both name the same instant, in any spelling of RFC 3339 (also `+0800`, a space for `T`, any fraction).
//!
//! A timestamp without a zone is never equal to one with: a lost zone is a bug. Numbers are not timestamps here.

use super::value::Operand;

/// A point in time as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Timestamp {
    /// Nanoseconds since 1970 in its zone, or in its unknown one.
    pub(crate) nanos: i128,
    /// True where a zone is written.
    pub(crate) zoned: bool,
}

pub(super) fn accepts(within_us: u64, primary: &Operand<'_>, candidate: &Operand<'_>) -> bool {
    match (primary.text().and_then(parse), candidate.text().and_then(parse)) {
        (Some(a), Some(b)) => {
            a.zoned == b.zoned && a.nanos.abs_diff(b.nanos) <= u128::from(within_us).saturating_mul(1_000)
        }
        _ => false,
    }
}

/// Reads `YYYY-MM-DD[T ]HH:MM:SS[.fraction][Z|±HH[:]MM|±HH]`; only real dates and times.
pub(crate) fn parse(text: &str) -> Option<Timestamp> {
    let bytes = text.as_bytes();
    if bytes.len() < 19 || bytes.len() > 64 {
        return None;
    }
    let number = |from: usize, length: usize| -> Option<i64> {
        let digits = bytes.get(from..from + length)?;
        digits.iter().try_fold(0_i64, |sum, digit| digit.is_ascii_digit().then(|| sum * 10 + i64::from(digit - b'0')))
    };
    let is = |at: usize, any: &[u8]| bytes.get(at).is_some_and(|byte| any.contains(byte));
    if !(is(4, b"-") && is(7, b"-") && is(10, b"Tt ") && is(13, b":") && is(16, b":")) {
        return None;
    }
    let (year, month, day) = (number(0, 4)?, number(5, 2)?, number(8, 2)?);
    let (hour, minute, second) = (number(11, 2)?, number(14, 2)?, number(17, 2)?);
    if !(1..=12).contains(&month) || day < 1 || day > days_in(year, month) || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let mut at = 19;
    let mut fraction = 0_i128;
    if is(at, b".,") {
        let digits = bytes.get(at + 1..)?.iter().take_while(|byte| byte.is_ascii_digit()).count();
        if digits == 0 || digits > 9 && bytes.get(at + 10..at + 1 + digits)?.iter().any(|digit| *digit != b'0') {
            return None;
        }
        let kept = digits.min(9);
        fraction = i128::from(number(at + 1, kept)?) * 10_i128.pow(9 - kept as u32);
        at += 1 + digits;
    }
    let zone = zone(bytes.get(at..)?)?;
    let seconds = days_from_civil(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second;
    let seconds = seconds - zone.unwrap_or(0) * 60;
    Some(Timestamp { nanos: i128::from(seconds) * 1_000_000_000 + fraction, zoned: zone.is_some() })
}

/// Minutes east of UTC; `Some(None)` where nothing is written, `None` where it is no zone.
fn zone(text: &[u8]) -> Option<Option<i64>> {
    let two =
        |a: u8, b: u8| (a.is_ascii_digit() && b.is_ascii_digit()).then(|| i64::from((a - b'0') * 10 + (b - b'0')));
    let (sign, hours, minutes) = match *text {
        [] => return Some(None),
        [b'Z' | b'z'] => return Some(Some(0)),
        [sign, a, b] => (sign, two(a, b)?, 0),
        [sign, a, b, c, d] | [sign, a, b, b':', c, d] => (sign, two(a, b)?, two(c, d)?),
        _ => return None,
    };
    if hours > 23 || minutes > 59 {
        return None;
    }
    match sign {
        b'+' => Some(Some(hours * 60 + minutes)),
        b'-' => Some(Some(-(hours * 60 + minutes))),
        _ => None,
    }
}

fn days_in(year: i64, month: i64) -> i64 {
    match month {
        4 | 6 | 9 | 11 => 30,
        2 if year % 4 == 0 && (year % 100 != 0 || year % 400 == 0) => 29,
        2 => 28,
        _ => 31,
    }
}

/// Days since 1970-01-01. After Howard Hinnant, "chrono-compatible low-level date algorithms".
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = year - i64::from(month <= 2);
    let era = year.div_euclid(400);
    let year_of_era = year.rem_euclid(400);
    let day_of_year = (153 * ((month + 9) % 12) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

#[cfg(test)]
mod tests {
    use super::*;

    fn same(a: &str, b: &str, within_us: u64) -> bool {
        accepts(within_us, &Operand::Text(a.as_bytes().into()), &Operand::Text(b.as_bytes().into()))
    }

    #[test]
    fn the_same_instant_in_any_spelling() {
        assert!(same("2026-11-23T12:00:00Z", "2026-11-23T13:00:00+01:00", 0));
        assert!(same("2026-11-23T12:00:00Z", "2026-11-23 20:00:00.000+0800", 0));
        assert!(same("1969-12-31T23:59:59.5Z", "1970-01-01T00:59:59.500000+01", 0));
        assert!(same("2031-03-04T05:06:07.213+0800", "2031-03-04T05:06:07.223+0800", 1_000_000));
        assert_eq!(parse("1970-01-01T00:00:00Z"), Some(Timestamp { nanos: 0, zoned: true }));
        assert_eq!(parse("2000-02-29T00:00:00Z").map(|t| t.nanos / 1_000_000_000), Some(951_782_400));
    }

    #[test]
    fn hides_no_other_instant() {
        assert!(!same("2026-11-23T12:00:00Z", "2026-11-23T12:00:00+01:00", 0), "zone changed");
        assert!(!same("2026-11-23T12:00:00Z", "2026-11-23T12:00:00", 3_600_000_000), "zone lost");
        assert!(!same("2026-02-28T12:00:00Z", "2026-02-30T12:00:00Z", u64::MAX), "no such date");
        assert!(!same("2031-03-04T05:06:07Z", "2031-03-04T05:06:10Z", 2_000_000), "outside the tolerance");
        assert!(!same("2031-03-04T05:06:07Z", "", u64::MAX) && !same("2031-03-04T05:06:07Z", "2031-03-04", u64::MAX));
        let (number, text) = (Operand::Number("1700000000"), Operand::Text(b"2023-11-14T22:13:20Z"[..].into()));
        assert!(!accepts(u64::MAX, &number, &text) && !accepts(u64::MAX, &number, &Operand::Number("1700000001")));
    }
}
