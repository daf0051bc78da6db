//! `paritee show`: one signature with its exemplars.

use super::failure::Failure;
use super::source::{Source, Where};
use super::{Exit, out};
use crate::report::{json, table};

/// Arguments of `show`.
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  paritee show 4f1c --store ./paritee-store\n  paritee show 4f1c0a9be2d37788 --exemplar 2 --format json"
)]
pub(crate) struct Args {
    /// A signature's id, or enough of its beginning
    signature: String,
    /// Only this exemplar, from 1
    #[arg(long, value_name = "N")]
    exemplar: Option<std::num::NonZeroUsize>,
    #[command(flatten)]
    place: Where,
    /// How to print it
    #[arg(long, value_enum, default_value_t = Format::Text)]
    format: Format,
}

#[derive(Clone, Copy, Debug, clap::ValueEnum)]
enum Format {
    Text,
    Json,
}

/// Runs `show`.
pub(crate) fn run(args: &Args) -> Result<Exit, Failure> {
    let prefix = args.signature.trim();
    if prefix.is_empty() || prefix.len() > 16 || !prefix.bytes().all(|b| b.is_ascii_hexdigit()) {
        let message =
            format!("`{prefix}` is not a signature's id: 1 to 16 hex digits, as `paritee report` prints them");
        return Err(Failure::usage(message));
    }
    let mut view = Source::find(&args.place)?.show(prefix)?;
    if let Some(number) = args.exemplar {
        let stored = view.exemplars.len();
        if number.get() > stored {
            return Err(Failure::usage(format!("there is no exemplar {number}: {stored} are stored")));
        }
        view.exemplars = vec![view.exemplars.swap_remove(number.get() - 1)];
    }
    match args.format {
        Format::Text => out::print(|out| table::show(out, &view, args.exemplar.map(std::num::NonZeroUsize::get)))?,
        Format::Json => out::print_raw(|out| json::write(out, &view))?,
    }
    Ok(Exit::Ok)
}
