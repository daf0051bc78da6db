//! `gate`: a word for each route, with reasons and figures, for people and for CI.

use super::noise::marks_now;
use super::text::clean;
use super::{SCHEMA, build};
use crate::config::Config;
use crate::evidence::{
    Against, BranchNeed, CellDelta, CellKey, Finding, Ledger, Policy, Pool, RouteKnown, Word, decide, pool,
};
use crate::store::{Figures, SignatureRecord};
use anstyle::{AnsiColor, Style};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

/// `gate`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GateView {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The gate's name.
    pub gate: String,
    /// The worst word of all routes.
    pub verdict: Word,
    /// By name.
    pub routes: Vec<RouteGateView>,
    /// Routes that were cut over: nothing is compared on them, and they decide nothing.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub owned: Vec<super::views::OwnedView>,
}

/// One route.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RouteGateView {
    /// The route's name.
    pub route: String,
    /// The role that it belongs to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub role: Option<String>,
    /// The word.
    pub verdict: Word,
    /// Each begins with its kind, a word of a closed list, and a colon.
    pub reasons: Vec<String>,
    /// Ids of the signatures behind them, the worst first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub signatures: Vec<String>,
    /// What does not decide.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
    /// Distinct requests that count.
    pub distinct: u64,
    /// Of these, with a mismatch that counts.
    pub mismatches: u64,
    /// The highest mismatch rate that is left open.
    pub bound: f64,
    /// Distinct requests without a mismatch that are still missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub needed: Option<u64>,
    /// What was pooled.
    pub pooled: PooledView,
}

/// What was pooled.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct PooledView {
    /// The candidate's builds; an empty one does not tell.
    pub candidate: BTreeSet<String>,
    /// The primary's.
    pub primary: BTreeSet<String>,
    /// How many sets of rules.
    pub rule_sets: usize,
    /// How many versions of the comparator.
    pub comparators: usize,
    /// The last exchange, RFC 3339 in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_seen: Option<String>,
}

/// Which routes are asked for.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// This gate; the first where none is named.
    pub gate: Option<String>,
    /// This route alone.
    pub route: Option<String>,
    /// Routes of this role alone.
    pub role: Option<String>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoGate {
    /// It is not declared.
    #[error("there is no [[gate]] `{0}`: there are {1}")]
    Gate(String, String),
    /// No route has this name, neither declared nor seen.
    #[error("there is no route `{0}`: `paritee gate` lists them")]
    Route(String),
    /// No declared route is of this role.
    #[error("no [[route]] has role = \"{0}\"")]
    Role(String),
}

/// Everything that the gate reads of the evidence.
pub struct Evidence<'a> {
    /// All cells; those that differ in their hour alone may be one, but for those from before [`oldest_ms`].
    pub cells: &'a [(CellKey, CellDelta)],
    /// All signatures.
    pub signatures: &'a [SignatureRecord],
    /// Noise, and who owns what.
    pub figures: &'a Figures,
    /// The account.
    pub ledger: &'a Ledger,
}

/// A route as the config has it, or as it was seen.
#[derive(Default)]
struct Row<'a> {
    role: Option<&'a str>,
    declared: bool,
    branches: &'a [BranchNeed],
    cells: Vec<(&'a CellKey, &'a CellDelta)>,
    signatures: Vec<&'a SignatureRecord>,
}

/// Asks the gate. Without a config there are no roles, and the thresholds are the usual ones.
pub fn gate(config: Option<&Config>, evidence: &Evidence<'_>, asked: &Asked, now_ms: u64) -> Result<GateView, NoGate> {
    let usual = [Policy::default()];
    let policy = find_policy(config.map_or(&usual[..], |config| &config.gates), asked)?;
    let owned: BTreeMap<&str, u64> = evidence.figures.ownership.candidates().collect();
    let rows = rows(config, evidence, asked, &owned)?;
    let judged = evidence.ledger.mirrored();
    let shed: u64 = evidence.ledger.counts.by_not_judged().map(|(_, n)| n).sum();
    let shed = shed as f64 / judged.max(1) as f64;
    let routes: Vec<RouteGateView> =
        rows.into_iter().map(|(name, row)| route((policy, config), name, &row, evidence, shed, now_ms)).collect();
    let verdict = routes.iter().map(|route| route.verdict).max().unwrap_or(Word::NotEnoughEvidence);
    let owned = owned
        .into_iter()
        .map(|(route, since_ms)| super::views::OwnedView { route: route.to_owned(), since: build::time(since_ms) });
    Ok(GateView { schema: SCHEMA, gate: policy.name.clone(), verdict, routes, owned: owned.collect() })
}

