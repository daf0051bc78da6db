//! From a raw exchange to what may be stored of it: redacted first, then capped, and what was cut says so.

use super::excerpt;
use super::{Exemplar, StoreBodies, StoredAnswer, StoredDifference, StoredRequest, Versions};
use crate::compare::{Difference, Place};
use crate::document::{Decoded, Media, decode};
use crate::exchange::{Answer, Body, Exchange, Outcome, Request};
use crate::judge::{Judgement, SignatureId};
use crate::redact::{Known, Redactor};
use http::HeaderMap;
use http::header::CONTENT_TYPE;

/// Bytes of one difference's value.
const VALUE: usize = 4 << 10;
/// Bytes of one header field's value.
const FIELD: usize = 1 << 10;
/// Header fields of one message.
const FIELDS: usize = 64;
/// Bytes of a target.
const TARGET: usize = 4 << 10;
/// Bytes of a body kept whole.
const FULL: usize = 64 << 10;
/// Bytes of a body that are looked at in any case.
const LOOKED_AT: usize = 1 << 20;
/// Differences of one exemplar; the rest are counted.
const DIFFERENCES: usize = 100;
/// Session requests of one exemplar.
const SESSION: usize = 16;

/// A difference by which a map of ids is broken.
pub(super) struct BrokenMap {
    pub(super) id: SignatureId,
    /// Of another exchange's place its detail says which route's.
    pub(super) difference: Difference,
    /// It is at a place of another exchange.
    pub(super) elsewhere: bool,
}

/// What an exemplar is built from.
pub(super) struct Building<'a> {
    pub(super) exchange: &'a Exchange,
    pub(super) judgement: &'a Judgement,
    /// The signature of each difference.
    pub(super) ids: &'a [SignatureId],
    /// What breaks a map of ids beyond this exchange.
    pub(super) broken: &'a [BrokenMap],
    pub(super) rule_set: u64,
    pub(super) versions: Versions<'a>,
    pub(super) redactor: &'a Redactor,
    pub(super) store: StoreBodies,
    pub(super) session: &'a [StoredRequest],
}

/// Builds an exemplar; costly, so only for an exchange that is kept.
pub(super) fn exemplar(from: &Building<'_>) -> Exemplar {
    let Building { exchange, judgement, redactor, .. } = from;
    let bodies = match from.store {
        StoreBodies::None => (None, None),
        StoreBodies::Full => (full(&exchange.primary, redactor), full(&exchange.candidate, redactor)),
        StoreBodies::Differences => differing(from),
    };
    let session = from.session;
    let differences = judgement.differences.iter().zip(from.ids.iter().copied()).take(DIFFERENCES);
    let differences = differences.chain(from.broken.iter().map(|broken| (&broken.difference, broken.id)));
    let secrets = Secrets::of(from);
    Exemplar {
        exchange: exchange.id,
        received_at_ms: exchange.received_at_ms,
        route: exchange.route.name.to_string(),
        principal: exchange.principal.to_string(),
        subject: exchange.subject.as_deref().map(|subject| redactor.subject(subject)),
        request: stored_request(&exchange.request, redactor, from.store),
        session_requests: session.iter().skip(session.len().saturating_sub(SESSION)).cloned().collect(),
        primary: answer(&exchange.primary, redactor, bodies.0),
        candidate: answer(&exchange.candidate, redactor, bodies.1),
        differences: differences.map(|(d, id)| difference(d, id, redactor, &secrets)).collect(),
        differences_total: judgement.differences_total + from.broken.len() as u64,
        rules: judgement.rules.iter().map(|used| (used.name.to_string(), used.hits)).collect(),
        rule_set: from.rule_set,
        primary_version: from.versions.0.map(|v| cap(v.to_owned(), FIELD)),
        candidate_version: from.versions.1.map(|v| cap(v.to_owned(), FIELD)),
    }
}

