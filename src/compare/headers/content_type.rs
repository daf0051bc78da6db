//! Content-Type: type and subtype without case, charset by the encoding it names, other parameters as a map.

use super::{Difference, Fields, Severity, only};
use crate::document::Media;
use encoding_rs::Encoding;
use std::collections::BTreeMap;

struct ContentType {
    essence: String,
    charset: Option<String>,
    rest: BTreeMap<String, String>,
}

pub(super) fn compare(fields: &Fields<'_>, out: &mut Vec<Difference>) {
    if fields.one_sided(Severity::High, out) {
        return;
    }
    let (Some(primary), Some(candidate)) = (only(&fields.primary), only(&fields.candidate)) else {
        return fields.compare_lines(out);
    };
    let (a, b) = (parse(&primary), parse(&candidate));
    if a.essence != b.essence {
        let shape = format!("{}→{}", Media::of(&a.essence).as_str(), Media::of(&b.essence).as_str());
        return fields.push("type", Severity::High, &shape, out);
    }
    if charset(&a) != charset(&b) {
        let shape = match (&a.charset, &b.charset) {
            (Some(_), None) => "missing",
            (None, Some(_)) => "added",
            _ => "value",
        };
        return fields.push("charset", Severity::High, shape, out);
    }
    if a.rest != b.rest {
        fields.push("parameter", Severity::High, "value", out);
    }
}

fn parse(value: &str) -> ContentType {
    let mut parts = value.split(';');
    let essence = parts.next().unwrap_or_default().trim().to_ascii_lowercase();
    let mut rest = BTreeMap::new();
    for parameter in parts {
        let (name, value) = parameter.split_once('=').unwrap_or((parameter, ""));
        let name = name.trim().to_ascii_lowercase();
        if !name.is_empty() {
            rest.entry(name).or_insert_with(|| value.trim().trim_matches('"').to_owned());
        }
    }
    if essence.starts_with("multipart/") {
        rest.remove("boundary"); // random by nature
    }
    ContentType { essence, charset: rest.remove("charset"), rest }
}

/// The encoding's own name, so that `utf8` is `UTF-8`. JSON is UTF-8 whether or not it says so (RFC 8259 section 11).
fn charset(of: &ContentType) -> Option<String> {
    let label = match &of.charset {
        None if Media::of(&of.essence) == Media::Json => "utf-8",
        None => return None,
        Some(label) => label,
    };
    Some(Encoding::for_label(label.as_bytes()).map_or_else(|| label.to_ascii_lowercase(), |e| e.name().to_owned()))
}
