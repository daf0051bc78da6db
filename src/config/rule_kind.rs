//! What a rule does: from one key of its table, as typed, to a [`RuleKind`].

use super::error::ConfigError;
use super::raw::{OneOrMany, Text};
use super::raw_rule::{RawAbsent, RawFallback, RawNumber, RawRule, RawSameId, RawSetCookie, RawShape, RawUrl};
use super::rule::KINDS;
use super::source::Source;
use super::spelling;
use crate::document::Media;
use crate::rules::{
    Codec, ErrorBody, Fallback, IdScope, NumberTolerance, Rename, Rewrite, RuleKind, SameId, SetCookie, Shape,
    SideChoice, TextMode, UrlRule,
};
use std::ops::Range;
use toml::Spanned;

const SHAPES: &[&str] = &["uuid", "timestamp", "number", "same_type"];

/// What a rule's table says that it does; the table has exactly one kind.
pub(super) fn read(source: &Source<'_>, rule: &RawRule) -> Result<RuleKind, ConfigError> {
    let flags = [(&rule.ignore, RuleKind::Ignore), (&rule.unordered, RuleKind::Unordered), (&rule.set, RuleKind::Set)];
    for (flag, kind) in flags {
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
    if let Some(kind) = text_kinds(source, rule)? {
        return Ok(kind);
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

/// The kinds that say how texts and names are read.
fn text_kinds(source: &Source<'_>, rule: &RawRule) -> Result<Option<RuleKind>, ConfigError> {
    if let Some(url) = &rule.url {
        return url_kind(source, url.get_ref()).map(Some);
    }
    if let Some(absent) = &rule.absent_is_null {
        return match absent.get_ref() {
            RawAbsent::Flag(true) => Ok(Some(RuleKind::AbsentIsNull { empty: false })),
            RawAbsent::Flag(false) => {
                Err(source.error(absent.span(), "a rule that is off is no rule: remove it").allowing("true"))
            }
            RawAbsent::Table(table) => Ok(Some(RuleKind::AbsentIsNull { empty: table.empty })),
        };
    }
    if let Some(rename) = &rule.rename {
        let raw = rename.get_ref();
        let (from, to) = (source.expand(&raw.from)?, source.expand(&raw.to)?);
        return Ok(Some(RuleKind::Rename(Rename { from, to })));
    }
    if let Some(text) = &rule.text {
        const MODES: &[(&str, TextMode)] = &[
            ("trim", TextMode::Trim),
            ("collapse", TextMode::Collapse),
            ("case", TextMode::Case),
            ("nfc", TextMode::Nfc),
            ("crlf", TextMode::Crlf),
        ];
        return words(source, text, MODES).map(|modes| Some(RuleKind::Text(modes)));
    }
    if let Some(decode) = &rule.decode {
        const CODECS: &[(&str, Codec)] = &[("base64", Codec::Base64), ("gzip", Codec::Gzip), ("json", Codec::Json)];
        return words(source, decode, CODECS).map(|codecs| Some(RuleKind::Decode(codecs)));
    }
    Ok(None)
}

/// One word or a list of words, each of which means something.
fn words<T: Copy>(source: &Source<'_>, raw: &Spanned<OneOrMany>, known: &[(&str, T)]) -> Result<Vec<T>, ConfigError> {
    let given: Vec<(&str, Range<usize>)> = match raw.get_ref() {
        OneOrMany::One(word) => vec![(word, raw.span())],
        OneOrMany::Many(many) => many.iter().map(|word| (word.get_ref().as_str(), word.span())).collect(),
    };
    let read = |(word, span): (&str, Range<usize>)| {
        let found = known.iter().find(|(name, _)| *name == word).map(|(_, value)| *value);
        let names = || known.iter().map(|(name, _)| *name);
        found.ok_or_else(|| {
            let error = source.error(span, format!("unknown value `{word}`")).near(word, names());
            error.allowing(names().collect::<Vec<_>>().join(", "))
        })
    };
    given.into_iter().map(read).collect()
}

fn url_kind(source: &Source<'_>, raw: &RawUrl) -> Result<RuleKind, ConfigError> {
    const PARTS: &[(&str, u8)] = &[("origin", 0), ("trailing_slash", 1), ("query_order", 2)];
    let parts = words(source, &raw.ignore, PARTS)?;
    let mut hosts = Vec::new();
    for host in &raw.hosts {
        let name = source.expand(host)?;
        if name.is_empty() || name.contains(['/', '@', ' ']) {
            return Err(source
                .error(host.span(), format!("`{name}` is not a host"))
                .allowing("api.example, api.example:8443"));
        }
        hosts.push(name.to_ascii_lowercase());
    }
    let has = |part: u8| parts.contains(&part);
    Ok(RuleKind::Url(UrlRule { origin: has(0), trailing_slash: has(1), query_order: has(2), hosts }))
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
    let (string, spelling) = (raw.string, raw.spelling);
    let tolerance = NumberTolerance { abs: decimal(&raw.abs)?, rel: decimal(&raw.rel)?, string, spelling };
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
    let scope = match &raw.scope {
        None => IdScope::Document,
        Some(text) => {
            let word = source.expand(text)?;
            IdScope::ALL.into_iter().find(|scope| scope.as_str() == word).ok_or_else(|| {
                let words = IdScope::ALL.map(IdScope::as_str);
                let error = source.error(text.span(), format!("`{word}` is not a scope")).near(&word, words);
                error.allowing(words.join(", "))
            })?
        }
    };
    Ok(RuleKind::SameId(SameId { space: source.expand(&raw.space)?, scope }))
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
