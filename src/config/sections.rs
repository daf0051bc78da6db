//! The sections one by one: values as typed to values as meant, defaults where nothing is said.

use super::error::ConfigError;
use super::raw::{OneOrMany, RawCompare, RawMirror, RawRedact, RawRoute, RawStore, Scalar, Text};
use super::source::Source;
use super::spelling;
use super::{Breaker, Mirror, Rate, Redact, SampleKey, StoreBodies, StoreConfig};
use crate::evidence::EvidenceBatch;
use crate::judge::HeaderPolicy;
use crate::redact::{RedactOptions, Redactor};
use std::num::NonZeroU32;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::time::Duration;
use toml::Spanned;

const HOUR: Duration = Duration::from_secs(3_600);
/// How long evidence is kept where nothing is said.
const MAX_AGE: Duration = Duration::from_secs(90 * 24 * 3_600);
/// Keys that a store may be held to; of more than the second sled takes too much memory.
const KEYS: (i64, i64) = (10_000, 1_000_000);

/// A whole number within bounds.
pub(super) fn within(
    source: &Source<'_>,
    value: &Spanned<i64>,
    bounds: RangeInclusive<i64>,
) -> Result<i64, ConfigError> {
    let number = *value.get_ref();
    match bounds.contains(&number) {
        true => Ok(number),
        false => Err(source.error(value.span(), format!("{number} is out of range")).allowing(format!(
            "{} to {}",
            bounds.start(),
            bounds.end()
        ))),
    }
}

/// A duration above zero.
pub(super) fn positive_duration(source: &Source<'_>, text: &Text) -> Result<Duration, ConfigError> {
    let value = source.expand(text)?;
    match spelling::duration(&value) {
        Ok(duration) if !duration.is_zero() => Ok(duration),
        Ok(_) => Err(source.error(text.span(), "zero is too short").allowing("more than nothing")),
        Err(allowed) => Err(source.error(text.span(), format!("`{value}` is not a duration")).allowing(allowed)),
    }
}

/// A header's name, lower case.
pub(super) fn header(source: &Source<'_>, text: &Text) -> Result<http::HeaderName, ConfigError> {
    let value = source.expand(text)?;
    spelling::header_name(&value)
        .map_err(|allowed| source.error(text.span(), format!("`{value}` is not a header's name")).allowing(allowed))
}

fn headers(source: &Source<'_>, list: &[Text]) -> Result<Vec<String>, ConfigError> {
    list.iter().map(|text| header(source, text).map(|name| name.as_str().to_owned())).collect()
}

fn bytes(source: &Source<'_>, value: &Option<Spanned<Scalar>>, default: u64, least: u64) -> Result<u64, ConfigError> {
    let Some(value) = value else { return Ok(default) };
    let scalar = match value.get_ref() {
        Scalar::Text(text) => Scalar::Text(source.expand(&Spanned::new(value.span(), text.clone()))?),
        other => other.clone(),
    };
    match spelling::size(&scalar) {
        Ok(bytes) if bytes >= least => Ok(bytes),
        Ok(_) => Err(source.error(value.span(), "this is too small").allowing(format!("at least {least} bytes"))),
        Err(allowed) => Err(source.error(value.span(), "this is not a size").allowing(allowed)),
    }
}

/// `[mirror]`. Where no rate is named there is no rate limit, and a warning says so.
pub(super) fn mirror(
    source: &Source<'_>,
    raw: &RawMirror,
    from_file: bool,
    warnings: &mut Vec<String>,
) -> Result<Mirror, ConfigError> {
    let basis_points = match &raw.percent {
        None => 10_000,
        Some(percent) => spelling::basis_points(percent.get_ref())
            .map_err(|allowed| source.error(percent.span(), "this is not a percentage").allowing(allowed))?,
    };
    let shadow_nice = raw.shadow_nice.as_ref().map_or(Ok(5), |nice| within(source, nice, 0..=19))?;
    let max_in_flight = raw.max_in_flight.as_ref().map_or(Ok(64), |most| within(source, most, 1..=65_536))?;
    let rate = rate(source, raw)?;
    if raw.rate.is_none() {
        let started = if from_file { "[mirror] rate is not set" } else { "started by flags alone" };
        warnings.push(format!("{started}: there is no rate limit on shadow requests"));
    }
    Ok(Mirror {
        basis_points,
        key: sample_key(source, &raw.key)?,
        methods: methods(source, &raw.methods)?,
        shadow_nice: shadow_nice as i32,
        rate,
        max_in_flight: max_in_flight as usize,
        max_in_flight_bytes: bytes(source, &raw.max_in_flight_bytes, 16 << 20, 64 << 10)? as usize,
        max_body: bytes(source, &raw.max_body, 1 << 20, 0)? as usize,
        breaker: breaker(source, raw)?,
        back_off: super::guards::back_off(source, raw)?,
        max_lag: super::guards::max_lag(source, raw)?,
        session: raw.session.as_ref().map(|raw| super::session::session(source, raw)).transpose()?,
    })
}

