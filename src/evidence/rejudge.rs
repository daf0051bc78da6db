//! A stored exchange judged again, by the one judge: which of its signatures it still has under other rules, and which new
//! ones. What depends on something that was cut is told apart, never taken for equal.

use super::rebuild::{Rebuilt, Undecidable, rebuild};
use super::{Exemplar, SignatureFacts};
use crate::compare::{Difference, Kind, Place};
use crate::exchange::{Body, Exchange, Outcome};
use crate::judge::{Context, Inconclusive, Judgement, SignatureId, Verdict, general_path, judge, signature};
use crate::redact::Tokens;
use crate::rules::RuleSet;
use std::collections::{BTreeMap, BTreeSet};

/// What other rules make of one signature of one exchange.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fate {
    /// The exchange no longer has it.
    Gone,
    /// It still has it.
    Stays,
    /// That cannot be told from what is stored.
    Unknown(Undecidable),
}

/// A stored exchange, judged again.
#[derive(Clone, Debug)]
pub struct Rejudged {
    /// The signatures that it had, and what became of each.
    pub fates: BTreeMap<SignatureId, Fate>,
    /// Signatures that it did not have.
    pub appearing: BTreeMap<SignatureId, SignatureFacts>,
    /// Why something about it cannot be told, where that is so.
    pub unknown: Option<Undecidable>,
    /// The judge's word; of an exchange whose bodies are not stored it is that of the rest.
    pub verdict: Option<Verdict>,
    /// Names of the rules that hit.
    pub rules: BTreeSet<String>,
}

impl Rejudged {
    /// True where the sides agree for sure.
    pub fn is_equal(&self) -> bool {
        self.unknown.is_none() && matches!(self.verdict, Some(Verdict::Match | Verdict::Normalised))
    }
    /// True where they differ for sure.
    pub fn differs(&self) -> bool {
        !self.appearing.is_empty() || self.fates.values().any(|fate| *fate == Fate::Stays)
    }
}

/// Judges a stored exchange again.
pub fn rejudge(exemplar: &Exemplar, rules: &RuleSet, context: &Context) -> Rejudged {
    match rebuild(exemplar) {
        Ok(rebuilt) => again(exemplar, &rebuilt, rules, context),
        Err(reason) => Rejudged {
            fates: exemplar.differences.iter().map(|d| (d.signature, Fate::Unknown(reason))).collect(),
            appearing: BTreeMap::new(),
            unknown: Some(reason),
            verdict: None,
            rules: BTreeSet::new(),
        },
    }
}

/// What a judgement finds, by signature.
struct Found {
    judgement: Judgement,
    signatures: BTreeMap<SignatureId, SignatureFacts>,
}

impl Found {
    fn of(exchange: &Exchange, rules: &RuleSet, context: &Context) -> Found {
        let judgement = judge(exchange, rules, context);
        let route = &exchange.route.name;
        let named = judgement.differences.iter().map(|d| (signature(route, d), facts(exchange, d)));
        Found { signatures: named.collect(), judgement }
    }
}

fn facts(exchange: &Exchange, difference: &Difference) -> SignatureFacts {
    SignatureFacts {
        route: exchange.route.name.to_string(),
        inferred: exchange.route.inferred,
        place: difference.place,
        path: general_path(difference),
        kind: difference.kind,
        detail: difference.detail.clone(),
        shape: difference.shape.clone(),
        severity: difference.severity,
    }
}

/// What cannot be told of an exchange.
struct Open {
    /// Nothing of its bodies can.
    bodies: Option<Undecidable>,
    /// Nothing of these places, by part and general path.
    places: BTreeSet<(Place, String)>,
}

impl Open {
    fn of(&self, place: Place, path: &str) -> Option<Undecidable> {
        let redacted = self.places.contains(&(place, path.to_owned())).then_some(Undecidable::Redacted);
        self.bodies.filter(|_| place == Place::Body).or(redacted)
    }
    fn any(&self) -> Option<Undecidable> {
        self.bodies.or_else(|| (!self.places.is_empty()).then_some(Undecidable::Redacted))
    }
}

fn again(exemplar: &Exemplar, rebuilt: &Rebuilt, rules: &RuleSet, context: &Context) -> Rejudged {
    let exchange = &rebuilt.exchange;
    let found = Found::of(exchange, rules, context);
    let open = Open {
        bodies: rebuilt.bodies.filter(|_| bodies_matter(exchange, rules, context)),
        places: redacted(exchange, &found, rules, context),
    };
    let mut unknown = open.any();
    let mut fates = BTreeMap::new();
    for stored in &exemplar.differences {
        let path = match stored.place {
            Place::Body => crate::compare::general_pointer(&stored.path),
            Place::Status | Place::Header => stored.path.clone(),
        };
        let fate = match () {
            () if stored.shape.starts_with("ids:") => Fate::Unknown(Undecidable::Ids),
            () => match open.of(stored.place, &path) {
                Some(reason) => Fate::Unknown(reason),
                None if found.signatures.contains_key(&stored.signature) => Fate::Stays,
                None => Fate::Gone,
            },
        };
        if let Fate::Unknown(reason) = fate {
            unknown = unknown.or(Some(reason));
        }
        // of several places of one signature the one that stays decides, then the one that is not known
        let kept = fates.entry(stored.signature).or_insert(fate);
        if matches!((*kept, fate), (Fate::Gone, _) | (_, Fate::Stays)) {
            *kept = fate;
        }
    }
    let whole = exemplar.differences_total <= exemplar.differences.len() as u64;
    let mut appearing = found.signatures;
    appearing.retain(|id, facts| !fates.contains_key(id) && open.of(facts.place, &facts.path).is_none());
    if !whole && !appearing.is_empty() {
        // it may have had them before
        appearing.clear();
        unknown = unknown.or(Some(Undecidable::TooMany));
    }
    let Judgement { verdict, rules, .. } = found.judgement;
    let rules = rules.into_iter().map(|used| used.name.to_string()).collect();
    Rejudged { fates, appearing, unknown, verdict: Some(verdict), rules }
}

