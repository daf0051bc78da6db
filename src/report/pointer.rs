//! A place in JSON: the pointer as a JSON string, in which a name with a lone surrogate keeps it.

use crate::document::json::{escape, pointer_content, pointer_text, unescape};
use serde::{Deserialize, Deserializer, Serialize, Serializer, de, ser};
use serde_json::value::RawValue;

pub(super) fn serialize<S: Serializer>(pointer: &str, serializer: S) -> Result<S::Ok, S::Error> {
    // the name of a header may hold a `~`, but begins with none of a pointer's slashes
    if !pointer.starts_with('/') || !pointer.contains("~u") {
        return serializer.serialize_str(pointer);
    }
    let text = escape(&pointer_content(pointer));
    RawValue::from_string(text).map_err(ser::Error::custom)?.serialize(serializer)
}

pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<String, D::Error> {
    let raw = Box::<RawValue>::deserialize(deserializer)?;
    let inner = raw.get().strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let inner = inner.ok_or_else(|| de::Error::custom("a pointer is a string"))?;
    Ok(pointer_text(&unescape(inner)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize, Deserialize)]
    struct Place(#[serde(with = "super")] String);

    #[test]
    fn a_lone_surrogate_and_its_spelling_are_two_names() {
        for (pointer, json) in [
            ("/a~1b/~ud800/~0u", r#""/a~1b/\ud800/~0u""#),
            (r"/\ud800", r#""/\\ud800""#),
            ("content-type", r#""content-type""#),
            ("", r#""""#),
        ] {
            let text = serde_json::to_string(&Place(pointer.to_owned())).unwrap();
            assert_eq!(text, json);
            assert_eq!(serde_json::from_str::<Place>(&text).unwrap().0, pointer);
        }
    }
}
