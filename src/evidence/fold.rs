//! Folds judged exchanges into the next batch, one at a time. A match costs a few look-ups and no string.

mod broken;
mod kept;
mod look;
mod marks;
mod names;
mod sampled;
#[cfg(test)]
mod tests;

pub use look::Look;
pub use marks::Marking;
pub use names::request_key;

use super::build::{self, Building};
use super::ids::{Bounds, Ids};
use super::pairs::Pairs;
use super::{
    CellDelta, CellKey, Counts, EvidenceBatch, Found, Mark, SessionName, SignatureDelta, SignatureFacts, Source,
    StoreBodies, StoredRequest, exemplar_rank,
};
use crate::compare::Difference;
use crate::exchange::Exchange;
use crate::judge::{COMPARATOR_VERSION, Judgement, SignatureId, Verdict};
use crate::redact::Redactor;
use foldhash::fast::FixedState;
use kept::Kept;
use names::{Namer, builds, cell_hash, pair_key, short};
use smallvec::SmallVec;
use std::collections::{BTreeMap, BTreeSet, HashMap};

/// The builds that answered, as the sides tell them: primary, candidate.
pub type Versions<'a> = (Option<&'a str>, Option<&'a str>);

/// Signatures that one fold knows; more are counted in [`Fold::overflow`].
const SIGNATURES: usize = 10_000;
/// Cells between two batches; past it builds are pooled as [`POOLED`].
const CELLS: usize = 4_096;
/// Signatures that one exchange may be kept for as an exemplar.
const EXEMPLARS_OF_ONE: usize = 8;
/// The build where there are too many to tell apart.
const POOLED: &str = "(other)";
const VERDICTS: [&str; 5] = ["match", "normalised", "mismatch", "inconclusive", "vacuous"];

/// What is known of the session of an exchange.
#[derive(Clone, Copy, Debug, Default)]
pub struct Session<'a> {
    /// Which, where ids map one to one over it.
    pub name: Option<SessionName>,
    /// Its last requests, oldest first, as stored.
    pub requests: &'a [StoredRequest],
}

/// How an exchange was counted.
#[derive(Clone, Debug)]
pub struct Added {
    /// The name under which its request is distinct; none where the judgement is evidence of no request.
    pub request: Option<u64>,
    /// The signature of each difference, of a mismatch.
    pub signatures: Vec<SignatureId>,
}

/// A cell while it grows; strings are made when the batch is closed.
struct Growing {
    key: CellKey,
    verdicts: [u64; 5],
    delta: CellDelta,
}

/// How differences are named; the judge's own functions outside tests.
#[derive(Clone, Copy)]
pub(super) struct Naming {
    pub(super) signature: fn(&str, &Difference) -> SignatureId,
    pub(super) general_path: fn(&Difference) -> String,
}

/// The evidence since the last batch, and what must be remembered over batches: which exemplars each signature has.
pub struct Fold {
    keep: usize,
    namer: Namer,
    naming: Naming,
    cells: Vec<Growing>,
    /// From a hash of a cell's key to its places in `cells`.
    places: HashMap<u64, SmallVec<[u32; 1]>, FixedState>,
    signatures: BTreeMap<SignatureId, SignatureDelta>,
    /// For each signature ever seen.
    ranks: HashMap<SignatureId, Kept>,
    exemplars: Vec<(SignatureId, super::Exemplar)>,
    ids: Ids,
    overflow: u64,
    /// Where there is a secondary.
    pairs: Option<Pairs>,
    looked: look::Looked,
    marks: marks::Marks,
    sampled: sampled::Sampled,
}

impl Fold {
    /// A fold that keeps so many exemplars of each signature, at most [`EvidenceBatch::EXEMPLARS`].
    pub fn new(exemplars: usize) -> Fold {
        Fold::with_naming(
            exemplars,
            Naming { signature: crate::judge::signature, general_path: crate::judge::general_path },
        )
    }

