//! From a stored exemplar back to an exchange that the judge can read: what was cut is not made up.

use super::build::CUT;
use super::{Exemplar, StoredAnswer, StoredRequest, excerpt};
use crate::document::{Media, decode};
use crate::exchange::{
    Answer, Body, CandidateSession, Chunks, Client, Exchange, Failure, FailureKind, Outcome, Provenance, Request,
    Response, Route,
};
use http::header::{CONTENT_ENCODING, CONTENT_TYPE};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode};

/// Bytes that a stored body may decode to: more is never stored.
const DECODED: usize = 1 << 20;
/// Header fields of one stored answer: where there are so many, some may have been left out.
const FIELDS: usize = 64;

/// Why a stored exchange cannot be judged again, or not to an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Undecidable {
    /// Its bodies were not stored (`store_bodies = "none"`, or what is no text).
    NotStored,
    /// The differing parts of its bodies alone were stored (`store_bodies = "differences"`).
    Excerpt,
    /// A body or a header was too long to be stored whole.
    Cut,
    /// It depends on a value that was redacted.
    Redacted,
    /// It had more differences than are stored.
    TooMany,
    /// Ids that map one to one over a session or a run are told from all of it, not from one exchange.
    Ids,
    /// What is stored does not make an exchange.
    Unreadable,
}

crate::compare::words!(Undecidable {
    NotStored = "not_stored", Excerpt = "excerpt", Cut = "cut", Redacted = "redacted", TooMany = "too_many",
    Ids = "ids", Unreadable = "unreadable",
});

/// An exchange as far as it is stored.
pub(super) struct Rebuilt {
    pub(super) exchange: Exchange,
    /// Why its bodies are not here; they are [`Body::Truncated`] then, and unlike one another.
    pub(super) bodies: Option<Undecidable>,
}

/// Builds it. Who asked is not stored, so whose data an answer holds cannot be weighed again.
pub(super) fn rebuild(exemplar: &Exemplar) -> Result<Rebuilt, Undecidable> {
    let bodies = missing(&exemplar.primary).or_else(|| missing(&exemplar.candidate));
    let exchange = Exchange {
        id: exemplar.exchange,
        received_at_ms: exemplar.received_at_ms,
        route: Route::declared(exemplar.route.as_str()),
        principal: exemplar.principal.as_str().into(),
        subject: None,
        request: request(&exemplar.request)?,
        primary: answer(&exemplar.primary, bodies.is_some(), 1)?,
        candidate: answer(&exemplar.candidate, bodies.is_some(), 2)?,
        secondary: None,
        // Of what was proxied, or of a client that left, no exemplar is kept.
        provenance: Provenance::Own,
        client: Client::Served,
        candidate_session: CandidateSession::Known,
    };
    Ok(Rebuilt { exchange, bodies })
}

/// Why an answer's body is not whole.
fn missing(answer: &StoredAnswer) -> Option<Undecidable> {
    match &answer.body {
        _ if !answer.partial => None,
        None => Some(Undecidable::NotStored),
        Some(text) if text.starts_with(excerpt::MARK) => Some(Undecidable::Excerpt),
        Some(_) => Some(Undecidable::Cut),
    }
}

fn request(stored: &StoredRequest) -> Result<Request, Undecidable> {
    let method = Method::from_bytes(stored.method.as_bytes()).map_err(|_| Undecidable::Unreadable)?;
    let body = stored.body.clone().unwrap_or_default().into_bytes().into();
    // No judgement reads a request's fields.
    Ok(Request { method, target: stored.target.clone(), headers: HeaderMap::new(), body })
}

fn answer(stored: &StoredAnswer, without_body: bool, digest: u128) -> Result<Answer, Undecidable> {
    let status = stored.status.map(StatusCode::from_u16).transpose().map_err(|_| Undecidable::Unreadable)?;
    let outcome = match (&stored.failure, status) {
        (Some(word), status) => {
            let kind = FAILURES.into_iter().find(|kind| kind.as_str() == word).ok_or(Undecidable::Unreadable)?;
            Outcome::Failed(Failure { kind, status, message: String::new() })
        }
        (None, Some(status)) => {
            let headers = headers(&stored.headers)?;
            let body = match (&stored.body, without_body) {
                (_, true) => Body::Truncated { kept: Chunks::new(), length: stored.body_length.max(1), digest },
                (Some(text), false) => text_as_sent(text, &headers)?.into(),
                (None, false) => Body::empty(),
            };
            Outcome::Answered(Response { status, headers, body, trailers: None })
        }
        (None, None) => return Err(Undecidable::Unreadable),
    };
    Ok(Answer { outcome, elapsed_us: stored.elapsed_us })
}

const FAILURES: [FailureKind; 6] = [
    FailureKind::Connect,
    FailureKind::Timeout,
    FailureKind::Reset,
    FailureKind::Protocol,
    FailureKind::TooLarge,
    FailureKind::Tls,
];

fn headers(stored: &[(String, String)]) -> Result<HeaderMap, Undecidable> {
    if stored.len() >= FIELDS || stored.iter().any(|(_, value)| value.contains(CUT)) {
        return Err(Undecidable::Cut);
    }
    let mut headers = HeaderMap::new();
    for (name, value) in stored {
        let name = HeaderName::from_bytes(name.as_bytes()).map_err(|_| Undecidable::Unreadable)?;
        let value = HeaderValue::from_bytes(value.as_bytes()).map_err(|_| Undecidable::Unreadable)?;
        headers.append(name, value);
    }
    // The stored text is that after it.
    headers.remove(CONTENT_ENCODING);
    Ok(headers)
}

/// The bytes that read as this text under these headers.
fn text_as_sent(text: &str, headers: &HeaderMap) -> Result<Vec<u8>, Undecidable> {
    let reads = |bytes: &[u8]| {
        let decoded = decode(bytes.into(), headers, DECODED.max(bytes.len()));
        decoded.is_ok_and(|decoded| decoded.text.as_deref() == Some(text) || decoded.media == Media::Bytes)
    };
    if reads(text.as_bytes()) {
        return Ok(text.as_bytes().to_vec());
    }
    let named = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let label = named.split(';').skip(1).find_map(|part| {
        let (name, value) = part.trim().split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"'))
    });
    let encoding = label.and_then(|label| encoding_rs::Encoding::for_label(label.as_bytes()));
    let bytes = encoding.map(|encoding| encoding.encode(text).0.into_owned());
    bytes.filter(|bytes| reads(bytes)).ok_or(Undecidable::Unreadable)
}
