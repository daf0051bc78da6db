//! Why a command ended without doing its work: one line for people, one exit code.

use super::Exit;
use crate::config::ConfigError;
use crate::store::StoreError;
use std::io::Write;

/// A command that could not do its work.
#[derive(Debug)]
pub(crate) struct Failure {
    exit: Exit,
    message: String,
}

impl Failure {
    /// What was asked for, or given, does not make sense.
    pub(crate) fn usage(message: impl Into<String>) -> Failure {
        Failure { exit: Exit::Usage, message: message.into() }
    }
    /// It makes sense, but cannot be done now.
    pub(crate) fn could_not_run(message: impl Into<String>) -> Failure {
        Failure { exit: Exit::CouldNotRun, message: message.into() }
    }
    /// It was read, and nothing can be said of it.
    pub(crate) fn inconclusive(message: impl Into<String>) -> Failure {
        Failure { exit: Exit::Nothing, message: message.into() }
    }
    /// Prints the message and answers with the exit code.
    pub(crate) fn tell(self) -> Exit {
        let _ = writeln!(anstream::stderr(), "paritee: {}", self.message);
        self.exit
    }
}

impl From<ConfigError> for Failure {
    fn from(error: ConfigError) -> Failure {
        Failure::usage(error.to_string())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Failure {
        match error {
            StoreError::Missing(_) => Failure::usage(error.to_string()),
            _ => Failure::could_not_run(error.to_string()),
        }
    }
}
