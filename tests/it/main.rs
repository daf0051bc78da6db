//! The one test binary: every module says what it holds.

// the house's own rules: layering, headers, lengths
mod tidy;

// what the live tests are written in: the real program, raw clients, upstreams that fake only faults
mod support;

// which requests are mirrored, and the account of those that are not
mod live_admission;
// no fault of the candidate reaches a client
mod live_faults;
// the shadow side blocked entirely: live traffic goes on
mod live_isolation;
// loops end; what the candidate fetched from the monolith proves nothing
mod live_markers;
// stopping, and clients that leave
mod live_stop;
// the bytes on the live path
mod live_wire;