    pub(super) fn with_naming(exemplars: usize, naming: Naming) -> Fold {
        Fold {
            keep: exemplars.min(EvidenceBatch::EXEMPLARS),
            namer: Namer::new([0; 32]),
            naming,
            cells: Vec::new(),
            places: HashMap::default(),
            signatures: BTreeMap::new(),
            ranks: HashMap::new(),
            exemplars: Vec::new(),
            ids: Ids::new(Bounds::default()),
            overflow: 0,
            pairs: None,
            looked: look::Looked::default(),
            marks: marks::Marks::default(),
            sampled: sampled::Sampled::default(),
        }
    }

    /// Names requests under this key, as [`request_key`] makes it. Folds agree on what is distinct where their keys do:
    /// give the tees of one store one key. Without it the key is zero, and a guessed URL can be tested against a cell.
    #[must_use]
    pub fn with_request_key(mut self, key: [u8; 32]) -> Fold {
        self.namer = Namer::new(key);
        self
    }

    /// Whether there is a secondary: then what may be noise is counted. Where there is one no longer, what was not taken yet
    /// goes.
    pub fn count_pairs(&mut self, wanted: bool) {
        self.pairs = wanted.then(|| self.pairs.take().unwrap_or_default());
    }

    /// Signatures (once an exchange) that were not recorded since there are too many; the exchanges themselves are counted
    /// in the ledger and their cell all the same.
    pub fn overflow(&self) -> u64 {
        self.overflow
    }

