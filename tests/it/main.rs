//! The one test binary: every module says what it holds.

// the tee on the wire, with raw sockets on every side
mod conformance;
// the house's own rules: layering, headers, lengths
mod tidy;
