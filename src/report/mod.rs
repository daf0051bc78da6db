//! Plain data about evidence and its formats: one file a format, all over the same views.
//!
//! The views are what `--format json` and the admin API print, so a running tee and a store at rest look the same.

pub mod build;
mod compact;
pub mod coverage;
pub mod csv;
pub mod curl;
pub mod diff;
pub mod gate;
pub mod html;
pub mod json;
pub mod jsonl;
pub mod markdown;
mod noise;
pub mod openapi;
mod page;
pub mod patch;
mod pointer;
pub mod query;
pub mod roles;
pub mod rules;
pub mod table;
pub mod text;
pub mod views;

pub use query::{Query, QueryError};
pub use views::{DiffView, LedgerView, ReportView, ShowView, SignatureView};

/// The version of every JSON shape.
pub const SCHEMA: u32 = 1;
