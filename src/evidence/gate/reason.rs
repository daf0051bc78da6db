//! Why a route is not ready: a word that programs may rely on, and a line for people.

use super::{Against, BranchNeed, Pool, Ratio, Word};
use crate::compare::words;

/// Kinds of reasons; a closed list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ReasonKind {
    /// A critical difference was seen.
    Critical,
    /// More signatures are open than the gate allows.
    OpenSignatures,
    /// Ids do not map one to one.
    BrokenIds,
    /// The mismatch rate is too high, for sure.
    MismatchRate,
    /// Rules keep too much from being compared.
    RulesHide,
    /// The candidate is slower than the gate allows, for sure.
    Slower,
    /// Nothing was compared.
    NothingCompared,
    /// All that was compared proves nothing.
    Vacuous,
    /// All evidence is too old.
    Stale,
    /// Too few distinct requests.
    TooFew,
    /// Too many exchanges could not be told.
    Unjudged,
    /// Too many were shed before they were judged.
    Shed,
    /// A declared branch was seen too rarely.
    Branch,
    /// The route is guessed.
    Inferred,
    /// A candidate that passes requests back would not be noticed.
    SelfProxyingUnchecked,
    /// The candidate may be slower than the gate allows.
    LatencyOpen,
    /// Too few answers to say how slow the candidate is.
    LatencyUnknown,
}
words!(ReasonKind {
    Critical = "critical", OpenSignatures = "open_signatures", BrokenIds = "broken_ids", MismatchRate = "mismatch_rate",
    RulesHide = "rules_hide", Slower = "slower", NothingCompared = "nothing_compared", Vacuous = "vacuous",
    Stale = "stale", TooFew = "too_few", Unjudged = "unjudged", Shed = "shed", Branch = "branch", Inferred = "inferred",
    SelfProxyingUnchecked = "self_proxying_unchecked", LatencyOpen = "latency_open", LatencyUnknown = "latency_unknown",
});

/// Signatures that one reason names.
const NAMED: usize = 5;

/// One reason.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// What kind.
    pub kind: ReasonKind,
    /// In words, with figures.
    pub text: String,
    /// Ids of the signatures behind it, the worst first.
    pub signatures: Vec<String>,
}

impl Reason {
    /// A reason without signatures.
    pub fn new(kind: ReasonKind, text: impl Into<String>) -> Reason {
        Reason { kind, text: text.into(), signatures: Vec::new() }
    }
    /// What it makes of the route.
    pub fn word(&self) -> Word {
        match self.kind {
            ReasonKind::Critical
            | ReasonKind::OpenSignatures
            | ReasonKind::BrokenIds
            | ReasonKind::MismatchRate
            | ReasonKind::RulesHide
            | ReasonKind::Slower => Word::NotReady,
            _ => Word::NotEnoughEvidence,
        }
    }
    pub(super) fn signatures(kind: ReasonKind, all: &[&Against<'_>], most: Option<u64>) -> Reason {
        let (n, s) = (all.len(), if all.len() == 1 { "" } else { "s" });
        let text = match kind {
            ReasonKind::Critical => format!("{n} critical signature{s}, which no decision can mute"),
            ReasonKind::BrokenIds => format!("{n} signature{s} of ids that do not map one to one"),
            _ => format!("{n} open signature{s}, at most {} allowed", most.unwrap_or_default()),
        };
        let signatures = all.iter().take(NAMED).map(|one| one.id.to_string()).collect();
        Reason { kind, text, signatures }
    }
    pub(super) fn rate(mismatches: u64, distinct: u64, below: f64) -> Reason {
        let text = format!("{mismatches} of {distinct} distinct requests mismatch: above {}", percent(below));
        Reason::new(ReasonKind::MismatchRate, text)
    }
    pub(super) fn hidden(share: f64, most: f64, rule: Option<&str>) -> Reason {
        let by = rule.map_or_else(String::new, |rule| format!(", most by `{rule}`"));
        let text = format!(
            "rules keep {} of the compared values from being compared{by}: at most {}",
            percent(share),
            percent(most)
        );
        Reason::new(ReasonKind::RulesHide, text)
    }
    pub(super) fn slower(ratio: &Ratio, below: f64) -> Reason {
        let text = format!(
            "the candidate's 95th percentile is at least {:.2} times the primary's: not below {below}",
            ratio.least
        );
        Reason::new(ReasonKind::Slower, text)
    }
    pub(super) fn latency_open(ratio: &Ratio, below: f64) -> Reason {
        let (least, most) = (ratio.least, ratio.most);
        let text = format!(
            "the candidate's 95th percentile is {least:.2} to {most:.2} times the primary's: not yet below {below}"
        );
        Reason::new(ReasonKind::LatencyOpen, text)
    }
    pub(super) fn nothing(pool: &Pool) -> Reason {
        let vacuous = pool.of("vacuous");
        if vacuous > 0 {
            let text = format!("all {vacuous} comparisons are vacuous: they prove nothing of the candidate");
            return Reason::new(ReasonKind::Vacuous, text);
        }
        if pool.exchanges() == 0 && pool.too_old > 0 {
            let text = format!("all {} exchanges are too old to count", pool.too_old);
            return Reason::new(ReasonKind::Stale, text);
        }
        Reason::new(ReasonKind::NothingCompared, "no request of this route was compared")
    }
    pub(super) fn too_few((distinct, mismatches): (u64, u64), bound: f64, below: f64, needed: Option<u64>) -> Reason {
        let more = needed.map_or_else(String::new, |more| format!("; {more} more without a mismatch are needed"));
        let text = format!(
            "{distinct} distinct requests, {mismatches} with a mismatch: the rate may be {}, and must be below {}{more}",
            percent(bound),
            percent(below)
        );
        Reason::new(ReasonKind::TooFew, text)
    }
    pub(super) fn unjudged(share: f64, most: f64) -> Reason {
        let text = format!("{} of the exchanges are inconclusive: at most {}", percent(share), percent(most));
        Reason::new(ReasonKind::Unjudged, text)
    }
    pub(super) fn shed(share: f64, most: f64) -> Reason {
        let text = format!(
            "{} of all mirrored requests were shed before they were judged: at most {}",
            percent(share),
            percent(most)
        );
        Reason::new(ReasonKind::Shed, text)
    }
    pub(super) fn branch(branch: &BranchNeed, seen: u64) -> Reason {
        let times = if seen == 0 { "no request".to_owned() } else { format!("{seen} distinct requests") };
        let text = format!("`{}` was taken by {times}: at least {} are needed", branch.name, branch.min);
        Reason::new(ReasonKind::Branch, text)
    }
}

/// With as many digits as it takes to tell it from zero.
fn percent(share: f64) -> String {
    let share = share * 100.0;
    match share {
        0.0 => "0 %".to_owned(),
        share if share >= 10.0 => format!("{share:.0} %"),
        share if share >= 0.1 => format!("{share:.1} %"),
        share => format!("{share:.4} %"),
    }
}
