//! Texts that mean the same in another spelling, and numbers that are the same but for the last digits of a binary fraction
//! or that the monolith makes anew.

use super::pair::Pairs;
use crate::document::json::is_json_number;
use crate::rules::{Codec, NumberTolerance, RuleKind, Shape, TextMode, accepts_alone, is_uuid};

/// What adding up binary fractions in another order makes, with room: of an instant in seconds it hides no millisecond.
const LAST_DIGITS: &str = "0.0000000000001";
const NEAR: f64 = 1e-14;
/// What names of numbers say that are made for the answer. A count of something is none of these.
const OF_THE_ANSWER: [&str; 11] =
    ["took", "elapsed", "duration", "latency", "_ms", "_us", "millis", "uptime", "random", "load", "runtime"];

pub(super) fn text(pairs: &Pairs<'_>) -> Option<(RuleKind, String)> {
    let texts = pairs.texts()?;
    let of_modes = |modes: &[TextMode]| RuleKind::Text(modes.to_vec());
    let equal = |kind: &RuleKind| texts.iter().all(|[a, b]| accepts_alone(kind, a, b));
    let by_modes: [(&[TextMode], &str); 4] = [
        (&[TextMode::Crlf], "the same lines, ended otherwise"),
        (&[TextMode::Nfc], "the same characters, composed otherwise"),
        (&[TextMode::Trim], "the same text but for white space at its ends"),
        (&[TextMode::Case], "the same digits: case means nothing in hexadecimal"),
    ];
    for (modes, why) in by_modes {
        let kind = of_modes(modes);
        let sound = match modes {
            [TextMode::Case] => texts.iter().flatten().all(|text| is_hexadecimal(text)),
            // of several lines the first would move against the others
            [TextMode::Trim] => {
                texts.iter().flatten().all(|text| !text.trim().is_empty() && !text.trim().contains('\n'))
            }
            _ => true,
        };
        if sound && equal(&kind) {
            return Some((kind, why.to_owned()));
        }
    }
    let json = RuleKind::Decode(vec![Codec::Json]);
    // a number or a word is JSON too, but nobody means it so
    let documents = texts.iter().flatten().all(|text| text.trim_start().starts_with(['{', '[']));
    if documents && equal(&json) {
        return Some((json, "the same JSON document within the string, spelled otherwise".to_owned()));
    }
    None
}

fn is_hexadecimal(text: &str) -> bool {
    let digits = text.len() >= 16 && text.len().is_multiple_of(2) && text.bytes().all(|b| b.is_ascii_hexdigit());
    (is_uuid(text) || digits) && text.bytes().any(|b| b.is_ascii_digit())
}

pub(super) fn number(pairs: &Pairs<'_>) -> Option<(RuleKind, String)> {
    let numbers = || pairs.all.iter().flat_map(|pair| pair.raw);
    if pairs.all.iter().any(|pair| pair.text.is_some()) || !numbers().all(is_json_number) {
        return None;
    }
    // integers are counts, prices or ids: of those every digit counts
    let broken = |raw: &str| raw.contains(['.', 'e', 'E']) && raw.parse::<f64>().is_ok_and(|n| n.fract() != 0.0);
    let near = pairs.all.iter().all(|pair| {
        let [a, b] = pair.raw.map(|raw| raw.parse::<f64>().unwrap_or(f64::NAN));
        (a - b).abs() <= NEAR * a.abs().max(b.abs())
    });
    // whole digits beyond what a price or a measurement has
    let long = |raw: &str| raw.bytes().filter(u8::is_ascii_digit).count() >= 15;
    let from_sums = pairs.all.iter().all(|pair| pair.raw.into_iter().any(long) && pair.raw.into_iter().any(broken));
    if near && from_sums {
        let tolerance = NumberTolerance { rel: Some(LAST_DIGITS.into()), ..NumberTolerance::default() };
        return Some((RuleKind::Number(tolerance), "the same but for the last digits of a binary fraction".to_owned()));
    }
    let name = pairs.name();
    if !pairs.are_volatile() || !OF_THE_ANSWER.iter().any(|word| name.contains(word)) {
        return None;
    }
    // what is always less, or never changes sign, is another count; a constant is none
    let values = |side: usize| pairs.all.iter().map(move |pair| pair.raw[side].parse::<f64>().unwrap_or(f64::NAN));
    let less = values(0).zip(values(1)).filter(|(a, b)| b < a).count();
    let mixed = less >= 2 && pairs.all.len() - less >= 2;
    let rises = pairs.all.windows(2).all(|two| {
        let at =
            |pair: &super::Pair<'_>| (pair.exemplar.received_at_ms, pair.raw[0].parse::<f64>().unwrap_or(f64::NAN));
        let ((t, a), (u, b)) = (at(&two[0]), at(&two[1]));
        (t <= u) == (a <= b)
    });
    let why = "asked for the same again, the monolith gives another number each time, and so does the candidate, now more, now less";
    (mixed && !rises).then(|| (RuleKind::Shape(Shape::Number), why.to_owned()))
}
