//! Timestamps: the same instant in another spelling, a fraction that was cut, the time of the answer, and what both sides make
//! anew each time. An hour more or less is none of these.

use super::pair::Pairs;
use crate::rules::{RuleKind, Shape, parse_timestamp};

const MS: i128 = 1_000_000;
const SECOND: i128 = 1_000 * MS;
const HOUR: i128 = 3_600 * SECOND;

/// An instant at each side, and when the exchange began; nanoseconds since 1970.
struct Times {
    primary: i128,
    candidate: i128,
    received: i128,
}

impl Times {
    fn apart(&self) -> i128 {
        (self.primary - self.candidate).abs()
    }
}

pub(super) fn time(pairs: &Pairs<'_>) -> Option<(RuleKind, String)> {
    let texts = pairs.texts()?;
    let times = texts.iter().zip(&pairs.all).map(|([a, b], pair)| {
        let (a, b) = (parse_timestamp(a)?, parse_timestamp(b)?);
        let received = i128::from(pair.exemplar.received_at_ms) * MS;
        (a.zoned == b.zoned).then_some((Times { primary: a.nanos, candidate: b.nanos, received }, a.zoned))
    });
    let times: Vec<(Times, bool)> = times.collect::<Option<_>>()?;
    // without a zone nobody knows which instant is meant, so that it cannot be held against a clock
    let zoned = times.iter().all(|(_, zoned)| *zoned);
    let times: Vec<Times> = times.into_iter().map(|(times, _)| times).collect();
    if times.iter().all(|one| one.apart() == 0) {
        return Some((RuleKind::Timestamp { within_us: 0 }, "the same instants, spelled otherwise".to_owned()));
    }
    cut(&times).or_else(|| if zoned { of_the_answer(pairs, &times) } else { None })
}

/// One side tells fewer decimals: its instants are the other's, cut or rounded.
fn cut(times: &[Times]) -> Option<(RuleKind, String)> {
    [(MS, 1_000, "milliseconds"), (SECOND, 1_000_000, "seconds")].into_iter().find_map(|(unit, within_us, name)| {
        let whole = |side: fn(&Times) -> i128| times.iter().all(|one| side(one) % unit == 0);
        let finer = match (whole(|one| one.primary), whole(|one| one.candidate)) {
            (true, false) => |one: &Times| one.candidate,
            (false, true) => |one: &Times| one.primary,
            _ => return None,
        };
        let coarser = |one: &Times| one.primary + one.candidate - finer(one);
        let is = |of: fn(i128, i128) -> i128| times.iter().all(|one| coarser(one) == of(finer(one), unit) * unit);
        let near =
            is(|instant, unit| instant.div_euclid(unit)) || is(|instant, unit| (instant + unit / 2).div_euclid(unit));
        // one that happens to have a fraction is no habit
        let with_fraction = times.iter().filter(|one| finer(one) % unit != 0).count();
        let why = format!("one side tells the instants in whole {name}, the other finer; otherwise they are the same");
        (near && with_fraction * 2 > times.len()).then_some((RuleKind::Timestamp { within_us }, why))
    })
}

/// Made for the answer: as far from the time of the request on both sides, whenever that was.
fn of_the_answer(pairs: &Pairs<'_>, times: &[Times]) -> Option<(RuleKind, String)> {
    let spread = |of: &dyn Fn(&Times) -> i128| {
        let (least, most) = (times.iter().map(of).min()?, times.iter().map(of).max()?);
        Some((least, most - least))
    };
    let (_, over) = spread(&|one| one.received)?;
    let (first, mine) = spread(&|one| one.primary - one.received)?;
    let (second, theirs) = spread(&|one| one.candidate - one.received)?;
    let apart = times.iter().map(Times::apart).max()?;
    let steady = over >= 60 * SECOND && mine <= 5 * SECOND && theirs <= 5 * SECOND;
    if steady && (first - second).abs() <= 5 * SECOND && apart <= 5 * SECOND {
        let within_us = if apart <= SECOND { 2_000_000 } else { 10_000_000 };
        let why = "both sides make it from the time at which they are asked";
        return Some((RuleKind::Timestamp { within_us }, why.to_owned()));
    }
    // made anew each time by both, of late, and no constant distance apart, which would be a zone or a setting
    let recent = |instant: i128, received: i128| (-24 * HOUR..5 * SECOND).contains(&(instant - received));
    let recent = times.iter().all(|one| recent(one.primary, one.received) && recent(one.candidate, one.received));
    let ahead = times.iter().filter(|one| one.candidate > one.primary).count();
    if pairs.are_volatile() && recent && ahead > 0 && ahead < times.len() {
        let why = "asked for the same again, the monolith gives another instant each time, and so does the candidate";
        return Some((RuleKind::Shape(Shape::Timestamp), why.to_owned()));
    }
    None
}
