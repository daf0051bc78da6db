//! Beside judging: which declared branches an answer took, and, of a sample, what there was to see.

use super::{Fold, Versions};
use crate::evidence::CoverageDelta;
use crate::evidence::traces::Traces;
use crate::exchange::{Exchange, Route};
use crate::judge::{Branch, Context, taken, with_document};
use crate::redact::Redactor;
use crate::rules::RuleSet;
use foldhash::fast::FixedState;
use std::collections::{BTreeMap, HashMap};
use xxhash_rust::xxh3::xxh3_64;

/// Of each route so many exchanges are looked at when it is new.
const AT_FIRST: u32 = 256;
/// And one of so many after that: answers that are equal byte for byte are not read otherwise.
const ONE_IN: u64 = 1_024;
/// Routes of which it is known that they are no longer new.
const ROUTES: usize = 4_096;

/// How an exchange is looked at.
#[derive(Clone, Copy)]
pub struct Look<'a> {
    /// The route's declared branches.
    pub branches: &'a [Branch],
    /// The route's rules: they say how a body is read.
    pub rules: &'a RuleSet,
    /// What it was judged under.
    pub context: &'a Context,
    /// Whether somebody wants to know who calls whom.
    pub calls: bool,
}

/// What was seen since the last batch, and which routes are new.
#[derive(Default)]
pub(super) struct Looked {
    coverage: BTreeMap<String, CoverageDelta>,
    looked_at: HashMap<u64, u32, FixedState>,
    traces: Traces,
}

impl Looked {
    pub(super) fn len(&self) -> usize {
        self.coverage.len()
    }
    pub(super) fn take(&mut self) -> BTreeMap<String, CoverageDelta> {
        std::mem::take(&mut self.coverage)
    }
    fn of(&mut self, route: &str) -> &mut CoverageDelta {
        self.coverage.entry(route.to_owned()).or_default()
    }
    /// True for an exchange that is of the sample. Which ones are does not depend on what they hold.
    fn samples(&mut self, route: &Route, exchange: u128) -> bool {
        let known = self.looked_at.len();
        match self.looked_at.get_mut(&xxh3_64(route.name.as_bytes())) {
            Some(n) if *n < AT_FIRST => {
                *n += 1;
                true
            }
            None if known < ROUTES => {
                self.looked_at.insert(xxh3_64(route.name.as_bytes()), 1);
                true
            }
            _ => super::exemplar_rank(crate::exchange::ExchangeId(exchange)).is_multiple_of(ONE_IN),
        }
    }
}

impl Fold {
    /// Looks at an exchange that was just added and gave this name.
    pub fn look(
        &mut self,
        exchange: &Exchange,
        name: Option<u64>,
        versions: Versions<'_>,
        redactor: &Redactor,
        look: Look<'_>,
    ) {
        if look.calls {
            self.note_calls(exchange);
        }
        let (Some(name), Some(answer)) = (name, exchange.primary.outcome.response()) else { return };
        if !look.branches.is_empty() {
            let took = taken(look.branches, answer, look.rules, look.context);
            if !took.is_empty() {
                let cell = self.cell(exchange, look.rules.hash(), versions);
                for branch in took.into_iter().filter_map(|at| look.branches.get(at)) {
                    cell.delta.branches.entry(branch.name.to_string()).or_default().insert(name);
                }
            }
        }
        if self.looked.samples(&exchange.route, exchange.id.0) {
            let coverage = self.looked.of(&exchange.route.name);
            with_document(answer, look.rules, look.context, |document| {
                coverage.look(exchange, document, |text| redactor.text(text));
            });
        }
    }
    fn note_calls(&mut self, exchange: &Exchange) {
        let Some(calls) = self.looked.traces.add(exchange) else { return };
        self.looked.of(&exchange.route.name).traced += 1;
        for (caller, callee) in calls {
            self.looked.of(&caller).call(&callee);
        }
    }
}
