//! What was seen of a route, beside whether it was equal: fields of the primary's answers by type, parameters of requests, and
//! which routes were called while one of its requests was being answered. From a sample, whose size is told.

use crate::compare::general_pointer;
use crate::document::json::{Document, NodeId, NodeKind, pointer_token};
use crate::exchange::Exchange;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How often a field was of each type, in the order of [`Types::WORDS`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Types(pub [u64; 6]);

impl Types {
    /// The words for types.
    pub const WORDS: [&'static str; 6] = ["null", "bool", "number", "string", "array", "object"];

    fn count(&mut self, kind: NodeKind) {
        let at = match kind {
            NodeKind::Null => 0,
            NodeKind::Bool => 1,
            NodeKind::Number => 2,
            NodeKind::String => 3,
            NodeKind::Array => 4,
            NodeKind::Object => 5,
        };
        if let Some(n) = self.0.get_mut(at) {
            *n += 1;
        }
    }
    /// Types that were seen, by word.
    pub fn seen(&self) -> impl Iterator<Item = (&'static str, u64)> {
        Types::WORDS.into_iter().zip(self.0).filter(|(_, n)| *n > 0)
    }
}

/// What is added to a route's coverage.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CoverageDelta {
    /// Exchanges whose answer and request were looked at.
    #[serde(default)]
    pub sampled: u64,
    /// Of these, answers without a tree to look at.
    #[serde(default)]
    pub unread: u64,
    /// By generalised pointer: in how many places of all sampled answers it was of each type.
    #[serde(default)]
    pub fields: BTreeMap<String, Types>,
    /// Sampled requests with this query parameter.
    #[serde(default)]
    pub parameters: BTreeMap<String, u64>,
    /// Fields and parameters that found no place.
    #[serde(default)]
    pub left_out: u64,
    /// Exchanges that told a trace.
    #[serde(default)]
    pub traced: u64,
    /// By route: calls in the same trace that began and ended while one of this route was being answered.
    #[serde(default)]
    pub calls: BTreeMap<String, u64>,
    /// The last exchange that was looked at, milliseconds since the Unix epoch.
    #[serde(default)]
    pub last_ms: u64,
}

/// Fields, parameters and called routes that a route's coverage holds; of more the lowest names stay, so that what stays does
/// not depend on the order of merging.
const FIELDS: usize = 400;
const PARAMETERS: usize = 64;
const CALLS: usize = 64;
/// Bytes of one name.
const NAME: usize = 200;
/// Values of one answer that are looked at.
const VALUES: usize = 20_000;

impl CoverageDelta {
    /// Looks at one exchange. Names are generalised (positions and ids become `*`) and redacted, since they are stored and shown.
    pub fn look(&mut self, exchange: &Exchange, document: Option<&Document<'_>>, redact: impl Fn(&str) -> String) {
        self.sampled += 1;
        self.last_ms = self.last_ms.max(exchange.received_at_ms);
        match document {
            Some(document) if !document.is_markup() => self.look_at(document, &redact),
            _ => self.unread += 1,
        }
        let query = exchange.request.target.split_once('?').map_or("", |(_, query)| query);
        let mut names: Vec<&str> =
            query.split('&').filter_map(|pair| pair.split('=').next()).filter(|name| !name.is_empty()).collect();
        names.sort_unstable();
        names.dedup();
        for name in names.into_iter().take(PARAMETERS) {
            // A name is one token of a pointer, so that what looks like an id in it is generalised too.
            let general = general_pointer(&format!("/{name}"));
            let name = redact(general.strip_prefix('/').unwrap_or(&general));
            if short(&name) {
                *self.parameters.entry(name).or_default() += 1;
            } else {
                self.left_out += 1;
            }
        }
        self.trim();
    }
    fn look_at(&mut self, document: &Document<'_>, redact: &impl Fn(&str) -> String) {
        // Places that differ in positions alone are one field: told apart by their names only when they are met first.
        let mut fields: BTreeMap<String, Types> = BTreeMap::new();
        let mut open = vec![(document.root(), String::new())];
        let mut left = VALUES;
        while let Some((node, path)) = open.pop() {
            fields.entry(path.clone()).or_default().count(document.kind(node));
            for child in document.children(node) {
                if left == 0 {
                    self.left_out += 1;
                    break;
                }
                left -= 1;
                open.push((child, below(document, &path, child)));
            }
        }
        for (path, types) in fields {
            let path = redact(&general_pointer(&path));
            if !short(&path) {
                self.left_out += 1;
                continue;
            }
            add(self.fields.entry(path).or_default(), &types);
        }
    }
    /// Counts a call of another route within one of this.
    pub fn call(&mut self, route: &str) {
        *self.calls.entry(route.to_owned()).or_default() += 1;
        self.trim();
    }
    fn trim(&mut self) {
        while self.fields.len() > FIELDS {
            self.fields.pop_last();
            self.left_out += 1;
        }
        while self.parameters.len() > PARAMETERS {
            self.parameters.pop_last();
            self.left_out += 1;
        }
        while self.calls.len() > CALLS {
            self.calls.pop_last();
            self.left_out += 1;
        }
    }
    /// Adds another's counts.
    pub fn merge(&mut self, other: &CoverageDelta) {
        self.sampled += other.sampled;
        self.unread += other.unread;
        self.left_out += other.left_out;
        self.traced += other.traced;
        self.last_ms = self.last_ms.max(other.last_ms);
        for (path, types) in &other.fields {
            add(self.fields.entry(path.clone()).or_default(), types);
        }
        for (mine, theirs) in [(&mut self.parameters, &other.parameters), (&mut self.calls, &other.calls)] {
            theirs.iter().for_each(|(name, n)| *mine.entry(name.clone()).or_default() += n);
        }
        self.trim();
    }
}

fn add(mine: &mut Types, theirs: &Types) {
    mine.0.iter_mut().zip(theirs.0).for_each(|(a, b)| *a += b);
}

fn short(name: &str) -> bool {
    name.len() <= NAME
}

/// The pointer of a child; all elements of an array have one.
fn below(document: &Document<'_>, path: &str, child: NodeId) -> String {
    let mut path = path.to_owned();
    match document.name(child) {
        Some(name) => pointer_token(&mut path, &name),
        None => path.push_str("/*"),
    }
    path
}

#[cfg(test)]
mod tests;
