//! How values are spelled: durations, sizes, rates, percentages, dates, methods, header names. Pure text in, value out.
//!
//! Each function answers `Err` with what is allowed; the caller knows where the text stands.

use super::raw::Scalar;
use std::num::NonZeroU32;
use std::time::Duration;
use toml::value::Datetime;

pub(super) const DURATIONS: &str = "a number and its unit: us, ms, s, m, h or d (\"250ms\", \"30s\", \"7d\")";
pub(super) const SIZES: &str = "bytes, as a number or with B, KB, MB, GB, KiB, MiB or GiB (\"16MiB\")";
pub(super) const RATES: &str = "a whole number a second, from 1 (\"200/s\"), or \"none\"";
pub(super) const PERCENTAGES: &str = "0 to 100 with at most two decimals (12.5 or \"12.5%\")";

/// Digits (with decimals) and what follows them.
fn split_number(text: &str) -> Option<(&str, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit() && c != '.').unwrap_or(text.len());
    (end > 0).then(|| (&text[..end], text[end..].trim()))
}

/// `30s`, `250ms`, `1.5h`; at most 10 years.
pub(super) fn duration(text: &str) -> Result<Duration, &'static str> {
    let (number, unit) = split_number(text.trim()).ok_or(DURATIONS)?;
    let number: f64 = number.parse().map_err(|_| DURATIONS)?;
    let seconds = match unit {
        "us" => number / 1e6,
        "ms" => number / 1e3,
        "s" => number,
        "m" => number * 60.0,
        "h" => number * 3_600.0,
        "d" => number * 86_400.0,
        _ => return Err(DURATIONS),
    };
    if seconds > 315_360_000.0 {
        return Err("at most 3650d");
    }
    // Rounded to whole nanoseconds by the standard library; a millisecond stays a millisecond.
    Ok(Duration::from_micros((seconds * 1e6).round() as u64))
}

/// `16MiB`, `64 KB`, `1048576`; at most 2^62 bytes.
pub(super) fn size(value: &Scalar) -> Result<u64, &'static str> {
    let text = match value {
        Scalar::Integer(bytes) => return u64::try_from(*bytes).map_err(|_| SIZES),
        Scalar::Float(_) => return Err(SIZES),
        Scalar::Text(text) => text.trim(),
    };
    let (number, unit) = split_number(text).ok_or(SIZES)?;
    let number: u64 = number.parse().map_err(|_| SIZES)?;
    let factor: u64 = match unit {
        "" | "B" => 1,
        "KB" | "kB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err(SIZES),
    };
    number.checked_mul(factor).filter(|bytes| *bytes < 1 << 62).ok_or(SIZES)
}

/// `200/s`; `none` is no limit.
pub(super) fn rate(text: &str) -> Result<Option<NonZeroU32>, &'static str> {
    if text.trim() == "none" {
        return Ok(None);
    }
    let number = text.trim().strip_suffix("/s").ok_or(RATES)?.trim();
    number.parse::<NonZeroU32>().map(Some).map_err(|_| RATES)
}

/// `12.5` or `"12.5%"`, in hundredths of a percent.
pub(super) fn basis_points(value: &Scalar) -> Result<u32, &'static str> {
    let percent: f64 = match value {
        Scalar::Integer(whole) => *whole as f64,
        Scalar::Float(number) => *number,
        Scalar::Text(text) => text.trim().strip_suffix('%').unwrap_or("").trim().parse().map_err(|_| PERCENTAGES)?,
    };
    let points = percent * 100.0;
    // 12.34 % is 1233.9999… in binary: what is within rounding of a whole number of points is meant.
    if !(0.0..=10_000.0).contains(&points) || (points - points.round()).abs() > 1e-6 {
        return Err(PERCENTAGES);
    }
    Ok(points.round() as u32)
}

/// `2027-03-31`, as days since the Unix epoch.
pub(super) fn day(date: &Datetime) -> Result<i64, &'static str> {
    const ALLOWED: &str = "a date without time or quotes (2027-03-31)";
    let (Some(date), None) = (date.date, date.time) else { return Err(ALLOWED) };
    let (year, month, day) = (i16::try_from(date.year), i8::try_from(date.month), i8::try_from(date.day));
    let (Ok(year), Ok(month), Ok(day)) = (year, month, day) else { return Err(ALLOWED) };
    let civil = jiff::civil::Date::new(year, month, day).map_err(|_| ALLOWED)?;
    let since = civil.since(jiff::civil::Date::constant(1970, 1, 1)).map_err(|_| ALLOWED)?;
    Ok(i64::from(since.get_days()))
}

/// A day since the Unix epoch in ISO spelling.
pub(super) fn day_text(days: i64) -> String {
    i32::try_from(days)
        .ok()
        .and_then(|days| {
            let span = jiff::Span::new().try_days(days).ok()?;
            jiff::civil::Date::constant(1970, 1, 1).checked_add(span).ok()
        })
        .map_or_else(|| format!("day {days}"), |date| date.to_string())
}

/// A method in its usual capitals.
pub(super) fn method(text: &str) -> Result<http::Method, &'static str> {
    const ALLOWED: &str = "a method in capitals (GET, HEAD, POST, …)";
    if text.is_empty() || !text.bytes().all(|b| b.is_ascii_uppercase() || b == b'-' || b == b'_') {
        return Err(ALLOWED);
    }
    http::Method::from_bytes(text.as_bytes()).map_err(|_| ALLOWED)
}

/// A header's name, lower case.
pub(super) fn header_name(text: &str) -> Result<http::HeaderName, &'static str> {
    http::HeaderName::from_bytes(text.trim().as_bytes()).map_err(|_| "the name of a header field (x-build)")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations() {
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("1.5h"), Ok(Duration::from_secs(5_400)));
        assert_eq!(duration("7d"), Ok(Duration::from_secs(604_800)));
        for bad in ["", "30", "s", "30 sec", "-1s", "1.2.3s", "1e9s", "99999d"] {
            assert!(duration(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn sizes() {
        assert_eq!(size(&Scalar::Text("16MiB".into())), Ok(16 << 20));
        assert_eq!(size(&Scalar::Text("64 KB".into())), Ok(64_000));
        assert_eq!(size(&Scalar::Integer(7)), Ok(7));
        for bad in ["", "MiB", "1.5MiB", "1XB", "99999999999GiB"] {
            assert!(size(&Scalar::Text(bad.into())).is_err(), "{bad}");
        }
        assert!(size(&Scalar::Integer(-1)).is_err());
    }

    #[test]
    fn rates_and_percentages() {
        assert_eq!(rate("200/s"), Ok(NonZeroU32::new(200)));
        assert_eq!(rate("none"), Ok(None));
        assert!(rate("0/s").is_err() && rate("200").is_err() && rate("5/m").is_err());
        assert_eq!(basis_points(&Scalar::Float(12.34)), Ok(1_234));
        assert_eq!(basis_points(&Scalar::Text("0.5%".into())), Ok(50));
        assert_eq!(basis_points(&Scalar::Integer(100)), Ok(10_000));
        for bad in [Scalar::Integer(101), Scalar::Float(-0.1), Scalar::Float(f64::NAN), Scalar::Float(0.001)] {
            assert!(basis_points(&bad).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn days() {
        let date: Datetime = "2027-03-31".parse().unwrap();
        let days = day(&date).unwrap();
        assert_eq!(days, 20_908);
        assert_eq!(day_text(days), "2027-03-31");
        assert!(day(&"2027-03-31T10:00:00".parse().unwrap()).is_err());
    }
}
