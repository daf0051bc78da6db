//! `paritee serve`: the tee itself.

use super::Exit;
use std::path::PathBuf;

/// Arguments of `serve`.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The config file; flags win over it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

/// Runs `serve`.
pub(crate) fn run(_args: Args) -> Exit {
    todo!("live")
}
