//! `fallback`: an empty, null or absent value of one side is filled from another value of the same side, then compared.
//!
//! Never both sides: an empty value on the other side stays a difference.

use super::Fallback;
use super::selector::{Pick, Selector};
use super::value::Operand;
use crate::document::json::{Document, NodeId};

#[derive(Clone, Debug)]
pub(super) struct Compiled {
    from: Vec<Pick>,
    chars: Option<usize>,
    suffix: String,
    strip_html: bool,
}

impl Compiled {
    pub(super) fn new(fallback: &Fallback) -> Result<Compiled, String> {
        let selector = Selector::parse(&fallback.from).map_err(|error| format!("`from`: {error}"))?;
        let from = selector.single().filter(|picks| !picks.is_empty());
        let from = from.ok_or("`from` names one place: names and indices only")?;
        Ok(Compiled { from, chars: fallback.chars, suffix: fallback.suffix.clone(), strip_html: fallback.strip_html })
    }
    /// The text that stands in for an empty value; `None` where it is not empty or there is nothing to make it from.
    pub(super) fn fill(&self, document: &Document<'_>, parent: Option<NodeId>, value: &Operand<'_>) -> Option<String> {
        if !value.is_empty() {
            return None;
        }
        // from the same parent object first, then from the root
        let source =
            parent.and_then(|parent| self.find(document, parent)).or_else(|| self.find(document, document.root()));
        let source = Operand::of(document, source);
        let text = source.text()?;
        let text = if self.strip_html { strip_tags(text) } else { text.to_string() };
        if text.is_empty() {
            return None;
        }
        let mut out: String = match self.chars {
            Some(chars) => text.chars().take(chars).collect(),
            None => text,
        };
        out.push_str(&self.suffix);
        Some(out)
    }
    fn find(&self, document: &Document<'_>, from: NodeId) -> Option<NodeId> {
        self.from.iter().try_fold(from, |at, pick| pick.of(document, at))
    }
}

/// True for a rule that would fill one single value from itself.
pub(super) fn is_itself(path: &str, fallback: &Fallback) -> bool {
    let single = |path: &str| Selector::parse(path).ok().and_then(|selector| selector.single());
    single(path).is_some_and(|path| single(&fallback.from) == Some(path))
}

/// Drops `<…>` that begins like a tag; text that only looks like one (`a < b`) stays.
fn strip_tags(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        let (before, tag) = rest.split_at(at);
        out.push_str(before);
        let begins =
            tag.chars().nth(1).is_some_and(|char| char.is_ascii_alphabetic() || matches!(char, '/' | '!' | '?'));
        match tag.find('>').filter(|_| begins) {
            Some(end) => rest = tag.get(end + 1..).unwrap_or(""),
            None => {
                out.push('<');
                rest = tag.get(1..).unwrap_or("");
            }
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::json::ParseOptions;
    use crate::rules::SideChoice;

    fn fill(text: &str, value: Operand<'_>, chars: Option<usize>) -> Option<String> {
        let rule = Compiled::new(&Fallback {
            side: SideChoice::Primary,
            from: "$.content".into(),
            chars,
            suffix: "...".into(),
            strip_html: true,
        });
        let document = Document::parse(text.as_bytes(), &ParseOptions::new(9, 0)).unwrap();
        rule.unwrap().fill(&document, Some(document.root()), &value)
    }

    #[test]
    fn cuts_code_points_and_appends() {
        let body = "{\"content\":\"<p>h\u{e9}llo</p> w\"}";
        assert_eq!(fill(body, Operand::Absent, Some(3)).as_deref(), Some("h\u{e9}l..."));
        assert_eq!(fill(body, Operand::Text(b""[..].into()), None).as_deref(), Some("h\u{e9}llo w..."));
    }

    #[test]
    fn fills_nothing_that_is_there_and_makes_nothing_from_nothing() {
        assert_eq!(fill("{\"content\":\"x\"}", Operand::Text(b"y"[..].into()), None), None);
        assert_eq!(fill("{\"content\":\"x\"}", Operand::Number("0"), None), None);
        for body in ["{}", "{\"content\":null}", "{\"content\":\"\"}", "{\"content\":7}", "{\"content\":\"<b></b>\"}"] {
            assert_eq!(fill(body, Operand::Absent, None), None, "{body}");
        }
        assert_eq!(strip_tags("a < b <i>c</i> <"), "a < b c <");
    }

    #[test]
    fn from_names_one_place() {
        for from in ["$", "$..content", "$.*", "content"] {
            let fallback = Fallback {
                side: SideChoice::Primary,
                from: from.into(),
                chars: None,
                suffix: String::new(),
                strip_html: false,
            };
            assert!(Compiled::new(&fallback).is_err(), "{from}");
        }
    }

    #[test]
    fn no_value_is_made_from_itself() {
        let from = |from: &str| Fallback {
            side: SideChoice::Primary,
            from: from.into(),
            chars: None,
            suffix: "...".into(),
            strip_html: false,
        };
        assert!(is_itself("$.a.b", &from("$['a'].b")) && is_itself("$.a", &from("$.a")));
        // the root's own member, where a deeper one is empty
        assert!(!is_itself("$..a", &from("$.a")) && !is_itself("$.x.a", &from("$.a")));
    }
}