/// A request as it may be stored. Its body is kept with `store_bodies = "full"` alone: none of it is a differing part.
pub fn stored_request(request: &Request, redactor: &Redactor, store: StoreBodies) -> StoredRequest {
    let body = match store {
        StoreBodies::Full => readable(&request.body, &request.headers).and_then(|body| whole(&body, redactor)),
        StoreBodies::None | StoreBodies::Differences => None,
    };
    StoredRequest {
        method: cap(request.method.to_string(), 64),
        target: cap(redactor.target(&request.target), TARGET),
        headers: headers(&request.headers, redactor),
        body: body.map(|text| cap(text, FULL)),
        body_length: request.body.length(),
    }
}

fn answer(answer: &Answer, redactor: &Redactor, body: Option<String>) -> StoredAnswer {
    let status = answer.outcome.status().map(|status| status.as_u16());
    match &answer.outcome {
        Outcome::Answered(response) => StoredAnswer {
            status,
            failure: None,
            headers: headers(&response.headers, redactor),
            // Only a whole body stored as such is not partial.
            partial: response.body.length() > 0
                && body.as_ref().is_none_or(|text| text.contains(CUT) || text.starts_with(excerpt::MARK)),
            body,
            body_length: response.body.length(),
            elapsed_us: answer.elapsed_us,
        },
        Outcome::Failed(failure) => StoredAnswer {
            status,
            failure: Some(failure.kind.as_str().to_owned()),
            headers: Vec::new(),
            body: None,
            partial: false,
            body_length: 0,
            elapsed_us: answer.elapsed_us,
        },
    }
}

/// What the bodies give away as secrets, each side's, where values are told without their surroundings.
struct Secrets {
    primary: Option<Known>,
    candidate: Option<Known>,
}

impl Secrets {
    fn of(from: &Building<'_>) -> Secrets {
        // only values out of a tree of markup have lost what names them; in JSON a pointer does
        let told = from.judgement.differences.iter().any(|d| d.place == Place::Body && !d.path.is_empty());
        let is_json = |answer: &Answer| {
            let headers = answer.outcome.response().map(|response| &response.headers);
            let named = headers.and_then(|headers| headers.get(CONTENT_TYPE)?.to_str().ok()).unwrap_or_default();
            Media::of(named.split(';').next().unwrap_or_default()) == Media::Json
        };
        let known = |answer: &Answer| {
            if !told || is_json(answer) {
                return Some(Known::default());
            }
            Some(from.redactor.known(readable_answer(answer)?.text.as_deref()?))
        };
        Secrets { primary: known(&from.exchange.primary), candidate: known(&from.exchange.candidate) }
    }
}

/// Takes what the body gives away out of a value. Of a body too large to look at, attributes are left out.
fn without(text: String, known: Option<&Known>, path: &str, redactor: &Redactor) -> String {
    match known {
        Some(known) => redactor.without(&text, known),
        None if path.contains('@') || text.contains('@') => format!("{CUT}{}]", text.len()),
        None => text,
    }
}

fn difference(
    difference: &Difference,
    signature: SignatureId,
    redactor: &Redactor,
    secrets: &Secrets,
) -> StoredDifference {
    let value = |value: &Option<String>, known: &Option<Known>| {
        let text = redacted_value(difference, value.as_ref()?, redactor);
        let is_node = difference.place == Place::Body && !difference.path.is_empty();
        let text = if is_node { without(text, known.as_ref(), &difference.path, redactor) } else { text };
        Some(cap(text, VALUE))
    };
    StoredDifference {
        signature,
        place: difference.place,
        path: cap(redactor.text(&difference.path), FIELD),
        kind: difference.kind,
        detail: difference.detail.clone(),
        primary: value(&difference.primary, &secrets.primary),
        candidate: value(&difference.candidate, &secrets.candidate),
        severity: difference.severity,
        shape: difference.shape.clone(),
    }
}

/// A body's value by its pointer, a header's by its name; both are JSON texts.
fn redacted_value(difference: &Difference, text: &str, redactor: &Redactor) -> String {
    match (difference.place, serde_json::from_str::<String>(text)) {
        (Place::Header, Ok(value)) => {
            serde_json::Value::from(redactor.header(&difference.path, value.as_bytes())).to_string()
        }
        _ => redactor.json_at(&difference.path, text),
    }
}

