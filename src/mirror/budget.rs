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
        let mut permit = Permit { hold: Hold { budget: self.clone(), bytes: 0 }, probe };
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

/// Bytes held; dropped, they are given back.
pub struct Hold {
    budget: Arc<Budget>,
    bytes: usize,
}

impl Hold {
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
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.budget.bytes.fetch_sub(self.bytes, Relaxed);
    }
}

/// The right to be in flight; dropped, it is given back.
pub struct Permit {
    hold: Hold,
    probe: bool,
}

impl Permit {
    /// A permit of a budget of its own.
    #[cfg(test)]
    pub(crate) fn of_its_own(bytes: usize) -> Permit {
        let second = std::time::Duration::from_secs(1);
        let settings = crate::config::Breaker { failures: 1, window: second, cooldown: second, probe_timeout: second };
        let breaker = Arc::new(Breaker::new(settings));
        Arc::new(Budget::new(1, bytes, breaker)).admit(0, false).unwrap_or_else(|_| unreachable!("nothing is held yet"))
    }
    /// Holds more bytes; false when there is no room, and then nothing more is held.
    pub fn charge(&mut self, bytes: usize) -> bool {
        self.hold.charge(bytes)
    }
    /// For bytes of the same exchange that are held elsewhere for now.
    pub fn hold(&self) -> Hold {
        Hold { budget: self.hold.budget.clone(), bytes: 0 }
    }
    /// Takes over what was held elsewhere.
    pub fn absorb(&mut self, hold: &mut Hold) {
        self.hold.bytes += std::mem::take(&mut hold.bytes);
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
        self.hold.budget.exchanges.fetch_sub(1, Relaxed);
        if self.probe {
            self.hold.budget.breaker.abandon_probe(std::time::Instant::now());
        }
    }
}
