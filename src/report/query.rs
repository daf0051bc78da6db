//! The query language of command line and API: `route:"GET /api/review/{id}" severity:high path:$.summary since:1h`.
//!
//! Terms of different keys must all hold; of terms with one key any may.

use crate::compare::{Kind, Place, Severity};
use crate::document::json::token_name;
use crate::exchange::Route;
use crate::store::SignatureRecord;

/// Keys and what they take, for messages.
const KEYS: &[(&str, &str)] = &[
    ("route", "a route's name or its path (route:\"GET /api/review/{id}\")"),
    ("severity", "low, medium, high, critical"),
    ("status", "open, bug, accepted, noise, fixed"),
    ("path", "a JSONPath ($.summary, $.items[*].id, $..id), a pointer (/summary) or a header's name"),
    ("in", "status, header, body"),
    ("kind", "status, header, missing, added, type, value, order, body, failure"),
    ("since", "an age (30s, 15m, 1h, 7d) or a time (2026-11-23T10:00:00Z)"),
    ("version", "a candidate build in which it was seen"),
    ("new-since", "a candidate build in which it was not seen"),
    ("id", "the start of a signature's id"),
];
/// Longer queries are no queries.
const MOST_BYTES: usize = 4_096;

/// A query that does not read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("query, character {column}: {message}; allowed: {allowed}")]
pub struct QueryError {
    /// From 1.
    pub column: usize,
    /// What is wrong.
    pub message: String,
    /// What is allowed there.
    pub allowed: String,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Term {
    Route(String),
    Severity(Severity),
    Status(String),
    Path(Vec<Step>),
    Name(String),
    In(Place),
    Kind(Kind),
    /// At most so many milliseconds ago.
    Age(u64),
    /// Not before this moment, in milliseconds since the Unix epoch.
    Since(u64),
    Version(String),
    NewSince(String),
    Id(String),
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    Name(String),
    Any,
    Descend,
}

/// What is asked for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Query {
    /// By key, in order of first mention.
    terms: Vec<(&'static str, Vec<Term>)>,
}

impl Query {
    /// Reads a query; an empty one keeps everything.
    pub fn parse(text: &str) -> Result<Query, QueryError> {
        if text.len() > MOST_BYTES {
            let allowed = format!("at most {MOST_BYTES} bytes");
            return Err(QueryError { column: 1, message: "the query is too long".into(), allowed });
        }
        let mut query = Query::default();
        let mut at = 0;
        while let Some(start) = text[at..].find(|c: char| !c.is_whitespace()).map(|skip| at + skip) {
            let (key, term, end) = one(text, start)?;
            match query.terms.iter_mut().find(|(known, _)| *known == key) {
                Some((_, terms)) => terms.push(term),
                None => query.terms.push((key, vec![term])),
            }
            at = end;
        }
        Ok(query)
    }
    /// The query of command-line words. A shell takes quotes away, so a word that is one term is quoted again.
    pub fn from_words(words: &[String]) -> Result<Query, QueryError> {
        Query::parse(&Query::text(words))
    }
    /// Command-line words as one text of the language.
    pub fn text(words: &[String]) -> String {
        words.iter().map(|word| requote(word)).collect::<Vec<_>>().join(" ")
    }
    /// True when everything is kept.
    pub fn is_empty(&self) -> bool {
        self.terms.is_empty()
    }
    /// Whether a signature is asked for.
    pub fn keeps(&self, record: &SignatureRecord, now_ms: u64) -> bool {
        self.terms.iter().all(|(_, terms)| terms.iter().any(|term| term.keeps(record, now_ms)))
    }
}

impl Term {
    fn keeps(&self, record: &SignatureRecord, now_ms: u64) -> bool {
        let facts = &record.facts;
        match self {
            // A declared route stands for all its operations.
            Term::Route(route) => [facts.route.as_str(), Route::declared_of(&facts.route)]
                .into_iter()
                .any(|known| known == route || known.split_once(' ').is_some_and(|(_, path)| path == route)),
            Term::Severity(severity) => facts.severity == *severity,
            Term::Status(status) => record.status == *status,
            Term::Path(steps) => {
                facts.place == Place::Body && {
                    let segments: Vec<String> = facts.path.split('/').skip(1).map(token_name).collect();
                    follows(steps, &segments)
                }
            }
            Term::Name(name) => facts.place == Place::Header && facts.path.eq_ignore_ascii_case(name),
            Term::In(place) => facts.place == *place,
            Term::Kind(kind) => facts.kind == *kind,
            Term::Age(ms) => record.last_seen_ms >= now_ms.saturating_sub(*ms),
            Term::Since(moment) => record.last_seen_ms >= *moment,
            Term::Version(version) => record.candidate_versions.contains(version),
            Term::NewSince(version) => !record.candidate_versions.contains(version),
            Term::Id(prefix) => record.id.to_string().starts_with(prefix),
        }
    }
}

/// Whether a generalised path fits the steps. Steps and segments are short (a query is at most 4 KiB).
fn follows(steps: &[Step], segments: &[String]) -> bool {
    match (steps, segments) {
        ([], []) => true,
        ([Step::Descend, rest @ ..], _) => (0..=segments.len()).any(|skip| follows(rest, &segments[skip..])),
        ([step, rest @ ..], [segment, more @ ..]) => {
            let fits = match step {
                // The stored path has `*` for every index and id-like name.
                Step::Name(name) => name == segment || (segment == "*" && name.bytes().any(|b| b.is_ascii_digit())),
                Step::Any => true,
                Step::Descend => false,
            };
            fits && follows(rest, more)
        }
        _ => false,
    }
}

fn requote(word: &str) -> String {
    let Some((key, value)) = word.split_once(':') else { return word.to_owned() };
    let known = |key: &str| KEYS.iter().any(|(known, _)| *known == key);
    let more_terms =
        value.split_whitespace().skip(1).any(|next| next.split_once(':').is_some_and(|(key, _)| known(key)));
    match known(key) && value.contains(char::is_whitespace) && !value.contains('"') && !more_terms {
        true => format!("{key}:\"{value}\""),
        false => word.to_owned(),
    }
}

fn fail(text: &str, at: usize, message: impl Into<String>, allowed: impl Into<String>) -> QueryError {
    let column = text.get(..at).map_or(1, |before| before.chars().count() + 1);
    QueryError { column, message: message.into(), allowed: allowed.into() }
}

/// One `key:value` from `start`; answers with its end.
fn one(text: &str, start: usize) -> Result<(&'static str, Term, usize), QueryError> {
    let rest = &text[start..];
    let all = || KEYS.iter().map(|(key, _)| format!("{key}:")).collect::<Vec<_>>().join(" ");
    let word_end = rest.find(char::is_whitespace).unwrap_or(rest.len());
    let Some(colon) = rest[..word_end].find(':') else {
        return Err(fail(text, start, format!("`{}` is not key:value", &rest[..word_end]), all()));
    };
    let name = &rest[..colon];
    let Some((key, allowed)) = KEYS.iter().find(|(key, _)| *key == name).copied() else {
        let near = KEYS
            .iter()
            .map(|(key, _)| *key)
            .max_by(|a, b| strsim::jaro_winkler(a, name).total_cmp(&strsim::jaro_winkler(b, name)));
        let meant = near.filter(|near| strsim::jaro_winkler(near, name) > 0.8);
        let hint = meant.map(|near| format!(", did you mean `{near}`?")).unwrap_or_default();
        return Err(fail(text, start, format!("unknown key `{name}`{hint}"), all()));
    };
    let value_at = start + colon + 1;
    let after = &text[value_at..];
    let (value, end) = match after.strip_prefix('"') {
        Some(quoted) => match quoted.find('"') {
            Some(close) => (&quoted[..close], value_at + close + 2),
            None => return Err(fail(text, value_at, "a quote that does not end", allowed)),
        },
        None => {
            let length = after.find(char::is_whitespace).unwrap_or(after.len());
            (&after[..length], value_at + length)
        }
    };
    if value.is_empty() {
        return Err(fail(text, value_at, format!("`{key}:` says nothing"), allowed));
    }
    let term =
        term(key, value).ok_or_else(|| fail(text, value_at, format!("`{value}` is not for `{key}:`"), allowed))?;
    Ok((key, term, end))
}

fn term(key: &str, value: &str) -> Option<Term> {
    Some(match key {
        "route" => Term::Route(value.to_owned()),
        "severity" => Term::Severity(value.parse().ok()?),
        "status" => {
            ["open", "bug", "accepted", "noise", "fixed"].contains(&value).then(|| Term::Status(value.to_owned()))?
        }
        "path" if value.starts_with(['$', '/']) => Term::Path(steps(value)?),
        "path" => Term::Name(value.to_owned()),
        "in" => Term::In(value.parse().ok()?),
        "kind" => Term::Kind(value.parse().ok()?),
        "since" => since(value)?,
        "version" => Term::Version(value.to_owned()),
        "new-since" => Term::NewSince(value.to_owned()),
        "id" if value.len() <= 16 && value.bytes().all(|b| b.is_ascii_hexdigit()) => {
            Term::Id(value.to_ascii_lowercase())
        }
        _ => return None,
    })
}

fn since(value: &str) -> Option<Term> {
    if let Ok(moment) = value.parse::<jiff::Timestamp>() {
        return u64::try_from(moment.as_millisecond()).ok().map(Term::Since);
    }
    let unit = value.find(|c: char| !c.is_ascii_digit())?;
    let number: u64 = value[..unit].parse().ok()?;
    let factor = match &value[unit..] {
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        _ => return None,
    };
    number.checked_mul(factor).map(Term::Age)
}

/// `$.a[*].b`, `$..id`, `$['a b'][0]` or `/a/b`.
fn steps(text: &str) -> Option<Vec<Step>> {
    let mut steps = Vec::new();
    if let Some(pointer) = text.strip_prefix('/') {
        return Some(pointer.split('/').map(|s| named(&token_name(s))).collect());
    }
    let mut rest = text.strip_prefix('$')?;
    while !rest.is_empty() {
        if steps.iter().filter(|step| **step == Step::Descend).count() > 2 {
            return None; // each `..` multiplies the work
        }
        if let Some(after) = rest.strip_prefix("..") {
            steps.push(Step::Descend);
            rest = after;
            if !rest.starts_with('[') {
                rest = member(rest, &mut steps)?;
            }
        } else if let Some(after) = rest.strip_prefix('.') {
            rest = member(after, &mut steps)?;
        } else if let Some(after) = rest.strip_prefix('[') {
            let quote = after.chars().next().filter(|c| matches!(c, '\'' | '"'));
            let (name, left) = match quote {
                Some(quote) => {
                    after[1..].split_once(quote).and_then(|(name, left)| Some((name, left.strip_prefix(']')?)))?
                }
                None => after.split_once(']').filter(|(n, _)| *n == "*" || n.parse::<u32>().is_ok())?,
            };
            steps.push(if quote.is_some() { Step::Name(name.to_owned()) } else { named(name) });
            rest = left;
        } else {
            return None;
        }
    }
    Some(steps)
}

fn member<'a>(text: &'a str, steps: &mut Vec<Step>) -> Option<&'a str> {
    let end = text.find(['.', '[']).unwrap_or(text.len());
    if end == 0 {
        return None;
    }
    steps.push(named(&text[..end]));
    Some(&text[end..])
}