/// True where the judgement depends on bodies: with the same headers on both sides they are all that may differ.
fn bodies_matter(exchange: &Exchange, rules: &RuleSet, context: &Context) -> bool {
    let mut alike = exchange.clone();
    if let (Outcome::Answered(primary), Outcome::Answered(candidate)) =
        (&alike.primary.outcome, &mut alike.candidate.outcome)
    {
        candidate.headers = primary.headers.clone();
    }
    judge(&alike, rules, context).verdict == Verdict::Inconclusive(Inconclusive::Truncated)
}

/// The places of which nothing can be told, since what stands there was redacted: those whose difference holds a token, and
/// those that differ or agree by what stands in a token's place. A token for a token is equal; so only where the sides have
/// different ones the exchange is judged twice more, once as if they were the same and once as if they were of two types.
fn redacted(exchange: &Exchange, found: &Found, rules: &RuleSet, context: &Context) -> BTreeSet<(Place, String)> {
    let (mut primary, mut candidate) = (Tokens::default(), Tokens::default());
    texts(&exchange.primary.outcome).for_each(|text| primary.look(&text));
    texts(&exchange.candidate.outcome).for_each(|text| candidate.look(&text));
    if primary.is_empty() && candidate.is_empty() {
        return BTreeSet::new();
    }
    let depends = |kind: Kind| !matches!(kind, Kind::Missing | Kind::Added | Kind::Status | Kind::Failure);
    let holds = |text: &Option<String>| text.as_deref().is_some_and(Tokens::stands_in);
    let told = found.judgement.differences.iter().filter(|difference| {
        Tokens::stands_in(&difference.path)
            || depends(difference.kind) && (holds(&difference.primary) || holds(&difference.candidate))
    });
    let mut open: BTreeSet<(Place, String)> =
        told.map(|difference| (difference.place, general_path(difference))).collect();
    let unmatched = primary.unlike(&candidate);
    if unmatched.is_empty() {
        return open;
    }
    let with = |whole: [&str; 2], part: [&str; 2]| {
        let mut other = exchange.clone();
        let sides = [&mut other.primary.outcome, &mut other.candidate.outcome];
        for (outcome, (whole, part)) in sides.into_iter().zip(whole.into_iter().zip(part)) {
            put_in_place(outcome, &unmatched, whole, part);
        }
        Found::of(&other, rules, context).signatures
    };
    let same = with(["\"redacted\"", "\"redacted\""], ["redacted", "redacted"]);
    let other = with(["0", "[]"], ["redacted-p", "redacted-c"]);
    for signatures in [&found.signatures, &same, &other] {
        for (id, facts) in signatures {
            if [&found.signatures, &same, &other].iter().any(|others| !others.contains_key(id)) {
                open.insert((facts.place, facts.path.clone()));
            }
        }
    }
    open
}

/// The body and the header values of an answer, as text.
fn texts(outcome: &Outcome) -> impl Iterator<Item = std::borrow::Cow<'_, str>> {
    let response = outcome.response();
    let body = response.map(|response| response.body.kept());
    let body = body.map(|chunks| match chunks.contiguous() {
        std::borrow::Cow::Borrowed(bytes) => String::from_utf8_lossy(bytes),
        std::borrow::Cow::Owned(bytes) => String::from_utf8_lossy(&bytes).into_owned().into(),
    });
    let headers = response.into_iter().flat_map(|response| response.headers.values());
    body.into_iter().chain(headers.map(|value| String::from_utf8_lossy(value.as_bytes())))
}

/// Puts another value in the place of tokens: `whole` where a token is all of a JSON string, `part` within other text.
fn put_in_place(outcome: &mut Outcome, tokens: &BTreeSet<String>, whole: &str, part: &str) {
    let Outcome::Answered(response) = outcome else { return };
    let put = |text: &str| {
        let mut out = text.to_owned();
        for token in tokens {
            out = out.replace(&format!("\"{token}\""), whole).replace(token.as_str(), part);
        }
        out
    };
    if let Body::Complete(chunks) = &response.body {
        response.body = put(&String::from_utf8_lossy(&chunks.contiguous())).into_bytes().into();
    }
    for value in response.headers.values_mut() {
        let text = put(&String::from_utf8_lossy(value.as_bytes()));
        if let Ok(put) = http::HeaderValue::from_str(&text) {
            *value = put;
        }
    }
}
