//! The config as typed: every section and key, unknown ones refused. What it means is decided in `resolve`.

use super::guards::{OffOr, RawBackOff};
use super::raw_rule::RawRule;
use serde::Deserialize;
use std::fmt;
use toml::Spanned;

/// A string with its place in the file.
pub(super) type Text = Spanned<String>;

/// The whole file.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawConfig {
    pub(super) listen: Option<Text>,
    pub(super) admin: Option<Text>,
    pub(super) admin_token: Option<Text>,
    pub(super) workers: Option<Spanned<i64>>,
    pub(super) tls: Option<RawTls>,
    pub(super) upstreams: Option<RawUpstreams>,
    pub(super) mirror: RawMirror,
    pub(super) confirm: Option<RawConfirm>,
    pub(super) compare: RawCompare,
    pub(super) redact: RawRedact,
    pub(super) store: RawStore,
    pub(super) principal: Vec<RawPrincipal>,
    pub(super) role: Vec<RawRole>,
    pub(super) rule: Vec<RawRule>,
    pub(super) route: Vec<RawRoute>,
    pub(super) gate: Vec<RawGate>,
}

/// `[tls]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawTls {
    pub(super) cert: Text,
    pub(super) key: Text,
    pub(super) client_ca: Option<Text>,
}

/// `[upstreams]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawUpstreams {
    pub(super) primary: Option<RawUpstream>,
    pub(super) candidate: Option<RawUpstream>,
    pub(super) secondary: Option<RawUpstream>,
}

/// `[upstreams.primary]` and its like.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawUpstream {
    pub(super) url: Text,
    pub(super) http2: Option<bool>,
    pub(super) ca: Option<Text>,
    pub(super) cert: Option<Text>,
    pub(super) key: Option<Text>,
    pub(super) server_name: Option<Text>,
    pub(super) timeout: Option<Text>,
    pub(super) connect_timeout: Option<Text>,
    pub(super) version_header: Option<Text>,
}

/// `[mirror]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawMirror {
    pub(super) percent: Option<Spanned<Scalar>>,
    pub(super) key: Option<Text>,
    pub(super) methods: Option<Vec<Text>>,
    pub(super) shadow_nice: Option<Spanned<i64>>,
    pub(super) rate: Option<Text>,
    pub(super) burst: Option<Spanned<i64>>,
    pub(super) max_in_flight: Option<Spanned<i64>>,
    pub(super) max_in_flight_bytes: Option<Spanned<Scalar>>,
    pub(super) max_body: Option<Spanned<Scalar>>,
    pub(super) breaker: RawBreaker,
    pub(super) back_off: Option<RawBackOff>,
    pub(super) max_lag: Option<Spanned<OffOr>>,
    pub(super) session: Option<RawSession>,
}

/// `breaker = { … }`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawBreaker {
    pub(super) failures: Option<Spanned<i64>>,
    pub(super) window: Option<Text>,
    pub(super) cooldown: Option<Text>,
    pub(super) probe_timeout: Option<Text>,
}

/// `[mirror.session]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSession {
    pub(super) cookie: Text,
    #[serde(default)]
    pub(super) establish: Vec<Text>,
    pub(super) bridge: Option<Text>,
    pub(super) max_sessions: Option<Spanned<i64>>,
    pub(super) expires_after: Option<Text>,
}

/// `[confirm]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawConfirm {
    pub(super) after: Option<Spanned<Vec<Text>>>,
    pub(super) budget: Option<Text>,
}

/// `[compare]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawCompare {
    pub(super) headers: Option<OneOrMany>,
    pub(super) ignore_headers: Vec<Text>,
}

/// `[redact]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawRedact {
    pub(super) headers: Option<Vec<Text>>,
    pub(super) paths: Option<Vec<Text>>,
    pub(super) key_file: Option<Text>,
    pub(super) shapes: Option<Vec<Text>>,
    pub(super) store_bodies: Option<Text>,
}