    /// True when nothing was added since the last batch.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty() && self.pairs.as_ref().is_none_or(|pairs| pairs.len() == 0) && self.marks.len() == 0
    }

    /// About how many store operations the next batch takes.
    pub fn operations(&self) -> usize {
        let pairs = self.pairs.as_ref().map_or(0, Pairs::len);
        1 + self.cells.len()
            + self.signatures.len()
            + pairs
            + self.marks.len()
            + (self.exemplars.len() + self.sampled.len()) * 4
            + self.looked.len()
    }

    /// Adds one judged exchange. Its claims about ids are held against earlier ones: what breaks a map is a signature of its
    /// own, and the judgement, its verdict and its cell stay as they are.
    #[allow(
        clippy::too_many_arguments,
        reason = "each is a fact of its own; a struct would be built once and taken apart"
    )]
    pub fn add(
        &mut self,
        exchange: &Exchange,
        judgement: &Judgement,
        rule_set: u64,
        versions: Versions<'_>,
        redactor: &Redactor,
        store: StoreBodies,
        session: Session<'_>,
    ) -> Added {
        let name = names_a_request(judgement.verdict).then(|| self.namer.name(exchange));
        count(self.cell(exchange, rule_set, versions), name, exchange, judgement);
        let mut entering = SmallVec::new();
        let broken = self.count_broken(exchange, judgement, session.name, versions, redactor, &mut entering);
        if store == StoreBodies::Full && sampled::is_of_rules(judgement) {
            let (ids, broken, session) = (&[][..], &[][..], session.requests);
            let building = Building { exchange, judgement, ids, broken, rule_set, versions, redactor, store, session };
            self.sampled.offer(&building, self.keep);
        }
        if judgement.verdict != Verdict::Mismatch && broken.is_empty() {
            return Added { request: name, signatures: Vec::new() };
        }
        let ids: Vec<SignatureId> =
            judgement.differences.iter().map(|d| (self.naming.signature)(&exchange.route.name, d)).collect();
        let mix = self.mix(judgement, &ids);
        if let Some(name) = name.filter(|_| judgement.verdict == Verdict::Mismatch) {
            self.cell(exchange, rule_set, versions).delta.count_mismatch(name, mix.as_deref());
        }
        if let (Some(pairs), Some(mix)) = (&mut self.pairs, mix) {
            pairs.count_mix(pair_key(exchange, versions), exchange.received_at_ms, mix);
        }
        self.count_signatures(exchange, judgement, &ids, versions, redactor, &mut entering);
        if !entering.is_empty() {
            let (ids, broken, session) = (&ids, &broken, session.requests);
            let building = Building { exchange, judgement, ids, broken, rule_set, versions, redactor, store, session };
            let exemplar = build::exemplar(&building);
            self.exemplars.extend(entering.into_iter().map(|id| (id, exemplar.clone())));
        }
        Added { request: name, signatures: ids }
    }

    /// What a judgement of this route found where noise may be; `None` where it says nothing of it.
    pub fn found(&self, route: &str, judgement: &Judgement, redactor: &Redactor) -> Option<Found> {
        let named = judgement.differences.iter().map(|difference| {
            let path = redactor.text(&(self.naming.general_path)(difference));
            ((self.naming.signature)(route, difference), path)
        });
        Found::of(judgement, named)
    }

    /// Adds a pair: what was found between the primary and the candidate, and between the primary and the secondary.
    pub fn add_pair(&mut self, exchange: &Exchange, versions: Versions<'_>, candidate: &Found, secondary: &Found) {
        if let Some(pairs) = &mut self.pairs {
            pairs.count(pair_key(exchange, versions), exchange.received_at_ms, candidate, secondary);
        }
    }

    /// Closes the batch: what was added since the last one, with the ledger's counts since then.
    pub fn take(
        &mut self,
        source: Source,
        sequence: u64,
        closed_at_ms: u64,
        received_so_far: u64,
        counts: Counts,
    ) -> EvidenceBatch {
        let mut batch = EvidenceBatch::empty(source, sequence);
        batch.closed_at_ms = closed_at_ms;
        batch.received_so_far = received_so_far;
        batch.counts = counts;
        self.places.clear();
        for mut cell in self.cells.drain(..) {
            let verdicts = VERDICTS.iter().zip(cell.verdicts).filter(|(_, n)| *n > 0);
            cell.delta.verdicts = verdicts.map(|(word, n)| ((*word).to_owned(), n)).collect();
            batch.cells.insert(cell.key, cell.delta);
        }
        batch.signatures = std::mem::take(&mut self.signatures);
        self.marks.take(&mut batch.cells, &mut batch.signatures);
        batch.exemplars = std::mem::take(&mut self.exemplars);
        batch.coverage = self.looked.take();
        (batch.samples, batch.unsampled) = self.sampled.take();
        batch.pairs = self.pairs.as_mut().map(Pairs::take).unwrap_or_default();
        batch.trim(self.keep); // an early one may have been pushed out since
        batch
    }

    /// The cell of an exchange, found without making its key.
    fn cell(&mut self, exchange: &Exchange, rule_set: u64, versions: Versions<'_>) -> &mut Growing {
        let mut builds = (short(versions.0.unwrap_or_default()), short(versions.1.unwrap_or_default()));
        let hour = u32::try_from(exchange.received_at_ms / 3_600_000).unwrap_or(u32::MAX);
        let mut found = self.find(exchange, rule_set, builds, hour);
        if found.is_none() && self.cells.len() >= CELLS {
            builds = (POOLED, POOLED);
            found = self.find(exchange, rule_set, builds, hour);
        }
        let at = found.unwrap_or_else(|| {
            let hash = cell_hash(exchange, rule_set, builds, hour);
            let key = CellKey {
                route: exchange.route.name.to_string(),
                inferred: exchange.route.inferred,
                primary_version: builds.0.to_owned(),
                candidate_version: builds.1.to_owned(),
                rule_set,
                comparator: COMPARATOR_VERSION,
                principal: exchange.principal.to_string(),
                hour,
            };
            self.places.entry(hash).or_default().push(self.cells.len() as u32);
            self.cells.push(Growing { key, verdicts: [0; 5], delta: CellDelta::default() });
            self.cells.len() - 1
        });
        &mut self.cells[at]
    }

    fn find(&self, exchange: &Exchange, rule_set: u64, builds: (&str, &str), hour: u32) -> Option<usize> {
        let places = self.places.get(&cell_hash(exchange, rule_set, builds, hour))?;
        places.iter().map(|at| *at as usize).find(|at| {
            self.cells.get(*at).is_some_and(|Growing { key, .. }| {
                *key.route == *exchange.route.name
                    && key.inferred == exchange.route.inferred
                    && *key.principal == *exchange.principal
                    && (key.primary_version.as_str(), key.candidate_version.as_str()) == builds
                    && (key.rule_set, key.hour) == (rule_set, hour)
            })
        })
    }

    /// Counts each signature once, and notes those that want the exchange as an exemplar.
    fn count_signatures(
        &mut self,
        exchange: &Exchange,
        judgement: &Judgement,
        ids: &[SignatureId],
        versions: Versions<'_>,
        redactor: &Redactor,
        entering: &mut SmallVec<[SignatureId; EXEMPLARS_OF_ONE]>,
    ) {
        let mut seen = BTreeSet::new();
        for (id, difference) in ids.iter().zip(&judgement.differences) {
            if !self.ranks.contains_key(id) && self.ranks.len() >= SIGNATURES {
                self.overflow += u64::from(seen.insert(*id));
                continue;
            }
            if !seen.insert(*id) {
                if let Some(delta) = self.signatures.get_mut(id) {
                    delta.facts.severity = delta.facts.severity.max(difference.severity);
                }
                continue;
            }
            let delta = self.signatures.entry(*id).or_insert_with(|| {
                fresh(exchange, difference, &redactor.text(&(self.naming.general_path)(difference)))
            });
            note(delta, exchange, difference, versions);
            self.enter(*id, exchange, entering);
        }
    }
}

