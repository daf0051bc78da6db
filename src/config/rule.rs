//! Rules: from a table as typed to a [`RuleSpec`], and a compile error back to the place it is about.

use super::error::ConfigError;
use super::raw::{OneOrMany, Text};
use super::raw_rule::{RawFallback, RawNumber, RawRule, RawSameId, RawSetCookie, RawShape};
use super::source::Source;
use super::spelling;
use crate::document::Media;
use crate::rules::{
    ErrorBody, Fallback, NumberTolerance, Rewrite, RuleError, RuleKind, RuleSet, RuleSpec, SameId, SetCookie, Shape,
    SideChoice,
};
use std::ops::Range;
use toml::Spanned;

const KINDS: &str = "one of ignore, shape, timestamp, number, unordered, key, rewrite, fallback, added, same_id, error_body, \
                     set_cookie, body";
const SHAPES: &[&str] = &["uuid", "timestamp", "number", "same_type"];

/// Reads rules, and leaves out those that have expired, with a warning each.
pub(super) fn specs(
    source: &Source<'_>,
    raw: &[RawRule],
    of_route: bool,
    today: i64,
    warnings: &mut Vec<String>,
) -> Result<Vec<RuleSpec>, ConfigError> {
    let mut specs: Vec<RuleSpec> = Vec::new();
    for (at, rule) in raw.iter().enumerate() {
        if let Some(earlier) = raw[..at].iter().find(|earlier| earlier.name.get_ref() == rule.name.get_ref()) {
            let line = source.line(earlier.name.span());
            let message = format!("the name `{}` is already that of the rule on line {line}", rule.name.get_ref());
            return Err(source.error(rule.name.span(), message).allowing("a name of its own for each rule"));
        }
        let spec = spec(source, rule, of_route)?;
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
        "number" => "{ abs = \"0.01\" } or { rel = \"0.001\" }: decimals as text, `rel` below 1",
        "added" => "a path that ends in a member's name, or in `*`",
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
        "path" => rule.path.as_ref(),
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
        ("same_id", at(&rule.same_id)),
        ("error_body", at(&rule.error_body)),
        ("set_cookie", at(&rule.set_cookie)),
        ("body", at(&rule.body)),
    ];
    all.into_iter().filter_map(|(name, span)| Some((name, span?))).collect()
}

/// A kind that is specified but does not act yet.
fn refuse_later_kinds(source: &Source<'_>, rule: &RawRule) -> Result<(), ConfigError> {
    let later = [
        ("set", &rule.set),
        ("url", &rule.url),
        ("absent_is_null", &rule.absent_is_null),
        ("rename", &rule.rename),
        ("text", &rule.text),
        ("decode", &rule.decode),
    ];
    match later.into_iter().find_map(|(name, value)| Some((name, value.as_ref()?.span()))) {
        Some((name, span)) => {
            let message =
                format!("the rule kind `{name}` is not in this version, and a rule must not fail to act silently");
            Err(source.error(span, message).allowing(KINDS))
        }
        None => Ok(()),
    }
}