fn headers(headers: &HeaderMap, redactor: &Redactor) -> Vec<(String, String)> {
    headers
        .iter()
        .take(FIELDS)
        .map(|(name, value)| {
            let value = redactor.header(name.as_str(), value.as_bytes());
            (name.as_str().to_owned(), cap(value, FIELD))
        })
        .collect()
}

/// A body's text and how it is to be read; `None` where it is empty, no text or too large to look at.
fn readable<'a>(body: &'a Body, headers: &HeaderMap) -> Option<Decoded<'a>> {
    let decoded = match body {
        Body::Complete(chunks) => decode(chunks.contiguous(), headers, LOOKED_AT).ok()?,
        Body::Truncated { .. } => return None,
    };
    decoded.text.as_ref().is_some_and(|text| !text.is_empty()).then_some(decoded)
}

fn readable_answer(answer: &Answer) -> Option<Decoded<'_>> {
    let response = answer.outcome.response()?;
    readable(&response.body, &response.headers)
}

fn whole(body: &Decoded<'_>, redactor: &Redactor) -> Option<String> {
    let text = body.text.as_deref()?;
    Some(match body.media {
        Media::Json => redactor.json(text),
        Media::Form => redactor.form(text),
        _ => redactor.text(text),
    })
}

fn full(answer: &Answer, redactor: &Redactor) -> Option<String> {
    whole(&readable_answer(answer)?, redactor).map(|text| cap(text, FULL))
}

/// What differs with its surroundings. Bodies that were not compared (the statuses differ) are left out, but for the text
/// of an error, which says why.
fn differing(from: &Building<'_>) -> (Option<String>, Option<String>) {
    let Building { exchange, judgement, redactor, .. } = from;
    let sides = (readable_answer(&exchange.primary), readable_answer(&exchange.candidate));
    if judgement.differences.iter().any(|d| d.place == Place::Status) {
        let error = |answer: &Answer, body: &Option<Decoded<'_>>| {
            let is_error = answer.outcome.status().is_some_and(|status| status.as_u16() >= 400);
            let text = body.as_ref().filter(|_| is_error).and_then(|body| whole(body, redactor))?;
            Some(cap(text, VALUE))
        };
        return (error(&exchange.primary, &sides.0), error(&exchange.candidate, &sides.1));
    }
    let broken = from.broken.iter().filter(|broken| !broken.elsewhere).map(|broken| &broken.difference);
    let differences = judgement.differences.iter().chain(broken);
    let paths: Vec<&str> = differences.filter(|d| d.place == Place::Body).map(|d| d.path.as_str()).collect();
    if paths.is_empty() {
        return (None, None);
    }
    let is_json = |side: &Option<Decoded<'_>>| side.as_ref().is_some_and(|body| body.media == Media::Json);
    if is_json(&sides.0) && is_json(&sides.1) {
        let json = |side: &Option<Decoded<'_>>| {
            excerpt::json(side.as_ref()?.text.as_deref()?, &paths, |pointer, text| redactor.json_at(pointer, text))
        };
        return (json(&sides.0), json(&sides.1));
    }
    let text = |side: &Option<Decoded<'_>>| side.as_ref().and_then(|body| whole(body, redactor)).unwrap_or_default();
    let (primary, candidate) = excerpt::lines(&text(&sides.0), &text(&sides.1));
    (sides.0.map(|_| primary), sides.1.map(|_| candidate))
}

/// Stands where text was cut.
pub(super) const CUT: &str = "…[cut:len=";

/// Cuts a text that is too long, at a character, and says how long it was.
pub(super) fn cap(mut text: String, bytes: usize) -> String {
    if text.len() > bytes {
        let length = text.len();
        let mut end = bytes;
        while !text.is_char_boundary(end) {
            end -= 1;
        }
        text.truncate(end);
        text.push_str(&format!("{CUT}{length}]"));
    }
    text
}
