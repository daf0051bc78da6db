//! JSON strings: unescaping to WTF-8 (lone surrogates stay what they are), and spelling text as JSON again.

/// A string's content from its text within the quotes, which the tokenizer has checked. UTF-8, but a surrogate without its
/// other half is written as its three bytes, so that any two different strings stay different.
pub fn unescape(inner: &str) -> Vec<u8> {
    let bytes = inner.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut rest = bytes;
    while let Some(at) = memchr::memchr(b'\\', rest) {
        out.extend_from_slice(rest.get(..at).unwrap_or(&[]));
        let (unit, after) = escape_at(rest.get(at + 1..).unwrap_or(&[]));
        rest = after;
        match unit {
            Unit::Byte(byte) => out.push(byte),
            Unit::Code(high @ 0xD800..=0xDBFF) => {
                let low = match rest {
                    [b'\\', b'u', ..] => match escape_at(rest.get(1..).unwrap_or(&[])) {
                        (Unit::Code(low @ 0xDC00..=0xDFFF), after) => Some((low, after)),
                        _ => None,
                    },
                    _ => None,
                };
                match low {
                    Some((low, after)) => {
                        rest = after;
                        push_code(&mut out, 0x10000 + ((u32::from(high) - 0xD800) << 10) + (u32::from(low) - 0xDC00));
                    }
                    None => push_code(&mut out, u32::from(high)),
                }
            }
            Unit::Code(unit) => push_code(&mut out, u32::from(unit)),
        }
    }
    out.extend_from_slice(rest);
    out
}

enum Unit {
    Byte(u8),
    Code(u16),
}

/// What follows a backslash, and the rest after it.
fn escape_at(text: &[u8]) -> (Unit, &[u8]) {
    match text {
        [b'u', hex @ ..] => {
            let digits = hex.get(..4).unwrap_or(&[]);
            let unit = digits.iter().fold(0_u16, |unit, digit| unit << 4 | u16::from(hex_digit(*digit).unwrap_or(0)));
            (Unit::Code(unit), hex.get(4..).unwrap_or(&[]))
        }
        [letter, rest @ ..] => {
            let byte = match letter {
                b'n' => b'\n',
                b't' => b'\t',
                b'r' => b'\r',
                b'b' => 8,
                b'f' => 12,
                other => *other,
            };
            (Unit::Byte(byte), rest)
        }
        [] => (Unit::Byte(b'\\'), &[]),
    }
}

pub(super) fn hex_digit(byte: u8) -> Option<u8> {
    match byte {
        b'0'..=b'9' => Some(byte - b'0'),
        b'a'..=b'f' => Some(byte - b'a' + 10),
        b'A'..=b'F' => Some(byte - b'A' + 10),
        _ => None,
    }
}

/// Appends a code point in UTF-8; a surrogate likewise, in three bytes.
fn push_code(out: &mut Vec<u8>, code: u32) {
    match char::from_u32(code) {
        Some(char) => out.extend_from_slice(char.encode_utf8(&mut [0; 4]).as_bytes()),
        None => out.extend_from_slice(&[
            0xE0 | (code >> 12 & 0x0F) as u8,
            0x80 | (code >> 6 & 0x3F) as u8,
            0x80 | (code & 0x3F) as u8,
        ]),
    }
}

/// Content as text for people: a lone surrogate is spelled `\ud800`, as in its source.
pub fn spell(content: &[u8]) -> String {
    spell_with(content, "\\u")
}

fn spell_with(content: &[u8], mark: &str) -> String {
    let mut out = String::with_capacity(content.len());
    let mut rest = content;
    loop {
        match std::str::from_utf8(rest) {
            Ok(text) => {
                out.push_str(text);
                return out;
            }
            Err(error) => {
                let (good, bad) = rest.split_at(error.valid_up_to());
                out.push_str(std::str::from_utf8(good).unwrap_or(""));
                match bad {
                    [0xED, second @ 0xA0..=0xBF, third, after @ ..] => {
                        let unit = 0xD000 | u16::from(second & 0x3F) << 6 | u16::from(third & 0x3F);
                        out.push_str(&format!("{mark}{unit:04x}"));
                        rest = after;
                    }
                    [_, after @ ..] => {
                        out.push('\u{FFFD}');
                        rest = after;
                    }
                    [] => return out,
                }
            }
        }
    }
}

