//! The gate: thresholds over pooled evidence, and a word for each route that a team can act on.
//!
//! **An absence of mismatches is no evidence.** A route is ready when enough distinct requests were compared, recently, under
//! builds that are still of interest, when what was declared has been seen, and when nothing that was found stands against it.
//! What stands against it makes it *not ready*; what is missing makes it *not enough evidence*, with how much more is needed.

mod latency;
mod pool;
mod reason;
#[cfg(test)]
mod tests;

pub use latency::{Ratio, p95_ratio};
pub(super) use pool::last_ms;
pub use pool::{Pool, VersionsPooled, pool};
pub use reason::{Reason, ReasonKind};

use super::{Builds, SignatureFacts, Witnesses, clean_requests_needed, upper_rate};
use crate::compare::Severity;
use crate::judge::SignatureId;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Which candidate builds count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EvidenceFrom {
    /// The last so many that answered, by when each answered last.
    Last(usize),
    /// All of them.
    All,
}

/// One `[[gate]]`.
#[derive(Clone, Debug, PartialEq)]
pub struct Policy {
    /// What it is called.
    pub name: String,
    /// The upper bound of the mismatch rate over distinct requests must lie below.
    pub mismatch_rate_below: f64,
    /// How sure that bound is, at every look.
    pub confidence: f64,
    /// Evidence that is older does not count, milliseconds.
    pub max_age_ms: u64,
    /// The share of exchanges that came to no judgement may be so high.
    pub max_unjudged_share: f64,
    /// Open signatures at most; `None` where the rate alone decides.
    pub open_signatures: Option<u64>,
    /// Which candidate builds are pooled.
    pub evidence_from: EvidenceFrom,
    /// The candidate's 95th percentile over the primary's must lie below.
    pub latency_p95_ratio_below: Option<f64>,
    /// Rules may keep this share of the leaves from being compared.
    pub max_hidden_share: f64,
}

impl Default for Policy {
    fn default() -> Policy {
        Policy {
            name: "default".to_owned(),
            mismatch_rate_below: 0.01,
            confidence: 0.95,
            max_age_ms: 7 * 24 * 3_600_000,
            max_unjudged_share: 0.05,
            open_signatures: Some(0),
            evidence_from: EvidenceFrom::Last(3),
            latency_p95_ratio_below: None,
            max_hidden_share: 0.2,
        }
    }
}

/// A branch that evidence must have seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BranchNeed {
    /// Its name.
    pub name: String,
    /// Distinct requests that must have taken it, at most [`Witnesses::MOST`].
    pub min: u64,
}

/// What is known of a route beside its evidence.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RouteKnown {
    /// It was guessed from requests: never ready, since nobody has said that it is one.
    pub inferred: bool,
    /// Its declared branches.
    pub branches: Vec<BranchNeed>,
    /// Nothing would tell a candidate that passes its requests back to the monolith.
    pub self_proxying_unchecked: bool,
    /// The classes of callers whose answers are not held against who asks.
    pub ownership_unchecked: Vec<String>,
}

/// A signature of the route, as far as the gate is concerned.
#[derive(Clone, Debug, PartialEq)]
pub struct Against<'a> {
    /// Its id.
    pub id: SignatureId,
    /// What it is.
    pub facts: &'a SignatureFacts,
    /// Exchanges that count: not noise, no race, and not the monolith's own change.
    pub counted: u64,
    /// Exchanges by builds; none for a broken map of ids.
    pub builds: &'a BTreeMap<Builds, u64>,
    /// Nobody has accepted it.
    pub open: bool,
}

/// The gate's word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Word {
    /// It may be cut over.
    Ready,
    /// Something is missing.
    NotEnoughEvidence,
    /// Something stands against it.
    NotReady,
}

impl Word {
    /// As people read it.
    pub fn told(self) -> &'static str {
        match self {
            Word::Ready => "READY",
            Word::NotEnoughEvidence => "NOT ENOUGH EVIDENCE",
            Word::NotReady => "NOT READY",
        }
    }
}

/// What the gate says of one route.
#[derive(Clone, Debug, PartialEq)]
pub struct Finding {
    /// The worst of all reasons; ready where there is none.
    pub word: Word,
    /// Why, what stands against it first.
    pub reasons: Vec<Reason>,
    /// What does not decide, and whoever decides should know.
    pub notes: Vec<String>,
    /// Distinct requests that count.
    pub distinct: u64,
    /// Of these, with a mismatch that counts.
    pub mismatches: u64,
    /// The highest mismatch rate that is left open.
    pub bound: f64,
    /// Distinct requests without a mismatch that are still missing; `None` where no number of them would do.
    pub needed: Option<u64>,
    /// What was pooled.
    pub versions: VersionsPooled,
}

