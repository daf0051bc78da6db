//! Runs of one route's traffic through the real gate, which is asked after every exchange.
//!
//! A request is wrong for good with some chance. A few that are right look wrong until they are asked again: they count until
//! then. Some requests come again. Both sides change their build on the way, and the rules change too.

use paritee::evidence::{
    CellDelta, CellKey, EvidenceFrom, Finding, Policy, Pool, RouteKnown, Suppression, Word, decide, pool,
};
use std::collections::{BTreeMap, VecDeque};

const NOW_MS: u64 = 1_000 * 3_600_000;
/// The gate's threshold.
pub(crate) const THRESHOLD: f64 = 0.01;
/// Exchanges that repeat an earlier request.
const REPEATS: f64 = 0.25;
/// Right ones that look wrong at first.
const RACES: f64 = 0.003;
/// Exchanges until a mismatch is confirmed, at most.
const PENDING: usize = 120;

/// What a run is to be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Plan {
    /// The share of requests that are wrong for good.
    pub(crate) rate: f64,
    /// It ends with the first look that says READY, or after so many distinct requests.
    pub(crate) distinct: u64,
    /// No request looks wrong and is right from this many distinct ones on.
    pub(crate) calm_from: u64,
}

/// One run.
struct Run {
    random: fastrand::Rng,
    plan: Plan,
    policy: Policy,
    cells: BTreeMap<CellKey, CellDelta>,
    /// The same as one, kept up to date; held against `pool` of the cells now and then.
    pool: Pool,
    /// Requests so far: name, and whether it is wrong.
    requests: Vec<(u64, bool)>,
    /// Mismatches that will be taken back: after how many exchanges, of which cell.
    pending: VecDeque<(usize, CellKey, u64)>,
    exchanges: usize,
}

impl Run {
    fn new(seed: u64, plan: Plan) -> Run {
        let policy = Policy {
            mismatch_rate_below: THRESHOLD,
            open_signatures: None,
            evidence_from: EvidenceFrom::Last(3),
            ..Policy::default()
        };
        Run {
            random: fastrand::Rng::with_seed(seed),
            plan,
            policy,
            cells: BTreeMap::new(),
            pool: Pool::default(),
            requests: Vec::new(),
            pending: VecDeque::new(),
            exchanges: 0,
        }
    }
    /// Where an exchange is counted: builds, rules and hours change on the way.
    fn key(&self) -> CellKey {
        let n = self.exchanges;
        CellKey {
            route: "GET /a/{id}".to_owned(),
            inferred: false,
            primary_version: if n < 700 { "m1" } else { "m2" }.to_owned(),
            candidate_version: if n < 1_500 { "c1" } else { "c2" }.to_owned(),
            rule_set: if n < 2_200 { 1 } else { 2 },
            comparator: 3,
            principal: "user".to_owned(),
            hour: 900 + (n / 1_000) as u32,
        }
    }
    /// Both in a cell and in the sum of all of them.
    fn change(&mut self, key: &CellKey, change: impl Fn(&mut CellDelta)) {
        change(self.cells.entry(key.clone()).or_default());
        change(&mut self.pool.sum);
        self.pool.versions.candidate.insert(key.candidate_version.clone());
        self.pool.versions.primary.insert(key.primary_version.clone());
        self.pool.versions.rule_sets.insert(key.rule_set);
        self.pool.versions.comparators.insert(key.comparator);
        self.pool.principals.entry(key.principal.clone()).or_default();
    }
    fn exchange(&mut self) {
        let again = !self.requests.is_empty() && self.random.f64() < REPEATS;
        let (name, wrong) = match again {
            true => self.requests[self.random.usize(..self.requests.len())],
            false => {
                let request = (self.random.u64(..), self.random.f64() < self.plan.rate);
                self.requests.push(request);
                request
            }
        };
        let calm = self.requests.len() as u64 >= self.plan.calm_from;
        let race = !wrong && !calm && self.random.f64() < RACES;
        let key = self.key();
        let word = if wrong || race { "mismatch" } else { "match" };
        self.change(&key, |cell| {
            *cell.verdicts.entry(word.to_owned()).or_default() += 1;
            cell.distinct.insert(name);
            cell.last_ms = NOW_MS - 1_000;
            if wrong || race {
                cell.mismatching.count(name);
            }
        });
        self.exchanges += 1;
        if race {
            let at = self.exchanges + self.random.usize(1..=PENDING);
            self.pending.push_back((at, key, name));
        }
        let due = self.exchanges;
        let (now, later): (VecDeque<_>, _) =
            std::mem::take(&mut self.pending).into_iter().partition(|(at, ..)| *at <= due);
        self.pending = later;
        for (_, key, name) in now {
            self.change(&key, |cell| cell.mismatching.take_back(name));
        }
    }
    fn look(&self) -> Finding {
        decide(&self.policy, &RouteKnown::default(), &self.pool, &[], 0.0)
    }
    /// The sum that is kept up to date is what the cells are pooled to.
    fn check(&self) {
        let pooled = pool(self.cells.iter(), &self.policy, &Suppression::default(), NOW_MS);
        assert_eq!(pooled.sum, self.pool.sum);
        assert_eq!(decide(&self.policy, &RouteKnown::default(), &pooled, &[], 0.0), self.look());
    }
}

/// The number of distinct requests at the first look that says READY; `None` where none does.
pub(crate) fn first_ready(seed: u64, plan: Plan) -> Option<u64> {
    let mut run = Run::new(seed, plan);
    while (run.requests.len() as u64) < plan.distinct {
        run.exchange();
        let found = run.look();
        if run.exchanges.is_multiple_of(997) {
            run.check();
        }
        if found.word == Word::Ready {
            run.check();
            return Some(found.distinct);
        }
    }
    None
}
