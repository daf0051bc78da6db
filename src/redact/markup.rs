//! Secrets in markup and multipart forms: the name is an element, an attribute or a part's header.

use super::Span;
use super::shapes::regex;
use regex::Regex;
use std::sync::LazyLock;

static ELEMENT: LazyLock<Option<Regex>> =
    LazyLock::new(|| regex(r"<(?:[A-Za-z0-9_-]+:)?([A-Za-z0-9_.-]{3,128})(?:\s[^<>]*)?>([^<]+)"));
static TAG: LazyLock<Option<Regex>> = LazyLock::new(|| regex(r"<[A-Za-z][^<>]*>"));
static NAME: LazyLock<Option<Regex>> =
    LazyLock::new(|| regex(r#"(?i)\s(?:name|id|property|itemprop)\s*=\s*["']?([A-Za-z0-9_.\[\]-]+)"#));
static VALUE: LazyLock<Option<Regex>> =
    LazyLock::new(|| regex(r#"(?i)\s(?:value|content)\s*=\s*(?:"([^"]*)"|'([^']*)'|([^\s"'>]+))"#));
/// Bounded: a part's headers are few and short.
static PART: LazyLock<Option<Regex>> = LazyLock::new(|| {
    regex(r#"(?i)content-disposition:[^\r\n]*?\bname="?([^";\r\n]+)"?[^\r\n]*\r?\n(?:[^\r\n]+\r?\n){0,8}\r?\n"#)
});

/// Adds the values that markup names as secrets.
pub(super) fn find(text: &str, is_secret: &dyn Fn(&str) -> bool, spans: &mut Vec<Span>) {
    let mut push = |from, to| spans.push(Span { from, to, class: "secret" });
    if text.contains('<') {
        for found in ELEMENT.iter().flat_map(|regex| regex.captures_iter(text)) {
            if let (Some(name), Some(value)) = (found.get(1), found.get(2))
                && is_secret(name.as_str())
                && !value.as_str().trim().is_empty()
            {
                push(value.start(), value.end());
            }
        }
        for tag in TAG.iter().flat_map(|regex| regex.find_iter(text)) {
            let named = NAME.iter().flat_map(|regex| regex.captures_iter(tag.as_str())).filter_map(|name| name.get(1));
            if !named.into_iter().any(|name| is_secret(name.as_str())) {
                continue;
            }
            for value in VALUE.iter().flat_map(|regex| regex.captures_iter(tag.as_str())) {
                if let Some(value) = value.get(1).or_else(|| value.get(2)).or_else(|| value.get(3)) {
                    push(tag.start() + value.start(), tag.start() + value.end());
                }
            }
        }
    }
    if text.contains("isposition") || text.contains("ISPOSITION") {
        for found in PART.iter().flat_map(|regex| regex.captures_iter(text)) {
            if let (Some(whole), Some(name)) = (found.get(0), found.get(1))
                && is_secret(name.as_str())
            {
                let rest = text.get(whole.end()..).unwrap_or_default();
                push(whole.end(), whole.end() + rest.find("\n--").unwrap_or(rest.len()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_patterns_compile() {
        for pattern in [&ELEMENT, &TAG, &NAME, &VALUE, &PART] {
            assert!(pattern.is_some());
        }
    }
}
