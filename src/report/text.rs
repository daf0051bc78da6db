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

fn unsafe_to_print(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}'
            | '\u{061c}' | '\u{feff}')
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
}
