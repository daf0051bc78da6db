//! What every thread of a tee shares, and how its shadow side is started.

use super::accepting::Accepting;
use super::account::Accounts;
use super::answers::Answers;
use super::back_off::BackOff;
use super::breaker::Breaker;
use super::budget::Budget;
use super::lag::Lags;
use super::lane::Queue;
use super::naming::Naming;
use super::operation;
use super::returns::Returns;
use super::secondary::PairTally;
use super::session::Sessions;
use super::shadow::{self, ShadowThread};
use super::turned::TurnedAways;
use super::{Control, Markers};
use crate::config::Config;
use crate::evidence::{Ledger, Ownership, request_key};
use crate::exchange::{Exchange, ExchangeId};
use crate::judge::{Context, Judgement};
use crate::redact::Redactor;
use crate::rules::RuleSet;
use crate::store::StoreHandle;
use governor::DefaultDirectRateLimiter;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The judge, passed in so that a test can make it stall.
pub type Judge = Arc<dyn Fn(&Exchange, &RuleSet, &Context) -> Judgement + Send + Sync>;

/// What a tee starts from.
pub struct Setup {
    /// The configuration.
    pub config: Arc<Config>,
    /// The store.
    pub store: StoreHandle,
    /// What the store held when it was opened.
    pub base: Ledger,
    /// Who served the routes when it was last written.
    pub ownership: Ownership,
    /// Signs the markers.
    pub key: [u8; 32],
    /// What may be stored, and how.
    pub redactor: Redactor,
    /// Random for each start; names this instance in the hop marker too.
    pub incarnation: u64,
    /// The judge.
    pub judge: Judge,
}

/// What every thread shares.
pub(super) struct Shared {
    pub(super) config: Arc<Config>,
    pub(super) markers: Markers,
    /// Under it cells name distinct requests.
    pub(super) request_key: [u8; 32],
    pub(super) store: StoreHandle,
    pub(super) base: Ledger,
    pub(super) accounts: Accounts,
    pub(super) breaker: Arc<Breaker>,
    /// Control windows, and the share that they leave.
    pub(super) back_off: Arc<BackOff>,
    /// How late the live threads are.
    pub(super) lags: Lags,
    pub(super) budget: Arc<Budget>,
    pub(super) limiter: Option<DefaultDirectRateLimiter>,
    /// Shadow requests that come back unmarked.
    pub(super) returns: Returns,
    /// The candidate's sessions, where the config says how it gets to know them.
    pub(super) sessions: Option<Sessions>,
    /// Clients by name, where some rule's ids map one to one over more than a document.
    pub(super) naming: Option<Naming>,
    /// What has been done about operations that share a path, where some route is split.
    pub(super) operations: Option<Arc<operation::Tally>>,
    /// What became of the secondary's answers, where there is one.
    pub(super) pairs: Option<PairTally>,
    pub(super) mirroring: AtomicBool,
    pub(super) draining: AtomicBool,
    pub(super) accepting: AtomicBool,
    pub(super) connections: AtomicU64,
    pub(super) taking_in: Accepting,
    pub(super) answers: Answers,
    pub(super) turned_away: TurnedAways,
    pub(super) started: Instant,
    pub(super) incarnation: u64,
    ids: AtomicU64,
}

impl Shared {
    /// A new exchange's name.
    pub(super) fn exchange_id(&self) -> ExchangeId {
        let n = self.ids.fetch_add(1, Relaxed);
        ExchangeId(xxhash_rust::xxh3::xxh3_128_with_seed(&n.to_le_bytes(), self.incarnation))
    }
    /// The seed of this process's body digests.
    pub(super) fn digest_seed(&self) -> u64 {
        self.incarnation.rotate_left(32)
    }
}

/// Milliseconds since the Unix epoch.
pub(super) fn now_ms() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as u64)
}

/// Starts the shadow thread.
pub fn start(setup: Setup) -> std::io::Result<(Arc<Control>, ShadowThread)> {
    let Setup { config, store, base, ownership, key, redactor, incarnation, judge } = setup;
    let breaker = Arc::new(Breaker::new(config.mirror.breaker.clone()));
    let mirror = &config.mirror;
    let back_off = Arc::new(BackOff::new(mirror.back_off));
    let budget = Arc::new(Budget::new(mirror.max_in_flight, mirror.max_in_flight_bytes, breaker.clone()));
    let limiter = mirror.rate.map(|rate| {
        let quota = governor::Quota::per_second(rate.per_second).allow_burst(rate.burst);
        governor::RateLimiter::direct(quota)
    });
    let sessions = config.mirror.session.clone().map(|session| Sessions::new(session, &key));
    let shared = Arc::new(Shared {
        returns: Returns::new(incarnation),
        sessions,
        naming: Naming::new(&config, &key),
        operations: config.routes.iter().any(|route| route.split_by.is_some()).then(Arc::default),
        pairs: config.secondary.as_ref().map(|_| PairTally::default()),
        markers: Markers::new(&key, incarnation),
        request_key: request_key(&key),
        config,
        store,
        base,
        accounts: Accounts::default(),
        breaker,
        back_off,
        lags: Lags::default(),
        budget,
        limiter,
        mirroring: AtomicBool::new(true),
        draining: AtomicBool::new(false),
        accepting: AtomicBool::new(false),
        connections: AtomicU64::new(0),
        taking_in: Accepting::default(),
        answers: Answers::default(),
        turned_away: TurnedAways::default(),
        started: Instant::now(),
        incarnation,
        ids: AtomicU64::new(0),
    });
    let (queue, jobs) = Queue::new();
    let owned =
        shared.config.routes.iter().filter(|route| route.owned_by_candidate && shared.config.candidate.is_some());
    let ownership = ownership.changes(owned.map(|route| route.route.name.to_string()), now_ms());
    let (thread, commands) = shadow::spawn(shared.clone(), jobs, judge, redactor, ownership)?;
    Ok((Arc::new(Control::new(shared, queue, commands)), thread))
}
