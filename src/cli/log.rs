//! What a running tee writes to stderr: lines for people, or one JSON object a line.
//!
//! `PARITEE_LOG` says how much (`info` where it is not set): a level, or targets with levels (`warn,paritee::store=debug`).
//! `PARITEE_LOG_FORMAT` is `text` or `json`. Other crates' lines end at `info`, whatever is asked for: below that some of
//! them write what passes through them. In this crate nothing at any level may name a path, a header's value or a body.

use serde_json::{Map, Value};
use std::fmt::{self, Write as _};
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use tracing::field::{Field, Visit};
use tracing::level_filters::LevelFilter;
use tracing::{Event, Subscriber};
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::format::Writer;
use tracing_subscriber::fmt::{FmtContext, FormatEvent, FormatFields};
use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::registry::LookupSpan;
use tracing_subscriber::util::SubscriberInitExt;

/// This crate, as a target.
const OWN: &str = "paritee";
/// More than this of other crates' lines is never written.
const OTHERS: LevelFilter = LevelFilter::INFO;

/// Whether [`say`] writes JSON; set once, at the start.
static JSON: AtomicBool = AtomicBool::new(false);

/// Begins to write what is logged to stderr. `Err` is a setting that does not read, and what is allowed.
pub(super) fn start(level: Option<&str>, format: Option<&str>) -> Result<(), String> {
    let json = match format {
        None | Some("" | "text") => false,
        Some("json") => true,
        Some(other) => return Err(format!("PARITEE_LOG_FORMAT: unknown value `{other}`; allowed: text, json")),
    };
    let targets = targets(level.unwrap_or(""))?;
    JSON.store(json, Relaxed);
    let lines = tracing_subscriber::fmt::layer().with_ansi(false).with_writer(std::io::stderr);
    let registry = tracing_subscriber::registry().with(targets);
    // Only a second call in one process could fail, and the first one's lines go on.
    let _ = match json {
        true => registry.with(lines.event_format(Json)).try_init(),
        false => registry.with(lines).try_init(),
    };
    Ok(())
}

/// The tee's own lines: for whoever started it, whatever the level.
pub(super) fn say(line: &str) {
    let mut stderr = anstream::stderr();
    // Nobody may be reading.
    let _ = match JSON.load(Relaxed) {
        true => writeln!(stderr, "{}", object("info", OWN, line.into(), Map::new())),
        false => writeln!(stderr, "paritee: {line}"),
    };
}

/// `warn`, `paritee::store=debug,h2=warn`; later ones win. Other crates get less than they ask for.
fn targets(text: &str) -> Result<Targets, String> {
    let mut targets = Targets::new().with_default(OTHERS);
    for part in text.split(',').map(str::trim).filter(|part| !part.is_empty()) {
        let (target, level) = part.split_once('=').map_or((None, part), |(target, level)| (Some(target), level));
        let level: LevelFilter = level.trim().parse().map_err(|_| {
            format!(
                "PARITEE_LOG: `{part}` does not read; allowed: off, error, warn, info, debug, trace, or target=level"
            )
        })?;
        targets = match target.map(str::trim) {
            None => targets.with_default(level.min(OTHERS)).with_target(OWN, level),
            Some(own) if own == OWN || own.starts_with("paritee::") => targets.with_target(own, level),
            Some(other) => targets.with_target(other, level.min(OTHERS)),
        };
    }
    Ok(targets)
}

/// `{"time":…,"level":…,"target":…,"message":…,"fields":{…}}`, in this order.
fn object(level: &str, target: &str, message: Value, fields: Map<String, Value>) -> String {
    let now = jiff::Timestamp::now();
    let text = |text: &str| Value::from(text).to_string();
    let mut out =
        format!("{{\"time\":\"{now:.3}\",\"level\":{},\"target\":{},\"message\":{message}", text(level), text(target));
    if !fields.is_empty() {
        let _ = write!(out, ",\"fields\":{}", Value::from(fields));
    }
    out.push('}');
    out
}

/// One event as one JSON object.
struct Json;

impl<S, N> FormatEvent<S, N> for Json
where
    S: Subscriber + for<'a> LookupSpan<'a>,
    N: for<'a> FormatFields<'a> + 'static,
{
    fn format_event(&self, _: &FmtContext<'_, S, N>, mut writer: Writer<'_>, event: &Event<'_>) -> fmt::Result {
        let mut fields = Fields(Map::new());
        event.record(&mut fields);
        let message = fields.0.remove("message").unwrap_or_else(|| "".into());
        let metadata = event.metadata();
        let level = metadata.level().as_str().to_ascii_lowercase();
        writeln!(writer, "{}", object(&level, metadata.target(), message, fields.0))
    }
}

/// An event's fields as JSON values.
struct Fields(Map<String, Value>);

impl Visit for Fields {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name().to_owned(), format!("{value:?}").into());
    }
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name().to_owned(), value.into());
    }
    fn record_u64(&mut self, field: &Field, value: u64) {
        self.0.insert(field.name().to_owned(), value.into());
    }
    fn record_i64(&mut self, field: &Field, value: i64) {
        self.0.insert(field.name().to_owned(), value.into());
    }
    fn record_bool(&mut self, field: &Field, value: bool) {
        self.0.insert(field.name().to_owned(), value.into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tracing::Level;

    #[test]
    fn other_crates_never_write_what_passes_through_them() {
        for text in ["trace", "h2=trace,hyper::proto=debug,paritee=trace", "trace,rustls=trace", "paritee=trace"] {
            let targets = targets(text).unwrap();
            assert!(targets.would_enable("paritee::store", &Level::TRACE), "{text}");
            for other in ["h2::codec", "hyper::proto::h1", "rustls"] {
                assert!(!targets.would_enable(other, &Level::DEBUG), "{text}: {other}");
            }
        }
        let warn = targets("warn,paritee::store=debug").unwrap();
        assert!(
            warn.would_enable("paritee::store::open", &Level::DEBUG) && !warn.would_enable("paritee", &Level::INFO)
        );
        assert!(!warn.would_enable("h2", &Level::INFO));
        assert!(!targets("off").unwrap().would_enable("paritee", &Level::ERROR));
        assert!(targets("").unwrap().would_enable("paritee", &Level::INFO));
        assert!(targets("paritee=loud").unwrap_err().contains("allowed: off"));
        assert!(start(None, Some("yaml")).unwrap_err().contains("allowed: text, json"));
    }

    #[test]
    fn a_line_is_one_object_whatever_is_in_it() {
        let mut fields = Map::new();
        fields.insert("why".into(), "a\nb\u{1b}[0m".into());
        let line = object("warn", "paritee::x", "\"q\"\n".into(), fields);
        assert!(!line.contains(['\n', '\u{1b}']), "{line}");
        let read: Value = serde_json::from_str(&line).unwrap();
        assert_eq!(
            (&read["level"], &read["message"], &read["fields"]["why"]),
            (&"warn".into(), &"\"q\"\n".into(), &"a\nb\u{1b}[0m".into())
        );
        assert!(read["time"].as_str().unwrap().parse::<jiff::Timestamp>().is_ok());
    }
}
