//! Shadow requests that come back without their marker: a candidate that passes requests on through the tee and strips what
//! it does not know. Unseen, each copy would become a request that is copied again, for ever.
//!
//! Two signs together tell such a request from a client's: a candidate's answer on this route carried, not long ago, the
//! primary's build and no echo (so the route is passed on, and comparing it proves nothing anyway), and just now the
//! candidate is being asked for this very method and target. Where the primary tells no build, nothing is known here.

use crate::config::RouteIndex;
use http::Method;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A route counts as passed on for so long after such an answer.
const PASSED_ON_FOR: Duration = Duration::from_secs(60);

/// The declared route; one for all that are not.
type Place = Option<RouteIndex>;

#[derive(Default)]
struct Known {
    passed_on: HashMap<Place, Instant>,
    /// By method and target, how often the candidate is being asked.
    asked: HashMap<u64, u32>,
}

/// What the threads of one tee know of it.
pub(super) struct Returns {
    seed: u64,
    /// Lets the live path pass without the lock while no route is passed on.
    any: AtomicBool,
    known: Mutex<Known>,
}

/// One shadow request on its way; dropped, it has ended.
pub(super) struct UnderWay<'r> {
    returns: &'r Returns,
    name: Option<u64>,
}

impl Returns {
    /// Nothing is known.
    pub(super) fn new(seed: u64) -> Returns {
        Returns { seed, any: AtomicBool::new(false), known: Mutex::default() }
    }
    /// The monolith wrote the candidate's answer on this route, and no echo came with it.
    pub(super) fn passed_on(&self, place: Place, now: Instant) {
        self.known.lock().passed_on.insert(place, now + PASSED_ON_FOR);
        self.any.store(true, Relaxed);
    }
    /// A shadow request is sent. Held until its answer is there.
    pub(super) fn under_way(&self, place: Place, method: &Method, target: &str, now: Instant) -> UnderWay<'_> {
        if !self.any.load(Relaxed) {
            return UnderWay { returns: self, name: None };
        }
        let mut known = self.known.lock();
        known.passed_on.retain(|_, until| now < *until);
        self.any.store(!known.passed_on.is_empty() || !known.asked.is_empty(), Relaxed);
        let name = known.passed_on.contains_key(&place).then(|| self.name(method, target));
        name.iter().for_each(|name| *known.asked.entry(*name).or_default() += 1);
        UnderWay { returns: self, name }
    }
    /// True where a request looks like a shadow request that came back.
    pub(super) fn is_return(&self, place: Place, method: &Method, target: &str) -> bool {
        if !self.any.load(Relaxed) {
            return false;
        }
        let known = self.known.lock();
        known.passed_on.contains_key(&place) && known.asked.contains_key(&self.name(method, target))
    }
    fn name(&self, method: &Method, target: &str) -> u64 {
        xxh3_64_with_seed(target.as_bytes(), xxh3_64_with_seed(method.as_str().as_bytes(), self.seed))
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let Some(name) = self.name else { return };
        let mut known = self.returns.known.lock();
        if let Some(times) = known.asked.get_mut(&name) {
            *times -= 1;
            if *times == 0 {
                known.asked.remove(&name);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_asked_on_a_route_that_is_passed_on_is_a_return() {
        let (returns, now) = (Returns::new(7), Instant::now());
        let (here, there) = (Some(RouteIndex(1)), Some(RouteIndex(2)));
        let is_return = |place, target| returns.is_return(place, &Method::GET, target);
        drop(returns.under_way(here, &Method::GET, "/a", now));
        assert!(!is_return(here, "/a"));
        returns.passed_on(here, now);
        assert!(!is_return(here, "/a"), "nobody is being asked");
        let asked =
            [returns.under_way(here, &Method::GET, "/a", now), returns.under_way(here, &Method::GET, "/a", now)];
        assert!(is_return(here, "/a") && !is_return(here, "/b") && !is_return(there, "/a"));
        assert!(!returns.is_return(here, &Method::HEAD, "/a"));
        drop(asked);
        assert!(!is_return(here, "/a"), "the answers are there");
    }

    #[test]
    fn it_is_forgotten_after_a_while() {
        let (returns, now) = (Returns::new(7), Instant::now());
        returns.passed_on(None, now);
        let _asked = returns.under_way(None, &Method::GET, "/a", now + PASSED_ON_FOR);
        assert!(!returns.is_return(None, &Method::GET, "/a"));
    }
}
