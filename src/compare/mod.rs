//! Aligns two answers and says where they disagree: status, headers, body trees.

mod array;
mod class;
mod difference;
mod findings;
mod headers;
mod markup;
mod matching;
mod multiset;
mod normal;
mod patch;
mod place;
mod plain;
mod policy;
mod reorder;
mod same_id;
mod settle;
mod tell;
mod walk;

pub(crate) use array::IDENTITIES;
pub(crate) use difference::words;
pub use difference::{Difference, Kind, Place, Severity};
pub(crate) use findings::{Findings, Tallies};
pub(crate) use headers::{HeaderContext, Lifetime, SetCookie, compare_headers, http_date};
pub use patch::{Act, Operation, RepeatedName, moves, patch};
pub(crate) use place::general_pointer;
pub(crate) use plain::{bytes as compare_bytes, text as compare_text};
pub use policy::HeaderPolicy;
pub(crate) use walk::compare_trees;
