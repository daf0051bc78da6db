//! THE seam: one exchange in, one judgement out. `serve`, `replay`, `diff`, re-judging and the rule preview all call this.
//!
//! Pure: no IO, no clock, no randomness, no memory of other exchanges.

mod judgement;
mod signature;

pub use judgement::{Inconclusive, Judgement, RuleUse, Vacuous, Verdict};
pub use signature::{SignatureId, general_path, signature};

use crate::exchange::Exchange;
use crate::rules::RuleSet;

/// Changes whenever the same pair under the same rules could be judged otherwise; part of every cell's key.
pub const COMPARATOR_VERSION: u32 = 1;

/// Bounds of one judgement.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Differences kept in a judgement; the rest are counted.
    pub differences: usize,
    /// Bytes that one body may decode to.
    pub decoded_bytes: usize,
    /// Levels of nesting.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { differences: 1_000, decoded_bytes: 64 << 20, depth: 10_000 }
    }
}

/// Which header fields are compared.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum HeaderPolicy {
    /// All but those that vary by nature and those listed (lower case).
    All {
        /// Fields not compared, beside the built-in list.
        ignore: Vec<String>,
    },
    /// These alone (lower case).
    Only(Vec<String>),
}

impl Default for HeaderPolicy {
    fn default() -> HeaderPolicy {
        HeaderPolicy::All { ignore: Vec::new() }
    }
}

/// What a judgement depends on beside the exchange and the rules; the same for every exchange of a run.
#[derive(Clone, Debug, Default)]
pub struct Context {
    /// Bounds.
    pub limits: Limits,
    /// Which header fields are compared.
    pub headers: HeaderPolicy,
    /// Lower-case names of the headers in which each side tells its build; never compared.
    pub version_headers: Vec<String>,
    /// Key of the subtree hashes; it never shows in a result.
    pub hash_key: u64,
}

/// Judges one exchange under the rules of its route.
pub fn judge(exchange: &Exchange, _rules: &RuleSet, _context: &Context) -> Judgement {
    use crate::exchange::{Body, Provenance};
    if exchange.provenance == Provenance::Proxied {
        return Judgement::undecided(Verdict::Vacuous(Vacuous::Proxied));
    }
    let (a, b) = (exchange.primary.outcome.response(), exchange.candidate.outcome.response());
    let verdict = match (a, b) {
        (None, None) => Verdict::Vacuous(Vacuous::BothFailed),
        (None, _) => Verdict::Inconclusive(Inconclusive::PrimaryAborted),
        (_, None) => Verdict::Mismatch,
        (Some(a), Some(b)) => {
            let same = a.status == b.status
                && match (&a.body, &b.body) {
                    (Body::Complete(a), Body::Complete(b)) => a.same_bytes(b),
                    (Body::Truncated { digest: a, .. }, Body::Truncated { digest: b, .. }) => a == b,
                    _ => false,
                };
            if same { Verdict::Match } else { Verdict::Mismatch }
        }
    };
    Judgement::undecided(verdict)
}
