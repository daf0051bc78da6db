//! What other rules would make of the evidence: stored exchanges are judged again, each once, and counted by signature.
//!
//! Exemplars are a sample of the exchanges that differ; samples stand for those that rules made equal. What is equal without
//! any rule is not kept, so a rule that tells more apart than before may show nothing here.

use super::rejudge::{Fate, Rejudged, rejudge};
use super::{Exemplar, SampleKey, SignatureFacts, Undecidable};
use crate::exchange::ExchangeId;
use crate::judge::{Context, SignatureId};
use crate::rules::RuleSet;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// What would become of a signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FateWord {
    /// None of its exemplars would have it.
    Vanishes,
    /// Some would not.
    Shrinks,
    /// All that can be judged would.
    Stays,
    /// None can be judged.
    Undecidable,
}

/// What would become of a signature, by its exemplars.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SignatureFate {
    /// Which.
    pub id: SignatureId,
    /// Exchanges in which it was seen.
    pub count: u64,
    /// Exemplars that no longer have it.
    pub gone: u64,
    /// Exemplars that still have it.
    pub stays: u64,
    /// Those of which it cannot be told, by reason.
    pub unknown: BTreeMap<Undecidable, u64>,
}

impl SignatureFate {
    /// Exemplars in all.
    pub fn exemplars(&self) -> u64 {
        self.gone + self.stays + self.unknown.values().sum::<u64>()
    }
    /// In one word.
    pub fn word(&self) -> FateWord {
        match (self.gone, self.stays, self.unknown.is_empty()) {
            (0, 0, _) => FateWord::Undecidable,
            (_, 0, true) => FateWord::Vanishes,
            (0, ..) => FateWord::Stays,
            _ => FateWord::Shrinks,
        }
    }
}

/// A signature that some stored exchange would have and did not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Appearing {
    /// What it would be.
    pub facts: SignatureFacts,
    /// Stored exchanges that would have it.
    pub exchanges: u64,
    /// Of these, those that were equal: by the rule that they were kept for.
    pub of_rule: BTreeMap<String, u64>,
}

/// What would become of the exchanges that a rule made equal.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SampleFate {
    /// The route and the rule.
    pub key: SampleKey,
    /// Exchanges kept.
    pub kept: u64,
    /// Of these, those that would differ.
    pub differ: u64,
    /// Of these, those of which it cannot be told.
    pub unknown: u64,
}

/// Everything that other rules would change.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Preview {
    /// By signature, as given.
    pub signatures: Vec<SignatureFate>,
    /// What is new to the exchanges that have it.
    pub appearing: BTreeMap<SignatureId, Appearing>,
    /// By route and rule.
    pub samples: Vec<SampleFate>,
    /// Stored exchanges that were judged again, each once.
    pub exchanges: u64,
    /// Of these, those that differed and would be equal.
    pub become_equal: u64,
    /// Of these, those that were equal and would differ.
    pub become_different: u64,
    /// Of these, those about which something cannot be told, by the first reason.
    pub undecidable: BTreeMap<Undecidable, u64>,
}

/// A preview under way.
pub struct Previewing<'a> {
    rules: &'a dyn Fn(&str) -> Arc<RuleSet>,
    context: &'a Context,
    seen: HashMap<ExchangeId, Rejudged>,
    preview: Preview,
}

impl<'a> Previewing<'a> {
    /// Under the rules that `rules` has for a route.
    pub fn new(rules: &'a dyn Fn(&str) -> Arc<RuleSet>, context: &'a Context) -> Previewing<'a> {
        Previewing { rules, context, seen: HashMap::new(), preview: Preview::default() }
    }
    /// Adds a signature with its exemplars.
    pub fn signature(&mut self, id: SignatureId, count: u64, exemplars: &[Exemplar]) {
        let mut fate = SignatureFate { id, count, gone: 0, stays: 0, unknown: BTreeMap::new() };
        for exemplar in exemplars {
            match self.of(exemplar, None).fates.get(&id) {
                Some(Fate::Gone) => fate.gone += 1,
                Some(Fate::Stays) => fate.stays += 1,
                Some(Fate::Unknown(reason)) => *fate.unknown.entry(*reason).or_default() += 1,
                // of more differences than are stored, those of this signature may be among the rest
                None => *fate.unknown.entry(Undecidable::TooMany).or_default() += 1,
            }
        }
        self.preview.signatures.push(fate);
    }
    /// Adds exchanges that a rule made equal.
    pub fn sample(&mut self, key: &SampleKey, exemplars: &[Exemplar]) {
        let mut fate = SampleFate { key: key.clone(), kept: 0, differ: 0, unknown: 0 };
        for exemplar in exemplars {
            let again = self.of(exemplar, Some(&key.rule));
            fate.kept += 1;
            fate.differ += u64::from(again.differs());
            fate.unknown += u64::from(!again.differs() && again.unknown.is_some());
        }
        self.preview.samples.push(fate);
    }
    /// What came of it.
    pub fn end(self) -> Preview {
        self.preview
    }

    fn of(&mut self, exemplar: &Exemplar, sample: Option<&str>) -> &Rejudged {
        let preview = &mut self.preview;
        let (rules, context) = (self.rules, self.context);
        let again = self.seen.entry(exemplar.exchange).or_insert_with(|| {
            let again = rejudge(exemplar, &rules(&exemplar.route), context);
            preview.exchanges += 1;
            match sample {
                None => preview.become_equal += u64::from(again.is_equal()),
                Some(_) => preview.become_different += u64::from(again.differs()),
            }
            if let Some(reason) = again.unknown {
                *preview.undecidable.entry(reason).or_default() += 1;
            }
            for (id, facts) in &again.appearing {
                let fresh = || Appearing { facts: facts.clone(), exchanges: 0, of_rule: BTreeMap::new() };
                let appearing = preview.appearing.entry(*id).or_insert_with(fresh);
                appearing.exchanges += 1;
                appearing.facts.severity = appearing.facts.severity.max(facts.severity);
            }
            again
        });
        if let Some(rule) = sample {
            for id in again.appearing.keys() {
                let appearing = preview.appearing.get_mut(id);
                appearing.into_iter().for_each(|one| *one.of_rule.entry(rule.to_owned()).or_default() += 1);
            }
        }
        again
    }
}
