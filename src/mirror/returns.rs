//! Shadow requests that come back without their marker: a candidate that passes requests on through the tee and strips what
//! it does not know. Unseen, each copy would become a request that is copied again, for ever.
//!
//! Two signs together tell such a request from a client's: a candidate's answer on this route carried, not long ago, the
//! primary's build and no echo (so the route is passed on, and comparing it proves nothing anyway), and just now the
//! candidate is being asked for this very method and target. Where most copies meet no such request, nothing comes back (the
//! candidate asks past the tee), and clients are left alone. Where the primary tells no build, nothing is known here.

use http::Method;
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::{Duration, Instant};
use xxhash_rust::xxh3::xxh3_64_with_seed;

/// A route counts as passed on for so long after such an answer.
const PASSED_ON_FOR: Duration = Duration::from_secs(60);
/// Copies after which it is known whether they come back here; until then any that looks so is taken for one.
const KNOWN_AFTER: u32 = 4;
/// The counts are halved at this many copies, so that they tell of now.
const HALVED_AT: u32 = 64;

/// The declared route by its name, which means the same under the next config; one for all that are not declared.
type Place = Option<Arc<str>>;

/// A route that is passed on.
struct PassedOn {
    until: Instant,
    /// Copies whose answer has come, and of these, those whose target somebody asked for meanwhile. Past the tee nothing
    /// comes back, and such requests are clients' own.
    done: u32,
    met: u32,
}

/// A method and target that the candidate is being asked for.
#[derive(Default)]
struct Asked {
    times: u32,
    /// Somebody has asked the tee for it meanwhile.
    met: bool,
}

#[derive(Default)]
struct Known {
    passed_on: HashMap<Place, PassedOn>,
    asked: HashMap<u64, Asked>,
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
    place: Place,
    name: Option<u64>,
}

impl PassedOn {
    fn comes_back(&self) -> bool {
        self.done < KNOWN_AFTER || self.met * 2 > self.done
    }
}

impl Returns {
    /// Nothing is known.
    pub(super) fn new(seed: u64) -> Returns {
        Returns { seed, any: AtomicBool::new(false), known: Mutex::default() }
    }
    /// The monolith wrote the candidate's answer on this route, and no echo came with it.
    pub(super) fn passed_on(&self, place: Option<&Arc<str>>, now: Instant) {
        let until = now + PASSED_ON_FOR;
        let mut known = self.known.lock();
        known.passed_on.entry(place.cloned()).or_insert(PassedOn { until, done: 0, met: 0 }).until = until;
        self.any.store(true, Relaxed);
    }
    /// A shadow request is sent. Held until its answer is there.
    pub(super) fn under_way(
        &self,
        place: Option<&Arc<str>>,
        method: &Method,
        target: &str,
        now: Instant,
    ) -> UnderWay<'_> {
        if !self.any.load(Relaxed) {
            return UnderWay { returns: self, place: None, name: None };
        }
        let place = place.cloned();
        let mut known = self.known.lock();
        known.passed_on.retain(|_, route| now < route.until);
        self.any.store(!known.passed_on.is_empty() || !known.asked.is_empty(), Relaxed);
        let name = known.passed_on.contains_key(&place).then(|| self.name(method, target));
        name.iter().for_each(|name| known.asked.entry(*name).or_default().times += 1);
        UnderWay { returns: self, place, name }
    }
    /// True where a request looks like a shadow request that came back.
    pub(super) fn is_return(&self, place: Option<&Arc<str>>, method: &Method, target: &str) -> bool {
        if !self.any.load(Relaxed) {
            return false;
        }
        let mut known = self.known.lock();
        let Some(comes_back) = known.passed_on.get(&place.cloned()).map(PassedOn::comes_back) else { return false };
        let Some(asked) = known.asked.get_mut(&self.name(method, target)) else { return false };
        asked.met = true;
        comes_back
    }
    fn name(&self, method: &Method, target: &str) -> u64 {
        xxh3_64_with_seed(target.as_bytes(), xxh3_64_with_seed(method.as_str().as_bytes(), self.seed))
    }
}

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        let Some(name) = self.name else { return };
        let mut known = self.returns.known.lock();
        let Some(asked) = known.asked.get_mut(&name) else { return };
        asked.times -= 1;
        let met = asked.met;
        if asked.times == 0 {
            known.asked.remove(&name);
        }
        let Some(route) = known.passed_on.get_mut(&self.place) else { return };
        (route.done, route.met) = (route.done + 1, route.met + u32::from(met));
        if route.done >= HALVED_AT {
            (route.done, route.met) = (route.done / 2, route.met / 2);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_asked_on_a_route_that_is_passed_on_is_a_return() {
        let (returns, now) = (Returns::new(7), Instant::now());
        let (one, other): (Arc<str>, Arc<str>) = ("GET /a".into(), "GET /b".into());
        let (here, there) = (Some(&one), Some(&other));
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
    fn where_copies_do_not_come_back_clients_are_left_alone() {
        let (returns, now) = (Returns::new(7), Instant::now());
        returns.passed_on(None, now);
        for n in 0..KNOWN_AFTER {
            drop(returns.under_way(None, &Method::GET, &format!("/{n}"), now));
        }
        let asked = returns.under_way(None, &Method::GET, "/a", now);
        assert!(!returns.is_return(None, &Method::GET, "/a"), "a client's own");
        drop(asked);
        // Now they do: once most were met, they are taken for what they are.
        for n in 0..2 * KNOWN_AFTER {
            let asked = returns.under_way(None, &Method::GET, &format!("/{n}"), now);
            returns.is_return(None, &Method::GET, &format!("/{n}"));
            drop(asked);
        }
        let _asked = returns.under_way(None, &Method::GET, "/a", now);
        assert!(returns.is_return(None, &Method::GET, "/a"));
    }

    #[test]
    fn it_is_forgotten_after_a_while() {
        let (returns, now) = (Returns::new(7), Instant::now());
        returns.passed_on(None, now);
        let _asked = returns.under_way(None, &Method::GET, "/a", now + PASSED_ON_FOR);
        assert!(!returns.is_return(None, &Method::GET, "/a"));
    }
}
