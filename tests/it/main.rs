//! The one test binary: every module says what it holds.

// the house's own rules: layering, headers, lengths
mod tidy;
