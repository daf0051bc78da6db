//! paritee: a shadow-traffic parity tester. The map of the crate, in reading order.
//!
//! The core is pure: no async, no IO, no clock, no randomness.
//! [`exchange`] one request and every side's answer · [`document`] a body as a tree · [`rules`] named normalisations ·
//! [`compare`] two trees aligned and diffed · [`judge`] THE seam: one exchange in, one judgement out ·
//! [`principal`] who asks, as a label · [`redact`] secrets cut before anything is stored · [`evidence`] folds over judgements: ledger, batches, cells.
//!
//! The edges each own one outside thing: [`config`] the TOML file · [`upstream`] one side on the wire ·
//! [`store`] sled · [`sys`] the few system calls that need `unsafe` or a raw descriptor.
//!
//! The flows compose them: [`proxy`] the live path, which never waits · [`mirror`] admission, the shadow runtime, the ledger.
//!
//! The faces: [`report`] plain data and its formats · [`admin`] the JSON API · [`cli`] one file per subcommand.

pub mod exchange;

pub mod document;

pub mod rules;

pub mod compare;

pub mod judge;

pub mod principal;
pub mod redact;

pub mod evidence;

pub mod config;
pub mod store;
pub mod sys;
pub mod upstream;

pub mod mirror;
pub mod proxy;

pub mod admin;
pub mod cli;
pub mod report;
