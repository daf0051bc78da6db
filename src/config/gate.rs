//! `[[gate]]`: thresholds over evidence.

use super::error::ConfigError;
use super::raw::{RawGate, Text};
use super::sections::positive_duration;
use super::source::Source;
use crate::evidence::{EvidenceFrom, Policy};
use std::ops::RangeInclusive;
use toml::Spanned;

const FROM: &str = "`current`, `last:3`, `all`";
/// Builds pooled at most by number.
const BUILDS: usize = 1_000;

/// All gates; one with everything as it is by default where none is declared.
pub(super) fn gates(source: &Source<'_>, raw: &[RawGate]) -> Result<Vec<Policy>, ConfigError> {
    let mut gates: Vec<Policy> = Vec::new();
    for gate in raw {
        let policy = policy(source, gate)?;
        if gates.iter().any(|other| other.name == policy.name) {
            let message = format!("the gate `{}` is already declared", policy.name);
            return Err(source.error(gate.name.span(), message));
        }
        gates.push(policy);
    }
    if gates.is_empty() {
        gates.push(Policy::default());
    }
    Ok(gates)
}

fn policy(source: &Source<'_>, raw: &RawGate) -> Result<Policy, ConfigError> {
    let usual = Policy::default();
    let number = |value: &Option<Spanned<f64>>, usual: f64, bounds: RangeInclusive<f64>| match value {
        None => Ok(usual),
        Some(value) if bounds.contains(value.get_ref()) => Ok(*value.get_ref()),
        Some(value) => {
            let message = format!("{} is out of range", value.get_ref());
            Err(source.error(value.span(), message).allowing(format!("{} to {}", bounds.start(), bounds.end())))
        }
    };
    let max_age_ms = match &raw.max_age {
        Some(text) => positive_duration(source, text)?.as_millis() as u64,
        None => usual.max_age_ms,
    };
    let ratio = raw.latency_p95_ratio_below.is_some();
    let latency = number(&raw.latency_p95_ratio_below, 0.0, 0.01..=1_000.0)?;
    Ok(Policy {
        name: source.expand(&raw.name)?,
        mismatch_rate_below: number(&raw.mismatch_rate_below, usual.mismatch_rate_below, 0.000_001..=1.0)?,
        confidence: number(&raw.confidence, usual.confidence, 0.5..=0.999_999)?,
        max_age_ms,
        max_unjudged_share: number(&raw.max_unjudged_share, usual.max_unjudged_share, 0.0..=1.0)?,
        open_signatures: raw.open_signatures,
        evidence_from: raw.evidence_from.as_ref().map_or(Ok(usual.evidence_from), |text| from(source, text))?,
        latency_p95_ratio_below: ratio.then_some(latency),
        max_hidden_share: number(&raw.max_hidden_share, usual.max_hidden_share, 0.0..=1.0)?,
    })
}

fn from(source: &Source<'_>, text: &Text) -> Result<EvidenceFrom, ConfigError> {
    let value = source.expand(text)?;
    let last = |n: &str| n.parse().ok().filter(|n| (1..=BUILDS).contains(n));
    match value.as_str() {
        "current" => Ok(EvidenceFrom::Last(1)),
        "all" => Ok(EvidenceFrom::All),
        other => other
            .strip_prefix("last:")
            .and_then(last)
            .map(EvidenceFrom::Last)
            .ok_or_else(|| source.error(text.span(), format!("`{other}` names no builds")).allowing(FROM)),
    }
}
