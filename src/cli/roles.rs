//! `paritee roles`: which responsibility of the monolith can go first.

use super::failure::Failure;
use super::source::{Source, Where};
use super::{Exit, out};
use crate::report::{json, roles};

/// Arguments of `roles`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  paritee roles --config paritee.toml\n  \
                  paritee roles --admin http://127.0.0.1:7079 --format json")]
pub(crate) struct Args {
    #[command(flatten)]
    place: Where,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    #[value(alias = "table")]
    Text,
    Json,
}

/// Runs `roles`.
pub(crate) fn run(args: &Args) -> Result<Exit, Failure> {
    let config = args.place.config()?;
    let view = Source::find(&args.place)?.roles(config.as_ref())?;
    match args.format {
        Format::Text => out::print(|out| roles::text(out, &view))?,
        Format::Json => out::print_raw(|out| json::write(out, &view))?,
    }
    Ok(Exit::Ok)
}
