//! `rules preview`: what a change of the rules would make of the evidence.

use super::RulesView;
use crate::compare::{Kind, Place, Severity};
use crate::evidence::{Appearing, FateWord, Preview, SignatureFacts, SignatureFate, Undecidable};
use crate::judge::SignatureId;
use crate::report::SCHEMA;
use crate::report::text::{clean, grouped};
use crate::rules::{RuleKind, RuleSpec};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// `rules preview`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct PreviewView {
    /// [`SCHEMA`].
    pub schema: u32,
    /// Stored exchanges that were judged again.
    pub exchanges: u64,
    /// Of these, those that differ and would be equal.
    pub become_equal: u64,
    /// Of these, those that are equal and would differ.
    pub become_different: u64,
    /// Of these, those of which something cannot be told, by reason.
    pub undecidable: BTreeMap<String, u64>,
    /// What would become of each signature.
    pub signatures: Vec<FateView>,
    /// Signatures that exchanges would have which they do not have now, the worst first.
    pub appearing: Vec<AppearingView>,
    /// What would become of the exchanges that rules made equal, by route and rule.
    pub samples: Vec<SampleView>,
    /// What this cannot show.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// What a signature is.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct WhatView {
    /// Its id.
    pub id: String,
    /// The route.
    pub route: String,
    /// Which part of the answer.
    #[serde(rename = "in")]
    pub place: Place,
    /// Where, with `*` for indices and ids.
    pub path: String,
    /// What kind.
    pub kind: Kind,
    /// The class of the pair of values.
    pub shape: String,
    /// How bad.
    pub severity: Severity,
}

impl WhatView {
    /// Of a signature's facts.
    pub fn of(id: SignatureId, facts: &SignatureFacts) -> WhatView {
        WhatView {
            id: id.to_string(),
            route: facts.route.clone(),
            place: facts.place,
            path: facts.path.clone(),
            kind: facts.kind,
            shape: facts.shape.clone(),
            severity: facts.severity,
        }
    }
    fn in_one_line(&self) -> String {
        let path = if self.path.is_empty() { String::new() } else { format!(" {}", clean(&self.path)) };
        format!("{} {} {}{path} {} {}", self.id, clean(&self.route), self.place, self.kind, clean(&self.shape))
    }
}

/// What would become of a signature.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct FateView {
    /// Which.
    #[serde(flatten)]
    pub what: WhatView,
    /// In one word.
    pub fate: FateWord,
    /// Exchanges in which it was seen.
    pub count: u64,
    /// Exemplars that are kept of these.
    pub exemplars: u64,
    /// Of these, those that would no longer have it.
    pub gone: u64,
    /// Of these, those that would still have it.
    pub stays: u64,
    /// Of these, those of which it cannot be told, by reason.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub undecidable: BTreeMap<String, u64>,
}

/// A signature that would be new.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct AppearingView {
    /// Which.
    #[serde(flatten)]
    pub what: WhatView,
    /// Stored exchanges that would have it.
    pub exchanges: u64,
    /// Of these, those that are equal now, by the rule that they were kept for.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub of_rules: BTreeMap<String, u64>,
}

/// What would become of what a rule made equal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SampleView {
    /// The route.
    pub route: String,
    /// The rule.
    pub rule: String,
    /// How often it made something equal there.
    pub hits: u64,
    /// Exchanges that are kept of these.
    pub kept: u64,
    /// Of these, those that would differ.
    pub differ: u64,
    /// Of these, those of which it cannot be told.
    pub undecidable: u64,
}

fn words(counts: &BTreeMap<Undecidable, u64>) -> BTreeMap<String, u64> {
    counts.iter().map(|(reason, n)| (reason.to_string(), *n)).collect()
}

