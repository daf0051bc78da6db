//! The shadow side: admission, the hand-over, the shadow runtime, the ledger.

mod control;

pub use control::{BreakerState, Control, Health};
