//! The pairs of values that differ at one place, each with its exchange.

use super::{AGREE, Known, Refusal};
use crate::compare::{Kind, Place, general_pointer};
use crate::document::json::token_name;
use crate::evidence::build::CUT;
use crate::evidence::{Exemplar, Sample, StoredDifference};
use crate::exchange::ExchangeId;
use crate::redact::Tokens;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// Two values of one place.
pub(super) struct Pair<'a> {
    pub(super) exemplar: &'a Exemplar,
    /// Where, in the primary's document.
    pub(super) path: &'a str,
    /// JSON text as received; empty where there is none.
    pub(super) raw: [&'a str; 2],
    /// The strings, where both are.
    pub(super) text: Option<[String; 2]>,
}

/// All pairs of one place and kind, on a route.
pub(super) struct Pairs<'a> {
    pub(super) kind: Kind,
    pub(super) all: Vec<Pair<'a>>,
    /// Everything else that is kept of the route, each exchange once.
    pub(super) others: Vec<&'a Exemplar>,
}

impl<'a> Pairs<'a> {
    /// The pairs at a signature's place, those of other classes of values too: a rule there would meet them as well.
    pub(super) fn at(known: &Known, all: &'a [Known], samples: &'a [Sample]) -> Result<Pairs<'a>, Refusal> {
        let (kind, path) = (known.facts.kind, known.facts.path.as_str());
        let mut exchanges: BTreeMap<ExchangeId, &Exemplar> = BTreeMap::new();
        let kept = all.iter().flat_map(|known| &known.exemplars);
        let kept = kept.chain(samples.iter().flat_map(|sample| &sample.exemplars));
        kept.for_each(|exemplar| _ = exchanges.entry(exemplar.exchange).or_insert(exemplar));
        let mut pairs = Vec::new();
        let others: Vec<&Exemplar> = exchanges.values().copied().collect();
        for exemplar in &others {
            for difference in &exemplar.differences {
                if difference.place == Place::Body
                    && difference.kind == kind
                    && general_pointer(&difference.path) == path
                {
                    pairs.push(pair(exemplar, difference).ok_or(Refusal::Undecidable)?);
                }
            }
        }
        let pairs = Pairs { kind, all: pairs, others };
        if pairs.exchanges().len() < AGREE { Err(Refusal::TooFew) } else { Ok(pairs) }
    }
    /// The exchanges, each once.
    pub(super) fn exchanges(&self) -> Vec<ExchangeId> {
        let all: BTreeSet<ExchangeId> = self.all.iter().map(|pair| pair.exemplar.exchange).collect();
        all.into_iter().collect()
    }
    /// Both strings of every pair; `None` where some are no strings.
    pub(super) fn texts(&self) -> Option<Vec<[&str; 2]>> {
        self.all.iter().map(|pair| pair.text.as_ref().map(|[a, b]| [a.as_str(), b.as_str()])).collect()
    }
    /// True where the monolith does not give the same value twice, and neither does the candidate: the same request was asked
    /// again at least twice, and each time both answered with another value.
    pub(super) fn are_volatile(&self) -> bool {
        self.asked_again().is_some_and(|again| again >= 2)
    }
    /// The name of the member, in lower case; of an element that of its list.
    pub(super) fn name(&self) -> String {
        let path = self.all.first().map_or("", |pair| pair.path);
        let named = path.rsplit('/').find(|token| token.parse::<usize>().is_err());
        token_name(named.unwrap_or_default()).to_ascii_lowercase()
    }
    /// How often the same request was asked again; `None` where either side ever gave the same value twice.
    pub(super) fn asked_again(&self) -> Option<usize> {
        let mut by_request: BTreeMap<(&str, &str, &str, &str), Vec<&Pair<'_>>> = BTreeMap::new();
        for pair in &self.all {
            let Exemplar { request, principal, .. } = pair.exemplar;
            by_request.entry((&request.method, &request.target, principal, pair.path)).or_default().push(pair);
        }
        let mut again = 0;
        for pairs in by_request.values().filter(|pairs| pairs.len() > 1) {
            let distinct = |side: usize| pairs.iter().map(|pair| pair.raw[side]).collect::<BTreeSet<_>>().len();
            if distinct(0) < pairs.len() || distinct(1) < pairs.len() {
                return None;
            }
            again += pairs.len() - 1;
        }
        Some(again)
    }
}

/// `None` where a value was cut or redacted.
fn pair<'a>(exemplar: &'a Exemplar, difference: &'a StoredDifference) -> Option<Pair<'a>> {
    let raw = match difference.kind {
        // lists are looked at whole, where they stand
        Kind::Order => ["", ""],
        _ => [&difference.primary, &difference.candidate].map(|value| value.as_deref().unwrap_or_default()),
    };
    if raw.iter().any(|text| text.contains(CUT) || Tokens::stands_in(text)) {
        return None;
    }
    let string = |text: &str| serde_json::from_str::<String>(text).ok();
    let text = string(raw[0]).zip(string(raw[1])).map(|(a, b)| [a, b]);
    Some(Pair { exemplar, path: &difference.path, raw, text })
}

/// A stored body as JSON, where it is that and whole.
pub(super) fn document(body: &Option<String>, partial: bool) -> Option<Value> {
    serde_json::from_str(body.as_deref().filter(|_| !partial)?).ok()
}
