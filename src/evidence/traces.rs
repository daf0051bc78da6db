//! Which route is called while a request of another is being answered: exchanges of one trace (W3C Trace Context, `traceparent`)
//! of which one lies within the time of the other.
//!
//! Services pass the trace on, and nobody asks them who calls whom. A client that sends two requests of one trace at once, a
//! short one within the time of a long one, looks the same: so a call that was seen is a hint, and one that was never seen is
//! no proof that there is none.

use crate::exchange::Exchange;
use foldhash::fast::FixedState;
use smallvec::SmallVec;
use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

/// Traces remembered; the oldest go first.
const TRACES: usize = 4_096;
/// Exchanges of one trace.
const SPANS: usize = 32;

/// How exactly it is known when an exchange began.
const SLACK_US: u64 = 1_000;

struct Span {
    route: Arc<str>,
    from_us: u64,
    to_us: u64,
}

/// The exchanges of recent traces.
#[derive(Default)]
pub(super) struct Traces {
    recent: HashMap<u128, SmallVec<[Span; 2]>, FixedState>,
    order: VecDeque<u128>,
}

/// A call: the route that was being answered, and the one that was asked meanwhile.
pub(super) type Call = (Arc<str>, Arc<str>);

impl Traces {
    /// Adds an exchange, and tells what it shows together with those before it; `None` where it tells no trace.
    pub(super) fn add(&mut self, exchange: &Exchange) -> Option<Vec<Call>> {
        let trace = trace_of(exchange)?;
        let from_us = exchange.received_at_ms.saturating_mul(1_000);
        let route = &exchange.route.name;
        let span = Span { route: route.clone(), from_us, to_us: from_us + exchange.primary.elapsed_us };
        let known = self.recent.entry(trace).or_insert_with(|| {
            self.order.push_back(trace);
            SmallVec::new()
        });
        let mut calls = Vec::new();
        for other in known.iter().filter(|other| other.route != *route) {
            // When each began is known to the millisecond, how long it took to the microsecond: so the longer one holds the
            // other where that ends no more than a millisecond later.
            let (mine, theirs) = (span.to_us - span.from_us, other.to_us - other.from_us);
            if other.from_us <= span.from_us && span.to_us <= other.to_us + SLACK_US && mine < theirs {
                calls.push((other.route.clone(), route.clone()));
            } else if span.from_us <= other.from_us && other.to_us <= span.to_us + SLACK_US && theirs < mine {
                calls.push((route.clone(), other.route.clone()));
            }
        }
        if known.len() < SPANS {
            known.push(span);
        }
        if self.order.len() > TRACES
            && let Some(oldest) = self.order.pop_front()
        {
            self.recent.remove(&oldest);
        }
        Some(calls)
    }
}

/// The trace that a request names: `00-<32 hex digits>-<16>-<2>`, of which zeros alone are none.
fn trace_of(exchange: &Exchange) -> Option<u128> {
    let text = exchange.request.headers.get("traceparent")?.to_str().ok()?;
    let mut parts = text.split('-');
    let (version, trace, parent) = (parts.next()?, parts.next()?, parts.next()?);
    let hex =
        |text: &str, len| text.len() == len && text.bytes().all(|b| b.is_ascii_digit() || (b'a'..=b'f').contains(&b));
    if !hex(version, 2) || version == "ff" || !hex(trace, 32) || !hex(parent, 16) {
        return None;
    }
    u128::from_str_radix(trace, 16).ok().filter(|trace| *trace != 0)
}
