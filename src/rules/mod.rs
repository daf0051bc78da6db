//! Named normalisations: what a rule is, where it acts, and the compiled rule set of a route.
//!
//! Rules act at comparison time on pairs of nodes; they never rewrite text. Each hit is attributed to its rule.

mod spec;

pub use spec::{ErrorBody, Fallback, NumberTolerance, Rewrite, RuleKind, RuleSpec, Shape, SideChoice};

/// The compiled rules of one route: one walk serves them all.
#[derive(Clone, Debug, Default)]
pub struct RuleSet {
    // core: the compiled form
}

/// A rule that cannot be compiled. `key` names the config key it is about, relative to the rule's table.
#[derive(Clone, Debug, thiserror::Error)]
#[error("rule `{rule}`: {message}")]
pub struct RuleError {
    /// The rule's name.
    pub rule: String,
    /// `path`, or the kind's key.
    pub key: &'static str,
    /// What is wrong and what is allowed.
    pub message: String,
    /// Byte offset within the key's text, where one character is to blame.
    pub offset: Option<usize>,
}

impl RuleSet {
    /// Compiles a route's rules (the general ones and its own). Refuses bad selectors, a rule that can never match, and
    /// two of one kind on one place of which neither is more specific.
    pub fn compile(_specs: &[RuleSpec]) -> Result<RuleSet, RuleError> {
        Ok(RuleSet {})
    }
    /// A hash of everything that can change a judgement; equal sets have equal hashes on every machine.
    pub fn hash(&self) -> u64 {
        0
    }
    /// True when there is no rule.
    pub fn is_empty(&self) -> bool {
        todo!("core")
    }
    /// The rules' names, in order.
    pub fn names(&self) -> Vec<std::sync::Arc<str>> {
        todo!("core")
    }
}
