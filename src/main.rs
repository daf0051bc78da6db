//! The `paritee` binary: parse, run, exit code; nothing else.

use std::process::ExitCode;

/// Exchanges are built on one thread and freed on another, some sixty allocations each: the system's allocator spends a fifth
/// of the tee's own instructions on that (docs/benchmarks.md).
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    paritee::cli::main().into()
}
