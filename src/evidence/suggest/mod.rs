//! Proposes rules from the shapes of values that differ, and is slow to: a rule that hides a fault costs more than a list of
//! noise. What looks alike is told apart by what the monolith itself does: it gives another value when it is asked for the
//! same again, or it does not.
//!
//! A proposal comes of several exchanges that agree, it is tried on everything that is kept of its route before it is shown,
//! and nothing else may change under it. Never proposed is what would hide a type, a status, a missing member or who may see
//! what.

mod ids;
mod links;
mod pair;
mod place;
mod time;
mod words;

use super::preview::{FateWord, Preview, Previewing};
use super::{Exemplar, Sample, SignatureFacts};
use crate::compare::{Kind, Place, Severity};
use crate::exchange::ExchangeId;
use crate::judge::{Context, SignatureId};
use crate::rules::{RuleKind, RuleSet, RuleSpec};
use pair::{Pair, Pairs};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Exchanges that have to agree.
const AGREE: usize = 3;

/// A signature with what is kept of it.
#[derive(Clone, Debug)]
pub struct Known {
    /// Which.
    pub id: SignatureId,
    /// What it is.
    pub facts: SignatureFacts,
    /// Exchanges in which it was seen.
    pub count: u64,
    /// Those that are kept.
    pub exemplars: Vec<Exemplar>,
}

/// A rule that would make a signature vanish, and nothing else.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Proposal {
    /// The rule, for the signature's route.
    pub rule: RuleSpec,
    /// What was seen that speaks for it.
    pub why: String,
    /// The exchanges in which it was seen.
    pub seen_on: Vec<ExchangeId>,
    /// Other signatures at the same place that it would make vanish or shrink too.
    pub beside: Vec<SignatureId>,
}

/// Why there is no proposal.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// It is about who may see what.
    Authorisation,
    /// It is a status.
    Status,
    /// The candidate gave no whole answer.
    Failure,
    /// The type of a value differs.
    Type,
    /// Something is missing.
    Missing,
    /// Something is there in addition: whether that was agreed on, a person knows.
    Added,
    /// A header field: what is compared of these is said by `[compare]`.
    Header,
    /// A body that is no tree.
    Body,
    /// Fewer exchanges are kept than have to agree.
    TooFew,
    /// What is stored is not enough to try a rule on.
    Undecidable,
    /// The values say nothing that a rule could be made of.
    NoShape,
    /// A rule was found, but under it something else would change.
    Reaches,
    /// The present rules make it vanish already.
    Settled,
}

crate::compare::words!(Refusal {
    Authorisation = "authorisation", Status = "status", Failure = "failure", Type = "type", Missing = "missing",
    Added = "added", Header = "header", Body = "body", TooFew = "too_few", Undecidable = "undecidable",
    NoShape = "no_shape", Reaches = "reaches", Settled = "settled",
});

/// What was asked and answered for one signature.
pub type Suggested = (SignatureId, Result<Proposal, Refusal>);

/// All that is kept of one route, and the rules that hold there.
pub struct OnRoute<'a> {
    /// General rules and the route's own.
    pub rules: &'a [RuleSpec],
    /// What judging depends on beside rules.
    pub context: &'a Context,
    /// Every signature of the route.
    pub signatures: &'a [Known],
    /// What rules made equal there.
    pub samples: &'a [Sample],
}

