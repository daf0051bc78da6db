//! Times in header fields: the same instant in any spelling, absolute times relative to the answer's own Date.

use super::{Difference, Fields, Severity, only};
use http::HeaderMap;

/// The two answers were made up to this long apart, by clocks that are read to the second.
pub(super) const TOLERANCE_S: i64 = 2;

/// The Date field, seconds since the Unix epoch.
pub(super) fn of(headers: &HeaderMap) -> Option<i64> {
    parse(headers.get(http::header::DATE)?.to_str().ok()?)
}

/// Expires as what it means: for how long the answer is fresh. What is no date is stale (RFC 9111 section 5.3).
pub(super) fn compare_expires(fields: &Fields<'_>, out: &mut Vec<Difference>) {
    if fields.one_sided(Severity::Low, out) {
        return;
    }
    let fresh_for = |lines: &[_], now: Option<i64>| {
        only(lines).and_then(|line| parse(&line)).map(|at| now.map_or(at, |now| (at - now).max(0)))
    };
    let both_dated = fields.dates.0.is_some() && fields.dates.1.is_some();
    let now = |date: Option<i64>| date.filter(|_| both_dated);
    let (a, b) = (fresh_for(&fields.primary, now(fields.dates.0)), fresh_for(&fields.candidate, now(fields.dates.1)));
    let stale = |fresh: Option<i64>| fresh.is_none_or(|seconds| seconds <= 0);
    let same = match (a, b) {
        _ if stale(a) != stale(b) => false,
        (Some(a), Some(b)) => a.abs_diff(b) <= TOLERANCE_S as u64,
        _ => true,
    };
    if !same {
        fields.push("value", Severity::Low, "lifetime", out);
    }
}

/// One instant, however spelled.
pub(super) fn compare_instant(fields: &Fields<'_>, out: &mut Vec<Difference>) {
    let instant = |lines: &[_]| only(lines).and_then(|line| parse(&line));
    match (instant(&fields.primary), instant(&fields.candidate)) {
        (Some(a), Some(b)) if a == b => {}
        _ => fields.compare_lines(out),
    }
}

/// A date as RFC 6265 section 5.1.1 reads one, which takes in the three spellings of RFC 9110 and what servers really
/// send. Seconds since the Unix epoch; `None` where it is no date.
pub(crate) fn parse(text: &str) -> Option<i64> {
    const MONTHS: [&str; 12] = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"];
    let (mut day, mut month, mut year, mut time) = (None, None, None, None);
    let lower = text.to_ascii_lowercase();
    for token in lower.split(|c: char| !c.is_ascii_alphanumeric() && c != ':').filter(|t| !t.is_empty()) {
        if time.is_none() && token.contains(':') {
            let mut parts = token.split(':').map(|part| part.parse::<i64>().ok());
            time = Some((parts.next()??, parts.next()??, parts.next()??));
        } else if day.is_none() && token.len() <= 2 && token.bytes().all(|b| b.is_ascii_digit()) {
            day = token.parse::<i64>().ok();
        } else if month.is_none()
            && let Some(at) = MONTHS.iter().position(|name| token.starts_with(name))
        {
            month = i64::try_from(at + 1).ok();
        } else if year.is_none() && matches!(token.len(), 2 | 4) && token.bytes().all(|b| b.is_ascii_digit()) {
            year = token.parse::<i64>().ok().map(|y| match y {
                0..70 => y + 2000,
                70..100 => y + 1900,
                _ => y,
            });
        }
    }
    let ((hour, minute, second), day, month, year) = (time?, day?, month?, year?);
    let in_range = (1..=31).contains(&day) && year >= 1601 && hour < 24 && minute < 60 && second <= 60;
    in_range.then(|| days_from_civil(year, month, day) * 86_400 + hour * 3_600 + minute * 60 + second)
}

/// Days since the Unix epoch of a date in the Gregorian calendar (Howard Hinnant, "chrono-Compatible Low-Level Date
/// Algorithms", `days_from_civil`).
fn days_from_civil(year: i64, month: i64, day: i64) -> i64 {
    let year = if month <= 2 { year - 1 } else { year };
    let era = year.div_euclid(400);
    let year_of_era = year - era * 400;
    let day_of_year = (153 * (if month > 2 { month - 3 } else { month + 9 }) + 2) / 5 + day - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}