/// Before this moment no evidence counts for the gate that is asked.
pub fn oldest_ms(config: Option<&Config>, asked: &Asked, now_ms: u64) -> u64 {
    let usual = [Policy::default()];
    let policy = find_policy(config.map_or(&usual[..], |config| &config.gates), asked);
    now_ms.saturating_sub(policy.map_or(0, |policy| policy.max_age_ms))
}

fn find_policy<'a>(gates: &'a [Policy], asked: &Asked) -> Result<&'a Policy, NoGate> {
    let named = |name: &str| gates.iter().find(|gate| gate.name == name);
    let names = || gates.iter().map(|gate| format!("`{}`", gate.name)).collect::<Vec<_>>().join(", ");
    match &asked.gate {
        Some(name) => named(name).ok_or_else(|| NoGate::Gate(super::text::short(name, 40), names())),
        None => gates.first().ok_or_else(|| NoGate::Gate(String::new(), names())),
    }
}

/// Every route that is declared or was seen, but for those that were cut over.
fn rows<'a>(
    config: Option<&'a Config>,
    evidence: &Evidence<'a>,
    asked: &Asked,
    owned: &BTreeMap<&str, u64>,
) -> Result<BTreeMap<&'a str, Row<'a>>, NoGate> {
    let mut rows: BTreeMap<&str, Row<'_>> = BTreeMap::new();
    for route in config.iter().flat_map(|config| config.routes.iter()).filter(|route| route.split_by.is_none()) {
        // What is never mirrored cannot be compared, and a write waits for somebody to allow it.
        let (role, branches) = (route.role.as_deref(), &route.branches.needs[..]);
        rows.insert(&route.route.name, Row { role, declared: true, branches, ..Row::default() });
    }
    for (key, cell) in evidence.cells {
        rows.entry(&key.route).or_default().cells.push((key, cell));
    }
    for record in evidence.signatures {
        rows.entry(&record.facts.route).or_default().signatures.push(record);
    }
    if let Some(config) = config {
        for (name, row) in &mut rows {
            // An operation's route is named after the declared one that it shares its path with.
            let declared = name.split_once('#').and_then(|(route, _)| config.routes.by_name(route));
            if let Some(index) = declared.filter(|_| !row.declared) {
                let declared = config.routes.get(index);
                (row.role, row.declared, row.branches) = (declared.role.as_deref(), true, &declared.branches.needs);
            }
        }
    }
    rows.retain(|name, _| !owned.contains_key(name));
    if let Some(route) = &asked.route {
        rows.retain(|name, _| name == route);
        if rows.is_empty() {
            return Err(NoGate::Route(super::text::short(route, 80)));
        }
    }
    if let Some(role) = &asked.role {
        rows.retain(|_, row| row.role == Some(role));
        if rows.is_empty() {
            return Err(NoGate::Role(super::text::short(role, 80)));
        }
    }
    Ok(rows)
}

fn route(
    (policy, config): (&Policy, Option<&Config>),
    name: &str,
    row: &Row<'_>,
    evidence: &Evidence<'_>,
    shed: f64,
    now_ms: u64,
) -> RouteGateView {
    let pooled = pool(row.cells.iter().copied(), policy, &evidence.figures.suppression, now_ms);
    let against: Vec<Against<'_>> = row.signatures.iter().map(|record| against(record, evidence)).collect();
    let known = RouteKnown {
        inferred: !row.declared && row.cells.iter().any(|(key, _)| key.inferred),
        branches: row.branches.to_vec(),
        // Neither a build of the monolith's nor an echo of it was ever seen in an answer.
        self_proxying_unchecked: pooled.exchanges() > 0
            && pooled.versions.primary.iter().any(String::is_empty)
            && pooled.of("vacuous") == 0,
        ownership_unchecked: unchecked(config, &pooled),
    };
    let Finding { word, reasons, notes, distinct, mismatches, bound, needed, versions } =
        decide(policy, &known, &pooled, &against, shed);
    let mut signatures: Vec<String> = Vec::new();
    for id in reasons.iter().flat_map(|reason| &reason.signatures) {
        if !signatures.contains(id) {
            signatures.push(id.clone());
        }
    }
    RouteGateView {
        route: name.to_owned(),
        role: row.role.map(str::to_owned),
        verdict: word,
        reasons: reasons.iter().map(|reason| format!("{}: {}", reason.kind, reason.text)).collect(),
        signatures,
        notes,
        distinct,
        mismatches,
        bound,
        needed,
        pooled: PooledView {
            candidate: versions.candidate,
            primary: versions.primary,
            rule_sets: versions.rule_sets.len(),
            comparators: versions.comparators.len(),
            last_seen: (pooled.sum.last_ms > 0).then(|| build::time(pooled.sum.last_ms)),
        },
    }
}

