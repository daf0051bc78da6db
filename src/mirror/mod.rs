//! The shadow side: admission, the hand-over, the shadow runtime, the ledger.

mod account;
mod admission;
mod ask;
mod breaker;
mod budget;
mod closing;
mod control;
mod in_force;
mod infer;
mod lane;
mod markers;
mod naming;
mod regime;
mod reload;
mod returns;
mod sample;
mod secondary;
mod session;
mod shadow;
mod shared;
mod turned;

pub use admission::Facts;
pub use budget::{Hold, Permit};
pub use control::{BreakerState, Control, Health};
pub use in_force::InForce;
pub use lane::{Job, Lane, flush_when_parked};
pub use markers::{ECHO, Markers};
pub use reload::{Refused, ReloadState, Reloaded};
pub use secondary::PairOutcome;
pub use session::{Asked, SessionCounts, SessionKey, Ticket};
pub use shadow::ShadowThread;
pub use shared::{Judge, Setup, start};
pub use turned::TurnedAway;
