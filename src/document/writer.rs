//! The one spelling of canonical text: what markup and forms are written with, and how much they may grow by it.

use super::json::ParseError;

/// Bytes of canonical text for each byte of a body; beyond it somebody repeats a long name to make much out of little.
const GROWTH: usize = 16;
/// Bytes of canonical text that any body may have.
const ALWAYS: usize = 4 << 10;

/// Writes canonical text.
pub(super) struct Writer {
    out: String,
    most: usize,
    /// Nothing stands in the array or object that is open.
    first: bool,
}

impl Writer {
    /// For a body of so many bytes.
    pub(super) fn new(bytes: usize) -> Writer {
        let most = bytes.saturating_mul(GROWTH).saturating_add(ALWAYS);
        Writer { out: String::with_capacity(bytes.saturating_add(bytes / 4)), most, first: true }
    }

    pub(super) fn finish(self) -> Result<String, ParseError> {
        if self.out.len() > self.most { Err(ParseError::TooLarge) } else { Ok(self.out) }
    }

    /// True where so much was written that the rest need not be.
    pub(super) fn is_full(&self) -> bool {
        self.out.len() > self.most
    }

    /// Opens an array or an object.
    pub(super) fn open(&mut self, bracket: char) {
        self.comma();
        self.out.push(bracket);
        self.first = true;
    }

    pub(super) fn close(&mut self, bracket: char) {
        self.out.push(bracket);
        self.first = false;
    }

    /// The name of a member; its value comes next.
    pub(super) fn name(&mut self, name: &str) {
        self.comma();
        push_string(&mut self.out, name);
        self.out.push(':');
        self.first = true;
    }

    pub(super) fn string(&mut self, text: &str) {
        self.comma();
        push_string(&mut self.out, text);
        self.first = false;
    }

    /// A name that is JSON text already, quotes included.
    pub(super) fn spelled_name(&mut self, name: &str) {
        self.comma();
        self.out.push_str(name);
        self.out.push(':');
        self.first = true;
    }

    /// A string that is JSON text already, quotes included.
    pub(super) fn spelled(&mut self, text: &str) {
        self.comma();
        self.out.push_str(text);
        self.first = false;
    }

    /// The attributes of an element, which come after its children. They are sorted here: their order means nothing.
    pub(super) fn attributes(&mut self, element: &str, mut attributes: Vec<(String, String)>) {
        attributes.sort_unstable();
        let mut name = String::with_capacity(element.len() + 16);
        for (attribute, value) in attributes {
            if self.is_full() {
                return;
            }
            name.clear();
            name.push_str(element);
            name.push('@');
            name.push_str(&attribute);
            self.name(&name);
            self.string(&value);
        }
    }

    fn comma(&mut self) {
        if !std::mem::replace(&mut self.first, false) {
            self.out.push(',');
        }
    }
}

/// Appends a text as a JSON string: nothing is escaped that need not be, so that there is one spelling.
fn push_string(out: &mut String, text: &str) {
    out.push('"');
    let mut from = 0;
    for (at, byte) in text.bytes().enumerate() {
        let escape = match byte {
            b'"' => "\\\"",
            b'\\' => "\\\\",
            0..=0x1F => "",
            _ => continue,
        };
        out.push_str(text.get(from..at).unwrap_or_default());
        match escape {
            "" => out.push_str(&format!("\\u{byte:04x}")),
            escape => out.push_str(escape),
        }
        from = at + 1;
    }
    out.push_str(text.get(from..).unwrap_or_default());
    out.push('"');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn strings_are_json() {
        let text = "a\"b\\c\n\u{0}\u{1f}é\u{2028}😀";
        let mut out = String::new();
        push_string(&mut out, text);
        assert_eq!(serde_json::from_str::<String>(&out).unwrap(), text);
        assert_eq!(out, "\"a\\\"b\\\\c\\u000a\\u0000\\u001fé\u{2028}😀\"");
    }

    #[test]
    fn much_is_not_made_out_of_little() {
        let mut writer = Writer::new(0);
        writer.open('{');
        writer.attributes(&"x".repeat(1_000), vec![("a".into(), String::new()); 1_000]);
        writer.close('}');
        assert!(writer.out.len() < 8_000, "{}", writer.out.len());
        assert_eq!(writer.finish(), Err(ParseError::TooLarge));
    }
}
