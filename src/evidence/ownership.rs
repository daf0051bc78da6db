//! Who serves a route to clients, and since when. A fact of the configuration, kept with the evidence: after the cut-over a
//! route is no longer compared, and the report says from which day on.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The last change of a route's owner.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Owner {
    /// When a tee first ran with it, milliseconds since the Unix epoch.
    pub since_ms: u64,
    /// True for the candidate: the route was cut over.
    pub candidate: bool,
}

/// The owner of every route that ever was the candidate's, by the route's name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ownership(pub BTreeMap<String, Owner>);

impl Ownership {
    /// Adds changes; of two of one route the later counts, whatever the order in which they come.
    pub fn merge(&mut self, other: &Ownership) {
        for (route, owner) in &other.0 {
            let known = self.0.entry(route.clone()).or_insert(*owner);
            *known = (*known).max(*owner);
        }
    }
    /// What has changed now that these routes, and no others, are the candidate's.
    pub fn changes(&self, owned: impl Iterator<Item = String>, now_ms: u64) -> Ownership {
        let mut wanted: BTreeMap<String, bool> = self.0.keys().map(|route| (route.clone(), false)).collect();
        wanted.extend(owned.map(|route| (route, true)));
        let is_candidates = |route: &str| self.0.get(route).is_some_and(|owner| owner.candidate);
        wanted.retain(|route, candidate| is_candidates(route) != *candidate);
        Ownership(wanted.into_iter().map(|(route, candidate)| (route, Owner { since_ms: now_ms, candidate })).collect())
    }
    /// The candidate's routes, and since when they are.
    pub fn candidates(&self) -> impl Iterator<Item = (&str, u64)> {
        self.0.iter().filter(|(_, owner)| owner.candidate).map(|(route, owner)| (route.as_str(), owner.since_ms))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn owned(ownership: &Ownership) -> Vec<(&str, u64)> {
        ownership.candidates().collect()
    }

    #[test]
    fn a_restart_keeps_the_date_and_a_way_back_is_noted() {
        let mut known = Ownership::default();
        let both = || ["GET /a", "GET /b"].into_iter().map(str::to_owned);
        known.merge(&known.changes(both(), 10));
        assert_eq!(known.changes(both(), 20), Ownership::default(), "nothing has changed");
        known.merge(&known.changes(both().skip(1), 30));
        assert_eq!(owned(&known), [("GET /b", 10)]);
        known.merge(&known.changes(both(), 40));
        assert_eq!(owned(&known), [("GET /a", 40), ("GET /b", 10)]);
    }

    #[test]
    fn merging_knows_no_order() {
        let change =
            |since_ms, candidate| Ownership(BTreeMap::from([("GET /a".into(), Owner { since_ms, candidate })]));
        let (first, second) = (change(10, true), change(20, false));
        let merged = |parts: [&Ownership; 2]| {
            let mut whole = Ownership::default();
            parts.into_iter().for_each(|part| whole.merge(part));
            whole
        };
        assert_eq!(merged([&first, &second]), merged([&second, &first]));
        assert_eq!(owned(&merged([&first, &second])), []);
    }
}
