//! `paritee roles`: which responsibility of the monolith can go first.

use super::failure::Failure;
use super::source::{Source, Where};
use super::{Exit, out};
use crate::report::roles;

/// Arguments of `roles`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Examples:\n  paritee roles --config paritee.toml\n  \
                  paritee roles --admin http://127.0.0.1:7079 --format json")]
pub(crate) struct Args {
    #[command(flatten)]
    place: Where,
    /// How to print it
    #[arg(long, value_enum, default_value_t = out::Format::Text)]
    format: out::Format,
}

/// Runs `roles`.
pub(crate) fn run(args: &Args) -> Result<Exit, Failure> {
    let config = args.place.config()?;
    let view = Source::under(&args.place, config.as_ref())?.roles(config.as_ref())?;
    args.format.print(&view, roles::text)?;
    Ok(Exit::Ok)
}
