//! How hyper's and the system's errors become failures with a name.

use crate::exchange::{Failure, FailureKind};
use std::error::Error as _;

/// The kind of failure that an error of a connection is.
pub fn kind_of(error: &hyper::Error) -> FailureKind {
    if error.is_parse_too_large() {
        return FailureKind::TooLarge;
    }
    if error.is_parse() {
        return FailureKind::Protocol;
    }
    if error.is_timeout() {
        return FailureKind::Timeout;
    }
    // A body that breaks its framing comes as an IO error of kind InvalidData or InvalidInput.
    let mut cause = error.source();
    while let Some(inner) = cause {
        if let Some(io) = inner.downcast_ref::<std::io::Error>() {
            use std::io::ErrorKind::{InvalidData, InvalidInput};
            if matches!(io.kind(), InvalidData | InvalidInput) {
                return FailureKind::Protocol;
            }
        }
        cause = inner.source();
    }
    FailureKind::Reset
}

/// A failure before or after the head, from an error of the connection. Holds no part of any body.
pub fn failure_of(error: &hyper::Error, status: Option<http::StatusCode>) -> Failure {
    Failure { kind: kind_of(error), status, message: error.to_string() }
}
