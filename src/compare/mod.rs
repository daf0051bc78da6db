//! Aligns two answers and says where they disagree: status, headers, body trees.

mod difference;
mod headers;

pub(crate) use difference::words;
pub use difference::{Difference, Kind, Place, Severity};
pub(crate) use headers::{HeaderContext, compare_headers};
