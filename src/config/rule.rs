//! Rules: from a table as typed to a [`RuleSpec`], and a compile error back to the place it is about.

use super::error::ConfigError;
use super::raw::OneOrMany;
use super::raw_rule::{RawRule, RawShape};
use super::source::Source;
use super::{rule_kind, spelling};
use crate::rules::{RuleError, RuleKind, RuleSet, RuleSpec};
use std::ops::Range;
use std::sync::Arc;
use toml::Spanned;

/// The kinds that act, for whoever named none of them.
pub(super) const KINDS: &str = "one of ignore, shape, timestamp, number, unordered, set, key, rewrite, fallback, added, url, \
                                absent_is_null, rename, text, decode, same_id, error_body, set_cookie, body";

/// A rule as the file has it, whether or not it still acts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeclaredRule {
    /// The route that it is declared for; `None` for every route.
    pub route: Option<Arc<str>>,
    /// What it says.
    pub spec: RuleSpec,
}

/// Reads rules, and leaves out those that have expired, with a warning each; `declared` gets them all.
pub(super) fn specs(
    source: &Source<'_>,
    raw: &[RawRule],
    route: Option<&str>,
    today: i64,
    warnings: &mut Vec<String>,
    declared: &mut Vec<DeclaredRule>,
) -> Result<Vec<RuleSpec>, ConfigError> {
    let mut specs: Vec<RuleSpec> = Vec::new();
    for (at, rule) in raw.iter().enumerate() {
        if let Some(earlier) = raw[..at].iter().find(|earlier| earlier.name.get_ref() == rule.name.get_ref()) {
            let line = source.line(earlier.name.span());
            let message = format!("the name `{}` is already that of the rule on line {line}", rule.name.get_ref());
            return Err(source.error(rule.name.span(), message).allowing("a name of its own for each rule"));
        }
        let spec = spec(source, rule, route.is_some())?;
        declared.push(DeclaredRule { route: route.map(Arc::from), spec: spec.clone() });
        match spec.until_day {
            Some(until) if until < today => warnings.push(format!(
                "the rule `{}` ({}:{}) expired after {} and no longer acts",
                spec.name,
                source.name,
                source.line(rule.name.span()),
                spelling::day_text(until)
            )),
            _ => specs.push(spec),
        }
    }
    Ok(specs)
}

/// Compiles specs; an error is pointed at the rule it is about, whichever list it came from.
pub(super) fn compile(source: &Source<'_>, specs: &[RuleSpec], raw: [&[RawRule]; 2]) -> Result<RuleSet, ConfigError> {
    if specs.is_empty() {
        return Ok(RuleSet::default());
    }
    RuleSet::compile(specs).map_err(|error| {
        let blamed = raw.iter().rev().flat_map(|rules| rules.iter()).find(|rule| rule.name.get_ref() == &error.rule);
        match blamed {
            Some(rule) => {
                let message = format!("rule `{}`: {}", error.rule, error.message);
                source.error(blame(source, rule, &error), message).allowing(allowed(&error))
            }
            None => ConfigError::plain(source.name, error.to_string()),
        }
    })
}

/// What the key that an error is about may hold.
fn allowed(error: &RuleError) -> &'static str {
    match error.key {
        "path" if error.offset.is_none() => {
            "one rule of a kind at a place; a route's own wins over a general one, then fewer `..`, fewer `*`, more names"
        }
        "path" => "`$`, then `.name`, `['name']`, `[0]`, `[*]`, `.*`, `..name` (an RFC 9535 subset, no filters)",
        "shape" | "rewrite" => {
            "a regular expression of the Rust regex crate (no look-around, no back-reference) that cannot match everything"
        }
        "fallback" => "from = \"$.content\": one place, by names and indices; side = \"primary\" or \"candidate\"",
        "key" => "\"$.id\", or a list of such paths, each relative to the element",
        "number" => {
            "{ abs = \"0.01\" } or { rel = \"0.001\" }: decimals as text, `rel` below 1; { string = true }; { spelling = true }"
        }
        "url" => "{ ignore = \"origin\" } or a list of origin, trailing_slash, query_order; hosts = [\"api.example\"]",
        "rename" => {
            "{ from = \"a\", to = \"b\" }: the primary's name and the candidate's, of a member of the object at `path`"
        }
        "text" => "\"trim\", or a list of trim, collapse, case, nfc, crlf",
        "decode" => "\"json\", or a list from the outside in: base64, gzip, json",
        "added" | "absent_is_null" => "a path that ends in a member's name, or in `*`",
        "same_id" => "{ space = \"book\" }: what is named; rules of one space share one map",
        "set_cookie" => "{ primary = \"sessionid\", candidate = \"session\", cleared_by = \"primary\" }",
        "body" => "one `body` for a route and one for all: \"html\", \"xml\", \"json\", \"form\" or \"text\"",
        "error_body" => "a list of statuses from 400 to 599",
        "ignore" => "a path below `$`, and a reason",
        _ => "what docs/configuration.md says of this kind",
    }
}

