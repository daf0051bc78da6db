//! JSON: a view as it is, indented, with a newline at the end.

use serde::Serialize;
use std::borrow::Cow;
use std::fmt::Write as _;
use std::io::{self, Write};

/// Writes any view.
pub fn write<T: Serialize>(out: &mut dyn Write, view: &T) -> io::Result<()> {
    let mut text = serde_json::to_string_pretty(view)?;
    if let Cow::Owned(escaped) = escape(&text) {
        text = escaped;
    }
    text.push('\n');
    out.write_all(text.as_bytes())
}

/// DEL and C1 controls may stand in JSON strings as they are, and some terminals obey them. They occur nowhere else in
/// JSON, so an escape in their place leaves every value what it is.
fn steers(c: char) -> bool {
    matches!(c, '\u{7f}'..='\u{9f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// JSON text that no terminal obeys, every value the same.
pub(super) fn escape(text: &str) -> Cow<'_, str> {
    if !text.chars().any(steers) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 16);
    for c in text.chars() {
        match steers(c) {
            true => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            false => out.push(c),
        }
    }
    Cow::Owned(out)
}

#[cfg(test)]
mod tests {
    #[test]
    fn controls_are_escaped_and_the_value_stays() {
        let mut out = Vec::new();
        super::write(&mut out, &["a\u{9b}31m\u{202e}b\u{1b}"]).unwrap();
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("a\\u009b31m\\u202eb\\u001b"), "{text}");
        assert_eq!(serde_json::from_str::<Vec<String>>(&text).unwrap(), ["a\u{9b}31m\u{202e}b\u{1b}"]);
    }
}
