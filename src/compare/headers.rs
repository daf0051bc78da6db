//! Stand-in until the real header comparison is merged: compares the content type alone.

use super::{Difference, Kind, Place, Severity};
use crate::exchange::Response;
use crate::judge::HeaderPolicy;

/// What comparing headers depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HeaderContext<'a> {
    pub(crate) policy: &'a HeaderPolicy,
    pub(crate) version_headers: &'a [String],
    pub(crate) is_head: bool,
}

/// Adds what differs between the header fields of two answers.
pub(crate) fn compare_headers(
    primary: &Response,
    candidate: &Response,
    context: HeaderContext<'_>,
    out: &mut Vec<Difference>,
) {
    let _ = (context.policy, context.version_headers, context.is_head);
    let of = |response: &Response| {
        let value = response.headers.get(http::header::CONTENT_TYPE)?;
        Some(crate::document::json::escape(value.as_bytes()))
    };
    let (primary, candidate) = (of(primary), of(candidate));
    if primary != candidate {
        out.push(Difference {
            place: Place::Header,
            path: "content-type".into(),
            kind: Kind::Header,
            detail: None,
            primary,
            candidate,
            severity: Severity::High,
            shape: "header".into(),
        });
    }
}
