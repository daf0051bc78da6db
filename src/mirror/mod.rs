//! The shadow side: admission, the hand-over, the shadow runtime, the ledger.

mod accepting;
mod account;
mod admission;
mod answers;
mod ask;
mod breaker;
mod budget;
mod closing;
mod control;
mod infer;
mod lane;
mod markers;
mod naming;
mod operation;
mod returns;
mod sample;
mod secondary;
mod session;
mod shadow;
mod shared;
mod turned;

pub use accepting::{AcceptCounts, Accepting, NotAccepted};
pub use admission::Facts;
pub use answers::{AnswerCounts, BOUNDS_US, CLASSES, FAILURES, SIDES};
pub use budget::{Hold, Permit};
pub use control::{BreakerState, Control, Health};
pub use lane::{Job, Lane, flush_when_parked};
pub use markers::{ECHO, Markers};
pub use operation::OperationCounts;
pub use secondary::PairOutcome;
pub use session::{Asked, SessionCounts, SessionKey, Ticket};
pub use shadow::{ShadowThread, asked_at_once};
pub use shared::{Judge, Setup, start};
pub use turned::TurnedAway;
