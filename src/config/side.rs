//! One side: its URL, how it is asked, and for how long.

use super::address::{self, Target};
use super::error::ConfigError;
use super::raw::{RawUpstream, Text};
use super::resolve::Surroundings;
use super::source::Source;
use super::{Endpoint, Upstream, sections, trust};
use std::time::Duration;

/// Reads a side from its flag or its section; `None` where it has neither.
pub(super) fn side(
    source: &Source<'_>,
    around: &Surroundings<'_>,
    name: &str,
    flag: Option<&str>,
    raw: Option<&RawUpstream>,
    seconds: u64,
) -> Result<Option<Upstream>, ConfigError> {
    let url = match (flag, raw) {
        (None, None) => return Ok(None),
        (Some(flag), _) => address::url(flag)
            .map_err(|message| ConfigError::plain(format!("--{name}"), message).allowing(address::URLS))?,
        (None, Some(raw)) => address::url(&source.expand(&raw.url)?)
            .map_err(|message| source.error(raw.url.span(), message).allowing(address::URLS))?,
    };
    let timeout = match raw.and_then(|raw| raw.timeout.as_ref()) {
        Some(text) => sections::positive_duration(source, text)?,
        None => Duration::from_secs(seconds),
    };
    let connect_timeout = match raw.and_then(|raw| raw.connect_timeout.as_ref()) {
        Some(text) => sections::positive_duration(source, text)?,
        None => timeout.min(Duration::from_secs(2)),
    };
    let version_header = match raw.and_then(|raw| raw.version_header.as_ref()) {
        Some(text) => Some(sections::header(source, text)?),
        None => None,
    };
    let http2 = raw.and_then(|raw| raw.http2).unwrap_or(false);
    let endpoint = match url.target {
        Target::Tcp { host, port, tls: true } => {
            let tls = trust::tls(source, around, name, raw, &host, http2)?;
            Endpoint::Tcp { host, port, tls: Some(tls) }
        }
        Target::Tcp { host, port, tls: false } => Endpoint::Tcp { host, port, tls: None },
        Target::Unix(path) => Endpoint::Unix(path),
    };
    if let (None, Some(unused), false) =
        (flag, raw.and_then(first_of_tls), matches!(endpoint, Endpoint::Tcp { tls: Some(_), .. }))
    {
        return Err(source
            .error(unused.span(), "this side is not asked over TLS, so nothing here would be checked or shown")
            .allowing("with url = \"https://…\" only"));
    }
    let (authority, base_path) = (url.authority, url.base_path);
    Ok(Some(Upstream { endpoint, authority, http2, base_path, timeout, connect_timeout, version_header }))
}

/// The first key that means something over TLS alone.
fn first_of_tls(raw: &RawUpstream) -> Option<&Text> {
    [&raw.ca, &raw.cert, &raw.key, &raw.server_name].into_iter().find_map(Option::as_ref)
}
