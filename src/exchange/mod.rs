//! One request and the answer of every side that was asked: plain data that the judge reads.
//!
//! Everything here is frozen once built. Nothing in this room performs IO or reads a clock: ids and times are passed in.

mod body;
mod outcome;
mod route;

pub use body::{Body, Chunks, Digest};
pub use outcome::{Answer, Failure, FailureKind, Outcome, Response};
pub use route::Route;

use http::{HeaderMap, Method};
use std::fmt;
use std::sync::Arc;

/// One of the systems that answers. Always named in this order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Side {
    /// The monolith; its answer goes to the client.
    Primary,
    /// The new API; its answer is only compared.
    Candidate,
    /// An optional second copy of the monolith.
    Secondary,
}

/// A random 128-bit name of one exchange, printed as 32 hex digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize, serde::Deserialize)]
pub struct ExchangeId(pub u128);

impl fmt::Display for ExchangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:032x}", self.0)
    }
}

impl fmt::Debug for ExchangeId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl std::str::FromStr for ExchangeId {
    type Err = std::num::ParseIntError;
    fn from_str(text: &str) -> Result<Self, Self::Err> {
        u128::from_str_radix(text, 16).map(ExchangeId)
    }
}

/// The request as the client sent it, before any hop-by-hop header was removed.
#[derive(Clone, Debug)]
pub struct Request {
    /// The method.
    pub method: Method,
    /// Path and query as received (`/api/review/7?x=1`); never empty.
    pub target: String,
    /// All header fields, multiplicity kept.
    pub headers: HeaderMap,
    /// The body, capped.
    pub body: Body,
}

impl Request {
    /// The path without its query.
    pub fn path(&self) -> &str {
        let query = memchr::memchr(b'?', self.target.as_bytes());
        query.and_then(|at| self.target.get(..at)).unwrap_or(&self.target)
    }
}

/// Who wrote the candidate's answer, as far as markers and build headers tell.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Provenance {
    /// No sign that the candidate asked the monolith for it.
    #[default]
    Own,
    /// The candidate only passed the request back to the monolith: its answer proves nothing.
    Proxied,
}

/// Whether the candidate could know who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum CandidateSession {
    /// The client has no session, or the candidate got its own credential for it, or refused to give one.
    #[default]
    Known,
    /// The client has a session at the primary and the tee could not get the candidate's credential for it: an answer to
    /// such a copy says nothing of the route.
    Missing,
}

/// Whether the client was still there at the end of the primary's answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum Client {
    /// It got the whole answer (or the error that the tee made of a failed primary).
    #[default]
    Served,
    /// It closed the connection before the answer was complete.
    Left,
}

/// One request and the answer of every side that was asked.
#[derive(Clone, Debug)]
pub struct Exchange {
    /// The exchange's own name.
    pub id: ExchangeId,
    /// When the request's head was complete, milliseconds since the Unix epoch.
    pub received_at_ms: u64,
    /// The route that the request belongs to.
    pub route: Route,
    /// Who asked, as a label from the configured classifier; never a value from the request.
    pub principal: Arc<str>,
    /// The caller's own name (a user id) from the claim that the class names, in memory only: what `owner_paths` are held
    /// against. `None` where it is not known.
    pub subject: Option<Arc<str>>,
    /// What was asked.
    pub request: Request,
    /// What the monolith answered.
    pub primary: Answer,
    /// What the new API answered.
    pub candidate: Answer,
    /// What the second copy of the monolith answered, where there is one.
    pub secondary: Option<Answer>,
    /// Who wrote the candidate's answer.
    pub provenance: Provenance,
    /// Whether the client saw the end.
    pub client: Client,
    /// Whether the candidate could know who asks.
    pub candidate_session: CandidateSession,
}

impl Exchange {
    /// The same request with the secondary's answer in the candidate's place: the monolith held against itself. `None` where
    /// there is none.
    pub fn against_itself(mut self) -> Option<Exchange> {
        self.candidate = self.secondary.take()?;
        (self.provenance, self.candidate_session) = (Provenance::Own, CandidateSession::Known);
        Some(self)
    }
}
