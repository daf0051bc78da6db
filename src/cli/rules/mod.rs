//! `paritee rules`: what the rules did, what a change of them would do, and what could be proposed.

mod kept;
mod list;
mod preview;
mod suggest;

use super::Exit;
use super::failure::Failure;

/// Arguments of `rules`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// List every rule, and what the evidence says that it did
    List(list::Args),
    /// List the rules that did nothing: unused, not seen, expired
    Unused(list::UnusedArgs),
    /// Judge what is kept again under changed rules: what would vanish, shrink, appear
    Preview(preview::Args),
    /// Propose rules for what looks like noise, as TOML
    Suggest(suggest::Args),
}

/// Runs `rules`.
pub(crate) fn run(args: &Args) -> Result<Exit, Failure> {
    match &args.command {
        Command::List(args) => list::run(args),
        Command::Unused(args) => list::unused(args),
        Command::Preview(args) => preview::run(args),
        Command::Suggest(args) => suggest::run(args),
    }
}
