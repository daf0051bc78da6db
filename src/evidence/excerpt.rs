//! The differing parts of a body with their surroundings, bounded.

use super::build::cap;
use crate::document::json::token_name;
use std::collections::BTreeSet;
use std::ops::Range;

/// Opens an excerpt, so that nobody takes it for a body.
pub(super) const MARK: &str = "[excerpt]";
/// Bytes of an excerpt.
const ALL: usize = 8 << 10;
/// Bytes of one part of it.
const PART: usize = 2 << 10;
/// Parts.
const PARTS: usize = 16;
/// Lines before and after a differing run.
const CONTEXT: usize = 2;

/// The containers around differing nodes, a line each: `<pointer of the container> <its JSON text>`. Where the container is
/// too large, the node alone. `redact` gets a pointer and the JSON text there, before anything is cut.
pub(super) fn json(text: &str, paths: &[&str], redact: impl Fn(&str, &str) -> String) -> Option<String> {
    let parents: BTreeSet<&str> =
        paths.iter().map(|path| path.rsplit_once('/').map_or("", |(parent, _)| parent)).take(PARTS).collect();
    let mut out = MARK.to_owned();
    for parent in parents {
        let Some(span) = find(text, parent) else { continue };
        let whole = text.get(span).unwrap_or_default();
        if whole.len() <= PART {
            push_line(&mut out, parent, &redact(parent, whole));
            continue;
        }
        for path in paths.iter().filter(|path| path.rsplit_once('/').map_or("", |(of, _)| of) == parent).take(PARTS) {
            if let Some(node) = find(text, path).filter(|_| !path.is_empty()).and_then(|span| text.get(span)) {
                push_line(&mut out, path, &redact(path, node));
            }
        }
    }
    (out.len() > MARK.len()).then(|| cap(out, ALL))
}

fn push_line(out: &mut String, pointer: &str, text: &str) {
    if out.len() < ALL {
        out.push_str(&format!("\n{} {}", if pointer.is_empty() { "/" } else { pointer }, cap(text.to_owned(), PART)));
    }
}

/// The span of the value at an RFC 6901 pointer; of repeated names the first. `None` where it is not there or the text is
/// no JSON up to it.
fn find(text: &str, pointer: &str) -> Option<Range<usize>> {
    let bytes = text.as_bytes();
    let mut at = skip_space(bytes, 0);
    for step in pointer.split('/').skip(1) {
        let name = token_name(step);
        at = match bytes.get(at)? {
            b'{' => member(text, at, &name)?,
            b'[' => element(bytes, at, name.parse().ok()?)?,
            _ => return None,
        };
    }
    Some(at..end_of_value(bytes, at)?)
}

fn member(text: &str, object: usize, name: &str) -> Option<usize> {
    let bytes = text.as_bytes();
    let mut at = skip_space(bytes, object + 1);
    while bytes.get(at)? == &b'"' {
        let end = end_of_value(bytes, at)?;
        let found = serde_json::from_str::<String>(text.get(at..end)?).is_ok_and(|own| own == name);
        let colon = skip_space(bytes, end);
        let value = skip_space(bytes, (bytes.get(colon)? == &b':').then_some(colon + 1)?);
        if found {
            return Some(value);
        }
        at = next(bytes, end_of_value(bytes, value)?)?;
    }
    None
}

fn element(bytes: &[u8], array: usize, index: usize) -> Option<usize> {
    let mut at = skip_space(bytes, array + 1);
    for _ in 0..index {
        at = next(bytes, end_of_value(bytes, at)?)?;
    }
    (bytes.get(at)? != &b']').then_some(at)
}

/// After a comma; `None` where there is none.
fn next(bytes: &[u8], end: usize) -> Option<usize> {
    let comma = skip_space(bytes, end);
    (bytes.get(comma)? == &b',').then(|| skip_space(bytes, comma + 1))
}

fn skip_space(bytes: &[u8], from: usize) -> usize {
    let space = bytes.get(from..).map_or(0, |rest| rest.iter().take_while(|b| b" \t\r\n".contains(b)).count());
    from + space
}

