//! The tokens that stand in a text in the place of secrets.

use super::shapes;
use std::collections::{BTreeMap, BTreeSet};

/// Tokens with how often each stands somewhere.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tokens(BTreeMap<String, usize>);

impl Tokens {
    /// True where a token stands in this text.
    pub fn stands_in(text: &str) -> bool {
        !shapes::tokens(text).is_empty()
    }
    /// Adds those of a text.
    pub fn look(&mut self, text: &str) {
        for (from, to) in shapes::tokens(text) {
            *self.0.entry(text.get(from..to).unwrap_or_default().to_owned()).or_default() += 1;
        }
    }
    /// True where there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
    /// Those that the two do not have alike.
    pub fn unlike(&self, other: &Tokens) -> BTreeSet<String> {
        let all = self.0.keys().chain(other.0.keys());
        all.filter(|token| self.0.get(*token) != other.0.get(*token)).cloned().collect()
    }
}
