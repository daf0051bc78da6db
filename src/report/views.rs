//! What is printed, as plain data: the JSON shapes that outside checks rely on. Absent is a left-out key, since null is a
//! value; values are JSON text as received.

use super::curl::{self, Sides};
use super::{Query, SCHEMA};
use crate::compare::{Difference, Kind, Place, Severity};
use crate::evidence::{Exemplar, Ledger, MarkCounts, StoredAnswer, StoredDifference, StoredRequest};
use crate::judge::Judgement;
use crate::store::SignatureRecord;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use std::collections::{BTreeMap, BTreeSet};

/// `ledger`: the account of every request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LedgerView {
    /// Requests received.
    pub received: u64,
    /// By reason, zeros left out.
    pub not_mirrored: BTreeMap<String, u64>,
    /// Requests admitted to the mirror.
    pub mirrored: u64,
    /// Admitted and not yet at an end.
    pub in_flight: u64,
    /// By reason, zeros left out.
    pub not_judged: BTreeMap<String, u64>,
    /// Exchanges judged.
    pub judged: u64,
    /// All five, always.
    pub judgements: JudgementsView,
    /// Marks of mismatches, zeros left out.
    pub marks: BTreeMap<String, i64>,
    /// By reason, zeros left out.
    pub inconclusive: BTreeMap<String, u64>,
    /// By reason, zeros left out.
    pub vacuous: BTreeMap<String, u64>,
    /// What nobody can account for any more.
    pub gaps: Vec<GapView>,
    /// Batches that are durable.
    pub durable_seq: u64,
}

/// How many of each judgement.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct JudgementsView {
    /// Equal as sent.
    #[serde(rename = "match")]
    pub matched: u64,
    /// Equal only after rules.
    pub normalised: u64,
    /// The sides disagree.
    pub mismatch: u64,
    /// It could not be told.
    pub inconclusive: u64,
    /// It proves nothing.
    pub vacuous: u64,
}

/// An unaccounted stretch of time.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct GapView {
    /// The last accounted moment, RFC 3339 in UTC.
    pub from: String,
    /// When accounting went on.
    pub to: String,
    /// At most so many requests.
    pub up_to: u64,
}

/// One signature of `report`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SignatureView {
    /// 16 hex digits.
    pub id: String,
    /// The route's name.
    pub route: String,
    /// True where the route was guessed.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub inferred: bool,
    /// Which part of the answer.
    #[serde(rename = "in")]
    pub place: Place,
    /// Indices and id-like names as `*`.
    pub path: String,
    /// What kind.
    pub kind: Kind,
    /// Finer than the kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The class of the pair of values.
    pub shape: String,
    /// How bad.
    pub severity: Severity,
    /// Exchanges in which it was seen.
    pub count: u64,
    /// Of these, by mark.
    pub mark_counts: BTreeMap<String, i64>,
    /// RFC 3339 in UTC.
    pub first_seen: String,
    /// RFC 3339 in UTC.
    pub last_seen: String,
    /// `open` until somebody has said something.
    pub status: String,
    /// Candidate builds in which it was seen.
    pub candidate_versions: BTreeSet<String>,
}

/// `report`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ReportView {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Worst severity first, then by count.
    pub signatures: Vec<SignatureView>,
    /// The account beside it: a quiet mirror is not parity.
    pub ledger: LedgerView,
}

/// A difference.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DifferenceView {
    /// Which part of the answer.
    #[serde(rename = "in")]
    pub place: Place,
    /// RFC 6901 pointer in a body, name in a header.
    pub path: String,
    /// What kind.
    pub kind: Kind,
    /// Finer than the kind.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub detail: Option<String>,
    /// The primary's value, as received.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary: Option<Box<RawValue>>,
    /// The candidate's value, as received.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<Box<RawValue>>,
    /// How bad.
    pub severity: Severity,
    /// The signature it belongs to, where it comes from a store.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub signature: Option<String>,
}

/// What a rule did.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RuleView {
    /// Its name.
    pub name: String,
    /// Places that were equal only because of it.
    pub hits: u64,
}

/// `diff`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DiffView {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The word.
    pub judgement: String,
    /// Why, where the judgement has a reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// There may be a shorter list.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub approximate: bool,
    /// In document order.
    pub differences: Vec<DifferenceView>,
    /// How many there were, where not all are listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub differences_total: Option<u64>,
    /// Rules that hit.
    pub rules: Vec<RuleView>,
}

/// A stored answer.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AnswerView {
    /// The status that arrived.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// How the side failed to give a whole answer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub failure: Option<String>,
    /// Redacted.
    pub headers: Vec<(String, String)>,
    /// Redacted; what `store_bodies` keeps.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// The body is not the whole of it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub partial: bool,
    /// Bytes on the wire.
    pub body_length: u64,
    /// Microseconds to the end of the answer.
    pub elapsed_us: u64,
}

