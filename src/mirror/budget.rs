//! How much may be in flight: exchanges admitted and not yet at an end, and the bytes of their copies.

use super::in_force::InForce;
use crate::evidence::NotMirrored;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};

/// What is in flight; shared by all threads, and by every config under which something of it was admitted.
#[derive(Default)]
pub(super) struct InUse {
    exchanges: AtomicUsize,
    bytes: AtomicUsize,
}

impl InUse {
    /// Exchanges and bytes in flight.
    pub(super) fn now(&self) -> (usize, usize) {
        (self.exchanges.load(Relaxed), self.bytes.load(Relaxed))
    }
}

impl InForce {
    /// One more exchange that starts with this many bytes.
    pub(super) fn permit(self: &Arc<Self>, bytes: usize, probe: bool) -> Result<Permit, NotMirrored> {
        // From here on the permit gives back what it took, the probe included.
        let mut permit = Permit { hold: Hold { force: self.clone(), bytes: 0 }, probe };
        if self.in_use.exchanges.fetch_add(1, Relaxed) >= self.config.mirror.max_in_flight {
            return Err(NotMirrored::InFlight);
        }
        if permit.charge(bytes) { Ok(permit) } else { Err(NotMirrored::Bytes) }
    }
}

/// Bytes held; dropped, they are given back.
pub struct Hold {
    force: Arc<InForce>,
    bytes: usize,
}

impl Hold {
    /// Holds more bytes; false when there is no room, and then nothing more is held.
    pub fn charge(&mut self, bytes: usize) -> bool {
        if bytes == 0 {
            return true;
        }
        let (in_use, most) = (&self.force.in_use, self.force.config.mirror.max_in_flight_bytes);
        if in_use.bytes.fetch_add(bytes, Relaxed) + bytes > most {
            in_use.bytes.fetch_sub(bytes, Relaxed);
            return false;
        }
        self.bytes += bytes;
        true
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        self.force.in_use.bytes.fetch_sub(self.bytes, Relaxed);
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
        let force = super::in_force::tests::with(|config| config.mirror.max_in_flight_bytes = bytes, None);
        force.permit(0, false).unwrap_or_else(|_| unreachable!("nothing is held yet"))
    }
    /// Holds more bytes; false when there is no room, and then nothing more is held.
    pub fn charge(&mut self, bytes: usize) -> bool {
        self.hold.charge(bytes)
    }
    /// For bytes of the same exchange that are held elsewhere for now.
    pub fn hold(&self) -> Hold {
        Hold { force: self.hold.force.clone(), bytes: 0 }
    }
    /// Takes over what was held elsewhere.
    pub fn absorb(&mut self, hold: &mut Hold) {
        self.hold.bytes += std::mem::take(&mut hold.bytes);
    }
    /// The config under which it was given, with all that is made from it: the exchange is judged under the same.
    pub(super) fn force(&self) -> &Arc<InForce> {
        &self.hold.force
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
        self.hold.force.in_use.exchanges.fetch_sub(1, Relaxed);
        if self.probe {
            self.hold.force.breaker.abandon_probe(std::time::Instant::now());
        }
    }
}
