//! What the faces may see and do of a running mirror: the live ledger, the switch, the health facts.

use crate::evidence::Ledger;
use crate::store::StoreHandle;
use std::time::Duration;

/// Whether the candidate is asked at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BreakerState {
    /// It is asked.
    Closed,
    /// It failed too often; nothing is mirrored until the cooldown is over.
    Open,
    /// One request is on its way to see whether it answers again.
    HalfOpen,
}

impl BreakerState {
    /// The word used in JSON and metrics.
    pub fn as_str(self) -> &'static str {
        match self {
            BreakerState::Closed => "closed",
            BreakerState::Open => "open",
            BreakerState::HalfOpen => "half_open",
        }
    }
}

/// Facts about a running tee, for `/healthz`, `/readyz` and metrics. All of one moment, read without waiting.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Health {
    /// The live threads accept connections.
    pub accepting: bool,
    /// A stop was asked for.
    pub draining: bool,
    /// A candidate is configured.
    pub candidate: bool,
    /// The switch.
    pub mirroring: bool,
    /// The candidate's breaker.
    pub breaker: BreakerState,
    /// Exchanges admitted and not yet at an end.
    pub in_flight: u64,
    /// Bytes of their copies.
    pub in_flight_bytes: u64,
    /// Client connections open.
    pub connections: u64,
    /// Seconds since the start.
    pub uptime_s: u64,
    /// The store's last error, where it does not take writes at present.
    pub store_failing: Option<String>,
}

/// The client's end of a running mirror: shared by admin and serve, all methods take `&self`.
pub struct Control {}

impl Control {
    /// The account of this moment: a consistent cut over all threads, on top of what the store held at the start.
    pub fn ledger(&self) -> Ledger {
        todo!("live")
    }
    /// Switches mirroring on or off, at once: what was admitted and not yet sent ends as not judged (`cancelled`).
    pub fn set_mirroring(&self, _on: bool) {
        todo!("live")
    }
    /// The switch.
    pub fn mirroring(&self) -> bool {
        todo!("live")
    }
    /// The store.
    pub fn store(&self) -> &StoreHandle {
        todo!("live")
    }
    /// Closes the shadow side's open batch and waits until the store has it durably, at most this long; true when it has.
    /// A report read after this holds all that was judged before the call.
    pub async fn settle(&self, _at_most: Duration) -> bool {
        todo!("live")
    }
    /// Facts for health checks and metrics.
    pub fn health(&self) -> Health {
        todo!("live")
    }
    /// True when traffic may be sent here: the live threads accept and no stop was asked for. A failing candidate or store
    /// does not make the tee unready, since it serves all the same.
    pub fn ready(&self) -> bool {
        let health = self.health();
        health.accepting && !health.draining
    }
}