/// The classes of callers of whom nothing says whose data they may see.
fn unchecked(config: Option<&Config>, pooled: &Pool) -> Vec<String> {
    let checked = |class: &str| {
        let owners = config.and_then(|config| config.context.owners.get(class));
        owners.is_some_and(|owners| !owners.paths.is_empty())
    };
    pooled.principals.keys().filter(|class| !checked(class)).cloned().collect()
}

fn against<'a>(record: &'a SignatureRecord, evidence: &Evidence<'_>) -> Against<'a> {
    let marks = marks_now(record, &evidence.figures.suppression);
    let counted: i64 = marks.iter().filter(|(mark, _)| mark.counts()).map(|(_, n)| n).sum();
    Against {
        id: record.id,
        facts: &record.facts,
        counted: u64::try_from(counted).unwrap_or_default(),
        builds: &record.builds,
        open: record.status == "open",
    }
}

/// For people: each route's word, why, and what to look at.
pub fn text(out: &mut dyn Write, view: &GateView, colour: bool) -> io::Result<()> {
    for route in &view.routes {
        let (on, off) = style(route.verdict, colour);
        writeln!(out, "{on}{:<20}{off} {}", route.verdict.told(), clean(&route.route))?;
        if route.distinct > 0 {
            let (distinct, mismatches, bound) = (route.distinct, route.mismatches, route.bound * 100.0);
            writeln!(
                out,
                "    {distinct} distinct requests, {mismatches} with a mismatch: at most {bound:.2} % mismatch"
            )?;
        }
        for reason in &route.reasons {
            writeln!(out, "    {}", clean(reason))?;
        }
        for id in &route.signatures {
            writeln!(out, "      paritee show {id}")?;
        }
        for note in &route.notes {
            writeln!(out, "    ({})", clean(note))?;
        }
        writeln!(out, "    {}", pooled(&route.pooled))?;
    }
    for owned in &view.owned {
        writeln!(out, "cut over: {} is the candidate's since {}", clean(&owned.route), owned.since)?;
    }
    if view.routes.is_empty() {
        writeln!(out, "no route is declared, and none was seen")?;
    }
    let of = |word: Word| view.routes.iter().filter(|route| route.verdict == word).count();
    let (on, off) = style(view.verdict, colour);
    writeln!(
        out,
        "\ngate `{}`: {on}{}{off} ({} ready, {} not ready, {} without enough evidence)",
        clean(&view.gate),
        view.verdict.told(),
        of(Word::Ready),
        of(Word::NotReady),
        of(Word::NotEnoughEvidence)
    )
}

fn pooled(view: &PooledView) -> String {
    let builds = |all: &BTreeSet<String>| {
        let named: Vec<String> =
            all.iter().map(|build| if build.is_empty() { "?".into() } else { clean(build) }).collect();
        if named.is_empty() { "none".to_owned() } else { named.join(", ") }
    };
    let sets = if view.rule_sets == 1 { String::new() } else { format!(", {} sets of rules", view.rule_sets) };
    let last = view.last_seen.as_ref().map_or_else(String::new, |last| format!(", last {last}"));
    format!("pooled: candidate {}, primary {}{sets}{last}", builds(&view.candidate), builds(&view.primary))
}

fn style(word: Word, colour: bool) -> (String, String) {
    let of = |colour| Style::new().bold().fg_color(Some(anstyle::Color::Ansi(colour)));
    let style = match word {
        Word::Ready => of(AnsiColor::Green),
        Word::NotEnoughEvidence => of(AnsiColor::Yellow),
        Word::NotReady => of(AnsiColor::Red),
    };
    if colour { (style.render().to_string(), style.render_reset().to_string()) } else { Default::default() }
}
