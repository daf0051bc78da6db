//! THE seam: one exchange in, one judgement out. `serve`, `replay`, `diff`, re-judging and the rule preview all call this.
//!
//! Pure: no IO, no clock, no randomness, no memory of other exchanges.

mod answers;
mod bodies;
mod branch;
mod claims;
mod judgement;
mod ownership;
mod precedence;
mod signature;
#[cfg(test)]
mod tests;

pub use crate::compare::{HeaderPolicy, IdClaim, IdClaims};
pub use branch::{Branch, Predicate, PredicateError, taken, with_document};
pub use judgement::{Inconclusive, Judgement, RuleUse, Vacuous, Verdict};
pub use ownership::{Owners, OwnersByClass};
pub use signature::{SignatureId, general_path, signature};

use crate::compare::{Claiming, Findings, HeaderContext, Tallies, compare_headers};
use crate::exchange::{Exchange, Outcome, Response};
use crate::rules::RuleSet;
use bodies::{Bodies, Compared};

/// Changes whenever the same pair under the same rules could be judged otherwise; part of every cell's key.
pub const COMPARATOR_VERSION: u32 = 3;

/// Bounds of one judgement.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Differences kept in a judgement; the rest are counted.
    pub differences: usize,
    /// Claims about ids kept in a judgement; the rest are counted.
    pub claims: usize,
    /// Bytes that one body may decode to.
    pub decoded_bytes: usize,
    /// Levels of nesting.
    pub depth: usize,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { differences: 1_000, claims: 1_000, decoded_bytes: 64 << 20, depth: 10_000 }
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
    /// Where answers name the principal that they belong to.
    pub owners: OwnersByClass,
    /// Key of the subtree hashes; it never shows in a result.
    pub hash_key: u64,
}

/// Judges one exchange under the rules of its route.
pub fn judge(exchange: &Exchange, rules: &RuleSet, context: &Context) -> Judgement {
    if let Some(verdict) = precedence::before_comparing(exchange) {
        return Judgement::undecided(verdict);
    }
    let Some(primary) = exchange.primary.outcome.response() else {
        // decided above: a primary without an answer is never compared
        return Judgement::undecided(Verdict::Inconclusive(Inconclusive::PrimaryAborted));
    };
    let candidate = match &exchange.candidate.outcome {
        Outcome::Answered(candidate) => candidate,
        Outcome::Failed(failure) => return Judgement::one(answers::failure(primary, failure)),
    };
    if let Some(difference) = answers::status(primary.status, candidate.status) {
        return Judgement::one(difference);
    }
    compare(exchange, primary, candidate, rules, context)
}

/// Compares two whole answers of one status: headers, then bodies.
fn compare(
    exchange: &Exchange,
    primary: &Response,
    candidate: &Response,
    rules: &RuleSet,
    context: &Context,
) -> Judgement {
    let mut findings = Findings::new(context.limits.differences);
    if rules.claims_ids() {
        findings.ids = Claiming::up_to(context.limits.claims);
    }
    let mut tallies = Tallies::new(rules.len());
    let is_head = exchange.request.method == http::Method::HEAD;
    let mut headers = Vec::new();
    let header_context =
        HeaderContext { policy: &context.headers, version_headers: &context.version_headers, rules, is_head };
    compare_headers(primary, candidate, header_context, &mut tallies, &mut headers);
    let bodies = Bodies { primary, candidate, rules, context };
    let without_body = is_head || matches!(primary.status.as_u16(), 204 | 304);
    let compared = match rules.error_body(primary.status.as_u16()) {
        Some(rule) => {
            let before = headers.len();
            headers.retain(|difference| difference.path == http::header::CONTENT_TYPE.as_str());
            let (mut hidden, mut unused) = (Findings::new(0), Tallies::new(rules.len()));
            let compared = if without_body { Compared::default() } else { bodies.compare(&mut hidden, &mut unused) };
            let leaves = compared.leaves.max(1);
            if headers.len() < before || !hidden.is_empty() || compared.undecided.is_some() {
                tallies.hit(rule, leaves);
            }
            Compared { leaves, ..Compared::default() }
        }
        None if without_body => Compared::default(),
        None => {
            headers.drain(..).for_each(|found| findings.add(found.kind, || found.path.clone(), |_| found.clone()));
            bodies.compare(&mut findings, &mut tallies)
        }
    };
    headers.drain(..).for_each(|found| findings.add(found.kind, || found.path.clone(), |_| found.clone()));
    ownership::weigh(&mut findings.kept, exchange, context);
    conclude(findings, &tallies, compared, rules)
}

/// Mismatch before inconclusive before normalised before match.
fn conclude(findings: Findings, tallies: &Tallies, compared: Compared, rules: &RuleSet) -> Judgement {
    let verdict = match compared.undecided {
        _ if !findings.is_empty() => Verdict::Mismatch,
        Some(reason) => Verdict::Inconclusive(reason),
        None if tallies.any() => Verdict::Normalised,
        None => Verdict::Match,
    };
    let mut uses: Vec<RuleUse> = tallies
        .used()
        .filter_map(|(rule, tally)| {
            let name = rules.name(rule)?.clone();
            Some(RuleUse { name, hits: tally.hits, hidden_leaves: tally.hidden_leaves })
        })
        .collect();
    uses.sort_by(|a, b| a.name.cmp(&b.name));
    Judgement {
        verdict,
        approximate: compared.approximate,
        differences_total: findings.total,
        differences: findings.kept,
        leaves_compared: compared.leaves,
        rules: uses,
        ids: findings.ids.into_claims(),
    }
}
