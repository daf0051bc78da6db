//! The one test binary: every module says what it holds.
#![allow(clippy::unwrap_used)] // helpers of tests, where a panic is the report

// the admin API of the real program: who is answered, who is refused
mod admin_api;
// `diff` by the built binary over real files
mod cli_diff;
// report, show and ledger by the built binary over a store at rest
mod cli_store;
// docs/configuration.md tells the truth
mod config_docs;
// every refused config says where, what and what else
mod config_errors;
// the files that [tls] names, each as it should not be
mod config_tls;
// caps of age, bytes and keys that hold on the disk
mod store_caps;
// verify, compact, export, import, erase by the built binary
mod store_care;
// kill -9 under load: nothing acknowledged is lost
mod store_crash;
// damaged files: set aside, salvaged, counted
mod store_damage;
// the store in one process: read back, idempotent, bounded, private, gaps
mod store_durable;
// stores that earlier formats wrote
mod store_formats;
// a full disk: told, retried, nothing counted lost
mod store_full;
// a kill or a loss of power at every moment: nothing acknowledged is lost
mod store_prefix;
// batches and what must always hold of a store
mod store_support;
// the example system: Django, gRPC, the new API, every planted fault
mod example;
// what `diff` prints for people
mod diff_text;
// random documents that are hard to compare
mod hostile;
// what other rules would make of the evidence
mod rules_preview;
// which rules are proposed, and for what never
mod rules_suggest;
// applying a patch to the one document gives the other
mod patches;
// what the README says to run
mod readme;
// the judge by example: two answers and rules in, a judgement out
mod judge_cases;
// HTML and XML by their laws, and hostile bodies
mod markup;
// comparison cases drawn from other projects' tests
mod shared_cases;
// golden signatures: stable across runs, machines and versions
mod signatures;
// the tee on the wire, with raw sockets on every side
mod conformance;
// the house's own rules: layering, headers, lengths
mod tidy;

// what the live tests are written in: the real program, raw clients, upstreams that fake only faults
mod support;

// which requests are mirrored, and the account of those that are not
mod live_admission;
// backing off from a primary that the mirror slows down
mod live_back_off;
// few descriptors: told, waited for, nobody refused
mod live_descriptors;
// mismatches asked again: each mark, the budget, and what is never asked or kept
mod live_confirm;
// no fault of the candidate reaches a client
mod live_faults;
// ids that map one to one over a session or a run
mod live_ids;
// the shadow side blocked entirely: live traffic goes on
mod live_isolation;
// a live thread that is late does not mirror
mod live_lag;
// loops end; what the candidate fetched from the monolith proves nothing
mod live_markers;
// a second copy of the monolith: noise is listed, hides nothing else, and disturbs nobody
mod live_noise;
// one path, many operations; templates guessed
mod live_operations;
// a quarter of an hour of everything at once: no error, no leak, and an exact account
mod live_soak;
// what a tee leaves in its store: after a stop, after a kill
mod live_store;
// HTTP/2 to clients: what is refused, in frames made by hand
mod http2_frames;
// HTTP/2 to clients: what passes, and how it ends
mod http2_live;
// TLS to clients: what is chosen, who is let in, what stands still
mod tls_live;
// what was seen: fields, statuses by class, declared branches, and who calls whom
mod live_coverage;
// the gate's promise, by simulation: looked at after every exchange
mod gate_simulated;
// the gate, running and at rest: nothing is no evidence, enough is, a difference takes it back
mod live_gate;
// the rules commands, asked of a running tee and of its store at rest
mod live_rules;
// another process goes on where this one stops, and no request fails
mod live_hand_over;
// the config read again while the tee runs: all of it or nothing, and no client notices
mod live_reload;
// the candidate's own sessions: established, bridged, ended; routes that were cut over
mod live_sessions;
// stopping, and clients that leave
mod live_stop;
// no secret is logged; JSON lines
mod logs;
// what a service manager is told, and its unit file
mod service;
// sides over TLS, sockets and every address of a name
mod live_reach;
// sides that are asked over HTTP/2
mod live_streams;
// the bytes on the live path
mod live_wire;
