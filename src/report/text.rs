//! Words on a terminal: stored data is hostile, so control characters never reach it as such.

use crate::compare::Severity;
use anstyle::{AnsiColor, Style};
use std::fmt::Write;

/// The text on one line with every control and direction character spelled out (`\u{1b}`), so that a stored body cannot
/// move the cursor, set a title or turn the reading direction.
pub fn clean(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if unsafe_to_print(c) => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out
}

/// JSON text as people read it: `\\u00fc` becomes `ü` where that can be printed, so that two spellings of one string look
/// alike. Quotes, backslashes, control and direction characters and lone surrogates stay escaped.
pub fn readable(json: &str) -> String {
    let mut out = String::with_capacity(json.len());
    let mut rest = json;
    while let Some(at) = rest.find('\\') {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        let (taken, printed) = escape(rest);
        match printed {
            Some(c) => out.push(c),
            None => out.push_str(&rest[..taken]),
        }
        rest = &rest[taken..];
    }
    out.push_str(rest);
    out
}

/// Bytes of the escape that `text` begins with, and the character that it stands for, where that may be printed.
fn escape(text: &str) -> (usize, Option<char>) {
    let unit = |from: usize| text.get(from..from + 4).and_then(|hex| u32::from_str_radix(hex, 16).ok());
    let second = text.chars().nth(1).map_or(1, |c| 1 + c.len_utf8());
    if !text.starts_with("\\u") {
        return (second, None);
    }
    let (taken, code) = match (unit(2), text.get(6..8), unit(8)) {
        (Some(high @ 0xd800..=0xdbff), Some("\\u"), Some(low @ 0xdc00..=0xdfff)) => {
            (12, 0x1_0000 + ((high - 0xd800) << 10) + (low - 0xdc00))
        }
        (Some(code), _, _) => (6, code),
        (None, _, _) => return (second, None),
    };
    let shown = char::from_u32(code).filter(|c| !unsafe_to_print(*c) && !matches!(c, '"' | '\\'));
    (taken, shown)
}

fn unsafe_to_print(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            | '\u{061c}' | '\u{feff}')
}

/// A number with commas between thousands.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Clean, and no longer than so many characters.
pub fn short(text: &str, most: usize) -> String {
    let clean = clean(text);
    match clean.char_indices().nth(most) {
        None => clean,
        Some((at, _)) => format!("{}…", &clean[..at]),
    }
}

/// The colour of a severity.
pub fn severity_style(severity: Severity) -> Style {
    let colour = match severity {
        Severity::Critical => return Style::new().bold().fg_color(Some(AnsiColor::Red.into())),
        Severity::High => AnsiColor::Red,
        Severity::Medium => AnsiColor::Yellow,
        Severity::Low => AnsiColor::Blue,
    };
    Style::new().fg_color(Some(colour.into()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_text_cannot_steer_a_terminal() {
        let hostile = "a\u{1b}]0;owned\u{7}\r\n\u{9b}31m\u{202e}b";
        assert_eq!(clean(hostile), "a\\u{1b}]0;owned\\u{7}\\r\\n\\u{9b}31m\\u{202e}b");
        assert_eq!(short("Zoë likes it", 4), "Zoë …");
    }

    #[test]
    fn thousands_are_told_apart() {
        for (n, text) in [(0, "0"), (999, "999"), (1_000, "1,000"), (1_234_567, "1,234,567")] {
            assert_eq!(grouped(n), text);
        }
    }

    #[test]
    fn escapes_are_read_where_they_can_be_printed() {
        assert_eq!(readable(r#""\u00dcber \ud83d\ude2d""#), r#""Über 😭""#);
        let kept = r#""\u001b \u0022 \u005c \ud83d \u202e \n \\u00fc \u00g1 \"#;
        assert_eq!(readable(kept), kept);
    }
}
