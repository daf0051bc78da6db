//! From evidence to what is printed: the one place where views are made, for the command line and the admin API alike.

use super::curl::{self, Sides};
use super::noise::{all_suppressed, marks_now};
use super::views::{
    AnswerView, ComparedView, CurlView, DiffView, DifferenceView, ExemplarView, GapView, JudgementsView, LedgerView,
    OwnedView, ReportView, RequestView, RuleView, ShowView, SignatureView,
};
use super::{Query, SCHEMA};
use crate::compare::Difference;
use crate::evidence::{Exemplar, Ledger, MarkCounts, StoredAnswer, StoredDifference, StoredRequest, Suppression};
use crate::judge::Judgement;
use crate::store::{Figures, SignatureRecord};
use serde_json::value::RawValue;
use std::collections::BTreeMap;

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
pub fn signature(record: &SignatureRecord, suppression: &Suppression) -> SignatureView {
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
        mark_counts: marks(&marks_now(record, suppression)),
        agreed_after_ms: record.agreed_after_ms.iter().map(|(ms, n)| (ms.to_string(), *n)).collect(),
        first_seen: time(record.first_seen_ms),
        last_seen: time(record.last_seen_ms),
        status: record.status.clone(),
        candidate_versions: record.candidate_versions.clone(),
    }
}

/// The report: the signatures that the query keeps, and the account.
pub fn report(
    records: &[SignatureRecord],
    account: &Ledger,
    figures: &Figures,
    query: &Query,
    now_ms: u64,
) -> ReportView {
    let asked: Vec<&SignatureRecord> = records.iter().filter(|record| query.keeps(record, now_ms)).collect();
    let signatures = asked.iter().map(|record| signature(record, &figures.suppression)).collect();
    let owned = figures.ownership.candidates();
    ReportView {
        schema: SCHEMA,
        signatures,
        ledger: ledger(account),
        suppressed: all_suppressed(&asked, &figures.suppression),
        compared: ComparedView { leaves: figures.compared.leaves, hidden: figures.compared.hidden },
        owned: owned.map(|(route, since_ms)| OwnedView { route: route.to_owned(), since: time(since_ms) }).collect(),
    }
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
pub fn show(record: &SignatureRecord, exemplars: &[Exemplar], sides: &Sides, suppression: &Suppression) -> ShowView {
    let exemplars = exemplars.iter().map(|one| exemplar(one, sides)).collect();
    let suppressed = all_suppressed(&[record], suppression);
    ShowView { schema: SCHEMA, signature: signature(record, suppression), suppressed, exemplars }
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
        beside: None,
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
        beside: difference.beside.clone(),
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
