//! How client connections are taken in: how many there may be, and what kept others waiting. None of it is a request, so
//! none is in the ledger.

use parking_lot::Mutex;
use rustix::io::Errno;
use std::io;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::time::{Duration, Instant};

/// The log says what is scarce once in a while.
const SAY_EVERY: Duration = Duration::from_secs(60);

/// Why a connection could not be taken in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAccepted {
    /// No descriptor was left, in this process or in the system; the connection waits.
    Descriptors,
    /// It was gone before it was taken.
    Gone,
    /// Anything else.
    Other,
}

impl NotAccepted {
    /// All of them, in the order of their numbers.
    pub const ALL: [NotAccepted; 3] = [NotAccepted::Descriptors, NotAccepted::Gone, NotAccepted::Other];
    /// The word used in metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            NotAccepted::Descriptors => "descriptors",
            NotAccepted::Gone => "gone",
            NotAccepted::Other => "other",
        }
    }
    fn of(error: &io::Error) -> NotAccepted {
        match Errno::from_io_error(error) {
            Some(Errno::MFILE | Errno::NFILE | Errno::NOBUFS | Errno::NOMEM) => NotAccepted::Descriptors,
            Some(Errno::CONNABORTED | Errno::CONNRESET) => NotAccepted::Gone,
            _ => NotAccepted::Other,
        }
    }
}

/// Counted by the live threads.
#[derive(Default)]
pub struct Accepting {
    limit: AtomicU64,
    waits: AtomicU64,
    failed: [AtomicU64; NotAccepted::ALL.len()],
    said_at: Mutex<Option<Instant>>,
}

/// The same at one moment.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AcceptCounts {
    /// Client connections that are served at once.
    pub limit: u64,
    /// How often a live thread had no place for another one.
    pub waits: u64,
    /// Connections that could not be taken in, by reason.
    pub failed: [u64; NotAccepted::ALL.len()],
}

impl Accepting {
    /// So many clients are served at once.
    pub fn set_limit(&self, connections: u64) {
        self.limit.store(connections, Relaxed);
    }
    /// Every place of this thread is taken: whoever comes next waits in the system's queue.
    pub fn full(&self) {
        self.waits.fetch_add(1, Relaxed);
        self.say(
            "every place for a client is taken: new ones wait until another leaves (more descriptors make more places)",
        );
    }
    /// A connection could not be taken in.
    pub fn failed(&self, error: &io::Error) {
        let reason = NotAccepted::of(error);
        if let Some(number) = self.failed.get(reason as usize) {
            number.fetch_add(1, Relaxed);
        }
        if reason == NotAccepted::Descriptors {
            self.say("no descriptor is left: new clients wait until one is closed (LimitNOFILE=, ulimit -n)");
        }
    }
    /// What has been counted.
    pub(super) fn counts(&self) -> AcceptCounts {
        let read = |number: &AtomicU64| number.load(Relaxed);
        let failed = std::array::from_fn(|at| self.failed.get(at).map_or(0, read));
        AcceptCounts { limit: read(&self.limit), waits: read(&self.waits), failed }
    }
    fn say(&self, what: &str) {
        let mut said_at = self.said_at.lock();
        if said_at.is_none_or(|at| at.elapsed() >= SAY_EVERY) {
            *said_at = Some(Instant::now());
            tracing::warn!("{what}");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_in_the_way_is_counted_by_its_reason() {
        let accepting = Accepting::default();
        for code in [Errno::MFILE, Errno::NFILE, Errno::CONNABORTED, Errno::PERM] {
            accepting.failed(&code.into());
        }
        accepting.full();
        accepting.set_limit(7);
        assert_eq!(accepting.counts(), AcceptCounts { limit: 7, waits: 1, failed: [2, 1, 1] });
        assert!(NotAccepted::ALL.iter().enumerate().all(|(at, reason)| *reason as usize == at));
    }
}
