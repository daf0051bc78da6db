//! What asking again says of a mismatch: a mark for each of its signatures, and one for the exchange. Pure: the answers of
//! both sides, then and later, under the same rules.
//!
//! **Whoever says less counts.** A mark that takes a mismatch back (`race`, `primary_unstable`) needs a look that shows it;
//! what no look shows leaves the mismatch as it was, and what is critical is never taken back.

use super::Mark;
use super::noise::may_be_noise;
use super::pairs::is_pinned;
use crate::compare::{Difference, Kind, Place, Severity, general_pointer};
use crate::exchange::{Answer, Outcome};
use crate::judge::{Judgement, SignatureId, Verdict, general_path, signature};
use std::sync::Arc;

/// A part of an answer, with indices and id-like names as `*`.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Spot {
    place: Place,
    path: String,
}

impl Spot {
    fn of(difference: &Difference) -> Spot {
        Spot { place: difference.place, path: general_path(difference) }
    }
    /// True where what is at the one may be what is at the other: the same place, or one within the other.
    fn touches(&self, other: &Spot) -> bool {
        match (self.place, other.place) {
            (Place::Body, Place::Body) => within(&self.path, &other.path) || within(&other.path, &self.path),
            (mine, theirs) => mine == theirs && self.path == other.path,
        }
    }
}

fn within(inner: &str, outer: &str) -> bool {
    inner.strip_prefix(outer).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

/// True for what keeps headers and bodies from being compared at all.
fn hides_the_rest(difference: &Difference) -> bool {
    difference.place == Place::Status || difference.kind == Kind::Failure
}

/// One signature of the mismatch.
#[derive(Clone, Debug)]
struct Subject {
    id: SignatureId,
    /// Where it is; a second one where the candidate has the place elsewhere.
    spots: Vec<Spot>,
    /// The primary may be what changes there.
    may_be_the_primarys: bool,
    critical: bool,
}

/// What a look shows where a signature was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Still {
    /// The same signature.
    Same,
    /// Another difference there, or the place was not reached.
    Other,
    /// The sides agree there.
    Gone,
}

/// What a look shows of one signature.
#[derive(Clone, Copy, Debug)]
struct Shown {
    still: Still,
    primary_moved: bool,
    /// The primary differs from its own first answer in this very signature.
    primary_alike: bool,
    candidate_moved: bool,
}

/// How a side's later answer differs from its first.
#[derive(Clone, Debug, Default)]
pub struct Change {
    /// In status, or in that there is an answer at all.
    whole: bool,
    under_rules: Vec<(SignatureId, Spot)>,
    as_sent: Vec<Spot>,
}

impl Change {
    /// Holds a side's later answer against its first; `judge` judges the first in the primary's place and the later one in
    /// the candidate's, under the route's rules or under none.
    ///
    /// Only what differs both ways counts as a change: what a rule hides is no change, and a rule that acts on one side alone
    /// makes two equal answers of that side look different.
    pub fn between(
        route: &str,
        first: &Answer,
        later: &Answer,
        judge: impl Fn(&Answer, &Answer, bool) -> Judgement,
    ) -> Change {
        let status = |answer: &Answer| answer.outcome.response().map(|response| response.status);
        let whole = match (&first.outcome, &later.outcome) {
            (Outcome::Failed(first), Outcome::Failed(later)) => first.kind != later.kind,
            _ => status(first) != status(later),
        };
        if whole || status(first).is_none() {
            return Change { whole, ..Change::default() };
        }
        let under_rules = judge(first, later, true);
        if under_rules.differences.is_empty() {
            return Change::default();
        }
        let named = |difference: &Difference| (signature(route, difference), Spot::of(difference));
        Change {
            whole,
            under_rules: under_rules.differences.iter().map(named).collect(),
            as_sent: judge(first, later, false).differences.iter().map(Spot::of).collect(),
        }
    }
    fn at(&self, subject: &Subject) -> bool {
        let touches = |spot: &Spot| subject.spots.iter().any(|mine| mine.touches(spot));
        self.whole || self.under_rules.iter().any(|(_, spot)| touches(spot)) && self.as_sent.iter().any(touches)
    }
}

/// A mismatch that is asked again.
#[derive(Clone, Debug)]
pub struct Confirming {
    route: Arc<str>,
    subjects: Vec<Subject>,
    /// In order: after how many milliseconds, and what each signature showed.
    looks: Vec<(u64, Vec<Shown>)>,
}

/// What has been found of one signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Marked {
    /// Which.
    pub id: SignatureId,
    /// `None` where it stays as it was.
    pub mark: Option<Mark>,
    /// After how many milliseconds the sides agreed, and did so from then on.
    pub agreed_after_ms: Option<u64>,
}

impl Confirming {
    /// Of a mismatch all of whose differences are told, with the signature of each; `None` of any other judgement.
    pub fn of(route: &Arc<str>, judgement: &Judgement, ids: &[SignatureId]) -> Option<Confirming> {
        let told = judgement.differences_total == judgement.differences.len() as u64;
        if judgement.verdict != Verdict::Mismatch || !told || ids.len() != judgement.differences.len() {
            return None;
        }
        let mut subjects: Vec<Subject> = Vec::new();
        for (difference, id) in judgement.differences.iter().zip(ids) {
            let subject = match subjects.iter_mut().position(|subject| subject.id == *id) {
                Some(at) => &mut subjects[at],
                None => {
                    subjects.push(Subject { id: *id, spots: Vec::new(), may_be_the_primarys: true, critical: false });
                    let last = subjects.len() - 1;
                    &mut subjects[last]
                }
            };
            let beside = difference.beside.as_deref().filter(|_| difference.place == Place::Body);
            let beside = beside.map(|pointer| Spot { place: Place::Body, path: general_pointer(pointer) });
            for spot in [Some(Spot::of(difference)), beside].into_iter().flatten() {
                if !subject.spots.contains(&spot) {
                    subject.spots.push(spot);
                }
            }
            subject.critical |= difference.severity == Severity::Critical;
            subject.may_be_the_primarys &=
                may_be_noise(difference.kind) && !is_pinned(difference.severity, difference.detail.as_deref());
        }
        Some(Confirming { route: route.clone(), subjects, looks: Vec::new() })
    }

