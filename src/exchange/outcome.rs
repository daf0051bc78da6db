//! What became of asking one side: a whole answer, or a failure. A failing side is data, never an error.

use super::Body;
use http::{HeaderMap, StatusCode};

/// A whole answer, body capped.
#[derive(Clone, Debug)]
pub struct Response {
    /// The status.
    pub status: StatusCode,
    /// All header fields as received, multiplicity kept.
    pub headers: HeaderMap,
    /// The body, capped.
    pub body: Body,
    /// Trailer fields, where the side sent any: hardly ever, so they take no room in every answer.
    pub trailers: Option<Box<HeaderMap>>,
}

/// How a side failed to give a whole answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum FailureKind {
    /// No connection: refused, unresolvable, unreachable.
    Connect,
    /// No whole answer within the deadline.
    Timeout,
    /// The connection ended before the answer was whole.
    Reset,
    /// What came is not HTTP, or breaks its framing.
    Protocol,
    /// The head or the answer is larger than the tee reads.
    TooLarge,
    /// No TLS with this side: its certificate, or ours.
    Tls,
}

impl FailureKind {
    /// The word used in details, shapes and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            FailureKind::Connect => "connect",
            FailureKind::Timeout => "timeout",
            FailureKind::Reset => "reset",
            FailureKind::Protocol => "protocol",
            FailureKind::TooLarge => "too_large",
            FailureKind::Tls => "tls",
        }
    }
}

/// A side gave no whole answer.
#[derive(Clone, Debug)]
pub struct Failure {
    /// How.
    pub kind: FailureKind,
    /// The status, where the head had arrived before the failure.
    pub status: Option<StatusCode>,
    /// One line for people; holds no part of any body.
    pub message: String,
}

/// What became of asking one side.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// A whole answer.
    Answered(Response),
    /// None.
    Failed(Failure),
}

impl Outcome {
    /// The whole answer, if there is one.
    pub fn response(&self) -> Option<&Response> {
        match self {
            Outcome::Answered(response) => Some(response),
            Outcome::Failed(_) => None,
        }
    }
    /// The status that arrived, whether or not the answer was whole.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Outcome::Answered(response) => Some(response.status),
            Outcome::Failed(failure) => failure.status,
        }
    }
}

/// An outcome with its timing.
#[derive(Clone, Debug)]
pub struct Answer {
    /// What came.
    pub outcome: Outcome,
    /// From the request's first byte towards the side to the end of its answer, in microseconds.
    pub elapsed_us: u64,
}
