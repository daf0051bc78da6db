//! What one rule makes of two texts, with no document around them: for proposals, which are tried on whole answers later.

use super::value::Operand;
use super::{RuleKind, decode, text};

/// True where two strings are equal under this kind alone; of kinds that do not read a string by itself, never.
pub(crate) fn accepts_alone(kind: &RuleKind, primary: &str, candidate: &str) -> bool {
    let [a, b] = [primary, candidate].map(|text| Operand::Text(text.as_bytes().into()));
    match kind {
        RuleKind::Text(modes) => text::Compiled::new(modes).is_ok_and(|rule| {
            let made = |value: &Operand<'_>, text: &str| rule.apply(value).unwrap_or_else(|| text.to_owned());
            made(&a, primary) == made(&b, candidate)
        }),
        RuleKind::Decode(codecs) => decode::Compiled::new(codecs).is_ok_and(|rule| rule.accepts(&a, &b)),
        _ => false,
    }
}