fn fresh(exchange: &Exchange, difference: &Difference, path: &str) -> SignatureDelta {
    let facts = SignatureFacts {
        route: exchange.route.name.to_string(),
        inferred: exchange.route.inferred,
        place: difference.place,
        path: path.to_owned(),
        kind: difference.kind,
        detail: difference.detail.clone(),
        shape: difference.shape.clone(),
        severity: difference.severity,
    };
    let (first_seen_ms, last_seen_ms) = (exchange.received_at_ms, exchange.received_at_ms);
    SignatureDelta { first_seen_ms, last_seen_ms, ..SignatureDelta::none(facts) }
}

fn note(delta: &mut SignatureDelta, exchange: &Exchange, difference: &Difference, versions: Versions<'_>) {
    delta.facts.severity = delta.facts.severity.max(difference.severity);
    delta.count += 1;
    delta.marks.count(Mark::Unconfirmed);
    delta.first_seen_ms = delta.first_seen_ms.min(exchange.received_at_ms);
    delta.last_seen_ms = delta.last_seen_ms.max(exchange.received_at_ms);
    let builds = BTreeMap::from([(builds(versions), 1)]);
    SignatureDelta::add_builds(&mut delta.builds, &builds);
    if let Some(version) = versions.1.map(short)
        && !delta.candidate_versions.contains(version)
    {
        delta.candidate_versions.insert(version.to_owned());
        if delta.candidate_versions.len() > SignatureDelta::VERSIONS {
            delta.candidate_versions.pop_last();
        }
    }
}

/// True where a judgement is evidence of its request: something was compared, or differs.
fn names_a_request(verdict: Verdict) -> bool {
    matches!(verdict, Verdict::Match | Verdict::Normalised | Verdict::Mismatch)
}

fn count(cell: &mut Growing, name: Option<u64>, exchange: &Exchange, judgement: &Judgement) {
    let verdict = match judgement.verdict {
        Verdict::Match => 0,
        Verdict::Normalised => 1,
        Verdict::Mismatch => 2,
        Verdict::Inconclusive(_) => 3,
        Verdict::Vacuous(_) => 4,
    };
    cell.verdicts[verdict] += 1;
    let delta = &mut cell.delta;
    delta.last_ms = delta.last_ms.max(exchange.received_at_ms);
    if let Some(name) = name {
        delta.distinct.insert(name);
        if verdict == 2 {
            delta.marks.count(Mark::Unconfirmed);
        }
    }
    let status = |answer: &crate::exchange::Answer| answer.outcome.status().map_or(0, |status| status.as_u16());
    *delta.statuses.entry((status(&exchange.primary), status(&exchange.candidate))).or_default() += 1;
    delta.primary_us.record(exchange.primary.elapsed_us);
    // What the monolith answered in the candidate's name says nothing of the candidate's speed.
    if !matches!(judgement.verdict, Verdict::Vacuous(crate::judge::Vacuous::Proxied)) {
        delta.candidate_us.record(exchange.candidate.elapsed_us);
    }
    delta.leaves += judgement.leaves_compared;
    for used in &judgement.rules {
        match delta.rules.get_mut(&*used.name) {
            Some(sum) => {
                sum.0 += used.hits;
                sum.1 += used.hidden_leaves;
            }
            None => drop(delta.rules.insert(used.name.to_string(), (used.hits, used.hidden_leaves))),
        }
    }
}
