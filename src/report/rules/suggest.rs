//! `rules suggest`: rules that the evidence speaks for.

use super::preview::WhatView;
use crate::evidence::{Known, Proposal, Refusal};
use crate::report::SCHEMA;
use crate::report::text::clean;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, Write};

/// `rules suggest`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct SuggestView {
    /// [`SCHEMA`].
    pub schema: u32,
    /// By signature.
    pub proposals: Vec<ProposalView>,
    /// Signatures without a proposal, by reason.
    pub refused: BTreeMap<String, u64>,
    /// The same, one by one.
    pub left: Vec<LeftView>,
}

/// A rule that would make a signature vanish.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ProposalView {
    /// Which signature.
    #[serde(flatten)]
    pub what: WhatView,
    /// Exchanges in which it was seen.
    pub count: u64,
    /// The rule as the config takes it, for this route.
    pub rule: String,
    /// The key that names its kind.
    pub rule_kind: String,
    /// What was seen that speaks for it.
    pub why: String,
    /// The exchanges in which that was seen, and on which the rule was tried.
    pub seen_on: Vec<String>,
    /// Other signatures at the same place that it would make vanish or shrink too.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub beside: Vec<String>,
}

/// A signature without a proposal.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct LeftView {
    /// Which.
    #[serde(flatten)]
    pub what: WhatView,
    /// Why.
    pub because: String,
}

impl Default for SuggestView {
    fn default() -> SuggestView {
        SuggestView { schema: SCHEMA, proposals: Vec::new(), refused: BTreeMap::new(), left: Vec::new() }
    }
}

impl SuggestView {
    /// Adds what came of one signature.
    pub fn add(&mut self, known: &Known, found: Result<Proposal, Refusal>) {
        let what = WhatView::of(known.id, &known.facts);
        match found {
            Ok(Proposal { rule, why, seen_on, beside }) => self.proposals.push(ProposalView {
                what,
                count: known.count,
                rule: rule.written(),
                rule_kind: rule.kind.word().to_owned(),
                why,
                seen_on: seen_on.iter().map(ToString::to_string).collect(),
                beside: beside.iter().map(ToString::to_string).collect(),
            }),
            Err(because) => {
                *self.refused.entry(because.to_string()).or_default() += 1;
                self.left.push(LeftView { what, because: because.to_string() });
            }
        }
    }
}

/// For people: TOML to put into the config, with what speaks for it in comments.
pub fn suggest_text(out: &mut dyn Write, view: &SuggestView) -> io::Result<()> {
    for one in &view.proposals {
        writeln!(out, "# {} of {} exchanges, `paritee show {}`", one.seen_on.len(), one.count, one.what.id)?;
        if !one.beside.is_empty() {
            writeln!(out, "# at the same place also: {}", one.beside.join(", "))?;
        }
        writeln!(out, "# under match = {:?}", clean(&one.what.route))?;
        writeln!(out, "[[route.rule]]")?;
        for line in one.rule.lines() {
            writeln!(out, "{}", clean(line))?;
        }
        writeln!(out)?;
    }
    let refused: Vec<String> = view.refused.iter().map(|(reason, n)| format!("{n} {reason}")).collect();
    let refused = if refused.is_empty() { String::new() } else { format!(" ({})", refused.join(", ")) };
    writeln!(out, "# {} proposals; {} signatures without one{refused}", view.proposals.len(), view.left.len())?;
    match view.refused.get(Refusal::Undecidable.as_str()) {
        Some(n) => writeln!(
            out,
            "# {n} cannot be tried on what is stored: [redact] store_bodies = \"full\" keeps whole bodies"
        ),
        None => Ok(()),
    }
}
