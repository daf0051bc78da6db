//! Named normalisations: what a rule is, where it acts, and the compiled rule set of a route.
//!
//! Rules act at comparison time on pairs of nodes; they never rewrite a document. Each hit is attributed to its rule, and a
//! pair that is equal as sent counts no hit, whatever the rules.
//!
//! They compose at one place in this order:
//! 1. `error_body` (before anything else, on the whole answer);
//! 2. `ignore`: nothing more is asked here;
//! 3. `fallback` fills an empty value of its side;
//! 4. `rewrite` changes strings of its sides, filled ones too; then `text` trims or folds both;
//! 5. `number`, `timestamp`, `shape`, `url`, `decode` accept two different values: any of them suffices, the first is credited;
//! 6. `same_id` accepts two different ids, provided that they map one to one over the whole document (and, outside the judge,
//!    over the session or the run);
//! 7. `absent_is_null` takes no member and a null one for the same;
//! 8. `rename` pairs members of two names; `unordered`, `set` or `key` say how an array's elements are matched (they are one
//!    kind: one of them per place);
//! 9. `added` allows a member that only the candidate has.
//!
//! `set_cookie` acts on the Set-Cookie fields alone; `body` says how bodies are read, before there is a tree.
//!
//! Of two rules of one kind at one place the more specific acts: a route's own before a general one, then fewer `..`, fewer
//! `*`, more names. A tie is refused when the set is compiled.

mod absent;
mod acting;
mod added;
mod alone;
mod automaton;
mod body;
mod compile;
mod decode;
mod error_body;
mod fallback;
mod ignore;
mod key;
mod made;
mod number;
mod pattern;
mod pick;
mod rename;
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
mod text;
mod timestamp;
mod url;
mod value;
mod written;

pub(crate) use absent::is_none;
pub use acting::Acting;
pub(crate) use alone::accepts_alone;
pub use automaton::{Down, Here, Walker};
pub use made::Made;
pub use same_id::{IdSpace, is_id};
pub use selector::{Pick, Segment, Selector, SelectorError};
pub use set::{RuleId, RuleSet};
pub(crate) use set_cookie::is_cookie_name;
pub(crate) use shape::is_uuid;
pub use spec::{
    Codec, ErrorBody, Fallback, IdScope, NumberTolerance, Rename, Rewrite, RuleKind, RuleSpec, SameId, SetCookie,
    Shape, SideChoice, TextMode, UrlRule,
};
pub(crate) use timestamp::parse as parse_timestamp;
pub(crate) use url::normal as normal_escapes;
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
