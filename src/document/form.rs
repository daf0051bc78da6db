//! `application/x-www-form-urlencoded`: each name with the list of its values, in the order in which they came.

use super::json::{ParseError, escape};
use super::writer::Writer;
use std::collections::BTreeMap;

/// `b=2&a=1&b=3` as `{"a":["1"],"b":["2","3"]}`, as browsers read it: `+` is a space, a bare name has an empty value, a `%`
/// without two digits stands for itself, empty pairs are none. Bytes that are no UTF-8 stay apart from each other.
pub(super) fn canonical(text: &str) -> Result<String, ParseError> {
    let mut pairs: BTreeMap<Vec<u8>, Vec<Vec<u8>>> = BTreeMap::new();
    for pair in text.split('&').filter(|pair| !pair.is_empty()) {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        pairs.entry(decode(name)).or_default().push(decode(value));
    }
    let mut writer = Writer::new(text.len());
    writer.open('{');
    for (name, values) in pairs {
        writer.spelled_name(&spell(&name));
        writer.open('[');
        values.iter().for_each(|value| writer.spelled(&spell(value)));
        writer.close(']');
    }
    writer.close('}');
    writer.finish()
}

fn decode(text: &str) -> Vec<u8> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let [byte, after @ ..] = rest {
        rest = after;
        out.push(match byte {
            b'+' => b' ',
            b'%' => match after {
                [high, low, after @ ..] if high.is_ascii_hexdigit() && low.is_ascii_hexdigit() => {
                    rest = after;
                    hex(*high) << 4 | hex(*low)
                }
                _ => b'%',
            },
            other => *other,
        });
    }
    out
}

fn hex(digit: u8) -> u8 {
    char::from(digit).to_digit(16).map_or(0, |digit| digit as u8)
}

/// Bytes as a JSON string. One that is no UTF-8 is spelled as the surrogate U+DC80 to U+DCFF, which no text contains.
fn spell(bytes: &[u8]) -> String {
    if std::str::from_utf8(bytes).is_ok() {
        return escape(bytes);
    }
    let mut out = String::from("\"");
    for chunk in bytes.utf8_chunks() {
        let text = escape(chunk.valid().as_bytes());
        out.push_str(text.get(1..text.len() - 1).unwrap_or_default());
        chunk.invalid().iter().for_each(|byte| out.push_str(&format!("\\udc{byte:02x}")));
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_in_order_and_values_as_they_came() {
        for (text, tree) in [
            ("", "{}"),
            ("&&", "{}"),
            ("b=2&a=1&b=3", r#"{"a":["1"],"b":["2","3"]}"#),
            ("a", r#"{"a":[""]}"#),
            ("=x", r#"{"":["x"]}"#),
            ("a=b=c", r#"{"a":["b=c"]}"#),
            ("a+b=c%20d%2B", r#"{"a b":["c d+"]}"#),
            ("a=%C3%A9", "{\"a\":[\"é\"]}"),
            ("a=%zz%4", r#"{"a":["%zz%4"]}"#),
            ("a=%FF", r#"{"a":["\udcff"]}"#),
            ("a=x%FE%22", r#"{"a":["x\udcfe\""]}"#),
        ] {
            assert_eq!(canonical(text).unwrap(), tree, "{text}");
        }
    }
}
