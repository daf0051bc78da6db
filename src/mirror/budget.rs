//! How much may be in flight: exchanges admitted and not yet at an end, and the bytes of their copies.

use super::breaker::Breaker;
use crate::evidence::NotMirrored;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// Counters shared by all threads.
pub(super) struct Budget {
    exchanges: AtomicUsize,
    bytes: AtomicUsize,
    max_exchanges: usize,
    max_bytes: usize,
    breaker: Arc<Breaker>,
}

impl Budget {
    /// Nothing in flight.
    pub(super) fn new(max_exchanges: usize, max_bytes: usize, breaker: Arc<Breaker>) -> Budget {
        Budget { exchanges: AtomicUsize::new(0), bytes: AtomicUsize::new(0), max_exchanges, max_bytes, breaker }
    }
    /// One more exchange that starts with this many bytes.
    pub(super) fn admit(self: &Arc<Self>, bytes: usize, probe: bool) -> Result<Permit, NotMirrored> {
        // From here on the permit gives back what it took, the probe included.
        let mut permit = Permit { budget: self.clone(), bytes: 0, probe };
        if self.exchanges.fetch_add(1, Relaxed) >= self.max_exchanges {
            return Err(NotMirrored::InFlight);
        }
        if permit.charge(bytes) { Ok(permit) } else { Err(NotMirrored::Bytes) }
    }
    /// Exchanges and bytes in flight.
    pub(super) fn in_use(&self) -> (usize, usize) {
        (self.exchanges.load(Relaxed), self.bytes.load(Relaxed))
    }
}

/// The right to be in flight; dropped, it is given back.
pub struct Permit {
    budget: Arc<Budget>,
    bytes: usize,
    probe: bool,
}

impl Permit {
    /// Holds more bytes; false when there is no room, and then nothing more is held.
    pub fn charge(&mut self, bytes: usize) -> bool {
        if bytes == 0 {
            return true;
        }
        if self.budget.bytes.fetch_add(bytes, Relaxed) + bytes > self.budget.max_bytes {
            self.budget.bytes.fetch_sub(bytes, Relaxed);
            return false;
        }
        self.bytes += bytes;
        true
    }
    /// True for the request by which a half-open breaker looks whether the candidate is back.
    pub(super) fn is_probe(&self) -> bool {
        self.probe
    }
    /// The candidate has answered (or not): the probe has done its work.
    pub(super) fn asked(&mut self) {
        self.probe = false;
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.budget.exchanges.fetch_sub(1, Relaxed);
        self.budget.bytes.fetch_sub(self.bytes, Relaxed);
        if self.probe {
            self.budget.breaker.abandon_probe(std::time::Instant::now());
        }
    }
}
