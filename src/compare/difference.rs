//! One place where the sides disagree.

use serde::{Deserialize, Serialize};

/// Which part of the answer a difference is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Place {
    /// The status line.
    Status,
    /// A header field.
    Header,
    /// The body.
    Body,
}

/// What kind of disagreement it is. A closed list; anything finer goes into [`Difference::detail`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// The statuses differ; then headers and bodies are not compared.
    Status,
    /// A header field differs, is missing or was added (`detail` says which).
    Header,
    /// A member or element of the primary is not there at the candidate.
    Missing,
    /// A member or element of the candidate is not there at the primary.
    Added,
    /// Both are there, of different JSON types.
    Type,
    /// Same type, other value.
    Value,
    /// Same elements, other order.
    Order,
    /// Bodies that are not compared as trees (text, bytes) differ.
    Body,
    /// One side gave no whole answer, or one that does not parse.
    Failure,
}

/// How bad a difference is. Ordered: `Low < Critical`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// An added object member, a header of little weight.
    Low,
    /// A value.
    Medium,
    /// Status, failure, missing member, type, added element, the headers that change behaviour.
    High,
    /// Somebody sees what they must not see.
    Critical,
}

macro_rules! words {
    ($type:ident { $($variant:ident = $word:literal),+ $(,)? }) => {
        impl $type {
            /// Every value, in order.
            pub const ALL: &'static [$type] = &[$($type::$variant),+];
            /// The word used in JSON, tables and queries.
            pub fn as_str(self) -> &'static str {
                match self { $($type::$variant => $word),+ }
            }
        }
        impl std::fmt::Display for $type {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.pad(self.as_str())
            }
        }
        impl std::str::FromStr for $type {
            type Err = ();
            fn from_str(text: &str) -> Result<Self, ()> {
                match text { $($word => Ok($type::$variant),)+ _ => Err(()) }
            }
        }
    };
}
pub(crate) use words;

words!(Place { Status = "status", Header = "header", Body = "body" });
words!(Kind {
    Status = "status", Header = "header", Missing = "missing", Added = "added", Type = "type", Value = "value",
    Order = "order", Body = "body", Failure = "failure",
});
words!(Severity { Low = "low", Medium = "medium", High = "high", Critical = "critical" });

/// One place where the sides disagree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// Which part of the answer.
    pub place: Place,
    /// In a body the RFC 6901 pointer (a changed or missing node: in the primary's document; an added one: in the
    /// candidate's); in a header its lower-case name; empty for the status and for whole-body kinds.
    pub path: String,
    /// The same place in the other side's document, where its pointer is another one there.
    pub beside: Option<String>,
    /// What kind.
    pub kind: Kind,
    /// Finer than the kind: `missing`, `duplicate_keys`, `unparseable`, `timeout`, `httponly` …
    pub detail: Option<String>,
    /// The primary's value as JSON text, as received (numbers keep their spelling); `None` when absent.
    pub primary: Option<String>,
    /// The candidate's value, likewise.
    pub candidate: Option<String>,
    /// How bad.
    pub severity: Severity,
    /// The class of the pair of values, free of the values themselves: `string→null`, `number:+1`, `string:suffix`.
    pub shape: String,
}
