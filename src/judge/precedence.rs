//! What is decided before any comparison: the candidate was not tested.

use super::{Inconclusive, Vacuous, Verdict};
use crate::exchange::{Client, Exchange, Outcome, Provenance};

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
    (exchange.client == Client::Left).then_some(Verdict::Inconclusive(Inconclusive::ClientLeft))
}

/// No whole answer, or a 5xx.
fn failed(outcome: &Outcome) -> bool {
    outcome.response().is_none_or(|response| response.status.is_server_error())
}
