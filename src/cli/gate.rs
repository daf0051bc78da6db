//! `paritee gate`: may these routes go to the new API, and what is the evidence?

use super::failure::Failure;
use super::source::{Source, Where};
use super::{Exit, out};
use crate::evidence::Word;
use crate::report::gate::{self, Asked};

/// Arguments of `gate`.
#[derive(Debug, clap::Args)]
#[command(after_help = "Exit codes: 0 READY, 1 NOT READY, 4 NOT ENOUGH EVIDENCE; of several routes the worst\n\n\
                  Examples:\n  paritee gate --admin http://127.0.0.1:7079\n  \
                  paritee gate --config paritee.toml --route 'GET /api/review/{review_id}' --format json")]
pub(crate) struct Args {
    #[command(flatten)]
    place: Where,
    /// Ask this [[gate]]; without it the first
    #[arg(long, value_name = "NAME")]
    gate: Option<String>,
    /// Ask for this route alone
    #[arg(long, value_name = "ROUTE")]
    route: Option<String>,
    /// Ask for the routes of this role alone
    #[arg(long, value_name = "ROLE")]
    role: Option<String>,
    /// How to print it
    #[arg(long, value_enum, default_value_t = out::Format::Text)]
    format: out::Format,
}

/// Runs `gate`.
pub(crate) fn run(args: &Args) -> Result<Exit, Failure> {
    let asked = Asked { gate: args.gate.clone(), route: args.route.clone(), role: args.role.clone() };
    let config = args.place.config()?;
    let view = Source::under(&args.place, config.as_ref())?.gate(config.as_ref(), &asked)?;
    args.format.print(&view, |out, view| gate::text(out, view, out::colour()))?;
    Ok(match view.verdict {
        Word::Ready => Exit::Ok,
        Word::NotReady => Exit::Mismatch,
        Word::NotEnoughEvidence => Exit::Nothing,
    })
}
