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