/// Without recursion: brackets are counted, strings skipped.
fn end_of_value(bytes: &[u8], from: usize) -> Option<usize> {
    let (mut depth, mut at) = (0usize, from);
    loop {
        match bytes.get(at)? {
            b'"' => {
                at += 1;
                while bytes.get(at)? != &b'"' {
                    at += if bytes.get(at)? == &b'\\' { 2 } else { 1 };
                }
                at += 1;
            }
            b'{' | b'[' => {
                depth += 1;
                at += 1;
            }
            b'}' | b']' => {
                depth = depth.checked_sub(1)?;
                at += 1;
            }
            b',' | b':' | b' ' | b'\t' | b'\r' | b'\n' if depth > 0 => at += 1,
            _ => {
                let rest = bytes.get(at..)?;
                let length = rest.iter().take_while(|b| !b",:{}[]\" \t\r\n".contains(b)).count();
                at += if length == 0 { return None } else { length };
            }
        }
        if depth == 0 {
            return Some(at);
        }
    }
}

/// The lines of two texts between their common head and tail, with a little of both.
pub(super) fn lines(primary: &str, candidate: &str) -> (String, String) {
    let (a, b): (Vec<&str>, Vec<&str>) = (primary.split('\n').collect(), candidate.split('\n').collect());
    let shorter = a.len().min(b.len());
    let head = a.iter().zip(&b).take_while(|(a, b)| a == b).count();
    let tail = a.iter().rev().zip(b.iter().rev()).take(shorter - head).take_while(|(a, b)| a == b).count();
    let show = |all: &[&str]| {
        let from = head.saturating_sub(CONTEXT);
        let to = (all.len() - tail + CONTEXT).min(all.len());
        let part: Vec<String> =
            all.get(from..to).unwrap_or_default().iter().map(|l| cap((*l).to_owned(), PART)).collect();
        cap(format!("{MARK} from line {}\n{}", from + 1, part.join("\n")), ALL)
    };
    (show(&a), show(&b))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nodes_are_found_by_pointer() {
        let text = r#" {"a/b": [1, {"x\u0079":"q\"}"}, [ ] ], "c":{"d": -1.50 , "e":null}} "#;
        let at = |pointer| find(text, pointer).and_then(|span| text.get(span));
        assert_eq!(at("/a~1b/0"), Some("1"));
        assert_eq!(at("/a~1b/1/xy"), Some(r#""q\"}""#));
        assert_eq!(at("/a~1b/2"), Some("[ ]"));
        assert_eq!(at("/c/d"), Some("-1.50"));
        assert_eq!(at("/c/e"), Some("null"));
        assert_eq!(at(""), Some(text.trim()));
        for missing in ["/x", "/a~1b/3", "/c/0", "/a~1b/x", "/c/d/e"] {
            assert_eq!(at(missing), None, "{missing}");
        }
        for broken in ["", "{", "{\"a\":", "{\"a\" 1}", "[1", "\"", "{\"a\":\"\\"] {
            assert_eq!(find(broken, "/a"), None, "{broken}");
        }
        let deep = format!("{}{}", "[".repeat(50_000), "]".repeat(50_000));
        assert_eq!(find(&deep, ""), Some(0..100_000));
    }

    #[test]
    fn the_surroundings_of_a_difference_are_kept() {
        let text = r#"{"other":{"big":"untouched"},"book":{"title":"x","price":1}}"#;
        let got = json(text, &["/book/title"], |_, text| text.to_owned()).unwrap();
        assert_eq!(got, "[excerpt]\n/book {\"title\":\"x\",\"price\":1}");
        let large = format!(r#"{{"pad":"{}","a":1,"b":2}}"#, "x".repeat(9_000));
        let got = json(&large, &["/a", "/b"], |_, text| text.to_owned()).unwrap();
        assert_eq!(got, "[excerpt]\n/a 1\n/b 2");
        assert_eq!(json("{}", &["/a/b"], |_, text| text.to_owned()), None);
    }

    #[test]
    fn differing_lines_keep_their_context() {
        let a = "1\n2\n3\n4\nA\n6\n7\n8\n9";
        let b = a.replace('A', "B\nC");
        let (a, b) = lines(a, &b);
        assert_eq!(a, "[excerpt] from line 3\n3\n4\nA\n6\n7");
        assert_eq!(b, "[excerpt] from line 3\n3\n4\nB\nC\n6\n7");
        let (a, b) = lines("x", "x\nx");
        assert!(a.starts_with(MARK) && b.starts_with(MARK));
    }
}
