//! What every thread of a tee shares, and how its shadow side is started.

use super::accepting::Accepting;
use super::account::Accounts;
use super::answers::Answers;
use super::confirm::ConfirmTally;
use super::in_force::InForce;
use super::lag::Lags;
use super::lane::Queue;
use super::operation;
use super::reload::Reloads;
use super::returns::Returns;
use super::secondary::PairTally;
use super::shadow::{self, ShadowThread};
use super::turned::TurnedAways;
use super::{Control, Markers};
use crate::config::{Config, Given};
use crate::evidence::{Ownership, request_key};
use crate::exchange::{Exchange, ExchangeId};
use crate::judge::{Context, Judgement};
use crate::rules::RuleSet;
use crate::store::StoreHandle;
use crate::sys::Service;
use crate::sys::now_ms;
use parking_lot::{Mutex, RwLock};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering::Relaxed};
use std::time::Instant;

/// The judge, passed in so that a test can make it stall.
pub type Judge = Arc<dyn Fn(&Exchange, &RuleSet, &Context) -> Judgement + Send + Sync>;

/// What a tee starts from.
pub struct Setup {
    /// The configuration.
    pub config: Arc<Config>,
    /// What it was made from, to be read again.
    pub given: Given,
    /// Who is told when the config is read again.
    pub service: Arc<Service>,
    /// The store; it need not be open yet.
    pub store: StoreHandle,
    /// Signs the markers and the tokens of redaction.
    pub key: [u8; 32],
    /// Random for each start; names this instance in the hop marker too.
    pub incarnation: u64,
    /// The judge.
    pub judge: Judge,
}

/// What every thread shares.
pub(super) struct Shared {
    /// What is in force; whoever serves a request keeps a copy, and looks at the number alone.
    force: RwLock<Arc<InForce>>,
    number: AtomicU64,
    /// What was in force before and still has exchanges under way, so that no live thread is the one to take it apart.
    before: Mutex<Vec<Arc<InForce>>>,
    pub(super) given: Given,
    pub(super) service: Arc<Service>,
    pub(super) key: [u8; 32],
    pub(super) reloads: Reloads,
    pub(super) owners: Mutex<Owners>,
    pub(super) markers: Markers,
    /// Under it cells name distinct requests.
    pub(super) request_key: [u8; 32],
    pub(super) store: StoreHandle,
    pub(super) accounts: Accounts,
    /// How late the live threads are.
    pub(super) lags: Lags,
    /// Shadow requests that come back unmarked.
    pub(super) returns: Returns,
    /// What has been done about operations that share a path.
    pub(super) operations: Arc<operation::Tally>,
    /// What became of the secondary's answers.
    pub(super) pairs: PairTally,
    /// What became of mismatches that were asked again.
    pub(super) confirm: ConfirmTally,
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

/// Who serves the routes to clients.
#[derive(Default)]
pub(super) struct Owners {
    /// As the store has it, with what has changed since; `None` before it is open.
    known: Option<Ownership>,
    /// Changes that no batch has told the store yet.
    pub(super) untold: Ownership,
}

impl Shared {
    /// What is in force now.
    pub(super) fn force(&self) -> Arc<InForce> {
        self.force.read().clone()
    }
    /// True while nothing else has come in force.
    pub(super) fn is_in_force(&self, force: &InForce) -> bool {
        self.number.load(Relaxed) == force.number
    }
    /// From now on this is in force.
    pub(super) fn put_in_force(&self, next: Arc<InForce>) {
        self.owners.lock().change(&next, &self.store);
        let mut force = self.force.write();
        self.number.store(next.number, Relaxed);
        let was = std::mem::replace(&mut *force, next);
        drop(force);
        self.before.lock().push(was);
    }
    /// Notes who serves the routes, once it is known who did before.
    pub(super) fn learn_owners(&self, force: &InForce) {
        let mut owners = self.owners.lock();
        if owners.known.is_none() {
            owners.change(force, &self.store);
        }
    }
    /// Lets go of what was in force before, where nothing is under way under it any more.
    pub(super) fn let_go(&self) {
        self.before.lock().retain(|force| Arc::strong_count(force) > 1);
    }
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

impl Owners {
    /// Notes who serves the routes under this config.
    fn change(&mut self, force: &InForce, store: &StoreHandle) {
        if self.known.is_none() {
            self.known = store.opened().map(|opened| opened.ownership.clone());
        }
        let Some(known) = &mut self.known else { return };
        let changes = known.changes(force.owned(), now_ms());
        known.merge(&changes);
        self.untold.merge(&changes);
    }
}

/// Starts the shadow thread.
pub fn start(setup: Setup) -> std::io::Result<(Arc<Control>, ShadowThread)> {
    let Setup { config, given, service, store, key, incarnation, judge } = setup;
    let force = Arc::new(InForce::new(config, &key, None));
    let mut owners = Owners::default();
    owners.change(&force, &store);
    let shared = Arc::new(Shared {
        returns: Returns::new(incarnation),
        operations: Arc::default(),
        pairs: PairTally::default(),
        confirm: ConfirmTally::default(),
        markers: Markers::new(&key, incarnation),
        request_key: request_key(&key),
        number: AtomicU64::new(force.number),
        force: RwLock::new(force),
        before: Mutex::default(),
        given,
        service,
        key,
        reloads: Reloads::new(now_ms()),
        owners: Mutex::new(owners),
        store,
        accounts: Accounts::default(),
        lags: Lags::default(),
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
    let (thread, commands) = shadow::spawn(shared.clone(), jobs, judge)?;
    Ok((Arc::new(Control::new(shared, queue, commands)), thread))
}
