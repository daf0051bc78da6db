//! The command line: one file a subcommand, its clap arguments beside its function.

mod exit;

pub use exit::Exit;

/// Parses the arguments, runs the command, and says how it ended.
pub fn main() -> Exit {
    todo!("cli")
}
