//! `/metrics`: the ledger's words in Prometheus text. Every label value comes from a closed list, so series are bounded.

use super::Shared;
use crate::compare::Severity;
use crate::evidence::{Ledger, Mark, NotJudged, NotMirrored};
use crate::judge::{Inconclusive, Vacuous};
use crate::mirror::{
    BOUNDS_US, BreakerState, CLASSES, ConfirmOutcome, FAILURES, Health, NotAccepted, ReloadState, SIDES, TurnedAway,
};
use crate::store::{LeftOut, Space};
use crate::sys;
use axum::extract::State;
use axum::http::header::{self, HeaderValue};
use axum::response::{IntoResponse, Response};
use std::fmt::{Display, Write};
use std::sync::Arc;

pub(super) async fn metrics(State(shared): State<Arc<Shared>>) -> Response {
    // Counters that go back and jump would show as traffic.
    if let Some(wait) = super::api::not_open(&shared) {
        return wait;
    }
    let control = &shared.control;
    let mut by_severity = [0_u64; 4];
    for record in control.store().signatures() {
        by_severity[record.facts.severity as usize] += 1;
    }
    let kept = (control.store().left_out(), control.store().space());
    let text = text(&control.ledger(), &control.health(), &by_severity, kept);
    let kind = HeaderValue::from_static("text/plain; version=0.0.4; charset=utf-8");
    ([(header::CONTENT_TYPE, kind)], text).into_response()
}

/// A text under construction.
struct Page(String);

impl Page {
    fn head(&mut self, name: &str, kind: &str, help: &str) {
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }
    fn one(&mut self, name: &str, kind: &str, help: &str, value: impl Display) {
        self.head(name, kind, help);
        let _ = writeln!(self.0, "{name} {value}");
    }
    fn many<L: Display>(
        &mut self,
        (name, kind, help): (&str, &str, &str),
        label: &str,
        values: impl IntoIterator<Item = (L, u64)>,
    ) {
        self.head(name, kind, help);
        for (word, value) in values {
            let _ = writeln!(self.0, "{name}{{{label}=\"{word}\"}} {value}");
        }
    }
}

fn text(ledger: &Ledger, health: &Health, by_severity: &[u64; 4], kept: (LeftOut, Space)) -> String {
    let counts = &ledger.counts;
    let mut page = Page(String::with_capacity(8 << 10));
    page.one("paritee_requests_received_total", "counter", "Requests received.", ledger.received());
    let reasons = NotMirrored::ALL.iter().map(|reason| (*reason, counts.not_mirrored[*reason as usize]));
    page.many(("paritee_not_mirrored_total", "counter", "Requests not mirrored, by reason."), "reason", reasons);
    let reasons = NotJudged::ALL.iter().map(|reason| (*reason, counts.not_judged[*reason as usize]));
    page.many(("paritee_not_judged_total", "counter", "Mirrored and not judged, by reason."), "reason", reasons);
    let judged = [
        ("match", counts.matched),
        ("normalised", counts.normalised),
        ("mismatch", counts.mismatched),
        ("inconclusive", counts.inconclusive.iter().sum()),
        ("vacuous", counts.vacuous.iter().sum()),
    ];
    page.many(("paritee_exchanges_total", "counter", "Exchanges judged."), "judgement", judged);
    let reasons = Inconclusive::ALL.iter().map(|reason| (*reason, counts.inconclusive[*reason as usize]));
    page.many(("paritee_inconclusive_total", "counter", "Inconclusive exchanges, by reason."), "reason", reasons);
    let reasons = Vacuous::ALL.iter().map(|reason| (*reason, counts.vacuous[*reason as usize]));
    page.many(("paritee_vacuous_total", "counter", "Vacuous exchanges, by reason."), "reason", reasons);
    // A gauge: confirmation moves an exchange from one mark to another.
    let marks = Mark::ALL.iter().map(|mark| (*mark, u64::try_from(ledger.marks.0[*mark as usize]).unwrap_or(0)));
    page.many(("paritee_mismatches", "gauge", "Mismatching exchanges, by mark."), "mark", marks);
    let severities = Severity::ALL.iter().zip(by_severity).map(|(severity, n)| (*severity, *n));
    page.many(("paritee_signatures", "gauge", "Kinds of mismatch known, by severity."), "severity", severities);
    page.one("paritee_in_flight", "gauge", "Exchanges admitted and not at an end.", health.in_flight);
    page.one("paritee_queue_depth", "gauge", "Of these, not yet taken up by the shadow thread.", health.queued);
    page.one("paritee_in_flight_bytes", "gauge", "Bytes of their copies.", health.in_flight_bytes);
    page.one("paritee_connections", "gauge", "Client connections open.", health.connections);
    let reasons = TurnedAway::ALL.iter().zip(health.turned_away).map(|(reason, n)| (reason.as_str(), n));
    let help = "Client connections ended for what the client did, by reason.";
    page.many(("paritee_connections_turned_away_total", "counter", help), "reason", reasons);
    clients(&mut page, health);
    answers(&mut page, health);
    sessions(&mut page, health);
    ids(&mut page, health);
    operations(&mut page, health);
    if let Some(pairs) = &health.pairs {
        let help = "What became of mirrored exchanges as evidence of noise.";
        page.many(("paritee_secondary_total", "counter", help), "outcome", pairs.iter().copied());
    }
    confirm(&mut page, health);
    page.one("paritee_mirroring", "gauge", "1 when mirroring is switched on.", u8::from(health.mirroring));
    let states = [BreakerState::Closed, BreakerState::Open, BreakerState::HalfOpen];
    let states = states.map(|state| (state.as_str(), u64::from(state == health.breaker)));
    page.many(("paritee_breaker", "gauge", "The candidate's breaker: 1 at its state."), "state", states);
    back_off(&mut page, health);
    let help = "The largest lag of a live thread in the last 10 to 20 s.";
    page.one("paritee_live_lag_seconds", "gauge", help, seconds(health.lag.worst_us));
    page.one("paritee_live_threads_late", "gauge", "Live threads too late to mirror.", health.lag.late);
    store(&mut page, ledger, health, kept);
    reloads(&mut page, &health.reloads);
    page.one("paritee_uptime_seconds", "gauge", "Since the start.", health.uptime_s);
    page.head("paritee_build_info", "gauge", "The build.");
    let _ = writeln!(page.0, "paritee_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"));
    page.0
}

