//! Compares the header fields of two answers by meaning, one file a kind of field.
//!
//! Equal headers are the common case: heads alike in all cost one pass, two fields with the same bytes two look-ups, and no
//! allocation.

mod cache_control;
mod content_type;
mod cookies;
mod dates;
mod location;
mod set_cookie;
mod tokens;

pub(crate) use dates::parse as http_date;
pub(crate) use set_cookie::{Lifetime, SetCookie};

use super::HeaderPolicy;
use super::{Difference, Kind, Place, Severity, Tallies};
use crate::exchange::Response;
use crate::rules::RuleSet;
use http::{HeaderMap, HeaderName, HeaderValue};
use std::borrow::Cow;

/// What header comparison depends on beside the two answers.
#[derive(Clone, Copy)]
pub(crate) struct HeaderContext<'a> {
    /// Which fields are compared.
    pub(crate) policy: &'a HeaderPolicy,
    /// Lower-case names in which a side tells its build: never compared.
    pub(crate) version_headers: &'a [String],
    /// The route's rules.
    pub(crate) rules: &'a RuleSet,
    /// True where the request was a HEAD: then what is derived from the body is all there is of it.
    pub(crate) is_head: bool,
}

/// Fields that vary from answer to answer, or from server to server, by nature. They are compared only where the policy
/// names them.
const BY_NATURE: &[&str] = &[
    "age",
    "alt-svc",
    "cf-ray",
    "date",
    "nel",
    "report-to",
    "server",
    "server-timing",
    "traceparent",
    "tracestate",
    "via",
    "x-correlation-id",
    "x-request-id",
    "x-runtime",
];

/// Fields about the connection, not the answer, and the content coding, which is undone before bodies are compared (both
/// sides were asked with the same Accept-Encoding). Never compared, whatever the policy says.
const NEVER: &[&str] = &[
    "connection",
    "content-encoding",
    "keep-alive",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-shadow-request",
];
const NEVER_PREFIXES: &[&str] = &["proxy-", "x-paritee-"];

/// Fields computed from the body's bytes: two spellings of one document have two of them, so only presence counts.
const DERIVED: &[&str] = &["content-digest", "content-length", "content-md5", "digest", "etag", "repr-digest"];

/// Lists whose order and repetition mean nothing.
const SETS: &[&str] = &[
    "accept-ranges",
    "access-control-allow-headers",
    "access-control-allow-methods",
    "access-control-expose-headers",
    "allow",
    "vary",
];

/// Lists in which order counts; several fields are one list (RFC 9110 section 5.3).
const LISTS: &[&str] = &["content-language", "link", "pragma", "accept-patch", "accept-post"];

/// Adds the differences between two answers' header fields, in order of name.
pub(crate) fn compare_headers(
    primary: &Response,
    candidate: &Response,
    context: HeaderContext<'_>,
    tallies: &mut Tallies,
    out: &mut Vec<Difference>,
) {
    // In the same order, as two of one kind of server say them: no name need be looked up.
    if primary.headers.iter().eq(candidate.headers.iter()) {
        return;
    }
    let from = out.len();
    let pair = Pair { primary, candidate, context };
    for name in primary.headers.keys() {
        if !same_bytes(&primary.headers, &candidate.headers, name) && pair.is_compared(name) {
            pair.field(name, tallies, out);
        }
    }
    for name in candidate.headers.keys() {
        if !primary.headers.contains_key(name) && pair.is_compared(name) {
            pair.field(name, tallies, out);
        }
    }
    if let Some(added) = out.get_mut(from..) {
        // The map keeps the received order, which means nothing; stable, so that one field's own order stays.
        added.sort_by(|a, b| a.path.cmp(&b.path));
    }
}

fn same_bytes(primary: &HeaderMap, candidate: &HeaderMap, name: &HeaderName) -> bool {
    primary.get_all(name).iter().eq(candidate.get_all(name).iter())
}

struct Pair<'a> {
    primary: &'a Response,
    candidate: &'a Response,
    context: HeaderContext<'a>,
}

