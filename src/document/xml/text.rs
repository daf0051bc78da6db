//! The text of XML: characters that may stand there, line ends, references, and the attributes of a tag.

use quick_xml::events::Event;
use std::borrow::Cow;

pub(super) fn is_space(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\n' | '\r')
}

pub(super) fn is_blank(text: &str) -> bool {
    text.chars().all(is_space)
}

fn is_character(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='\u{FFFD}' | '\u{10000}'..)
}

/// Refuses characters that no XML document may hold (NUL and its kin).
pub(super) fn check(event: &Event<'_>) -> Result<(), &'static str> {
    let text: &str = event;
    if text.chars().all(is_character) { Ok(()) } else { Err("a character that XML does not allow") }
}

/// Line ends as the standard has them read: each one line feed.
pub(super) fn lines(text: &str) -> Cow<'_, str> {
    if text.contains('\r') { text.replace("\r\n", "\n").replace('\r', "\n").into() } else { text.into() }
}

/// The character that a reference stands for.
pub(super) fn reference(name: &str) -> Result<char, &'static str> {
    let code = match name.strip_prefix('#') {
        None => {
            return match name {
                "lt" => Ok('<'),
                "gt" => Ok('>'),
                "amp" => Ok('&'),
                "apos" => Ok('\''),
                "quot" => Ok('"'),
                _ => Err("an entity that is not declared"),
            };
        }
        Some(digits) => match digits.strip_prefix('x') {
            Some(hex) if hex.bytes().all(|b| b.is_ascii_hexdigit()) => u32::from_str_radix(hex, 16),
            None if digits.bytes().all(|b| b.is_ascii_digit()) => digits.parse(),
            _ => return Err("a reference to no character"),
        },
    };
    let character = code.ok().and_then(char::from_u32).filter(|c| is_character(*c));
    character.ok_or("a reference to no character")
}

/// The attributes within a tag, after its name: their names as written and their values as read.
pub(super) fn attributes(raw: &str) -> Result<Vec<(&str, String)>, &'static str> {
    const BROKEN: &str = "an attribute that is not name=\"value\"";
    let mut all = Vec::new();
    let mut rest = raw;
    loop {
        let trimmed = rest.trim_start_matches(is_space);
        if trimmed.is_empty() {
            return Ok(all);
        }
        if trimmed.len() == rest.len() {
            return Err("attributes without space between them");
        }
        let (name, after) = trimmed.split_once('=').ok_or(BROKEN)?;
        let after = after.trim_start_matches(is_space);
        let quote = after.chars().next().filter(|c| matches!(c, '"' | '\'')).ok_or(BROKEN)?;
        let (value, after) = after.get(1..).and_then(|inner| inner.split_once(quote)).ok_or(BROKEN)?;
        all.push((name.trim_end_matches(is_space), unescape(value)?));
        rest = after;
    }
}

/// An attribute's value: references as what they stand for, other white space as a space each.
fn unescape(raw: &str) -> Result<String, &'static str> {
    if raw.contains('<') {
        return Err("`<` in an attribute");
    }
    let mut out = String::with_capacity(raw.len());
    let mut rest = raw;
    while let Some((before, after)) = rest.split_once('&') {
        push_spaced(&mut out, before);
        let (name, after) = after.split_once(';').ok_or("an `&` that starts no reference")?;
        out.push(reference(name)?);
        rest = after;
    }
    push_spaced(&mut out, rest);
    Ok(out)
}

fn push_spaced(out: &mut String, text: &str) {
    out.extend(lines(text).chars().map(|c| if is_space(c) { ' ' } else { c }));
}