/// The view of a preview. `what` are the signatures in the order in which they were given, `now` is what the rules did,
/// `rules` what the changed config has.
pub fn preview<'r>(
    preview: &Preview,
    what: Vec<WhatView>,
    now: &RulesView,
    rules: impl Iterator<Item = &'r RuleSpec>,
) -> PreviewView {
    let fate = |(what, fate): (WhatView, &SignatureFate)| FateView {
        what,
        fate: fate.word(),
        count: fate.count,
        exemplars: fate.exemplars(),
        gone: fate.gone,
        stays: fate.stays,
        undecidable: words(&fate.unknown),
    };
    let new = |(id, one): (&SignatureId, &Appearing)| AppearingView {
        what: WhatView::of(*id, &one.facts),
        exchanges: one.exchanges,
        of_rules: one.of_rule.clone(),
    };
    let mut appearing: Vec<AppearingView> = preview.appearing.iter().map(new).collect();
    appearing.sort_by_key(|one| std::cmp::Reverse((one.what.severity, one.exchanges)));
    let hits = |route: &str, name: &str| {
        let of_name = now.rules.iter().filter(|rule| rule.name == name);
        let on = of_name.flat_map(|rule| {
            let own = (rule.on.is_empty()).then_some((rule.route.as_deref().unwrap_or_default(), rule.did.hits));
            own.into_iter().chain(rule.on.iter().map(|on| (on.route.as_str(), on.did.hits)))
        });
        on.filter(|(seen, _)| *seen == route).map(|(_, hits)| hits).sum()
    };
    let samples = preview.samples.iter().map(|sample| SampleView {
        route: sample.key.route.clone(),
        rule: sample.key.rule.clone(),
        hits: hits(&sample.key.route, &sample.key.rule),
        kept: sample.kept,
        differ: sample.differ,
        undecidable: sample.unknown,
    });
    PreviewView {
        schema: SCHEMA,
        exchanges: preview.exchanges,
        become_equal: preview.become_equal,
        become_different: preview.become_different,
        undecidable: words(&preview.undecidable),
        signatures: what.into_iter().zip(&preview.signatures).map(fate).collect(),
        appearing,
        samples: samples.collect(),
        notes: notes(preview, now, rules),
    }
}

fn notes<'r>(preview: &Preview, now: &RulesView, rules: impl Iterator<Item = &'r RuleSpec>) -> Vec<String> {
    let mut notes = Vec::new();
    let tells_apart = |kind: &RuleKind| match kind {
        RuleKind::Number(tolerance) => tolerance.spelling,
        RuleKind::Body(_) => true,
        _ => false,
    };
    for rule in rules.filter(|rule| tells_apart(&rule.kind)) {
        notes.push(format!(
            "the rule `{}` may tell apart what is equal without rules: such exchanges are not kept",
            rule.name
        ));
    }
    if preview.samples.is_empty() && now.rules.iter().any(|rule| rule.did.hits > 0) {
        notes.push(
            "no exchange that rules made equal is kept: what a rule less would bring up is not seen \
             ([redact] store_bodies = \"full\" keeps some)"
                .to_owned(),
        );
    }
    notes
}

/// For people: what would change; what would not is counted.
pub fn preview_text(out: &mut dyn Write, view: &PreviewView) -> io::Result<()> {
    let of = |word: FateWord| view.signatures.iter().filter(move |one| one.fate == word);
    for (word, told) in [(FateWord::Vanishes, "would vanish"), (FateWord::Shrinks, "would shrink")] {
        for one in of(word) {
            writeln!(out, "{told}  {}", one.what.in_one_line())?;
            writeln!(out, "    {}", fraction(one))?;
        }
    }
    for one in &view.appearing {
        writeln!(out, "would appear  {} ({})", one.what.in_one_line(), one.what.severity)?;
        let of_rules: Vec<String> =
            one.of_rules.iter().map(|(rule, n)| format!("{n} that `{}` makes equal", clean(rule))).collect();
        let of_rules = if of_rules.is_empty() { String::new() } else { format!(": {}", of_rules.join(", ")) };
        writeln!(out, "    in {} of {} stored exchanges{of_rules}", one.exchanges, view.exchanges)?;
    }
    for one in view.samples.iter().filter(|sample| sample.differ > 0) {
        let (rule, route) = (clean(&one.rule), clean(&one.route));
        writeln!(
            out,
            "`{rule}` on {route}: {} of {} kept exchanges of {} hits would differ",
            one.differ,
            one.kept,
            grouped(one.hits)
        )?;
    }
    let undecidable: Vec<String> = view.undecidable.iter().map(|(reason, n)| format!("{n} {reason}")).collect();
    let undecidable = if undecidable.is_empty() { "none".to_owned() } else { undecidable.join(", ") };
    writeln!(
        out,
        "\n{} signatures: {} would vanish, {} shrink, {} stay, {} cannot be told; {} would appear",
        view.signatures.len(),
        of(FateWord::Vanishes).count(),
        of(FateWord::Shrinks).count(),
        of(FateWord::Stays).count(),
        of(FateWord::Undecidable).count(),
        view.appearing.len()
    )?;
    writeln!(
        out,
        "{} stored exchanges judged again: {} would become equal, {} would become different; undecidable: {undecidable}",
        view.exchanges, view.become_equal, view.become_different
    )?;
    view.notes.iter().try_for_each(|note| writeln!(out, "note: {}", clean(note)))
}

/// `3 of 8 exemplars of 1,204 exchanges`.
fn fraction(one: &FateView) -> String {
    let unknown: u64 = one.undecidable.values().sum();
    let unknown = if unknown == 0 { String::new() } else { format!(", {unknown} undecidable") };
    format!("gone from {} of {} exemplars of {} exchanges{unknown}", one.gone, one.exemplars, grouped(one.count))
}
