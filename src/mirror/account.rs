//! Counters of one thread, each behind a lock that only a look at the ledger contends for.

use crate::evidence::Counts;
use parking_lot::{Mutex, MutexGuard};
use std::sync::Arc;

/// What one thread has counted since the start.
#[derive(Default)]
pub(super) struct Tally {
    /// Terminal outcomes.
    pub(super) counts: Counts,
    /// Requests admitted to the mirror.
    pub(super) admitted: u64,
}

/// One thread's counters.
#[derive(Default)]
pub(super) struct Account(Mutex<Tally>);

impl Account {
    /// For counting.
    pub(super) fn lock(&self) -> MutexGuard<'_, Tally> {
        self.0.lock()
    }
}

/// Every thread's counters.
#[derive(Default)]
pub(super) struct Accounts(Mutex<Vec<Arc<Account>>>);

/// All counters at one moment.
pub(super) struct Cut {
    /// Terminal outcomes since the start.
    pub(super) counts: Counts,
    /// Admitted and not yet at an end.
    pub(super) in_flight: u64,
}

impl Cut {
    /// Requests received since the start.
    pub(super) fn received(&self) -> u64 {
        self.counts.done() + self.in_flight
    }
}

impl Accounts {
    /// One more thread.
    pub(super) fn open(&self) -> Arc<Account> {
        let account = Arc::new(Account::default());
        self.0.lock().push(account.clone());
        account
    }
    /// The sum under all locks at once, so that no exchange is between two threads' counters: it is admitted by one before
    /// another can end it.
    pub(super) fn cut(&self) -> Cut {
        let accounts = self.0.lock();
        let tallies: Vec<_> = accounts.iter().map(|account| account.lock()).collect();
        let mut cut = Cut { counts: Counts::default(), in_flight: 0 };
        tallies.iter().for_each(|tally| cut.counts.add(&tally.counts));
        let admitted: u64 = tallies.iter().map(|tally| tally.admitted).sum();
        cut.in_flight = admitted.saturating_sub(cut.counts.mirrored_and_done());
        cut
    }
}