fn rate(source: &Source<'_>, raw: &RawMirror) -> Result<Option<Rate>, ConfigError> {
    let per_second = match &raw.rate {
        None => None,
        Some(text) => {
            let value = source.expand(text)?;
            spelling::rate(&value)
                .map_err(|allowed| source.error(text.span(), format!("`{value}` is not a rate")).allowing(allowed))?
        }
    };
    let burst = raw.burst.as_ref().map_or(Ok(50), |burst| within(source, burst, 1..=1_000_000))?;
    Ok(per_second.and_then(|per_second| Some(Rate { per_second, burst: NonZeroU32::new(burst as u32)? })))
}

fn sample_key(source: &Source<'_>, raw: &Option<Text>) -> Result<SampleKey, ConfigError> {
    const ALLOWED: &str = "\"cookie:NAME\", \"header:NAME\" or \"address\"";
    let Some(text) = raw else { return Ok(SampleKey::Cookie("sessionid".to_owned())) };
    let value = source.expand(text)?;
    match value.split_once(':') {
        None if value == "address" => Ok(SampleKey::Address),
        Some(("cookie", name)) if !name.is_empty() && !name.contains(|c: char| "=;, ".contains(c)) => {
            Ok(SampleKey::Cookie(name.to_owned()))
        }
        Some(("header", name)) => spelling::header_name(name)
            .map(SampleKey::Header)
            .map_err(|_| source.error(text.span(), format!("`{name}` is not a header's name")).allowing(ALLOWED)),
        _ => Err(source.error(text.span(), format!("`{value}` is not a sampling key")).allowing(ALLOWED)),
    }
}

fn methods(source: &Source<'_>, raw: &Option<Vec<Text>>) -> Result<Vec<http::Method>, ConfigError> {
    let Some(list) = raw else { return Ok(vec![http::Method::GET, http::Method::HEAD]) };
    let mut methods = Vec::new();
    for text in list {
        let value = source.expand(text)?;
        let method = spelling::method(&value)
            .map_err(|allowed| source.error(text.span(), format!("`{value}` is not a method")).allowing(allowed))?;
        // Writes are mirrored only where a person said so for that route.
        if !method.is_safe() {
            let message = format!("`{method}` is not safe to repeat everywhere");
            let allowed = "GET, HEAD, OPTIONS, TRACE here; others with mirror = \"allow\" on their own [[route]]";
            return Err(source.error(text.span(), message).allowing(allowed));
        }
        methods.push(method);
    }
    Ok(methods)
}

fn breaker(source: &Source<'_>, raw: &RawMirror) -> Result<Breaker, ConfigError> {
    let raw = &raw.breaker;
    let time = |text: &Option<Text>, seconds: u64| match text {
        Some(text) => positive_duration(source, text),
        None => Ok(Duration::from_secs(seconds)),
    };
    Ok(Breaker {
        failures: raw.failures.as_ref().map_or(Ok(20), |most| within(source, most, 1..=1_000_000))? as u32,
        window: time(&raw.window, 10)?,
        cooldown: time(&raw.cooldown, 5)?,
        probe_timeout: time(&raw.probe_timeout, 1)?,
    })
}

/// `[compare]`.
pub(super) fn header_policy(source: &Source<'_>, raw: &RawCompare) -> Result<HeaderPolicy, ConfigError> {
    let ignore = headers(source, &raw.ignore_headers)?;
    match &raw.headers {
        None => Ok(HeaderPolicy::All { ignore }),
        Some(OneOrMany::One(word)) if word == "all" => Ok(HeaderPolicy::All { ignore }),
        Some(OneOrMany::One(word)) => {
            Err(ConfigError::plain(source.name, format!("compare.headers: `{word}` is neither \"all\" nor a list"))
                .allowing("\"all\", or a list of names ([\"content-type\", \"location\"])"))
        }
        Some(OneOrMany::Many(list)) => {
            let mut only = headers(source, list)?;
            only.retain(|name| !ignore.contains(name));
            Ok(HeaderPolicy::Only(only))
        }
    }
}

