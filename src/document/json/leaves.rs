//! Counts the leaves of a JSON text without making a tree.

/// Leaves (scalars, empty containers) of a JSON text that comes in parts; 0 for a text without a byte.
///
/// Every container that is not empty has one comma fewer than children, so a document has one leaf more than commas outside
/// its strings. Text that is no JSON gives a number without meaning.
pub fn count_leaves<'a>(parts: impl IntoIterator<Item = &'a [u8]>) -> u64 {
    let (mut commas, mut in_string, mut escaped, mut any) = (0, false, false, false);
    for part in parts {
        any |= !part.is_empty();
        let mut rest = part;
        if escaped && !rest.is_empty() {
            (escaped, rest) = (false, rest.get(1..).unwrap_or_default());
        }
        loop {
            let other = if in_string { b'\\' } else { b',' };
            let Some(at) = memchr::memchr2(b'"', other, rest) else { break };
            let found = rest.get(at).copied();
            rest = rest.get(at + 1..).unwrap_or_default();
            match found {
                Some(b',') => commas += 1,
                Some(b'\\') if rest.is_empty() => escaped = true,
                Some(b'\\') => rest = rest.get(1..).unwrap_or_default(),
                _ => in_string = !in_string,
            }
        }
    }
    if any { commas + 1 } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::json::{Document, ParseOptions};
    use proptest::prelude::*;

    #[test]
    fn counts_what_a_tree_counts() {
        for text in [
            r#"{}"#,
            r#"[]"#,
            r#"7"#,
            r#"" , ""#,
            r#"[1,[],{},"a,b",{"c,":[null,"\",\\"]}]"#,
            r#"{"a":{"a":1,"a":2},"b":["\\",","]}"#,
        ] {
            let document = Document::parse(text.as_bytes(), &ParseOptions::new(9, 0)).unwrap();
            let leaves = document.leaves(document.root());
            assert_eq!(count_leaves([text.as_bytes()]), leaves, "{text}");
            assert_eq!(count_leaves(text.as_bytes().chunks(1)), leaves, "{text} by the byte");
        }
        assert_eq!(count_leaves([]), 0);
        assert_eq!(count_leaves([&b""[..]]), 0);
    }

    proptest! {
        #[test]
        fn frames_do_not_count(text in "[\\[\\],\"\\\\a]{0,40}", size in 1_usize..5) {
            prop_assert_eq!(count_leaves([text.as_bytes()]), count_leaves(text.as_bytes().chunks(size)));
        }
    }
}
