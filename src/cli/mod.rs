//! The command line: one file a subcommand, its clap arguments beside its function.

mod client;
mod config;
mod coverage;
mod diff;
mod exit;
mod failure;
mod gate;
mod hand_over;
mod inherited;
mod ledger;
mod log;
mod message;
mod out;
mod report;
mod roles;
mod rules;
mod serve;
mod show;
mod sides;
mod signals;
mod source;
mod store;

pub use exit::Exit;

use clap::{Parser, Subcommand};

const EXIT_CODES: &str = "Exit codes:\n  \
    0    parity, gate passed, or printed\n  \
    1    mismatches, or the gate says NOT READY\n  \
    2    usage, config or unreadable input\n  \
    3    could not run: a side is unreachable, the store is locked\n  \
    4    nothing was compared, NOT ENOUGH EVIDENCE, or inconclusive\n  \
    130  interrupted";

/// Tees live traffic from a monolith to a new API, judges both answers and keeps the evidence.
#[derive(Debug, Parser)]
#[command(name = "paritee", version, after_help = EXIT_CODES, max_term_width = 110)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Stand in front of the monolith, mirror its traffic to the new API, and keep what differs
    Serve(serve::Args),
    /// Judge two answers in files, as the tee would
    Diff(diff::Args),
    /// List the kinds of mismatch that were found
    Report(report::Args),
    /// Show one kind of mismatch: both answers, what differs, two curl lines
    Show(show::Args),
    /// Say of each route whether it may be cut over, and why
    Gate(gate::Args),
    /// Say what was seen of each route: fields, statuses by class of caller, declared branches
    Coverage(coverage::Args),
    /// List the monolith's roles from the outside in, with the gate's word
    Roles(roles::Args),
    /// See what the rules did, and what a change of them would do
    Rules(rules::Args),
    /// Print the account of every request
    Ledger(ledger::Args),
    /// Check, compact, export, import a store, or erase what it has of somebody
    Store(store::Args),
    /// Work with the config file
    Config(config::Args),
}

/// Parses the arguments, runs the command, and says how it ended.
pub fn main() -> Exit {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are errors to clap; a reader that is gone is no reason to fail.
            let _ = error.print();
            return if error.use_stderr() { Exit::Usage } else { Exit::Ok };
        }
    };
    let ended = match cli.command {
        Command::Serve(args) => Ok(serve::run(args)),
        Command::Diff(args) => diff::run(&args),
        Command::Report(args) => report::run(&args),
        Command::Show(args) => show::run(&args),
        Command::Gate(args) => gate::run(&args),
        Command::Coverage(args) => coverage::run(&args),
        Command::Roles(args) => roles::run(&args),
        Command::Rules(args) => rules::run(&args),
        Command::Ledger(args) => ledger::run(&args),
        Command::Store(args) => store::run(&args),
        Command::Config(args) => config::run(&args),
    };
    ended.unwrap_or_else(|failure| failure.tell())
}

#[cfg(test)]
mod tests {
    #[test]
    fn the_arguments_are_sound() {
        use clap::CommandFactory;
        super::Cli::command().debug_assert();
    }
}
