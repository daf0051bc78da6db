//! `paritee coverage`: what was seen of each route, and what was not.

use super::failure::Failure;
use super::source::{Source, Where};
use super::{Exit, out};
use crate::report::{coverage, openapi};
use std::path::PathBuf;

/// Arguments of `coverage`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  paritee coverage --admin http://127.0.0.1:7079\n  \
                  paritee coverage --config paritee.toml --openapi openapi.yaml --format json")]
pub(crate) struct Args {
    #[command(flatten)]
    place: Where,
    /// Ask for this route alone
    #[arg(long, value_name = "ROUTE")]
    route: Option<String>,
    /// An OpenAPI document (JSON or YAML): name its operations and statuses that were never seen
    #[arg(long, value_name = "FILE")]
    openapi: Option<PathBuf>,
    /// How to print it
    #[arg(long, value_enum, default_value_t = out::Format::Text)]
    format: out::Format,
}

/// Bytes of an OpenAPI document at most.
const DOCUMENT: u64 = 64 << 20;

/// Runs `coverage`.
pub(crate) fn run(args: &Args) -> Result<Exit, Failure> {
    let config = args.place.config()?;
    let mut view = Source::under(&args.place, config.as_ref())?.coverage(config.as_ref(), args.route.as_deref())?;
    if args.route.is_some() && view.routes.is_empty() {
        return Err(Failure::usage("there is no such route: `paritee coverage` lists them"));
    }
    if let Some(file) = &args.openapi {
        let wrong = |message: String| Failure::usage(format!("{}: {message}", file.display()));
        if std::fs::metadata(file).map_err(|error| wrong(error.to_string()))?.len() > DOCUMENT {
            return Err(wrong(format!("it is larger than {} MiB", DOCUMENT >> 20)));
        }
        let text = std::fs::read_to_string(file).map_err(|error| wrong(error.to_string()))?;
        view.openapi = Some(openapi::compare(&text, &view).map_err(|error| wrong(error.to_string()))?);
    }
    args.format.print(&view, coverage::text)?;
    Ok(Exit::Ok)
}
