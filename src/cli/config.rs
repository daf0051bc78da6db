//! `paritee config`: what the config file says, before anything runs.

use super::failure::Failure;
use super::{Exit, out};
use crate::config::{Flags, load};
use crate::report::text::clean;
use std::path::PathBuf;

/// Arguments of `config`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Read a config, say what is wrong with it or what it does not do yet
    #[command(
        after_help = "Examples:\n  paritee config check paritee.toml\n  paritee config check --config paritee.toml"
    )]
    Check {
        /// The file
        #[arg(value_name = "FILE", default_value = "paritee.toml")]
        file: PathBuf,
        /// The file, as other commands spell it
        #[arg(long, value_name = "FILE", conflicts_with = "file")]
        config: Option<PathBuf>,
    },
}

/// Runs `config`.
pub(crate) fn run(args: &Args) -> Result<Exit, Failure> {
    let Command::Check { file, config } = &args.command;
    let file = config.as_ref().unwrap_or(file);
    let read = load(Some(file), &Flags::default())?;
    let rules = read.general_rules.names().len();
    let routes = read.routes.iter().count();
    out::print(|out| {
        writeln!(out, "{}: good, {routes} routes, {rules} rules for every route", file.display())?;
        for route in read.routes.iter() {
            let rules = route.rules.names().len() - rules.min(route.rules.names().len());
            writeln!(out, "  {}  {rules} rules of its own", clean(&route.route.name))?;
        }
        for warning in &read.warnings {
            writeln!(out, "warning: {}", clean(warning))?;
        }
        Ok(())
    })?;
    Ok(Exit::Ok)
}
