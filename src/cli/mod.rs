//! Stand-in for the command line.
mod exit;
mod serve;
use clap::Parser;
pub use exit::Exit;

#[derive(Parser)]
enum Cli {
    /// Serve
    Serve(serve::Args),
}
/// Stand-in.
pub fn main() -> Exit {
    let Cli::Serve(args) = Cli::parse();
    serve::run(args)
}
