//! Markup and forms as canonical JSON text: two documents that mean the same become the same text, so that hashing,
//! alignment, rules and pointers of the JSON comparison hold for them too.
//!
//! An element is an object: its name holds its children in order, and `name@attribute` each of its attributes.
//! `<a href="/x">y<br></a>` is `{"a":["y",{"br":[]}],"a@href":"/x"}`. A text is a string. So a step into an element is its
//! name and then a position, and a pointer reads `/html/1/body/0/a@href`.

use super::json::ParseError;
use super::{Media, form, html, xml};

/// Canonical texts of two bodies that are read alike: [`Media::Html`], [`Media::Xml`] or [`Media::Form`].
///
/// `depth` bounds the nesting of elements; HTML has a bound of its own besides. An error is of its side: HTML is only ever
/// too deep or too large, a form never fails. `None` is a body that is malformed in its charset.
pub fn canonical_pair(media: Media, texts: [Option<&str>; 2], depth: usize) -> [Result<String, ParseError>; 2] {
    // A part of a page is read as one only where the other side is one too: else a page is what both are.
    let part = texts.iter().flatten().all(|text| html::is_part(text));
    texts.map(|text| match (text, media) {
        (None, _) => Err(ParseError::Syntax { offset: 0, message: "malformed in its charset" }),
        (Some(text), Media::Html) => html::canonical(text, part, depth),
        (Some(text), Media::Xml) => xml::canonical(text, depth),
        (Some(text), _) => form::canonical(text),
    })
}

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