fn spec(source: &Source<'_>, rule: &RawRule, of_route: bool) -> Result<RuleSpec, ConfigError> {
    let name = source.expand(&rule.name)?;
    if name.trim().is_empty() {
        return Err(source.error(rule.name.span(), "a rule needs a name: it is what reports call it"));
    }
    refuse_later_kinds(source, rule)?;
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
    let kind = kind(source, rule)?;
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

fn kind(source: &Source<'_>, rule: &RawRule) -> Result<RuleKind, ConfigError> {
    for (flag, kind) in [(&rule.ignore, RuleKind::Ignore), (&rule.unordered, RuleKind::Unordered)] {
        if let Some(flag) = flag {
            return match flag.get_ref() {
                true => Ok(kind),
                false => Err(source.error(flag.span(), "a rule that is off is no rule: remove it").allowing("true")),
            };
        }
    }
    if let Some(shape) = &rule.shape {
        return shape_kind(source, shape);
    }
    if let Some(timestamp) = &rule.timestamp {
        let within_us = match &timestamp.get_ref().within {
            None => 0,
            Some(text) => {
                let within = spelling::duration(&source.expand(text)?)
                    .map_err(|allowed| source.error(text.span(), "this is not a duration").allowing(allowed))?;
                u64::try_from(within.as_micros()).unwrap_or(u64::MAX)
            }
        };
        return Ok(RuleKind::Timestamp { within_us });
    }
    if let Some(number) = &rule.number {
        return number_kind(source, number);
    }
    if let Some(key) = &rule.key {
        return key_kind(source, key);
    }
    if let Some(rewrite) = &rule.rewrite {
        let raw = rewrite.get_ref();
        let side = raw.side.as_ref().map_or(Ok(SideChoice::Both), |text| side(source, text, true))?;
        // No `${…}` here: in a replacement that is how a named group is written.
        let (pattern, with) = (raw.pattern.get_ref().clone(), raw.with.get_ref().clone());
        return Ok(RuleKind::Rewrite(Rewrite { pattern, with, side }));
    }
    if let Some(fallback) = &rule.fallback {
        return fallback_kind(source, fallback.get_ref());
    }
    if let Some(added) = &rule.added {
        return match added.get_ref().as_str() {
            "allow" => Ok(RuleKind::Added),
            other => Err(source.error(added.span(), format!("`{other}` is not allowed here")).allowing("\"allow\"")),
        };
    }
    if let Some(same_id) = &rule.same_id {
        return same_id_kind(source, same_id.get_ref());
    }
    if let Some(set_cookie) = &rule.set_cookie {
        return set_cookie_kind(source, set_cookie.get_ref());
    }
    if let Some(body) = &rule.body {
        return body_kind(source, body);
    }
    match &rule.error_body {
        Some(list) => error_body_kind(source, list),
        None => Err(source.error(rule.name.span(), "this rule says nothing about what it does").allowing(KINDS)),
    }
}

fn shape_kind(source: &Source<'_>, shape: &Spanned<RawShape>) -> Result<RuleKind, ConfigError> {
    let word = match shape.get_ref() {
        RawShape::Pattern(pattern) => return Ok(RuleKind::Shape(Shape::Pattern(pattern.get_ref().clone()))),
        RawShape::Word(word) => word.as_str(),
    };
    Ok(RuleKind::Shape(match word {
        "uuid" => Shape::Uuid,
        "timestamp" => Shape::Timestamp,
        "number" => Shape::Number,
        "same_type" => Shape::SameType,
        other => {
            let error = source.error(shape.span(), format!("`{other}` is not a shape"));
            let allowed = format!("{}, or {{ pattern = \"…\" }}", SHAPES.join(", "));
            return Err(error.near(other, SHAPES.iter().copied()).allowing(allowed));
        }
    }))
}

fn number_kind(source: &Source<'_>, number: &Spanned<RawNumber>) -> Result<RuleKind, ConfigError> {
    const ALLOWED: &str = "abs = \"0.01\", rel = \"0.001\", or both: decimals as text, so that they stay exact";
    let decimal = |text: &Option<Text>| -> Result<Option<String>, ConfigError> {
        let Some(text) = text else { return Ok(None) };
        let value = source.expand(text)?;
        let digits = value.bytes().filter(u8::is_ascii_digit).count();
        let dots = value.bytes().filter(|b| *b == b'.').count();
        if digits == 0 || dots > 1 || digits + dots != value.len() || value.len() > 64 {
            return Err(source.error(text.span(), "this is not a decimal from 0").allowing(ALLOWED));
        }
        Ok(Some(value))
    };
    let raw = number.get_ref();
    let tolerance = NumberTolerance { abs: decimal(&raw.abs)?, rel: decimal(&raw.rel)? };
    if tolerance == NumberTolerance::default() {
        return Err(source.error(number.span(), "numbers are compared exactly without a rule").allowing(ALLOWED));
    }
    Ok(RuleKind::Number(tolerance))
}

fn key_kind(source: &Source<'_>, key: &Spanned<OneOrMany>) -> Result<RuleKind, ConfigError> {
    let paths = match key.get_ref() {
        OneOrMany::One(path) => vec![path.clone()],
        OneOrMany::Many(many) => many.iter().map(|path| path.get_ref().clone()).collect(),
    };
    if paths.is_empty() {
        return Err(source.error(key.span(), "a key needs at least one path").allowing("\"$.id\", or a list of such"));
    }
    Ok(RuleKind::Key(paths))
}

fn fallback_kind(source: &Source<'_>, raw: &RawFallback) -> Result<RuleKind, ConfigError> {
    let chars = match &raw.chars {
        None => None,
        Some(chars) => Some(usize::try_from(*chars.get_ref()).map_err(|_| {
            source.error(chars.span(), "a number of characters is not negative").allowing("0 and more")
        })?),
    };
    Ok(RuleKind::Fallback(Fallback {
        side: side(source, &raw.side, false)?,
        from: raw.from.get_ref().clone(),
        chars,
        suffix: raw.suffix.as_ref().map(|suffix| suffix.get_ref().clone()).unwrap_or_default(),
        strip_html: raw.strip_html.unwrap_or(false),
    }))
}

fn same_id_kind(source: &Source<'_>, raw: &RawSameId) -> Result<RuleKind, ConfigError> {
    if let Some(scope) = &raw.scope
        && scope.get_ref() != "document"
    {
        let known = ["session", "run"].contains(&scope.get_ref().as_str());
        let message = match known {
            true => {
                format!("the scope `{}` is not in this version: ids map one to one within a document", scope.get_ref())
            }
            false => format!("`{}` is not a scope", scope.get_ref()),
        };
        return Err(source.error(scope.span(), message).allowing("document"));
    }
    Ok(RuleKind::SameId(SameId { space: source.expand(&raw.space)? }))
}

fn set_cookie_kind(source: &Source<'_>, raw: &RawSetCookie) -> Result<RuleKind, ConfigError> {
    let cleared_by = raw.cleared_by.as_ref().map(|text| side(source, text, false)).transpose()?;
    let (primary, candidate) = (source.expand(&raw.primary)?, source.expand(&raw.candidate)?);
    Ok(RuleKind::SetCookie(SetCookie { primary, candidate, cleared_by }))
}

fn body_kind(source: &Source<'_>, body: &Text) -> Result<RuleKind, ConfigError> {
    const READINGS: [Media; 5] = [Media::Html, Media::Xml, Media::Json, Media::Form, Media::Text];
    let word = source.expand(body)?;
    READINGS.into_iter().find(|media| media.as_str() == word).map(RuleKind::Body).ok_or_else(|| {
        let error = source.error(body.span(), format!("bodies are not read as `{word}`"));
        error.near(&word, READINGS.iter().map(|media| media.as_str())).allowing("html, xml, json, form, text")
    })
}

fn error_body_kind(source: &Source<'_>, list: &Spanned<Vec<Spanned<i64>>>) -> Result<RuleKind, ConfigError> {
    const ALLOWED: &str = "a list of statuses from 400 to 599 ([404])";
    let mut statuses = Vec::new();
    for status in list.get_ref() {
        match u16::try_from(*status.get_ref()) {
            Ok(code @ 400..=599) => statuses.push(code),
            _ => {
                let message = format!("{} is not the status of an error", status.get_ref());
                return Err(source.error(status.span(), message).allowing(ALLOWED));
            }
        }
    }
    if statuses.is_empty() {
        return Err(source.error(list.span(), "no status is named").allowing(ALLOWED));
    }
    Ok(RuleKind::ErrorBody(ErrorBody { statuses }))
}

fn side(source: &Source<'_>, text: &Text, both: bool) -> Result<SideChoice, ConfigError> {
    match text.get_ref().as_str() {
        "primary" => Ok(SideChoice::Primary),
        "candidate" => Ok(SideChoice::Candidate),
        "both" if both => Ok(SideChoice::Both),
        other => {
            let words: &[&str] = if both { &["primary", "candidate", "both"] } else { &["primary", "candidate"] };
            let error = source.error(text.span(), format!("`{other}` is not a side for this rule"));
            Err(error.near(other, words.iter().copied()).allowing(words.join(", ")))
        }
    }
}