impl Pair<'_> {
    fn is_compared(&self, name: &HeaderName) -> bool {
        let text = name.as_str();
        if NEVER.contains(&text)
            || NEVER_PREFIXES.iter().any(|prefix| text.starts_with(prefix))
            || self.context.version_headers.iter().any(|own| own == text)
        {
            return false;
        }
        let chosen = match self.context.policy {
            HeaderPolicy::All { ignore } => !BY_NATURE.contains(&text) && !ignore.iter().any(|ignored| ignored == text),
            HeaderPolicy::Only(names) => names.iter().any(|named| named == text),
        };
        chosen
            && !tokens::of(&self.primary.headers, "connection").any(|token| token.eq_ignore_ascii_case(text))
            && !tokens::of(&self.candidate.headers, "connection").any(|token| token.eq_ignore_ascii_case(text))
    }

    fn field(&self, name: &HeaderName, tallies: &mut Tallies, out: &mut Vec<Difference>) {
        let fields = Fields {
            name: name.as_str(),
            primary: self.primary.headers.get_all(name).iter().collect(),
            candidate: self.candidate.headers.get_all(name).iter().collect(),
            dates: (dates::of(&self.primary.headers), dates::of(&self.candidate.headers)),
        };
        match fields.name {
            "set-cookie" => cookies::compare(&fields, self.context, tallies, out),
            "cache-control" => cache_control::compare(&fields, out),
            "content-length" if self.is_framed_otherwise() => {}
            "content-type" => content_type::compare(&fields, out),
            "location" => location::compare(&fields, out),
            "expires" => dates::compare_expires(&fields, out),
            "last-modified" => dates::compare_instant(&fields, out),
            derived if DERIVED.contains(&derived) => self.derived(&fields, out),
            set if SETS.contains(&set) => tokens::compare_set(&fields, out),
            list if LISTS.contains(&list) => tokens::compare_list(&fields, out),
            _ => fields.compare_lines(out),
        }
    }

    /// One side tells the length, the other streams in chunks: how it is framed, not what it says.
    fn is_framed_otherwise(&self) -> bool {
        let (primary, candidate) = (&self.primary.headers, &self.candidate.headers);
        match (primary.contains_key("content-length"), candidate.contains_key("content-length")) {
            (true, false) => candidate.contains_key("transfer-encoding"),
            (false, true) => primary.contains_key("transfer-encoding"),
            _ => false,
        }
    }

    fn derived(&self, fields: &Fields<'_>, out: &mut Vec<Difference>) {
        let no_body = self.context.is_head || self.primary.status == http::StatusCode::NOT_MODIFIED;
        if no_body || fields.primary.is_empty() || fields.candidate.is_empty() {
            return fields.compare_lines(out);
        }
        let is_weak = |lines: &[&HeaderValue]| lines.iter().any(|line| line.as_bytes().starts_with(b"W/"));
        let (primary, candidate) = (is_weak(&fields.primary), is_weak(&fields.candidate));
        if fields.name == "etag" && primary != candidate {
            let shape = if primary { "weak→strong" } else { "strong→weak" };
            fields.push("weakness", Severity::Low, shape, out);
        }
    }
}

/// One field on both sides, as lines.
struct Fields<'a> {
    name: &'a str,
    primary: Vec<&'a HeaderValue>,
    candidate: Vec<&'a HeaderValue>,
    /// Each side's Date, seconds since the Unix epoch: what absolute times are relative to.
    dates: (Option<i64>, Option<i64>),
}

impl Fields<'_> {
    /// The severity of any disagreement in this field, where nothing finer is known.
    fn severity(&self) -> Severity {
        match self.name {
            "content-type" | "location" => Severity::High,
            cors if cors.starts_with("access-control-") => Severity::High,
            _ => Severity::Low,
        }
    }

    /// Says so and returns true where only one side has the field.
    fn one_sided(&self, severity: Severity, out: &mut Vec<Difference>) -> bool {
        let detail = match (self.primary.is_empty(), self.candidate.is_empty()) {
            (false, true) => "missing",
            (true, false) => "added",
            _ => return false,
        };
        self.push(detail, severity, detail, out);
        true
    }

    /// Line by line, in order.
    fn compare_lines(&self, out: &mut Vec<Difference>) {
        if self.one_sided(self.severity(), out) {
            return;
        }
        let trimmed =
            |lines: &[&HeaderValue]| lines.iter().map(|v| v.as_bytes().trim_ascii().to_vec()).collect::<Vec<_>>();
        if trimmed(&self.primary) != trimmed(&self.candidate) {
            self.push("value", self.severity(), "value", out);
        }
    }

    /// One difference with the whole field as values.
    fn push(&self, detail: &str, severity: Severity, shape: &str, out: &mut Vec<Difference>) {
        let shown = |lines: &[&HeaderValue]| {
            (!lines.is_empty()).then(|| lines.iter().map(|line| text(line)).collect::<Vec<_>>().join(", "))
        };
        self.push_values(detail, severity, shape, (shown(&self.primary), shown(&self.candidate)), out);
    }

    fn push_values(
        &self,
        detail: &str,
        severity: Severity,
        shape: &str,
        (primary, candidate): (Option<String>, Option<String>),
        out: &mut Vec<Difference>,
    ) {
        let json = |text: String| serde_json::Value::String(text).to_string();
        out.push(Difference {
            place: Place::Header,
            path: self.name.to_owned(),
            beside: None,
            kind: Kind::Header,
            detail: Some(detail.to_owned()),
            primary: primary.map(json),
            candidate: candidate.map(json),
            severity,
            shape: shape.to_owned(),
        });
    }
}

/// A field's value as text: UTF-8 where it is, else one character a byte.
fn text(value: &HeaderValue) -> Cow<'_, str> {
    match std::str::from_utf8(value.as_bytes()) {
        Ok(text) => Cow::Borrowed(text.trim()),
        Err(_) => crate::document::latin1(value.as_bytes()),
    }
}

/// The only line, where there is exactly one.
fn only<'a>(lines: &[&'a HeaderValue]) -> Option<Cow<'a, str>> {
    match lines {
        [line] => Some(text(line)),
        _ => None,
    }
}

#[cfg(test)]
mod tests;