/// Mismatches that are asked again; nothing where none is.
fn confirm(page: &mut Page, health: &Health) {
    let Some(figures) = &health.confirm else { return };
    let outcomes = ConfirmOutcome::ALL.iter().copied().zip(figures.outcomes);
    page.many(("paritee_confirm_total", "counter", "What became of mismatches to confirm."), "outcome", outcomes);
    page.one("paritee_confirm_looks_total", "counter", "Times that both sides were asked again.", figures.looks);
    page.one("paritee_confirm_waiting", "gauge", "Mismatches that wait to be asked again.", figures.waiting);
    page.one("paritee_confirm_waiting_bytes", "gauge", "Bytes of their copies.", figures.bytes);
}

/// The primary with the mirror against the primary without it; nothing where that is not looked at.
fn back_off(page: &mut Page, health: &Health) {
    let Some(figures) = health.back_off else { return };
    page.one("paritee_back_off_share", "gauge", "Share of clients that backing off leaves mirrored.", figures.share);
    let windows = [("compared", figures.compared), ("not_compared", figures.not_compared)];
    page.many(("paritee_control_windows_total", "counter", "Control windows."), "outcome", windows);
    let help = "Of the last control window: share of mirrored requests that took longer by more than the factor.";
    page.one("paritee_control_slower_share", "gauge", help, figures.slower_share);
    let help =
        "How near control windows are to showing that the primary is slower with the mirror: at 1 the share halves.";
    page.one("paritee_control_evidence", "gauge", help, figures.evidence);
    let name = "paritee_primary_latency_seconds";
    page.head(name, "gauge", "Median time to the head of the primary's answer, beside control requests and of them.");
    for (mirror, us) in [("with", figures.with_us), ("without", figures.without_us)] {
        let _ = writeln!(page.0, "{name}{{mirror=\"{mirror}\"}} {}", seconds(us.into()));
    }
}

/// How many clients there may be, what kept others waiting, and the descriptors behind it.
fn clients(page: &mut Page, health: &Health) {
    let taking_in = &health.taking_in;
    page.one("paritee_connections_limit", "gauge", "Client connections served at once; more wait.", taking_in.limit);
    let help = "Times that a live thread had no place for another client.";
    page.one("paritee_connections_waited_total", "counter", help, taking_in.waits);
    let reasons = NotAccepted::ALL.iter().zip(taking_in.failed).map(|(reason, n)| (reason.as_str(), n));
    page.many(("paritee_accept_errors_total", "counter", "Connections not taken in, by reason."), "reason", reasons);
    page.one("paritee_descriptors_limit", "gauge", "Descriptors that may be open.", sys::descriptor_limit());
    if let Some(open) = sys::open_descriptors() {
        page.one("paritee_descriptors_open", "gauge", "Descriptors open.", open);
    }
}

/// What the sides answered, how fast, and what they did not.
fn answers(page: &mut Page, health: &Health) {
    let sides = || SIDES.iter().zip(&health.answers);
    page.head("paritee_answers_total", "counter", "Answers of judged exchanges, by side and class.");
    for (side, counts) in sides() {
        for (class, n) in CLASSES.iter().zip(counts.classes) {
            let _ = writeln!(page.0, "paritee_answers_total{{side=\"{side}\",class=\"{class}\"}} {n}");
        }
    }
    page.head(
        "paritee_failures_total",
        "counter",
        "Requests of clients, and copies, that a side left unanswered, by kind.",
    );
    for (side, counts) in sides() {
        for (kind, n) in FAILURES.iter().zip(counts.failures) {
            let _ = writeln!(page.0, "paritee_failures_total{{side=\"{side}\",kind=\"{}\"}} {n}", kind.as_str());
        }
    }
    let name = "paritee_answer_duration_seconds";
    page.head(name, "histogram", "From the request to the last byte of the answer, of judged exchanges, by side.");
    for (side, counts) in sides() {
        let mut below = 0;
        for (bound, n) in BOUNDS_US.iter().zip(counts.times) {
            below += n;
            let _ = writeln!(page.0, "{name}_bucket{{side=\"{side}\",le=\"{}\"}} {below}", seconds(*bound));
        }
        let count: u64 = counts.times.iter().sum();
        let _ = writeln!(page.0, "{name}_bucket{{side=\"{side}\",le=\"+Inf\"}} {count}");
        let _ = writeln!(page.0, "{name}_sum{{side=\"{side}\"}} {}", seconds(counts.total_us));
        let _ = writeln!(page.0, "{name}_count{{side=\"{side}\"}} {count}");
    }
}

