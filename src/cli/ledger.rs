//! `paritee ledger`: the account of every request.

use super::failure::Failure;
use super::source::{Source, Where};
use super::{Exit, out};
use crate::report::views::Whole;
use crate::report::{json, table};

/// Arguments of `ledger`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  paritee ledger --store ./paritee-store\n  paritee ledger --admin http://127.0.0.1:7079 --format json"
)]
pub(crate) struct Args {
    #[command(flatten)]
    place: Where,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Table)]
    format: Format,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    Table,
    Json,
}

/// Runs `ledger`.
pub(crate) fn run(args: &Args) -> Result<Exit, Failure> {
    let view = Source::find(&args.place)?.ledger()?;
    match args.format {
        Format::Table => out::print(|out| table::ledger(out, &view))?,
        Format::Json => out::print_raw(|out| json::write(out, &Whole::from(view)))?,
    }
    Ok(Exit::Ok)
}
