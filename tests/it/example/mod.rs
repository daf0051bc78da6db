//! The example system end to end: a real Django monolith, its gRPC worker, the new API, seeded traffic, the real binary.
//!
//! With no fault on, nothing is reported; with each fault on, exactly what the table written by hand says. Where Python or
//! the example's packages are not installed the tests say so and pass, unless `PARITEE_REQUIRE_REAL=1` (as `tests/run` sets).

/// A reader with a real browser.
mod browser;
/// Without a mistake nothing is reported.
mod clean;
/// A write in between is told from a mistake.
mod confirm;
/// The demo of the README.
mod demo;
/// Each planted mistake, and pairs of them.
mod faults;
/// What the gate says of its routes.
mod gate;
/// The monolith's gRPC worker as a side.
mod grpc;
/// The monolith's own tests.
mod monolith;
/// One running example.
mod stack;
/// The steps of the move.
mod steps;
/// The table of planted mistakes.
mod table;
/// The story in the terminal.
mod tour;

pub(crate) use stack::{Stack, available};
