//! A stored exchange of a signature: redacted, capped, with what it takes to understand and to repeat it.

use crate::compare::{Kind, Place, Severity};
use crate::exchange::ExchangeId;
use crate::judge::SignatureId;
use serde::{Deserialize, Serialize};

/// How much of a body an exemplar keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Default)]
pub enum StoreBodies {
    /// Nothing.
    None,
    /// The differing parts and their surroundings.
    #[default]
    Differences,
    /// All of it, up to the cap.
    Full,
}

/// A request as it may be stored: secrets are typed tokens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredRequest {
    /// The method.
    pub method: String,
    /// Path and query, redacted.
    pub target: String,
    /// Header fields, redacted, in received order within a name.
    pub headers: Vec<(String, String)>,
    /// The body's text, redacted; `None` where there was none or it was not stored.
    #[serde(default)]
    pub body: Option<String>,
    /// The body's length on the wire.
    #[serde(default)]
    pub body_length: u64,
}

/// An answer as it may be stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredAnswer {
    /// The status; `None` where no head arrived.
    #[serde(default)]
    pub status: Option<u16>,
    /// `connect`, `timeout`, `reset`, `protocol`, `too_large`, `tls` where the side gave no whole answer.
    #[serde(default)]
    pub failure: Option<String>,
    /// Header fields, redacted.
    #[serde(default)]
    pub headers: Vec<(String, String)>,
    /// What is kept of the body, redacted, by `store_bodies`: nothing, the differing parts' surroundings, or all of it.
    #[serde(default)]
    pub body: Option<String>,
    /// True where `body` is not the whole of it.
    #[serde(default)]
    pub partial: bool,
    /// The body's length on the wire.
    #[serde(default)]
    pub body_length: u64,
    /// Time to the end of the answer, microseconds.
    #[serde(default)]
    pub elapsed_us: u64,
}

/// A difference as it may be stored: values are redacted and capped.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StoredDifference {
    /// The signature it belongs to.
    pub signature: SignatureId,
    /// Which part of the answer.
    pub place: Place,
    /// As in [`crate::compare::Difference::path`].
    pub path: String,
    /// What kind.
    pub kind: Kind,
    /// Finer than the kind.
    #[serde(default)]
    pub detail: Option<String>,
    /// The primary's value as JSON text.
    #[serde(default)]
    pub primary: Option<String>,
    /// The candidate's value as JSON text.
    #[serde(default)]
    pub candidate: Option<String>,
    /// How bad.
    pub severity: Severity,
    /// The class of the pair of values.
    pub shape: String,
}

/// A stored exchange of a signature.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exemplar {
    /// The exchange.
    pub exchange: ExchangeId,
    /// When it was received, milliseconds since the Unix epoch.
    pub received_at_ms: u64,
    /// The route's name.
    pub route: String,
    /// Who asked, as a label.
    pub principal: String,
    /// A token of who asked, where the class names a `subject`: by it what is stored of somebody is found, and not who it is.
    #[serde(default)]
    pub subject: Option<String>,
    /// What was asked.
    pub request: StoredRequest,
    /// The last requests of the same session before it, oldest first, at most the ring's length; for `scenario from`.
    #[serde(default)]
    pub session_requests: Vec<StoredRequest>,
    /// The monolith's answer.
    pub primary: StoredAnswer,
    /// The new API's answer.
    pub candidate: StoredAnswer,
    /// Every difference of the exchange, capped.
    pub differences: Vec<StoredDifference>,
    /// How many there were in all.
    #[serde(default)]
    pub differences_total: u64,
    /// Rules that hit, with their hits.
    #[serde(default)]
    pub rules: Vec<(String, u64)>,
    /// The rule set's hash at the time.
    #[serde(default)]
    pub rule_set: u64,
    /// The primary's build.
    #[serde(default)]
    pub primary_version: Option<String>,
    /// The candidate's build.
    #[serde(default)]
    pub candidate_version: Option<String>,
}

impl Exemplar {
    /// Every text in it: what is to be erased is looked for in all of them.
    pub fn texts(&self) -> Vec<&str> {
        let mut texts: Vec<&str> = vec![&self.route, &self.principal];
        texts.extend(
            [&self.subject, &self.primary_version, &self.candidate_version].into_iter().flatten().map(|t| &**t),
        );
        for request in std::iter::once(&self.request).chain(&self.session_requests) {
            texts.extend([&*request.method, &*request.target]);
            texts.extend(request.headers.iter().flat_map(|(name, value)| [&**name, &**value]));
            texts.extend(request.body.as_deref());
        }
        for answer in [&self.primary, &self.candidate] {
            texts.extend(answer.headers.iter().flat_map(|(name, value)| [&**name, &**value]));
            texts.extend(answer.failure.as_deref().into_iter().chain(answer.body.as_deref()));
        }
        for one in &self.differences {
            texts.extend([&*one.path, &*one.shape]);
            texts.extend([&one.detail, &one.primary, &one.candidate].into_iter().flatten().map(|text| &**text));
        }
        texts.extend(self.rules.iter().map(|(name, _)| &**name));
        texts
    }
    /// About how many bytes it takes when stored.
    pub fn size(&self) -> usize {
        let request =
            |r: &StoredRequest| r.target.len() + fields(&r.headers) + r.body.as_ref().map_or(0, String::len) + 32;
        let answer = |a: &StoredAnswer| fields(&a.headers) + a.body.as_ref().map_or(0, String::len) + 64;
        let value = |v: &Option<String>| v.as_ref().map_or(0, String::len);
        256 + request(&self.request)
            + self.session_requests.iter().map(request).sum::<usize>()
            + answer(&self.primary)
            + answer(&self.candidate)
            + self
                .differences
                .iter()
                .map(|d| 128 + d.path.len() + value(&d.primary) + value(&d.candidate))
                .sum::<usize>()
    }
}

fn fields(headers: &[(String, String)]) -> usize {
    headers.iter().map(|(name, value)| name.len() + value.len() + 4).sum()
}

/// Decides which exchanges stand for a signature: of all that were seen, those with the lowest ranks are kept ("bottom k"),
/// so that any two parts of the traffic, merged in any order, keep the same exemplars. XXH3-64 with a fixed seed over the
/// id's big-endian bytes; the same in every process and every version, since stored exemplars are ordered by it.
pub fn exemplar_rank(exchange: ExchangeId) -> u64 {
    const SEED: u64 = 0x7061_7269_7465_6531;
    xxhash_rust::xxh3::xxh3_64_with_seed(&exchange.0.to_be_bytes(), SEED)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_stay_as_they_were_when_the_first_store_was_written() {
        assert_eq!(
            [0, 1, u128::MAX].map(|id| exemplar_rank(ExchangeId(id))),
            [1453286362328168948, 12859337688666800899, 1916886692183163071]
        );
    }
}