fn named(name: &str) -> Step {
    if name == "*" { Step::Any } else { Step::Name(name.to_owned()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evidence::{MarkCounts, SignatureFacts};
    use crate::judge::SignatureId;

    const NOW: u64 = 1_800_000_000_000;

    fn record(place: Place, path: &str) -> SignatureRecord {
        let facts = SignatureFacts {
            route: "GET /api/review/{id}".into(),
            inferred: false,
            place,
            path: path.into(),
            kind: Kind::Value,
            detail: None,
            shape: "string→null".into(),
            severity: Severity::High,
        };
        SignatureRecord {
            id: SignatureId(0x4f1c_0000_0000_0001),
            facts,
            count: 3,
            marks: MarkCounts::default(),
            first_seen_ms: NOW - 7_200_000,
            last_seen_ms: NOW - 1_800_000,
            status: "open".into(),
            candidate_versions: ["2026.11.1".to_owned()].into(),
            builds: Default::default(),
            agreed_after_ms: Default::default(),
            exemplars: 1,
        }
    }
    fn keeps(query: &str, record: &SignatureRecord) -> bool {
        Query::parse(query).unwrap_or_else(|error| panic!("{query}: {error}")).keeps(record, NOW)
    }

    #[test]
    fn terms_of_one_key_are_choices_and_keys_must_all_hold() {
        let record = record(Place::Body, "/items/*/id");
        for kept in [
            "",
            "route:\"GET /api/review/{id}\"",
            "route:/api/review/{id}",
            "severity:high status:open in:body kind:value",
            "severity:low severity:high",
            "since:1h",
            "since:2026-01-01T00:00:00Z",
            "version:2026.11.1 new-since:2026.10.9",
            "id:4f1c",
        ] {
            assert!(keeps(kept, &record), "{kept}");
        }
        for left_out in
            ["route:/api/review", "severity:low", "severity:high kind:type", "since:10m", "new-since:2026.11.1", "id:5"]
        {
            assert!(!keeps(left_out, &record), "{left_out}");
        }
    }

    #[test]
    fn an_operation_is_asked_for_by_its_own_name_or_with_all_of_its_route() {
        let mut record = record(Place::Body, "/a");
        record.facts.route = "POST /graphql#GetReview".into();
        for kept in ["POST /graphql#GetReview", "/graphql#GetReview", "POST /graphql", "/graphql"] {
            assert!(keeps(&format!("route:\"{kept}\""), &record), "{kept}");
        }
        for left_out in ["POST /graphql#GetReviews", "/graphql#", "GetReview", "#GetReview"] {
            assert!(!keeps(&format!("route:\"{left_out}\""), &record), "{left_out}");
        }
        record.facts.route = "POST /graphql".into();
        assert!(!keeps("route:\"POST /graphql#GetReview\"", &record));
    }

    #[test]
    fn paths_fit_generalised_places() {
        let body = record(Place::Body, "/items/*/id");
        for kept in
            ["$.items[*].id", "$.items[3].id", "$..id", "$['items'][*]['id']", "/items/*/id", "/items/0/id", "$.*.*.id"]
        {
            assert!(keeps(&format!("path:\"{kept}\""), &body), "{kept}");
        }
        for left_out in ["$.items", "$.items[*]", "$.id", "location", "$"] {
            assert!(!keeps(&format!("path:{left_out}"), &body), "{left_out}");
        }
        let header = record(Place::Header, "location");
        assert!(keeps("path:Location", &header) && !keeps("path:$.location", &header));
    }

    #[test]
    fn what_does_not_read_says_where_and_what_is_allowed() {
        for (query, column, word) in [
            ("severity:hgh", 10, "critical"),
            ("in:body sverity:high", 9, "did you mean `severity`"),
            ("high", 1, "severity:"),
            ("route:\"GET /x", 7, "quote"),
            ("kind:", 6, "says nothing"),
            ("path:$.a[", 6, "JSONPath"),
            ("since:1w", 7, "7d"),
            ("ä:1 kind:x", 1, "unknown key"),
        ] {
            let error = Query::parse(query).unwrap_err();
            assert_eq!(error.column, column, "{query}: {error}");
            assert!(error.to_string().contains(word), "{query}: {error}");
        }
        assert!(Query::parse(&"a".repeat(5_000)).is_err());
    }

    #[test]
    fn a_shell_that_took_the_quotes_away_is_understood() {
        let words = ["route:GET /api/review/{id}".to_owned(), "kind:value".to_owned()];
        assert_eq!(Query::text(&words), "route:\"GET /api/review/{id}\" kind:value");
        let one_word = ["severity:high kind:value".to_owned()];
        assert_eq!(Query::from_words(&one_word), Query::parse("severity:high kind:value"));
    }
}