    /// Adds what both sides answered after so many milliseconds: how they were judged, and how each has changed. False where
    /// that says nothing, since the candidate was not tested or the answers were not compared.
    pub fn look(&mut self, after_ms: u64, again: &Judgement, primary: &Change, candidate: &Change) -> bool {
        if !matches!(again.verdict, Verdict::Match | Verdict::Normalised | Verdict::Mismatch) {
            return false;
        }
        let ids: Vec<SignatureId> = again.differences.iter().map(|one| signature(&self.route, one)).collect();
        let told = again.differences_total == again.differences.len() as u64;
        let shown = |subject: &Subject| {
            let is_hit =
                |one: &Difference| hides_the_rest(one) || subject.spots.iter().any(|spot| spot.touches(&Spot::of(one)));
            let still = match ids.contains(&subject.id) {
                true => Still::Same,
                false if !told || again.differences.iter().any(is_hit) => Still::Other,
                false => Still::Gone,
            };
            Shown {
                still,
                primary_moved: primary.at(subject),
                primary_alike: primary.at(subject) && primary.under_rules.iter().any(|(id, _)| *id == subject.id),
                candidate_moved: candidate.at(subject),
            }
        };
        let shown = self.subjects.iter().map(shown).collect();
        self.looks.push((after_ms, shown));
        true
    }

    /// Looks that showed something.
    pub fn looks(&self) -> usize {
        self.looks.len()
    }

    /// What has been found of each signature.
    pub fn signatures(&self) -> Vec<Marked> {
        let of = |(at, subject): (usize, &Subject)| {
            let looks: Vec<Shown> = self.looks.iter().filter_map(|(_, shown)| shown.get(at).copied()).collect();
            let agreed = looks.iter().rposition(|look| look.still != Still::Gone).map_or(0, |last| last + 1);
            let agreed_after_ms = self.looks.get(agreed).map(|(after_ms, _)| *after_ms);
            Marked { id: subject.id, mark: mark(subject, &looks), agreed_after_ms }
        };
        self.subjects.iter().enumerate().map(of).collect()
    }

    /// The mark of the exchange: it counts while one of its signatures does. `None` where it stays as it was.
    pub fn exchange(&self) -> Option<Mark> {
        let marks: Vec<Option<Mark>> = self.signatures().into_iter().map(|marked| marked.mark).collect();
        let has = |mark| marks.contains(&mark);
        let order = [Some(Mark::Persistent), Some(Mark::CandidateUnstable), None, Some(Mark::PrimaryUnstable)];
        order.into_iter().find(|mark| has(*mark)).unwrap_or(Some(Mark::Race)).filter(|_| !self.looks.is_empty())
    }
}

/// The mark of one signature by what the looks show, in order.
fn mark(subject: &Subject, looks: &[Shown]) -> Option<Mark> {
    let last = looks.last()?;
    let first_agreed = looks.iter().position(|look| look.still == Still::Gone);
    let mark = match first_agreed {
        Some(first) if looks.iter().skip(first).all(|look| look.still == Still::Gone) => agreed(looks, first),
        Some(_) => flipped(subject, looks, last.still),
        None => differs(subject, looks),
    };
    mark.filter(|mark| mark.counts() || !subject.critical)
}

/// They agree from this look on.
fn agreed(looks: &[Shown], first: usize) -> Option<Mark> {
    let primary_moved = looks.get(first).is_some_and(|look| look.primary_moved);
    let lagged = first > 0 && looks.iter().take(first).all(|look| look.still == Still::Same);
    // The candidate alone has changed, and at once: nothing tells a copy that is behind by less than the first delay from
    // one replica of ten, and the second must not be taken back.
    Some(if primary_moved || lagged { Mark::Race } else { Mark::CandidateUnstable })
}

/// They agreed, and then they did not.
fn flipped(subject: &Subject, looks: &[Shown], last: Still) -> Option<Mark> {
    let primary_moved = looks.iter().any(|look| look.primary_moved);
    let candidate_moved = looks.iter().any(|look| look.candidate_moved);
    match (primary_moved, candidate_moved) {
        (false, _) => Some(Mark::CandidateUnstable),
        (true, false) if subject.may_be_the_primarys => Some(Mark::PrimaryUnstable),
        _ => (last == Still::Same).then_some(Mark::Persistent),
    }
}

/// They never agreed.
fn differs(subject: &Subject, looks: &[Shown]) -> Option<Mark> {
    let same = |look: &&Shown| look.still == Still::Same;
    if looks.iter().any(|look| same(&look)) {
        let primarys = subject.may_be_the_primarys && looks.iter().all(|look| same(&look) && look.primary_alike);
        return Some(if primarys { Mark::PrimaryUnstable } else { Mark::Persistent });
    }
    let candidates = looks.iter().any(|look| look.candidate_moved) && !looks.iter().any(|look| look.primary_moved);
    candidates.then_some(Mark::CandidateUnstable)
}

#[cfg(test)]
mod tests;
