//! Aligns two answers and says where they disagree: status, headers, body trees.

mod difference;

pub(crate) use difference::words;
pub use difference::{Difference, Kind, Place, Severity};
