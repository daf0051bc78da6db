//! The one test binary: every module says what it holds.
#![allow(clippy::unwrap_used)] // helpers of tests, where a panic is the report

// the judge by example: two answers and rules in, a judgement out
mod judge_cases;
// comparison cases drawn from other projects' tests
mod shared_cases;
// the house's own rules: layering, headers, lengths
mod tidy;
