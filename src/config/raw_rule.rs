//! A rule as typed: one table with exactly one kind among its keys.

use super::raw::{OneOrMany, Text};
use serde::Deserialize;
use std::fmt;
use toml::Spanned;
use toml::value::Datetime;

/// `[[rule]]` and `[[route.rule]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRule {
    pub(super) name: Text,
    pub(super) path: Option<Text>,
    pub(super) reason: Option<Text>,
    pub(super) until: Option<Spanned<Datetime>>,
    // kinds that act in this version
    pub(super) ignore: Option<Spanned<bool>>,
    pub(super) shape: Option<Spanned<RawShape>>,
    pub(super) timestamp: Option<Spanned<RawTimestamp>>,
    pub(super) number: Option<Spanned<RawNumber>>,
    pub(super) unordered: Option<Spanned<bool>>,
    pub(super) key: Option<Spanned<OneOrMany>>,
    pub(super) rewrite: Option<Spanned<RawRewrite>>,
    pub(super) fallback: Option<Spanned<RawFallback>>,
    pub(super) added: Option<Text>,
    pub(super) error_body: Option<Spanned<Vec<Spanned<i64>>>>,
    pub(super) same_id: Option<Spanned<RawSameId>>,
    pub(super) set_cookie: Option<Spanned<RawSetCookie>>,
    pub(super) set: Option<Spanned<bool>>,
    pub(super) url: Option<Spanned<RawUrl>>,
    pub(super) absent_is_null: Option<Spanned<RawAbsent>>,
    pub(super) rename: Option<Spanned<RawRename>>,
    pub(super) text: Option<Spanned<OneOrMany>>,
    pub(super) decode: Option<Spanned<OneOrMany>>,
    pub(super) body: Option<Text>,
}

/// `shape = "uuid"` or `shape = { pattern = "…" }`.
#[derive(Clone, Debug)]
pub(super) enum RawShape {
    Word(String),
    Pattern(Text),
}

impl<'de> Deserialize<'de> for RawShape {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<RawShape, D::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Table {
            pattern: Text,
        }
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = RawShape;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("the name of a shape, or { pattern = \"…\" }")
            }
            fn visit_str<E>(self, text: &str) -> Result<RawShape, E> {
                Ok(RawShape::Word(text.to_owned()))
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<RawShape, A::Error> {
                let table = Table::deserialize(serde::de::value::MapAccessDeserializer::new(map))?;
                Ok(RawShape::Pattern(table.pattern))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// `timestamp = { within = "1s" }`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTimestamp {
    pub(super) within: Option<Text>,
}

/// `number = { abs = "0.01", rel = "0" }`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawNumber {
    pub(super) abs: Option<Text>,
    pub(super) rel: Option<Text>,
    #[serde(default)]
    pub(super) string: bool,
    #[serde(default)]
    pub(super) spelling: bool,
}

/// `url = { ignore, hosts }`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawUrl {
    pub(super) ignore: Spanned<OneOrMany>,
    #[serde(default)]
    pub(super) hosts: Vec<Text>,
}

/// `rename = { from, to }`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRename {
    pub(super) from: Text,
    pub(super) to: Text,
}

/// `absent_is_null = true` or `{ empty = true }`.
#[derive(Debug, Deserialize)]
#[serde(untagged, expecting = "true, or { empty = true }")]
pub(super) enum RawAbsent {
    Flag(bool),
    Table(RawEmpty),
}

/// `{ empty = true }`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawEmpty {
    pub(super) empty: bool,
}

/// `rewrite = { pattern, with, side }`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRewrite {
    pub(super) pattern: Text,
    pub(super) with: Text,
    pub(super) side: Option<Text>,
}

/// `fallback = { side, from, chars, suffix, strip_html }`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawFallback {
    pub(super) side: Text,
    pub(super) from: Text,
    pub(super) chars: Option<Spanned<i64>>,
    pub(super) suffix: Option<Text>,
    pub(super) strip_html: Option<bool>,
}

/// `same_id = { space, scope }`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSameId {
    pub(super) space: Text,
    pub(super) scope: Option<Text>,
}

/// `set_cookie = { primary, candidate, cleared_by }`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSetCookie {
    pub(super) primary: Text,
    pub(super) candidate: Text,
    pub(super) cleared_by: Option<Text>,
}