/// A stored request.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RequestView {
    /// The method.
    pub method: String,
    /// Path and query, redacted.
    pub target: String,
    /// Redacted.
    pub headers: Vec<(String, String)>,
    /// Redacted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub body: Option<String>,
    /// Bytes on the wire.
    pub body_length: u64,
}

/// One stored exchange of `show`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ExemplarView {
    /// The exchange's name.
    pub exchange: String,
    /// RFC 3339 in UTC.
    pub received_at: String,
    /// Who asked, as a label.
    pub principal: String,
    /// What was asked.
    pub request: RequestView,
    /// The monolith's answer.
    pub primary: AnswerView,
    /// The new API's answer.
    pub candidate: AnswerView,
    /// Every difference that was kept.
    pub differences: Vec<DifferenceView>,
    /// How many there were, where not all are listed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub differences_total: Option<u64>,
    /// Rules that hit.
    pub rules: Vec<RuleView>,
    /// The primary's build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary_version: Option<String>,
    /// The candidate's build.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate_version: Option<String>,
    /// Two lines that ask both sides again.
    pub curl: CurlView,
}

/// Two lines for a shell.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CurlView {
    /// Asks the monolith.
    pub primary: String,
    /// Asks the new API.
    pub candidate: String,
}

/// `show`.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct ShowView {
    /// [`SCHEMA`].
    pub schema: u32,
    /// What it is.
    #[serde(flatten)]
    pub signature: SignatureView,
    /// Its stored exchanges.
    pub exemplars: Vec<ExemplarView>,
}

/// A view with its schema, for shapes that are nested elsewhere without.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Whole<T> {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The view.
    #[serde(flatten)]
    pub view: T,
}

impl<T> From<T> for Whole<T> {
    fn from(view: T) -> Whole<T> {
        Whole { schema: SCHEMA, view }
    }
}

/// RFC 3339 in UTC.
pub fn time(ms: u64) -> String {
    i64::try_from(ms)
        .ok()
        .and_then(|ms| jiff::Timestamp::from_millisecond(ms).ok())
        .map_or_else(|| format!("{ms} ms"), |time| format!("{time:.3}"))
}

fn marks(counts: &MarkCounts) -> BTreeMap<String, i64> {
    counts.iter().map(|(mark, n)| (mark.to_string(), n)).collect()
}

/// JSON text as it is; what is not JSON becomes a string.
fn raw(text: &str) -> Option<Box<RawValue>> {
    let quoted = || serde_json::to_string(text).ok().and_then(|quoted| RawValue::from_string(quoted).ok());
    RawValue::from_string(text.to_owned()).ok().or_else(quoted)
}

fn named<R: std::fmt::Display>(counts: impl Iterator<Item = (R, u64)>) -> BTreeMap<String, u64> {
    counts.map(|(reason, n)| (reason.to_string(), n)).collect()
}

/// The account as it is printed.
pub fn ledger(ledger: &Ledger) -> LedgerView {
    let counts = &ledger.counts;
    LedgerView {
        received: ledger.received(),
        not_mirrored: named(counts.by_not_mirrored()),
        mirrored: ledger.mirrored(),
        in_flight: ledger.in_flight,
        not_judged: named(counts.by_not_judged()),
        judged: counts.judged(),
        judgements: JudgementsView {
            matched: counts.matched,
            normalised: counts.normalised,
            mismatch: counts.mismatched,
            inconclusive: counts.inconclusive.iter().sum(),
            vacuous: counts.vacuous.iter().sum(),
        },
        marks: marks(&ledger.marks),
        inconclusive: named(counts.by_inconclusive()),
        vacuous: named(counts.by_vacuous()),
        gaps: ledger
            .gaps
            .iter()
            .map(|gap| GapView { from: time(gap.from_ms), to: time(gap.to_ms), up_to: gap.up_to })
            .collect(),
        durable_seq: ledger.durable_seq,
    }
}

/// A signature as it is printed.
pub fn signature(record: &SignatureRecord) -> SignatureView {
    let facts = &record.facts;
    SignatureView {
        id: record.id.to_string(),
        route: facts.route.clone(),
        inferred: facts.inferred,
        place: facts.place,
        path: facts.path.clone(),
        kind: facts.kind,
        detail: facts.detail.clone(),
        shape: facts.shape.clone(),
        severity: facts.severity,
        count: record.count,
        mark_counts: marks(&record.marks),
        first_seen: time(record.first_seen_ms),
        last_seen: time(record.last_seen_ms),
        status: record.status.clone(),
        candidate_versions: record.candidate_versions.clone(),
    }
}