/// The place of a compile error: the byte in the key's text where it is known, else the key's value, else the rule.
fn blame(source: &Source<'_>, rule: &RawRule, error: &RuleError) -> Range<usize> {
    let text = match error.key {
        // of these kinds nothing but the place can be wrong
        "path" | "ignore" | "added" | "absent_is_null" => rule.path.as_ref(),
        "shape" => match rule.shape.as_ref().map(Spanned::get_ref) {
            Some(RawShape::Pattern(text)) => Some(text),
            _ => None,
        },
        "rewrite" => rule.rewrite.as_ref().map(|rewrite| &rewrite.get_ref().pattern),
        "fallback" => rule.fallback.as_ref().map(|fallback| &fallback.get_ref().from),
        "key" => match rule.key.as_ref().map(Spanned::get_ref) {
            Some(OneOrMany::Many(many)) if many.len() == 1 => many.first(),
            _ => None,
        },
        _ => None,
    };
    match (text, error.offset) {
        (Some(text), Some(offset)) => source.inside(text, offset),
        (Some(text), None) => text.span(),
        (None, _) => kinds(rule)
            .into_iter()
            .find(|(name, _)| *name == error.key)
            .map_or_else(|| rule.name.span(), |(_, span)| span),
    }
}

/// The kinds that a table names, with the place of their values.
fn kinds(rule: &RawRule) -> Vec<(&'static str, Range<usize>)> {
    fn at<T>(value: &Option<Spanned<T>>) -> Option<Range<usize>> {
        value.as_ref().map(Spanned::span)
    }
    let all = [
        ("ignore", at(&rule.ignore)),
        ("shape", at(&rule.shape)),
        ("timestamp", at(&rule.timestamp)),
        ("number", at(&rule.number)),
        ("unordered", at(&rule.unordered)),
        ("key", at(&rule.key)),
        ("rewrite", at(&rule.rewrite)),
        ("fallback", at(&rule.fallback)),
        ("added", at(&rule.added)),
        ("set", at(&rule.set)),
        ("url", at(&rule.url)),
        ("absent_is_null", at(&rule.absent_is_null)),
        ("rename", at(&rule.rename)),
        ("text", at(&rule.text)),
        ("decode", at(&rule.decode)),
        ("same_id", at(&rule.same_id)),
        ("error_body", at(&rule.error_body)),
        ("set_cookie", at(&rule.set_cookie)),
        ("body", at(&rule.body)),
    ];
    all.into_iter().filter_map(|(name, span)| Some((name, span?))).collect()
}

fn spec(source: &Source<'_>, rule: &RawRule, of_route: bool) -> Result<RuleSpec, ConfigError> {
    let name = source.expand(&rule.name)?;
    if name.trim().is_empty() {
        return Err(source.error(rule.name.span(), "a rule needs a name: it is what reports call it"));
    }
    match kinds(rule).as_slice() {
        [_] => {}
        [] => {
            let message = format!("the rule `{name}` says nothing about what it does");
            return Err(source.error(rule.name.span(), message).allowing(KINDS));
        }
        [first, second, ..] => {
            let message = format!("a rule has one kind: `{}` and `{}` are two rules", first.0, second.0);
            return Err(source.error(second.1.clone(), message).allowing(KINDS));
        }
    }
    let kind = rule_kind::read(source, rule)?;
    let path = rule.path.as_ref().map(|path| source.expand(path)).transpose()?;
    match (&kind, &path, &rule.path) {
        (RuleKind::ErrorBody(_), Some(_), Some(path)) => {
            return Err(source.error(path.span(), "`error_body` acts on the whole answer: remove the path"));
        }
        (RuleKind::SetCookie(_), Some(_), Some(path)) => {
            return Err(source.error(path.span(), "`set_cookie` acts on the Set-Cookie fields: remove the path"));
        }
        (RuleKind::Body(_), Some(_), Some(path)) => {
            return Err(source.error(path.span(), "`body` acts on whole bodies: remove the path"));
        }
        (RuleKind::ErrorBody(_) | RuleKind::SetCookie(_) | RuleKind::Body(_), ..) | (_, Some(_), _) => {}
        (_, None, _) => {
            let message = format!("the rule `{name}` needs a `path`");
            return Err(source
                .error(rule.name.span(), message)
                .allowing("path = \"$.book.title\" (an RFC 9535 subset)"));
        }
    }
    let reason = rule.reason.as_ref().map(|reason| source.expand(reason)).transpose()?;
    if kind == RuleKind::Ignore && reason.as_ref().is_none_or(|reason| reason.trim().is_empty()) {
        let message = format!("the rule `{name}` hides a place for good: say why");
        let span = rule.ignore.as_ref().map_or_else(|| rule.name.span(), Spanned::span);
        return Err(source.error(span, message).allowing("reason = \"…\" beside ignore = true"));
    }
    let until_day = match &rule.until {
        None => None,
        Some(date) => Some(
            spelling::day(date.get_ref())
                .map_err(|allowed| source.error(date.span(), "this is not a day").allowing(allowed))?,
        ),
    };
    Ok(RuleSpec { name: name.into(), path, kind, reason, until_day, of_route })
}
