//! `paritee report`: the kinds of mismatch that were found.

use super::failure::Failure;
use super::source::{Source, Where};
use super::{Exit, out};
use crate::compare::Severity;
use crate::report::{Query, ReportView, csv, html, json, jsonl, markdown, table};

const EXAMPLES: &str = "Examples:\n  \
    paritee report --store ./paritee-store\n  \
    paritee report --admin http://127.0.0.1:7079 severity:high since:1h\n  \
    paritee report 'route:\"GET /api/review/{id}\"' path:$.summary --format json\n  \
    paritee report --config paritee.toml --fail-on high\n\n\
    Query terms: route: severity: status: path: in: kind: since: version: new-since: id:";

/// Arguments of `report`.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(crate) struct Args {
    /// Which signatures: terms of different keys must all hold, of one key any may
    #[arg(value_name = "QUERY")]
    query: Vec<String>,
    #[command(flatten)]
    place: Where,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
    /// End with 1 when an open signature is at least this bad, with 4 when nothing was compared
    #[arg(long, value_name = "SEVERITY", value_parser = severity)]
    fail_on: Option<Severity>,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    Table,
    Json,
    Jsonl,
    Csv,
    Markdown,
    Html,
}

fn severity(text: &str) -> Result<Severity, String> {
    text.parse().map_err(|()| "low, medium, high or critical".to_owned())
}

/// Runs `report`.
pub(crate) fn run(args: &Args) -> Result<Exit, Failure> {
    let query = Query::from_words(&args.query).map_err(|error| Failure::usage(error.to_string()))?;
    let view = Source::find(&args.place)?.report(&args.query, &query)?;
    match args.format {
        Format::Table => out::print(|out| table::report(out, &view, super::out::colour()))?,
        Format::Json => out::print_raw(|out| json::write(out, &view))?,
        Format::Jsonl => out::print_raw(|out| jsonl::report(out, &view))?,
        Format::Csv => out::print_raw(|out| csv::report(out, &view))?,
        Format::Markdown => out::print_raw(|out| markdown::report(out, &view))?,
        Format::Html => out::print_raw(|out| html::report(out, &view))?,
    }
    Ok(args.fail_on.map_or(Exit::Ok, |least| verdict(&view, least)))
}

/// What `--fail-on` makes of a report. What a person accepted, called noise or fixed does not fail it, nor does what is
/// noise by test; zero compared is never a pass.
fn verdict(view: &ReportView, least: Severity) -> Exit {
    let counts = |status: &str| !matches!(status, "accepted" | "noise" | "fixed");
    if view.open().any(|s| s.severity >= least && counts(&s.status)) {
        return Exit::Mismatch;
    }
    let judged = &view.ledger.judgements;
    match judged.matched + judged.normalised + judged.mismatch {
        0 => Exit::Nothing,
        _ => Exit::Ok,
    }
}
