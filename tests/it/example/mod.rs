//! The example system end to end: a real Django monolith, its gRPC worker, the new API, seeded traffic, the real binary.
//!
//! With no fault on, nothing is reported; with each fault on, exactly what the table written by hand says. Where Python or
//! the example's packages are not installed the tests say so and pass, unless `PARITEE_REQUIRE_REAL=1` (as `tests/run` sets).

mod browser;
mod demo;
mod faults;
mod monolith;
mod stack;
mod tour;

pub(crate) use stack::{Stack, available};