/// Content as a JSON string, quotes included.
pub fn escape(content: &[u8]) -> String {
    let mut out = String::with_capacity(content.len() + 2);
    out.push('"');
    let mut rest = content;
    while !rest.is_empty() {
        let (text, after) = match std::str::from_utf8(rest) {
            Ok(text) => (text, &[][..]),
            Err(error) => {
                let (good, bad) = rest.split_at(error.valid_up_to());
                let bad_len = if matches!(bad, [0xED, 0xA0..=0xBF, _, ..]) { 3 } else { 1 };
                (std::str::from_utf8(good).unwrap_or(""), bad.get(bad_len..).unwrap_or(&[]))
            }
        };
        for char in text.chars() {
            match char {
                '"' => out.push_str("\\\""),
                '\\' => out.push_str("\\\\"),
                '\n' => out.push_str("\\n"),
                '\r' => out.push_str("\\r"),
                '\t' => out.push_str("\\t"),
                char if (char as u32) < 0x20 => out.push_str(&format!("\\u{:04x}", char as u32)),
                char => out.push(char),
            }
        }
        let bad = rest.get(text.len()..rest.len() - after.len()).unwrap_or(&[]);
        if !bad.is_empty() {
            out.push_str(&spell(bad));
        }
        rest = after;
    }
    out.push('"');
    out
}

/// How a lone surrogate is written in a pointer that is text: `~ud800`, which no pointer of RFC 6901 holds, so that it is
/// another name than the six characters `\ud800`.
const SURROGATE: &str = "~u";

/// The name that a reference token of RFC 6901 spells, without its `/`; a lone surrogate as [`spell`] spells it.
pub fn token_name(token: &str) -> String {
    token.replace("~1", "/").replace(SURROGATE, "\\u").replace("~0", "~")
}

/// Appends a reference token of RFC 6901: `/`, then the name with `~` as `~0` and `/` as `~1`.
pub fn pointer_token(out: &mut String, name: &[u8]) {
    out.push('/');
    if let Ok(plain) = std::str::from_utf8(name)
        && !name.iter().any(|byte| matches!(byte, b'~' | b'/'))
    {
        return out.push_str(plain);
    }
    let mut token = Vec::with_capacity(name.len());
    for byte in name {
        match byte {
            b'~' => token.extend_from_slice(b"~0"),
            b'/' => token.extend_from_slice(b"~1"),
            byte => token.push(*byte),
        }
    }
    out.push_str(&spell_with(&token, SURROGATE));
}

/// The content of a pointer (or of a token) that is text: its lone surrogates are such again.
pub fn pointer_content(pointer: &str) -> Vec<u8> {
    let mut parts = pointer.split(SURROGATE);
    let mut out = parts.next().unwrap_or("").as_bytes().to_vec();
    for part in parts {
        match part.get(..4).and_then(|hex| u32::from_str_radix(hex, 16).ok()) {
            Some(unit) => {
                push_code(&mut out, unit);
                out.extend_from_slice(part.get(4..).unwrap_or("").as_bytes());
            }
            None => out.extend_from_slice(part.as_bytes()),
        }
    }
    out
}

/// The content of a pointer as text: what [`pointer_content`] undoes.
pub fn pointer_text(content: &[u8]) -> String {
    spell_with(content, SURROGATE)
}

/// The name that a token spells, as content.
pub fn token_content(token: &str) -> Vec<u8> {
    let plain = pointer_content(token);
    let mut out = Vec::with_capacity(plain.len());
    let mut rest = plain.as_slice();
    while let Some((first, after)) = rest.split_first() {
        let (byte, after) = match (first, after) {
            (b'~', [b'0', after @ ..]) => (b'~', after),
            (b'~', [b'1', after @ ..]) => (b'/', after),
            _ => (*first, after),
        };
        out.push(byte);
        rest = after;
    }
    out
}
