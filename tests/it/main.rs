//! The one test binary: every module says what it holds.

// `diff` by the built binary over real files
mod cli_diff;
// report, show and ledger by the built binary over a store at rest
mod cli_store;
// docs/configuration.md tells the truth
mod config_docs;
// every refused config says where, what and what else
mod config_errors;
// kill -9 under load: nothing acknowledged is lost
mod store_crash;
// damaged files: set aside, salvaged, counted
mod store_damage;
// the store in one process: read back, idempotent, bounded, private, gaps
mod store_durable;
// a full disk: told, retried, nothing counted lost
mod store_full;
// batches and what must always hold of a store
mod store_support;
// the example system: Django, gRPC, the new API, every planted fault
mod example;
// the house's own rules: layering, headers, lengths
mod tidy;
