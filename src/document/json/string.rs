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
                        out.push_str(&format!("\\u{unit:04x}"));
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

/// The name that a reference token of RFC 6901 spells, without its `/`.
pub fn token_name(token: &str) -> String {
    token.replace("~1", "/").replace("~0", "~")
}

/// Appends a reference token of RFC 6901: `/`, then the name with `~` as `~0` and `/` as `~1`.
pub fn pointer_token(out: &mut String, name: &[u8]) {
    out.push('/');
    if let Ok(plain) = std::str::from_utf8(name)
        && !name.iter().any(|byte| matches!(byte, b'~' | b'/'))
    {
        return out.push_str(plain);
    }
    for char in spell(name).chars() {
        match char {
            '~' => out.push_str("~0"),
            '/' => out.push_str("~1"),
            char => out.push(char),
        }
    }
}
