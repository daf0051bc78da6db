//! Named normalisations: what a rule is, where it acts, and the compiled rule set of a route.
//!
//! Rules act at comparison time on pairs of nodes; they never rewrite a document. Each hit is attributed to its rule, and a
//! pair that is equal as sent counts no hit, whatever the rules.
//!
//! They compose at one place in this order:
//! 1. `error_body` (before anything else, on the whole answer);
//! 2. `ignore`: nothing more is asked here;
//! 3. `fallback` fills an empty value of its side;
//! 4. `rewrite` changes strings of its sides, filled ones too;
//! 5. `number`, `timestamp`, `shape` accept two different values: any of them suffices, the first is credited;
//! 6. `same_id` accepts two different ids, provided that they map one to one over the whole document;
//! 7. `unordered` or `key` say how an array's elements are matched (they are one kind: one of them per place);
//! 8. `added` allows a member that only the candidate has.
//!
//! `set_cookie` acts on the Set-Cookie fields alone; `body` says how bodies are read, before there is a tree.
//!
//! Of two rules of one kind at one place the more specific acts: a route's own before a general one, then fewer `..`, fewer
//! `*`, more names. A tie is refused when the set is compiled.

mod added;
mod automaton;
mod body;
mod error_body;
mod fallback;
mod ignore;
mod key;
mod number;
mod pattern;
mod rewrite;
mod same_id;
mod selector;
mod set;
mod set_cookie;
mod shape;
mod spec;
mod spelling;
#[cfg(test)]
mod tests;
mod timestamp;
mod value;

pub use automaton::{Down, Here, Walker};
pub use selector::{Pick, Segment, Selector, SelectorError};
pub use set::{Acting, RuleId, RuleSet};
pub(crate) use shape::is_uuid;
pub use spec::{
    ErrorBody, Fallback, NumberTolerance, Rewrite, RuleKind, RuleSpec, SameId, SetCookie, Shape, SideChoice,
};
pub(crate) use timestamp::parse as parse_timestamp;
pub use value::Operand;

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