/// `[store]`.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct RawStore {
    pub(super) dir: Option<Text>,
    pub(super) cache: Option<Spanned<Scalar>>,
    pub(super) exemplars: Option<Spanned<i64>>,
    pub(super) max_age: Option<Text>,
    pub(super) max_bytes: Option<Spanned<Scalar>>,
    pub(super) max_keys: Option<Spanned<i64>>,
}

/// `[[principal]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawPrincipal {
    pub(super) class: Text,
    pub(super) when: Option<RawWhen>,
    pub(super) subject: Option<RawClaim>,
    #[serde(default)]
    pub(super) owner_paths: Vec<Text>,
}

/// `when = { claim, equals }` or `when = { credential }`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawWhen {
    pub(super) claim: Option<Text>,
    pub(super) equals: Option<Spanned<RawEquals>>,
    pub(super) credential: Option<Text>,
}

/// What a claim is to be: a string, a number or a truth value, compared as text.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum RawEquals {
    Truth(bool),
    Scalar(Scalar),
}

/// `subject = { claim }`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawClaim {
    pub(super) claim: Text,
}

/// `[[role]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRole {
    pub(super) name: Text,
    #[serde(default)]
    pub(super) depends_on: Vec<Text>,
}

/// `[[route]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRoute {
    #[serde(rename = "match")]
    pub(super) pattern: Text,
    pub(super) role: Option<Text>,
    pub(super) owner: Option<Text>,
    pub(super) mirror: Option<Text>,
    pub(super) split_by: Option<Text>,
    #[serde(default)]
    pub(super) rule: Vec<RawRule>,
    #[serde(default)]
    pub(super) branch: Vec<RawBranch>,
}

/// `[[route.branch]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawBranch {
    pub(super) name: Text,
    pub(super) when: Text,
    pub(super) min: Option<Spanned<u64>>,
}

/// `[[gate]]`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawGate {
    pub(super) name: Text,
    pub(super) mismatch_rate_below: Option<Spanned<f64>>,
    pub(super) confidence: Option<Spanned<f64>>,
    pub(super) max_age: Option<Text>,
    pub(super) max_unjudged_share: Option<Spanned<f64>>,
    pub(super) open_signatures: Option<u64>,
    pub(super) evidence_from: Option<Text>,
    pub(super) latency_p95_ratio_below: Option<Spanned<f64>>,
    pub(super) max_hidden_share: Option<Spanned<f64>>,
}

/// A string or a number, for settings that read well as either (`"16MiB"` or `16777216`).
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Scalar {
    Text(String),
    Integer(i64),
    Float(f64),
}

impl<'de> Deserialize<'de> for Scalar {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Scalar, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = Scalar;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a number")
            }
            fn visit_str<E>(self, text: &str) -> Result<Scalar, E> {
                Ok(Scalar::Text(text.to_owned()))
            }
            fn visit_i64<E>(self, number: i64) -> Result<Scalar, E> {
                Ok(Scalar::Integer(number))
            }
            fn visit_u64<E>(self, number: u64) -> Result<Scalar, E> {
                Ok(Scalar::Integer(i64::try_from(number).unwrap_or(i64::MAX)))
            }
            fn visit_f64<E>(self, number: f64) -> Result<Scalar, E> {
                Ok(Scalar::Float(number))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// A string or a list of strings (`key = "$.id"`, `headers = ["x-a", "x-b"]`).
#[derive(Clone, Debug)]
pub(super) enum OneOrMany {
    One(String),
    Many(Vec<Text>),
}

impl<'de> Deserialize<'de> for OneOrMany {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<OneOrMany, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = OneOrMany;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a string or a list of strings")
            }
            fn visit_str<E>(self, text: &str) -> Result<OneOrMany, E> {
                Ok(OneOrMany::One(text.to_owned()))
            }
            fn visit_seq<A: serde::de::SeqAccess<'de>>(self, mut list: A) -> Result<OneOrMany, A::Error> {
                let mut many = Vec::new();
                while let Some(text) = list.next_element::<Text>()? {
                    many.push(text);
                }
                Ok(OneOrMany::Many(many))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}
