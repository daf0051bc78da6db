//! What the judge says of one exchange. It never changes: later knowledge is a mark, not another judgement.

use crate::compare::{Difference, IdClaims, words};
use std::sync::Arc;

/// Why an exchange could not be compared to an end.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Inconclusive {
    /// The primary refused for load (429, 503).
    PrimaryUnavailable,
    /// The primary gave no whole answer.
    PrimaryAborted,
    /// The client closed before the primary's answer was whole.
    ClientLeft,
    /// A body was over the cap and the digests differ.
    Truncated,
    /// A document is larger than the judge decodes.
    TooLarge,
    /// A document is deeper than the judge walks.
    TooDeep,
    /// A rule needs what was cut.
    Undecidable,
    /// The client has a session and the candidate could not be given its own for it.
    NoSession,
}
words!(Inconclusive {
    PrimaryUnavailable = "primary_unavailable", PrimaryAborted = "primary_aborted", ClientLeft = "client_left",
    Truncated = "truncated", TooLarge = "too_large", TooDeep = "too_deep", Undecidable = "undecidable",
    NoSession = "no_session",
});

/// Why a comparison proves nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Vacuous {
    /// The candidate only passed the request back to the monolith.
    Proxied,
    /// Both sides failed alike, by transport or 5xx.
    BothFailed,
    /// 304 against 304.
    NotModified,
}
words!(Vacuous { Proxied = "proxied", BothFailed = "both_failed", NotModified = "not_modified" });

/// The word for one exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Verdict {
    /// Equal as sent.
    Match,
    /// Equal only after the named rules.
    Normalised,
    /// The sides disagree.
    Mismatch,
    /// It could not be told.
    Inconclusive(Inconclusive),
    /// Equal or not, it proves nothing.
    Vacuous(Vacuous),
}

impl Verdict {
    /// `match`, `normalised`, `mismatch`, `inconclusive` or `vacuous`.
    pub fn as_str(self) -> &'static str {
        match self {
            Verdict::Match => "match",
            Verdict::Normalised => "normalised",
            Verdict::Mismatch => "mismatch",
            Verdict::Inconclusive(_) => "inconclusive",
            Verdict::Vacuous(_) => "vacuous",
        }
    }
    /// The named reason, where the verdict has one.
    pub fn reason(self) -> Option<&'static str> {
        match self {
            Verdict::Inconclusive(reason) => Some(reason.as_str()),
            Verdict::Vacuous(reason) => Some(reason.as_str()),
            _ => None,
        }
    }
}

/// What one rule did to one exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RuleUse {
    /// The rule's name.
    pub name: Arc<str>,
    /// Pairs of nodes that were equal only because of it.
    pub hits: u64,
    /// Leaves of the primary's document that it kept from being compared: by `ignore`, `shape` and `error_body`. What is
    /// compared after a rewrite, as an instant or one to one is not hidden.
    pub hidden_leaves: u64,
}

/// What the judge says of one exchange.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The word.
    pub verdict: Verdict,
    /// A bound was hit while aligning: the differences are right, but there may be a shorter list.
    pub approximate: bool,
    /// The differences, at most [`super::Limits::differences`] of them, in document order; status, then headers, then body.
    pub differences: Vec<Difference>,
    /// How many there were in all.
    pub differences_total: u64,
    /// Leaves (scalars, empty containers) of the primary's document that were compared. Bodies of the same bytes count none,
    /// since nobody read them: a share of leaves hidden by rules errs towards too much, never too little.
    pub leaves_compared: u64,
    /// Rules that hit, in order of name.
    pub rules: Vec<RuleUse>,
    /// What the answers claim of ids that map one to one over a session or a run: nothing without such a rule. The judge does
    /// not hold one judgement's claims against another's; a fold does (`evidence`).
    pub ids: IdClaims,
}

impl Judgement {
    /// A judgement decided before anything was compared.
    pub fn undecided(verdict: Verdict) -> Judgement {
        Judgement {
            verdict,
            approximate: false,
            differences: Vec::new(),
            differences_total: 0,
            leaves_compared: 0,
            rules: Vec::new(),
            ids: IdClaims::default(),
        }
    }

    /// A mismatch of one difference, beside which nothing was compared.
    pub(super) fn one(difference: Difference) -> Judgement {
        Judgement { differences: vec![difference], differences_total: 1, ..Judgement::undecided(Verdict::Mismatch) }
    }
}