impl OnRoute<'_> {
    /// Says for each signature which rule would make it vanish, or why none is proposed.
    pub fn suggest(&self) -> Vec<Suggested> {
        let now = self.preview(self.rules);
        self.signatures.iter().map(|known| (known.id, self.one(known, now.as_ref()))).collect()
    }

    fn one(&self, known: &Known, now: Option<&Preview>) -> Result<Proposal, Refusal> {
        refused(known)?;
        let now = now.ok_or(Refusal::Undecidable)?;
        match word(now, known.id) {
            FateWord::Undecidable => return Err(Refusal::Undecidable),
            FateWord::Vanishes => return Err(Refusal::Settled),
            FateWord::Shrinks | FateWord::Stays => {}
        }
        let pairs = Pairs::at(known, self.signatures, self.samples)?;
        let path = place::selector(&known.facts.path).ok_or(Refusal::NoShape)?;
        let mut refusal = Refusal::NoShape;
        for (kind, why) in found(&pairs) {
            let rule = RuleSpec {
                name: self.name(kind.word(), &path).into(),
                path: Some(path.clone()),
                kind,
                reason: Some(why.clone()),
                until_day: None,
                of_route: true,
            };
            match self.tried(known, &rule, now) {
                Ok(beside) => return Ok(Proposal { rule, why, seen_on: pairs.exchanges(), beside }),
                Err(other) => refusal = other,
            }
        }
        Err(refusal)
    }

    /// A name that no rule has yet.
    fn name(&self, word: &str, path: &str) -> String {
        let plain = format!("{word} at {path}");
        let taken = |name: &str| self.rules.iter().any(|rule| *rule.name == *name);
        let numbered = (2..).map(|n| format!("{plain} ({n})"));
        std::iter::once(plain.clone()).chain(numbered).find(|name| !taken(name)).unwrap_or(plain)
    }

    /// Everything that is kept, judged under these rules; `None` where they do not compile.
    fn preview(&self, rules: &[RuleSpec]) -> Option<Preview> {
        let set = Arc::new(RuleSet::compile(rules).ok()?);
        let rules = |_: &str| set.clone();
        let mut previewing = Previewing::new(&rules, self.context);
        self.signatures.iter().for_each(|known| previewing.signature(known.id, known.count, &known.exemplars));
        self.samples.iter().for_each(|sample| previewing.sample(&sample.key, &sample.exemplars));
        Some(previewing.end())
    }

    /// Under the rules with this one the signature is gone from all its exemplars and nothing else has changed, but for other
    /// values at the same place; gives those.
    fn tried(&self, known: &Known, rule: &RuleSpec, now: &Preview) -> Result<Vec<SignatureId>, Refusal> {
        let rules: Vec<RuleSpec> = self.rules.iter().cloned().chain([rule.clone()]).collect();
        let then = self.preview(&rules).ok_or(Refusal::Reaches)?;
        if word(&then, known.id) != FateWord::Vanishes {
            return Err(if word(&then, known.id) == FateWord::Undecidable {
                Refusal::Undecidable
            } else {
                Refusal::NoShape
            });
        }
        if then.appearing.keys().any(|id| !now.appearing.contains_key(id)) {
            return Err(Refusal::Reaches);
        }
        let mut beside = Vec::new();
        for ((one, before), after) in self.signatures.iter().zip(&now.signatures).zip(&then.signatures) {
            if one.id == known.id || before == after {
                continue;
            }
            let same_place = (one.facts.place, &one.facts.path) == (known.facts.place, &known.facts.path);
            if !same_place || refused(one).is_err() {
                return Err(Refusal::Reaches);
            }
            beside.push(one.id);
        }
        Ok(beside)
    }
}

fn word(preview: &Preview, id: SignatureId) -> FateWord {
    preview.signatures.iter().find(|fate| fate.id == id).map_or(FateWord::Undecidable, |fate| fate.word())
}

/// What no rule may hide, whatever its values look like.
fn refused(known: &Known) -> Result<(), Refusal> {
    let facts = &known.facts;
    let critical = |exemplar: &Exemplar| exemplar.differences.iter().any(|d| d.severity == Severity::Critical);
    if facts.severity == Severity::Critical || known.exemplars.iter().any(critical) {
        return Err(Refusal::Authorisation);
    }
    match (facts.place, facts.kind) {
        (Place::Status, _) | (_, Kind::Status) => Err(Refusal::Status),
        (Place::Header, _) | (_, Kind::Header) => Err(Refusal::Header),
        (_, Kind::Failure) => Err(Refusal::Failure),
        (_, Kind::Type) => Err(Refusal::Type),
        (_, Kind::Body) => Err(Refusal::Body),
        // No member for a null one may be a serialiser's habit; the other way round it is not the candidate's to add.
        (_, Kind::Missing) if facts.detail.is_none() => Ok(()),
        (_, Kind::Missing) => Err(Refusal::Missing),
        (_, Kind::Added) => Err(Refusal::Added),
        (Place::Body, Kind::Value | Kind::Order) => Ok(()),
    }
}

/// What the values of a place speak for, and why.
type Look = fn(&Pairs<'_>) -> Option<(RuleKind, String)>;

/// Rules that the values speak for, the tightest first.
fn found(pairs: &Pairs<'_>) -> Vec<(RuleKind, String)> {
    match pairs.kind {
        Kind::Missing => place::absent(pairs).into_iter().collect(),
        Kind::Order => place::unordered(pairs).into_iter().collect(),
        _ => {
            let looks: [Look; 5] = [words::text, time::time, links::link, words::number, ids::id];
            looks.iter().filter_map(|look| look(pairs)).collect()
        }
    }
}

/// How often each value occurs.
fn tally<'t>(texts: impl Iterator<Item = &'t str>) -> BTreeMap<&'t str, usize> {
    let mut tally = BTreeMap::new();
    texts.for_each(|text| *tally.entry(text).or_default() += 1);
    tally
}
