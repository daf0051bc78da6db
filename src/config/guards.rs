//! What protects the live path from the mirror: `back_off` and `max_lag` of `[mirror]`, each of which may be `false`.

use super::BackOff;
use super::error::ConfigError;
use super::raw::{RawMirror, Scalar};
use super::source::Source;
use super::spelling;
use serde::Deserialize;
use serde::de::value::MapAccessDeserializer;
use std::fmt;
use std::time::Duration;
use toml::Spanned;

/// How much slower the primary may be with the mirror, where nothing is said.
const SLOWER_BY: f64 = 1.1;
/// Hundredths of a percent of the requests that are control requests at most, where nothing is said, and whatever is said.
const CONTROL: u32 = 20;
const CONTROL_AT_MOST: u32 = 500;
/// How late a live thread may be, where nothing is said.
const MAX_LAG: Duration = Duration::from_millis(250);

/// `back_off = { … }` or `false`.
#[derive(Debug)]
pub(super) enum RawBackOff {
    Switch(bool),
    Settings(BackOffSettings),
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct BackOffSettings {
    #[serde(default)]
    primary_slower_by: Option<Spanned<f64>>,
    #[serde(default)]
    control: Option<Spanned<Scalar>>,
}

impl<'de> Deserialize<'de> for RawBackOff {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<RawBackOff, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = RawBackOff;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("{ primary_slower_by = 1.1 } or false")
            }
            fn visit_bool<E>(self, on: bool) -> Result<RawBackOff, E> {
                Ok(RawBackOff::Switch(on))
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, map: A) -> Result<RawBackOff, A::Error> {
                BackOffSettings::deserialize(MapAccessDeserializer::new(map)).map(RawBackOff::Settings)
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// A string, or `false`.
#[derive(Debug)]
pub(super) enum OffOr {
    Off,
    Text(String),
}

impl<'de> Deserialize<'de> for OffOr {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<OffOr, D::Error> {
        struct Visitor;
        impl serde::de::Visitor<'_> for Visitor {
            type Value = OffOr;
            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("a duration (\"250ms\") or false")
            }
            fn visit_bool<E: serde::de::Error>(self, on: bool) -> Result<OffOr, E> {
                if on { Err(E::invalid_value(serde::de::Unexpected::Bool(on), &self)) } else { Ok(OffOr::Off) }
            }
            fn visit_str<E>(self, text: &str) -> Result<OffOr, E> {
                Ok(OffOr::Text(text.to_owned()))
            }
        }
        deserializer.deserialize_any(Visitor)
    }
}

/// `back_off`; `None` where it is turned off.
pub(super) fn back_off(source: &Source<'_>, raw: &RawMirror) -> Result<Option<BackOff>, ConfigError> {
    let settings = match &raw.back_off {
        None | Some(RawBackOff::Switch(true)) => None,
        Some(RawBackOff::Switch(false)) => return Ok(None),
        Some(RawBackOff::Settings(settings)) => Some(settings),
    };
    let slower_by = match settings.and_then(|settings| settings.primary_slower_by.as_ref()) {
        None => SLOWER_BY,
        Some(factor) if *factor.get_ref() > 1.0 && *factor.get_ref() <= 100.0 => *factor.get_ref(),
        Some(factor) => {
            let message = format!("{} is no factor by which the primary may be slower", factor.get_ref());
            let allowed = "more than 1, at most 100 (1.1 for a tenth); back_off = false turns it off";
            return Err(source.error(factor.span(), message).allowing(allowed));
        }
    };
    let control = match settings.and_then(|settings| settings.control.as_ref()) {
        None => CONTROL,
        Some(control) => match spelling::basis_points(control.get_ref()) {
            Ok(points) if (1..=CONTROL_AT_MOST).contains(&points) => points,
            _ => {
                let error = source.error(control.span(), "this is no share of control requests");
                return Err(error.allowing("0.01 to 5 percent (0.2 or \"0.2%\"); back_off = false turns them off"));
            }
        },
    };
    Ok(Some(BackOff { slower_by, one_in: 10_000_u32.div_ceil(control) }))
}

/// `max_lag`; `None` where it is turned off.
pub(super) fn max_lag(source: &Source<'_>, raw: &RawMirror) -> Result<Option<Duration>, ConfigError> {
    const LEAST: Duration = Duration::from_millis(5);
    let (text, span) = match &raw.max_lag {
        None => return Ok(Some(MAX_LAG)),
        Some(spanned) => match spanned.get_ref() {
            OffOr::Off => return Ok(None),
            OffOr::Text(text) => (text, spanned.span()),
        },
    };
    let value = source.expand(&Spanned::new(span.clone(), text.clone()))?;
    match spelling::duration(&value) {
        Ok(lag) if lag >= LEAST => Ok(Some(lag)),
        Ok(_) => Err(source
            .error(span, format!("`{value}` is less than timers can tell"))
            .allowing("5ms or more; false turns it off")),
        Err(allowed) => {
            Err(source.error(span, format!("`{value}` is not a duration")).allowing(format!("{allowed}, or false")))
        }
    }
}