/// `[redact]`.
pub(super) fn redact(source: &Source<'_>, raw: &RawRedact, base: &Path) -> Result<Redact, ConfigError> {
    const SHAPES: &[&str] = &["jwt", "card", "email"];
    const BODIES: &[&str] = &["none", "differences", "full"];
    let word = |text: &Text, allowed: &[&str]| {
        let value = source.expand(text)?;
        match allowed.contains(&value.as_str()) {
            true => Ok(value),
            false => Err(source
                .error(text.span(), format!("unknown value `{value}`"))
                .near(&value, allowed.iter().copied())
                .allowing(allowed.join(", "))),
        }
    };
    let shapes = match &raw.shapes {
        None => vec!["jwt".to_owned()],
        Some(list) => list.iter().map(|text| word(text, SHAPES)).collect::<Result<_, _>>()?,
    };
    let store_bodies = match raw.store_bodies.as_ref().map(|text| word(text, BODIES)).transpose()?.as_deref() {
        Some("none") => StoreBodies::None,
        Some("full") => StoreBodies::Full,
        _ => StoreBodies::Differences,
    };
    let paths = match &raw.paths {
        None => vec!["$..password".to_owned(), "$..email".to_owned()],
        Some(list) => {
            let mut paths = Vec::new();
            for text in list {
                paths.push(selector(source, text)?);
            }
            paths
        }
    };
    let key_file = match &raw.key_file {
        None => None,
        Some(text) => Some(base.join(source.expand(text)?)),
    };
    let default = || ["authorization", "cookie", "set-cookie"].map(str::to_owned).to_vec();
    let headers = raw.headers.as_ref().map_or_else(|| Ok(default()), |list| headers(source, list))?;
    Ok(Redact { headers, paths, key_file, shapes, store_bodies })
}

/// A selector that redaction can read.
fn selector(source: &Source<'_>, text: &Text) -> Result<String, ConfigError> {
    let path = source.expand(text)?;
    let options = RedactOptions { paths: vec![path.clone()], ..RedactOptions::default() };
    match Redactor::check(&options) {
        Ok(()) => Ok(path),
        Err(error) => Err(source.error(text.span(), error.to_string()).allowing("$..name, $.a.b, $.a[*].b, $['a b']")),
    }
}

/// `[store]`; a flag's directory is relative to where paritee was started, a file's to the file.
pub(super) fn store(
    source: &Source<'_>,
    raw: &RawStore,
    flag: Option<&Path>,
    base: &Path,
) -> Result<StoreConfig, ConfigError> {
    let dir = match (flag, &raw.dir) {
        (Some(flag), _) => flag.to_owned(),
        (None, Some(text)) => base.join(source.expand(text)?),
        (None, None) => base.join("paritee-store"),
    };
    let exemplars =
        raw.exemplars.as_ref().map_or(Ok(8), |most| within(source, most, 1..=EvidenceBatch::EXEMPLARS as i64))?;
    let max_age = match &raw.max_age {
        None => MAX_AGE,
        Some(text) => match positive_duration(source, text)? {
            age if age >= HOUR => age,
            _ => return Err(source.error(text.span(), "evidence is kept by the hour").allowing("1h or more")),
        },
    };
    let max_keys = raw.max_keys.as_ref().map_or(Ok(KEYS.1), |most| within(source, most, KEYS.0..=KEYS.1))?;
    Ok(StoreConfig {
        dir,
        cache_bytes: bytes(source, &raw.cache, 16 << 20, 1 << 20)?,
        exemplars: exemplars as usize,
        max_age,
        max_bytes: bytes(source, &raw.max_bytes, 4 << 30, 64 << 20)?,
        max_keys: max_keys as u64,
    })
}

/// The key that signs and hashes must not lie beside what it protects.
pub(super) fn check_key_outside_store(
    source: &Source<'_>,
    raw: &RawRedact,
    redact: &Redact,
    store: &StoreConfig,
) -> Result<(), ConfigError> {
    let (Some(text), Some(key)) = (&raw.key_file, &redact.key_file) else { return Ok(()) };
    let clean = |path: &Path| -> PathBuf { path.components().filter(|c| c.as_os_str() != ".").collect() };
    match clean(key).starts_with(clean(&store.dir)) {
        true => Err(source
            .error(text.span(), "the key lies inside the store that it protects")
            .allowing("a file outside [store] dir")),
        false => Ok(()),
    }
}

/// `mirror = "allow" | "never"` of a route.
pub(super) fn mirror_word(source: &Source<'_>, route: &RawRoute) -> Result<Option<bool>, ConfigError> {
    let Some(text) = &route.mirror else { return Ok(None) };
    match text.get_ref().as_str() {
        "allow" => Ok(Some(true)),
        "never" => Ok(Some(false)),
        other => {
            let error = source.error(text.span(), format!("unknown value `{other}`")).near(other, ["allow", "never"]);
            Err(error.allowing("allow, never; nothing for what [mirror] methods says"))
        }
    }
}

/// `owner = "primary" | "candidate"` of a route.
pub(super) fn owner_word(source: &Source<'_>, route: &RawRoute) -> Result<bool, ConfigError> {
    match route.owner.as_ref().map(|text| (text, text.get_ref().as_str())) {
        None | Some((_, "primary")) => Ok(false),
        Some((_, "candidate")) => Ok(true),
        Some((text, other)) => {
            let error = source.error(text.span(), format!("unknown value `{other}`"));
            Err(error.near(other, ["primary", "candidate"]).allowing("primary, candidate"))
        }
    }
}
