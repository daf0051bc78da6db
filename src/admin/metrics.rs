//! `/metrics`: the ledger's words in Prometheus text. Every label value comes from a closed list, so series are bounded.

use super::Shared;
use crate::compare::Severity;
use crate::evidence::{Ledger, Mark, NotJudged, NotMirrored};
use crate::judge::{Inconclusive, Vacuous};
use crate::mirror::{BreakerState, Health, ReloadState, TurnedAway};
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
    let text = text(&control.ledger(), &control.health(), &by_severity);
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

fn text(ledger: &Ledger, health: &Health, by_severity: &[u64; 4]) -> String {
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
    page.one("paritee_in_flight_bytes", "gauge", "Bytes of their copies.", health.in_flight_bytes);
    page.one("paritee_connections", "gauge", "Client connections open.", health.connections);
    let reasons = TurnedAway::ALL.iter().zip(health.turned_away).map(|(reason, n)| (reason.as_str(), n));
    let help = "Client connections ended for what the client did, by reason.";
    page.many(("paritee_connections_turned_away_total", "counter", help), "reason", reasons);
    sessions(&mut page, health);
    ids(&mut page, health);
    if let Some(pairs) = &health.pairs {
        let help = "What became of mirrored exchanges as evidence of noise.";
        page.many(("paritee_secondary_total", "counter", help), "outcome", pairs.iter().copied());
    }
    page.one("paritee_mirroring", "gauge", "1 when mirroring is switched on.", u8::from(health.mirroring));
    let states = [BreakerState::Closed, BreakerState::Open, BreakerState::HalfOpen];
    let states = states.map(|state| (state.as_str(), u64::from(state == health.breaker)));
    page.many(("paritee_breaker", "gauge", "The candidate's breaker: 1 at its state."), "state", states);
    page.one("paritee_store_durable_batches_total", "counter", "Batches synced to the device.", ledger.durable_seq);
    let failing = u8::from(health.store_failing.is_some());
    page.one("paritee_store_failing", "gauge", "1 when the store takes no writes.", failing);
    let missing: u64 = ledger.gaps.iter().map(|gap| gap.up_to).sum();
    page.one("paritee_unaccounted_requests", "gauge", "At most so many requests fell into gaps.", missing);
    reloads(&mut page, &health.reloads);
    page.one("paritee_uptime_seconds", "gauge", "Since the start.", health.uptime_s);
    page.head("paritee_build_info", "gauge", "The build.");
    let _ = writeln!(page.0, "paritee_build_info{{version=\"{}\"}} 1", env!("CARGO_PKG_VERSION"));
    page.0
}

/// Reading the config again.
fn reloads(page: &mut Page, reloads: &ReloadState) {
    let outcomes = [("applied", reloads.applied), ("refused", reloads.refused)];
    page.many(("paritee_config_reloads_total", "counter", "Configs read again, by outcome."), "outcome", outcomes);
    let help = "When the config in force was read, seconds since the Unix epoch.";
    page.one("paritee_config_last_reload_seconds", "gauge", help, reloads.in_force_since_ms / 1_000);
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
mod tests {
    use super::*;
    use crate::mirror::PairOutcome;

    #[test]
    fn every_line_reads_and_every_reason_is_there() {
        let mut ledger = Ledger::default();
        ledger.counts.count_not_mirrored(NotMirrored::Rate);
        ledger.in_flight = 2;
        let health = Health {
            accepting: true,
            draining: false,
            candidate: true,
            mirroring: true,
            breaker: BreakerState::Open,
            in_flight: 2,
            in_flight_bytes: 10,
            connections: 1,
            turned_away: [0, 0, 0, 0, 3, 0],
            uptime_s: 5,
            sessions: Some(Default::default()),
            ids: Some(Default::default()),
            pairs: Some(PairOutcome::ALL.iter().map(|outcome| (*outcome, 3)).collect()),
            reloads: ReloadState { refused: 2, ..ReloadState::default() },
            store_failing: None,
        };
        let text = text(&ledger, &health, &[1, 0, 0, 0]);
        assert!(text.contains("paritee_not_mirrored_total{reason=\"rate\"} 1\n"));
        assert!(text.contains("paritee_requests_received_total 3\n"));
        assert!(text.contains("paritee_session_outcomes_total{outcome=\"bridged\"} 0\n"));
        assert!(text.contains("paritee_id_forgotten_total{what=\"sessions\"} 0\n"));
        assert!(text.contains("paritee_secondary_total{outcome=\"in_flight\"} 3\n"));
        assert!(text.contains("paritee_connections_turned_away_total{reason=\"http2_flood\"} 3\n"));
        assert!(text.contains("paritee_config_reloads_total{outcome=\"refused\"} 2\n"));
        assert!(text.contains("paritee_breaker{state=\"open\"} 1\n"));
        for reason in NotMirrored::ALL {
            assert!(text.contains(&format!("paritee_not_mirrored_total{{reason=\"{reason}\"}} ")));
        }
        for line in text.lines().filter(|line| !line.starts_with('#')) {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert!(name.starts_with("paritee_") && value.parse::<u64>().is_ok(), "{line}");
        }
    }
}
