//! The `paritee` binary: parse, run, exit code; nothing else.

use std::process::ExitCode;

fn main() -> ExitCode {
    paritee::cli::main().into()
}
