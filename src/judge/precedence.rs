//! What is decided before any comparison: the candidate was not tested.

use super::{Inconclusive, Vacuous, Verdict};
use crate::exchange::{CandidateSession, Client, Exchange, Outcome, Provenance};

/// The verdict of an exchange that proves nothing or cannot be told; `None` where the answers are to be compared.
pub(super) fn before_comparing(exchange: &Exchange) -> Option<Verdict> {
    let (primary, candidate) = (&exchange.primary.outcome, &exchange.candidate.outcome);
    if exchange.provenance == Provenance::Proxied {
        return Some(Verdict::Vacuous(Vacuous::Proxied));
    }
    if failed(primary) && failed(candidate) {
        return Some(Verdict::Vacuous(Vacuous::BothFailed));
    }
    let status = |outcome: &Outcome| outcome.response().map(|response| response.status.as_u16());
    if status(primary) == Some(304) && status(candidate) == Some(304) {
        return Some(Verdict::Vacuous(Vacuous::NotModified));
    }
    if matches!(status(primary), Some(429 | 503)) {
        return Some(Verdict::Inconclusive(Inconclusive::PrimaryUnavailable));
    }
    if primary.response().is_none() {
        return Some(Verdict::Inconclusive(Inconclusive::PrimaryAborted));
    }
    if exchange.client == Client::Left {
        return Some(Verdict::Inconclusive(Inconclusive::ClientLeft));
    }
    // A candidate that gives no whole answer fails whoever asks.
    let unknown = exchange.candidate_session == CandidateSession::Missing && candidate.response().is_some();
    unknown.then_some(Verdict::Inconclusive(Inconclusive::NoSession))
}

/// No whole answer, or a 5xx.
fn failed(outcome: &Outcome) -> bool {
    outcome.response().is_none_or(|response| response.status.is_server_error())
}
