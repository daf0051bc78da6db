//! What is printed, as plain data: the JSON shapes that outside checks rely on. Absent is a left-out key, since null is a
//! value; values are JSON text as received.

use super::SCHEMA;
pub use super::noise::{SuppressedView, VersionsView};
use crate::compare::{Kind, Place, Severity};
use crate::evidence::Mark;
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

impl LedgerView {
    /// The account in one line, without an end mark: every format says it in the same words.
    pub fn in_one_line(&self) -> String {
        let judged = &self.judgements;
        format!(
            "{} received, {} mirrored, {} judged: {} match, {} normalised, {} mismatch, {} inconclusive, {} vacuous",
            self.received,
            self.mirrored,
            self.judged,
            judged.matched,
            judged.normalised,
            judged.mismatch,
            judged.inconclusive,
            judged.vacuous
        )
    }
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
    /// Exchanges on which the sides agreed when asked again, by after how many milliseconds they first did.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub agreed_after_ms: BTreeMap<String, u64>,
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
    /// Places that are noise, by test: no signature under them is among the open ones for them.
    #[serde(default)]
    pub suppressed: Vec<SuppressedView>,
    /// How much rules hide of what was compared.
    #[serde(default)]
    pub compared: ComparedView,
    /// Routes that were cut over: the candidate serves them, and nothing is compared.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owned: Vec<OwnedView>,
}

impl SignatureView {
    /// True where all of its exchanges are noise: it is listed, and not among the open ones.
    pub fn is_noise(&self) -> bool {
        self.count > 0 && self.noise() == i64::try_from(self.count).unwrap_or(i64::MAX)
    }
    /// How many of its exchanges are noise.
    pub fn noise(&self) -> i64 {
        self.mark_counts.get(Mark::Noise.as_str()).copied().unwrap_or_default()
    }
}

impl ReportView {
    /// The signatures that are not noise.
    pub fn open(&self) -> impl Iterator<Item = &SignatureView> {
        self.signatures.iter().filter(|signature| !signature.is_noise())
    }
}

/// How much was compared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ComparedView {
    /// Leaves of the primary's documents.
    pub leaves: u64,
    /// Of these, equal only because of a rule.
    pub hidden: u64,
}

impl ComparedView {
    /// One line, without an end mark; `None` where rules hid nothing.
    pub fn in_one_line(&self) -> Option<String> {
        let share = self.hidden as f64 * 100.0 / self.leaves.max(1) as f64;
        (self.hidden > 0)
            .then(|| format!("rules hid {} of {} compared values ({share:.1} %)", self.hidden, self.leaves))
    }
}

/// A route that was cut over.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnedView {
    /// The route's name.
    pub route: String,
    /// When a tee first ran with it so, RFC 3339 in UTC.
    pub since: String,
}

/// A difference.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct DifferenceView {
    /// Which part of the answer.
    #[serde(rename = "in")]
    pub place: Place,
    /// RFC 6901 pointer in a body, name in a header.
    #[serde(with = "super::pointer")]
    pub path: String,
    /// The same place in the other side's document, where it is another there; for people, no part of the shape.
    #[serde(skip)]
    pub beside: Option<String>,
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
    /// Under which builds it is noise, with the counts of its place.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub suppressed: Vec<SuppressedView>,
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
