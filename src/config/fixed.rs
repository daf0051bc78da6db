//! What a running tee cannot change: where it listens, its threads, its store, its key. A file that says otherwise is
//! refused whole, since the half of it would be in force.

use super::Config;
use super::error::ConfigError;
use super::raw::RawConfig;
use super::source::Source;
use std::ops::Range;

const ALLOWED: &str = "the value it was started with; restart (or hand over) to change it";
/// A tee is found by its store.
const RESTART: &str = "the value it was started with; restart to change it";

/// One key that is fixed.
struct Fixed {
    key: &'static str,
    /// Where the file says it, where it does.
    span: Option<Range<usize>>,
    changed: bool,
    was: String,
}

/// Refuses a config that changes what is fixed, at the first such key.
pub(super) fn check(source: &Source<'_>, raw: &RawConfig, was: &Config, now: &Config) -> Result<(), ConfigError> {
    let Some(Fixed { key, span, was, .. }) =
        all(raw, was, now).into_iter().chain(caps(raw, was, now)).find(|fixed| fixed.changed)
    else {
        return Ok(());
    };
    let message = format!("cannot change while the tee runs: it is {was}");
    let error = match span {
        Some(span) => source.error(span, message),
        None => ConfigError::plain(source.name, format!("{key}: {message}")),
    };
    Err(error.allowing(if key == "store.dir" { RESTART } else { ALLOWED }))
}

/// What the store may grow to.
fn caps(raw: &RawConfig, was: &Config, now: &Config) -> [Fixed; 3] {
    [
        Fixed {
            key: "store.max_age",
            span: raw.store.max_age.as_ref().map(|text| text.span()),
            changed: was.store.max_age != now.store.max_age,
            was: format!("{} s", was.store.max_age.as_secs()),
        },
        Fixed {
            key: "store.max_bytes",
            span: raw.store.max_bytes.as_ref().map(|value| value.span()),
            changed: was.store.max_bytes != now.store.max_bytes,
            was: format!("{} bytes", was.store.max_bytes),
        },
        Fixed {
            key: "store.max_keys",
            span: raw.store.max_keys.as_ref().map(|number| number.span()),
            changed: was.store.max_keys != now.store.max_keys,
            was: was.store.max_keys.to_string(),
        },
    ]
}

fn all(raw: &RawConfig, was: &Config, now: &Config) -> [Fixed; 9] {
    let nothing = || "not set".to_owned();
    let path =
        |path: &Option<std::path::PathBuf>| path.as_ref().map_or_else(nothing, |path| path.display().to_string());
    [
        Fixed {
            key: "listen",
            span: raw.listen.as_ref().map(|text| text.span()),
            changed: was.listen != now.listen,
            was: was.listen.to_string(),
        },
        Fixed {
            key: "admin",
            span: raw.admin.as_ref().map(|text| text.span()),
            changed: was.admin != now.admin,
            was: was.admin.map_or_else(nothing, |admin| admin.to_string()),
        },
        Fixed {
            key: "workers",
            span: raw.workers.as_ref().map(|number| number.span()),
            changed: was.workers != now.workers,
            was: was.workers.to_string(),
        },
        Fixed {
            key: "tls",
            span: raw.tls.as_ref().map(|tls| tls.cert.span()),
            changed: was.tls.is_some() != now.tls.is_some(),
            was: if was.tls.is_some() { "set".to_owned() } else { nothing() },
        },
        Fixed {
            key: "mirror.shadow_nice",
            span: raw.mirror.shadow_nice.as_ref().map(|number| number.span()),
            changed: was.mirror.shadow_nice != now.mirror.shadow_nice,
            was: was.mirror.shadow_nice.to_string(),
        },
        Fixed {
            key: "store.dir",
            span: raw.store.dir.as_ref().map(|text| text.span()),
            changed: was.store.dir != now.store.dir,
            was: was.store.dir.display().to_string(),
        },
        Fixed {
            key: "store.cache",
            span: raw.store.cache.as_ref().map(|value| value.span()),
            changed: was.store.cache_bytes != now.store.cache_bytes,
            was: format!("{} bytes", was.store.cache_bytes),
        },
        Fixed {
            key: "store.exemplars",
            span: raw.store.exemplars.as_ref().map(|number| number.span()),
            changed: was.store.exemplars != now.store.exemplars,
            was: was.store.exemplars.to_string(),
        },
        Fixed {
            key: "redact.key_file",
            span: raw.redact.key_file.as_ref().map(|text| text.span()),
            changed: was.redact.key_file != now.redact.key_file,
            was: path(&was.redact.key_file),
        },
    ]
}