fn seconds(us: u64) -> f64 {
    us as f64 / 1e6
}

/// What is durable, what waits, and what found no place.
fn store(page: &mut Page, ledger: &Ledger, health: &Health, (left_out, space): (LeftOut, Space)) {
    page.one("paritee_store_durable_batches_total", "counter", "Batches synced to the device.", ledger.durable_seq);
    page.one("paritee_store_waiting_batches", "gauge", "Batches taken and not durable yet.", health.store_waiting);
    let failing = u8::from(health.store_failing.is_some());
    page.one("paritee_store_failing", "gauge", "1 when the store takes no writes.", failing);
    let LeftOut { signatures, exemplars, cells, pairs, coverage, samples, erased } = left_out;
    let kept_out = [
        ("signatures", signatures),
        ("exemplars", exemplars),
        ("cells", cells),
        ("pairs", pairs),
        ("coverage", coverage),
        ("samples", samples),
        ("erased", erased),
    ];
    let help = "What the caps and bounds of the store kept out since it began.";
    page.many(("paritee_store_left_out_total", "counter", help), "what", kept_out);
    let help = "Bytes that the store's files took when they were looked at last.";
    page.one("paritee_store_bytes", "gauge", help, space.bytes);
    page.one("paritee_store_live_bytes", "gauge", "Bytes of the keys and values in it.", space.live_bytes);
    page.one("paritee_store_keys", "gauge", "Keys in it.", space.keys);
    let help = "Times that what lives in it was copied and the rest given up.";
    page.one("paritee_store_generations_total", "counter", help, space.generations);
    let missing: u64 = ledger.gaps.iter().map(|gap| gap.up_to).sum();
    page.one("paritee_unaccounted_requests", "gauge", "At most so many requests fell into gaps.", missing);
}

/// Reading the config again.
fn reloads(page: &mut Page, reloads: &ReloadState) {
    let outcomes = [("applied", reloads.applied), ("refused", reloads.refused)];
    page.many(("paritee_config_reloads_total", "counter", "Configs read again, by outcome."), "outcome", outcomes);
    let help = "When the config in force was read, seconds since the Unix epoch.";
    page.one("paritee_config_last_reload_timestamp_seconds", "gauge", help, reloads.in_force_since_ms / 1_000);
    let refused = u8::from(reloads.refusal.is_some());
    page.one("paritee_config_refused", "gauge", "1 when the last config that was read was refused.", refused);
}

/// What is done so that the candidate knows the clients' sessions; nothing where none are kept.
fn sessions(page: &mut Page, health: &Health) {
    let Some(counts) = health.sessions else { return };
    page.one("paritee_sessions", "gauge", "Sessions remembered.", counts.known);
    let outcomes = [
        ("established", counts.established),
        ("bridged", counts.bridged),
        ("refused", counts.refused),
        ("failed", counts.failed),
        ("evicted", counts.evicted),
    ];
    let help = "What became of sessions at the candidate.";
    page.many(("paritee_session_outcomes_total", "counter", help), "outcome", outcomes);
}

/// Operations that share a path; nothing where no route is split.
fn operations(page: &mut Page, health: &Health) {
    let Some(counts) = health.operations else { return };
    page.one("paritee_operations", "gauge", "Operations told apart by split_by.", counts.known);
    let help = "Exchanges counted to the operation (other), by reason.";
    let reasons = [("unfit", counts.unfit), ("full", counts.full)];
    page.many(("paritee_operations_other_total", "counter", help), "reason", reasons);
}

/// Ids that map one to one over a session or the run; nothing where no rule asks for it.
fn ids(page: &mut Page, health: &Health) {
    let Some(counts) = health.ids else { return };
    page.one("paritee_ids", "gauge", "Ids of both sides remembered for same_id.", counts.known);
    page.one("paritee_id_sessions", "gauge", "Sessions whose ids are remembered.", counts.sessions);
    page.one("paritee_id_claims_broken_total", "counter", "Claims that break a one-to-one map.", counts.broken);
    let forgotten = [
        ("ids", counts.ids_forgotten),
        ("sessions", counts.sessions_forgotten),
        ("claims", counts.left_out),
        ("bodies", counts.unread),
    ];
    let help = "What a broken map could have been told by, and was not kept: each is over a bound.";
    page.many(("paritee_id_forgotten_total", "counter", help), "what", forgotten);
}

#[cfg(test)]
mod tests;
