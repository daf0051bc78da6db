//! The text that is being read: parses it, expands `${ENV}`, and turns a span into an error that names its key.

use super::error::{ConfigError, Place};
use super::raw::{RawConfig, Text};
use std::ops::Range;
use toml::Spanned;
use toml::de::{DeTable, DeValue};

/// Where a value of the environment comes from.
pub(super) type Env<'a> = &'a dyn Fn(&str) -> Option<String>;

/// One config text under its name.
pub(super) struct Source<'a> {
    pub(super) name: &'a str,
    pub(super) text: &'a str,
    env: Env<'a>,
    tree: Option<Spanned<DeTable<'a>>>,
}

impl<'a> Source<'a> {
    pub(super) fn new(name: &'a str, text: &'a str, env: Env<'a>) -> Source<'a> {
        Source { name, text, env, tree: DeTable::parse(text).ok() }
    }

    /// Reads the text into raw structs.
    pub(super) fn parse(&self) -> Result<RawConfig, ConfigError> {
        toml::from_str(self.text).map_err(|error| self.explain(&error))
    }

    /// An error at a place of the text; the key follows from the place.
    pub(super) fn error(&self, span: Range<usize>, message: impl Into<String>) -> ConfigError {
        let key = self.tree.as_ref().and_then(|tree| key_at(tree.get_ref(), &span));
        ConfigError::plain(self.name, message).at(Place::of(self.text, span), key)
    }

    /// The line number of a span, from 1.
    pub(super) fn line(&self, span: Range<usize>) -> usize {
        Place::of(self.text, span).line
    }

    /// A byte within a string value, where the text spells the value without escapes; else the whole value.
    pub(super) fn inside(&self, text: &Text, offset: usize) -> Range<usize> {
        let (span, value) = (text.span(), text.get_ref());
        let quoted = self.text.get(span.clone()).unwrap_or("");
        match quoted.find(value.as_str()) {
            Some(at) if !value.is_empty() => {
                let from = span.start + at + offset.min(value.len());
                from..from + 1
            }
            _ => span,
        }
    }

    /// A string with `${NAME}` and `${NAME:-default}` replaced; `$$` is not special, a lone `$` stays.
    pub(super) fn expand(&self, text: &Text) -> Result<String, ConfigError> {
        let value = text.get_ref();
        let mut out = String::with_capacity(value.len());
        let mut rest = value.as_str();
        while let Some(at) = rest.find("${") {
            out.push_str(&rest[..at]);
            let after = &rest[at + 2..];
            let Some(end) = after.find('}') else {
                return Err(self.error(text.span(), "`${` without its `}`").allowing("${NAME} and ${NAME:-default}"));
            };
            let (name, default) = match after[..end].split_once(":-") {
                Some((name, default)) => (name, Some(default)),
                None => (&after[..end], None),
            };
            if name.is_empty() || !name.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_') {
                let message = format!("`{name}` is not the name of an environment variable");
                return Err(self.error(text.span(), message).allowing("${NAME} and ${NAME:-default}"));
            }
            match ((self.env)(name).filter(|set| default.is_none() || !set.is_empty()), default) {
                (Some(set), _) => out.push_str(&set),
                (None, Some(default)) => out.push_str(default),
                (None, None) => {
                    let message = format!("the environment variable `{name}` is not set");
                    return Err(self.error(text.span(), message).allowing(format!("set it, or write ${{{name}:-…}}")));
                }
            }
            rest = &after[end + 1..];
        }
        out.push_str(rest);
        Ok(out)
    }

    /// The same error in our words: serde's lists of expected keys become what is allowed and a near match.
    fn explain(&self, error: &toml::de::Error) -> ConfigError {
        let span = error.span().unwrap_or(0..0);
        let message = error.message();
        for (prefix, noun) in [("unknown field `", "key"), ("unknown variant `", "value")] {
            if let Some((typed, expected)) = message.strip_prefix(prefix).and_then(|rest| rest.split_once('`')) {
                let allowed: Vec<&str> = expected.split('`').skip(1).step_by(2).collect();
                let error = self.error(span, format!("unknown {noun} `{typed}`")).near(typed, allowed.iter().copied());
                return error.allowing(allowed.join(", "));
            }
        }
        if let Some(name) = message.strip_prefix("missing field `").and_then(|rest| rest.split('`').next()) {
            return self.error(span, format!("the key `{name}` is missing"));
        }
        // serde names Rust's types; people know these.
        let message = message.trim().replace('\n', ", ");
        let message =
            message.replace("expected i64", "expected a whole number").replace("expected f64", "expected a number");
        self.error(span, message)
    }
}

/// The dotted path of the innermost key whose name or value holds the span's start.
fn key_at(table: &DeTable<'_>, span: &Range<usize>) -> Option<String> {
    for (name, value) in table {
        let name_hit = name.span().contains(&span.start);
        if let Some(below) = below(value, span) {
            return Some(format!("{}{below}", name.get_ref()));
        }
        if name_hit || value.span().contains(&span.start) {
            return Some(name.get_ref().to_string());
        }
    }
    None
}

/// What to append to a key's name to reach the span inside its value; `None` when the span is not inside.
fn below(value: &Spanned<DeValue<'_>>, span: &Range<usize>) -> Option<String> {
    match value.get_ref() {
        DeValue::Table(table) => key_at(table, span).map(|key| format!(".{key}")),
        DeValue::Array(list) => list.iter().enumerate().find_map(|(at, element)| {
            let number = at + 1;
            match below(element, span) {
                Some(key) => Some(format!("[{number}]{key}")),
                None => element.span().contains(&span.start).then(|| format!("[{number}]")),
            }
        }),
        _ => None,
    }
}
