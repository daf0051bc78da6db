//! Exit codes are an interface: one documented type.

use std::process::ExitCode;

/// How a command ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Exit {
    /// Parity, gate passed, or printed.
    Ok = 0,
    /// Mismatches, or the gate says NOT READY.
    Mismatch = 1,
    /// Usage, config or unreadable input.
    Usage = 2,
    /// Could not run: a side is unreachable, the store is locked.
    CouldNotRun = 3,
    /// Nothing was compared, NOT ENOUGH EVIDENCE, or inconclusive.
    Nothing = 4,
    /// Interrupted.
    Interrupted = 130,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> ExitCode {
        ExitCode::from(exit as u8)
    }
}
