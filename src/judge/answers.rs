//! Differences between whole answers that are not in a tree: status, and a candidate without a whole answer.

use crate::compare::{Difference, Kind, Place, Severity};
use crate::document::json::escape;
use crate::exchange::{Failure, Response};
use http::StatusCode;

/// The statuses differ: then that is the one difference.
pub(super) fn status(primary: StatusCode, candidate: StatusCode) -> Option<Difference> {
    if primary == candidate {
        return None;
    }
    let leaked = matches!(primary.as_u16(), 401 | 403) && candidate.is_success();
    Some(Difference {
        place: Place::Status,
        path: String::new(),
        beside: None,
        kind: Kind::Status,
        detail: None,
        primary: Some(primary.as_u16().to_string()),
        candidate: Some(candidate.as_u16().to_string()),
        severity: if leaked { Severity::Critical } else { Severity::High },
        shape: format!("{}→{}", primary.as_u16(), candidate.as_u16()),
    })
}

/// The candidate gave no whole answer.
pub(super) fn failure(primary: &Response, failure: &Failure) -> Difference {
    let word = failure.kind.as_str();
    Difference {
        place: Place::Body,
        path: String::new(),
        beside: None,
        kind: Kind::Failure,
        detail: Some(word.to_string()),
        primary: Some(primary.status.as_u16().to_string()),
        candidate: Some(escape(failure.message.as_bytes())),
        severity: Severity::High,
        shape: format!("answer→{word}"),
    }
}

/// One body does not parse as what its headers say, and the other's does.
pub(super) fn unparseable(of_candidate: bool, reason: &str) -> Difference {
    let value = Some(escape(reason.as_bytes()));
    Difference {
        place: Place::Body,
        path: String::new(),
        beside: None,
        kind: Kind::Failure,
        detail: Some("unparseable".into()),
        primary: if of_candidate { None } else { value.clone() },
        candidate: if of_candidate { value } else { None },
        severity: Severity::High,
        shape: if of_candidate { "document→unparseable" } else { "unparseable→document" }.into(),
    }
}