/// Holds one route's pooled evidence, and what was found on it, against a policy. `not_judged_share` is the share of all mirrored
/// requests that were shed before they were judged, of whatever route.
pub fn decide(
    policy: &Policy,
    known: &RouteKnown,
    pool: &Pool,
    against: &[Against<'_>],
    not_judged_share: f64,
) -> Finding {
    let measured = Measured::new(policy, pool);
    let mut reasons = standing_against(policy, pool, &measured, against);
    reasons.extend(missing(policy, known, pool, &measured, not_judged_share));
    reasons.sort_by_key(|reason| std::cmp::Reverse(reason.word()));
    let word = reasons.iter().map(Reason::word).max().unwrap_or(Word::Ready);
    let mut notes = Vec::new();
    if !known.ownership_unchecked.is_empty() {
        let classes = known.ownership_unchecked.join(", ");
        notes.push(format!("ownership unchecked for {classes}: no `owner_paths` say whose data an answer is"));
    }
    let noise = pool.noise.requests();
    if noise > 0 {
        notes.push(format!(
            "{noise} distinct requests differ where the monolith disagrees with itself, which does not count"
        ));
    }
    if pool.too_old > 0 {
        notes.push(format!("{} older exchanges do not count", pool.too_old));
    }
    if pool.other_builds > 0 {
        notes.push(format!("{} exchanges of earlier candidate builds do not count", pool.other_builds));
    }
    let Measured { distinct, mismatches, bound, needed, .. } = measured;
    Finding { word, reasons, notes, distinct, mismatches, bound, needed, versions: pool.versions.clone() }
}

/// What is measured of a pool, once for all reasons.
struct Measured {
    distinct: u64,
    mismatches: u64,
    bound: f64,
    needed: Option<u64>,
    /// Where the policy asks for it: its limit, and the ratio as far as it is known.
    latency: Option<(f64, Option<Ratio>)>,
}

impl Measured {
    fn new(policy: &Policy, pool: &Pool) -> Measured {
        let distinct = pool.sum.distinct.lower_bound();
        let mismatches = pool.sum.mismatching.requests().min(distinct);
        Measured {
            distinct,
            mismatches,
            bound: upper_rate(mismatches, distinct, policy.confidence),
            needed: clean_requests_needed(mismatches, distinct, policy.confidence, policy.mismatch_rate_below),
            latency: policy.latency_p95_ratio_below.map(|below| (below, p95_ratio(&pool.sum, policy.confidence))),
        }
    }
}

/// What was found and stands against the route.
fn standing_against(policy: &Policy, pool: &Pool, measured: &Measured, against: &[Against<'_>]) -> Vec<Reason> {
    let mut reasons = Vec::new();
    let counts = |one: &&Against<'_>| one.counted > 0 && pool.saw(one.builds);
    let mut critical: Vec<_> =
        against.iter().filter(counts).filter(|one| one.facts.severity == Severity::Critical).collect();
    critical.sort_by_key(|one| std::cmp::Reverse(one.counted));
    if !critical.is_empty() {
        // No decision mutes it.
        reasons.push(Reason::signatures(ReasonKind::Critical, &critical, None));
    }
    let open: Vec<_> = against.iter().filter(counts).filter(|one| one.open).collect();
    let broken: Vec<_> = open.iter().copied().filter(|one| one.builds.is_empty()).collect();
    match policy.open_signatures {
        Some(most) if open.len() as u64 > most => {
            let mut open = open;
            open.sort_by_key(|one| std::cmp::Reverse((one.facts.severity, one.counted)));
            reasons.push(Reason::signatures(ReasonKind::OpenSignatures, &open, Some(most)));
        }
        // A broken map is in no cell, so no rate knows of it.
        None if !broken.is_empty() => reasons.push(Reason::signatures(ReasonKind::BrokenIds, &broken, None)),
        _ => {}
    }
    let Measured { distinct, mismatches, .. } = *measured;
    if distinct > 0 && super::bound::lower_rate(mismatches, distinct, policy.confidence) >= policy.mismatch_rate_below {
        reasons.push(Reason::rate(mismatches, distinct, policy.mismatch_rate_below));
    }
    let hidden = pool.hidden_share();
    if hidden > policy.max_hidden_share {
        reasons.push(Reason::hidden(hidden, policy.max_hidden_share, pool.hides_most()));
    }
    if let Some((below, Some(ratio))) = measured.latency
        && ratio.least >= below
    {
        reasons.push(Reason::slower(&ratio, below));
    }
    reasons
}

/// What is missing.
fn missing(
    policy: &Policy,
    known: &RouteKnown,
    pool: &Pool,
    measured: &Measured,
    not_judged_share: f64,
) -> Vec<Reason> {
    let Measured { distinct, mismatches, bound, needed, latency } = *measured;
    let mut reasons = Vec::new();
    if known.inferred {
        reasons
            .push(Reason::new(ReasonKind::Inferred, "the route was guessed from requests: declare it with [[route]]"));
    }
    if known.self_proxying_unchecked {
        let why = "nothing would tell a candidate that passes requests back to the monolith: set version_header on both sides";
        reasons.push(Reason::new(ReasonKind::SelfProxyingUnchecked, why));
    }
    if distinct == 0 {
        reasons.push(Reason::nothing(pool));
    } else if bound >= policy.mismatch_rate_below {
        reasons.push(Reason::too_few((distinct, mismatches), bound, policy.mismatch_rate_below, needed));
    }
    let unjudged = pool.unjudged_share();
    if unjudged > policy.max_unjudged_share {
        reasons.push(Reason::unjudged(unjudged, policy.max_unjudged_share));
    }
    if not_judged_share > policy.max_unjudged_share {
        reasons.push(Reason::shed(not_judged_share, policy.max_unjudged_share));
    }
    for branch in &known.branches {
        let seen = pool.sum.branches.get(&branch.name).map_or(0, Witnesses::count);
        if seen < branch.min {
            reasons.push(Reason::branch(branch, seen));
        }
    }
    if let Some((below, ratio)) = latency {
        match ratio {
            None => reasons.push(Reason::new(
                ReasonKind::LatencyUnknown,
                "too few answers to bound the 95th percentile of both sides",
            )),
            Some(ratio) if ratio.least < below && ratio.most >= below => {
                reasons.push(Reason::latency_open(&ratio, below));
            }
            Some(_) => {}
        }
    }
    reasons
}