/// The report: the signatures that the query keeps, and the account.
pub fn report(records: &[SignatureRecord], account: &Ledger, query: &Query, now_ms: u64) -> ReportView {
    let signatures = records.iter().filter(|record| query.keeps(record, now_ms)).map(signature).collect();
    ReportView { schema: SCHEMA, signatures, ledger: ledger(account) }
}

/// Why a prefix names no signature.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NotFound {
    /// None begins with it.
    #[error("no signature begins with `{0}`: see `paritee report`")]
    None(String),
    /// More than one does.
    #[error("`{0}` begins more than one signature: {1}")]
    Many(String, String),
}

/// The one signature whose id begins with this.
pub fn find<'a>(records: &'a [SignatureRecord], prefix: &str) -> Result<&'a SignatureRecord, NotFound> {
    let prefix = prefix.to_ascii_lowercase();
    let found: Vec<&SignatureRecord> =
        records.iter().filter(|record| record.id.to_string().starts_with(&prefix)).collect();
    match found.as_slice() {
        [one] => Ok(one),
        [] => Err(NotFound::None(super::text::short(&prefix, 40))),
        many => {
            let some: Vec<String> = many.iter().take(8).map(|record| record.id.to_string()).collect();
            Err(NotFound::Many(super::text::short(&prefix, 40), some.join(", ")))
        }
    }
}

/// A signature with its stored exchanges.
pub fn show(record: &SignatureRecord, exemplars: &[Exemplar], sides: &Sides) -> ShowView {
    let exemplars = exemplars.iter().map(|one| exemplar(one, sides)).collect();
    ShowView { schema: SCHEMA, signature: signature(record), exemplars }
}

fn exemplar(exemplar: &Exemplar, sides: &Sides) -> ExemplarView {
    let listed = exemplar.differences.len() as u64;
    ExemplarView {
        exchange: exemplar.exchange.to_string(),
        received_at: time(exemplar.received_at_ms),
        principal: exemplar.principal.clone(),
        request: request(&exemplar.request),
        primary: answer(&exemplar.primary),
        candidate: answer(&exemplar.candidate),
        differences: exemplar.differences.iter().map(stored_difference).collect(),
        differences_total: (exemplar.differences_total > listed).then_some(exemplar.differences_total),
        rules: exemplar.rules.iter().map(|(name, hits)| RuleView { name: name.clone(), hits: *hits }).collect(),
        primary_version: exemplar.primary_version.clone(),
        candidate_version: exemplar.candidate_version.clone(),
        curl: CurlView {
            primary: curl::line(&exemplar.request, &sides.primary),
            candidate: curl::line(&exemplar.request, &sides.candidate),
        },
    }
}

fn request(stored: &StoredRequest) -> RequestView {
    RequestView {
        method: stored.method.clone(),
        target: stored.target.clone(),
        headers: stored.headers.clone(),
        body: stored.body.clone(),
        body_length: stored.body_length,
    }
}

fn answer(stored: &StoredAnswer) -> AnswerView {
    AnswerView {
        status: stored.status,
        failure: stored.failure.clone(),
        headers: stored.headers.clone(),
        body: stored.body.clone(),
        partial: stored.partial,
        body_length: stored.body_length,
        elapsed_us: stored.elapsed_us,
    }
}

fn stored_difference(stored: &StoredDifference) -> DifferenceView {
    DifferenceView {
        place: stored.place,
        path: stored.path.clone(),
        kind: stored.kind,
        detail: stored.detail.clone(),
        primary: stored.primary.as_deref().and_then(raw),
        candidate: stored.candidate.as_deref().and_then(raw),
        severity: stored.severity,
        signature: Some(stored.signature.to_string()),
    }
}

fn difference(difference: &Difference) -> DifferenceView {
    DifferenceView {
        place: difference.place,
        path: difference.path.clone(),
        kind: difference.kind,
        detail: difference.detail.clone(),
        primary: difference.primary.as_deref().and_then(raw),
        candidate: difference.candidate.as_deref().and_then(raw),
        severity: difference.severity,
        signature: None,
    }
}

/// A judgement as `diff` prints it.
pub fn diff(judgement: &Judgement) -> DiffView {
    let listed = judgement.differences.len() as u64;
    DiffView {
        schema: SCHEMA,
        judgement: judgement.verdict.as_str().to_owned(),
        reason: judgement.verdict.reason().map(str::to_owned),
        approximate: judgement.approximate,
        differences: judgement.differences.iter().map(difference).collect(),
        differences_total: (judgement.differences_total > listed).then_some(judgement.differences_total),
        rules: judgement.rules.iter().map(|used| RuleView { name: used.name.to_string(), hits: used.hits }).collect(),
    }
}
