//! `coverage`: what was seen of each route, and what was not: fields by type, parameters, statuses by class of caller, declared
//! branches, and the operations of an OpenAPI document.

use super::SCHEMA;
use super::openapi::{self, OpenApiView};
use super::text::clean;
use crate::config::Config;
use crate::evidence::{CellDelta, CellKey, CoverageDelta, EvidenceFrom, Policy, Pool, Suppression, Witnesses, pool};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::sync::Arc;

/// `coverage`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CoverageView {
    /// [`SCHEMA`].
    pub schema: u32,
    /// By name: every route that is declared or was seen.
    pub routes: Vec<RouteCoverageView>,
    /// What an OpenAPI document names, where one was given.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub openapi: Option<OpenApiView>,
}

/// One route.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct RouteCoverageView {
    /// The route's name.
    pub route: String,
    /// Nobody has declared it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub inferred: bool,
    /// Exchanges that were judged.
    pub exchanges: u64,
    /// Distinct requests that were compared.
    pub distinct: u64,
    /// Exchanges whose fields and parameters were looked at.
    pub sampled: u64,
    /// Of these, answers without fields.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub unread: u64,
    /// By generalised pointer: of how many values of all sampled answers it was of each type.
    pub fields: BTreeMap<String, BTreeMap<String, u64>>,
    /// Sampled requests with each query parameter.
    pub parameters: BTreeMap<String, u64>,
    /// By class of caller: statuses of both sides.
    pub principals: BTreeMap<String, Vec<StatusesView>>,
    /// Declared branches.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub branches: Vec<BranchView>,
    /// Fields and parameters that found no place.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub left_out: u64,
}

/// How often both sides answered with these.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct StatusesView {
    /// The primary's; no answer where it is missing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub primary: Option<u16>,
    /// The candidate's, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub candidate: Option<u16>,
    /// Exchanges.
    pub count: u64,
    /// The candidate gives what the primary refuses to this class.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub critical: bool,
}

/// A declared branch.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BranchView {
    /// Its name.
    pub name: String,
    /// Distinct requests that took it.
    pub seen: u64,
    /// How many are needed.
    pub min: u64,
}

fn is_zero(n: &u64) -> bool {
    *n == 0
}

/// Everything that coverage is read from.
pub struct Seen<'a> {
    /// All cells.
    pub cells: &'a [(CellKey, CellDelta)],
    /// By route.
    pub coverage: &'a BTreeMap<String, Arc<CoverageDelta>>,
}

/// Makes the view; `only` keeps one route.
pub fn coverage(config: Option<&Config>, seen: &Seen<'_>, only: Option<&str>) -> CoverageView {
    let mut rows: BTreeMap<&str, Vec<(&CellKey, &CellDelta)>> = BTreeMap::new();
    for route in config.iter().flat_map(|config| config.routes.iter()).filter(|route| route.split_by.is_none()) {
        rows.entry(&route.route.name).or_default();
    }
    for (key, cell) in seen.cells {
        rows.entry(&key.route).or_default().push((key, cell));
    }
    rows.retain(|route, _| only.is_none_or(|only| *route == only));
    let routes = rows.into_iter().map(|(route, cells)| one(config, route, &cells, seen.coverage.get(route)));
    CoverageView { schema: SCHEMA, routes: routes.collect(), openapi: None }
}

fn one(
    config: Option<&Config>,
    route: &str,
    cells: &[(&CellKey, &CellDelta)],
    seen: Option<&Arc<CoverageDelta>>,
) -> RouteCoverageView {
    let all = Policy { max_age_ms: u64::MAX, evidence_from: EvidenceFrom::All, ..Policy::default() };
    let pool = pool(cells.iter().copied(), &all, &Suppression::default(), u64::MAX);
    let declared = config.and_then(|config| config.routes.declaring(route));
    let branches = declared.map_or(&[][..], |declared| &declared.branches.needs).iter().map(|need| BranchView {
        name: need.name.clone(),
        seen: pool.sum.branches.get(&need.name).map_or(0, Witnesses::count),
        min: need.min,
    });
    let mut view = RouteCoverageView {
        route: route.to_owned(),
        inferred: declared.is_none() && cells.iter().any(|(key, _)| key.inferred),
        exchanges: pool.exchanges(),
        distinct: pool.sum.distinct.lower_bound(),
        principals: principals(&pool),
        branches: branches.collect(),
        ..RouteCoverageView::default()
    };
    if let Some(seen) = seen {
        (view.sampled, view.unread, view.left_out) = (seen.sampled, seen.unread, seen.left_out);
        view.parameters.clone_from(&seen.parameters);
        let types = seen
            .fields
            .iter()
            .map(|(path, types)| (path.clone(), types.seen().map(|(word, n)| (word.to_owned(), n)).collect()));
        view.fields = types.collect();
    }
    view
}

fn principals(pool: &Pool) -> BTreeMap<String, Vec<StatusesView>> {
    let known = |status: u16| (status > 0).then_some(status);
    let of = |statuses: &BTreeMap<(u16, u16), u64>| {
        let all = statuses.iter().map(|((primary, candidate), count)| StatusesView {
            primary: known(*primary),
            candidate: known(*candidate),
            count: *count,
            critical: matches!(primary, 401 | 403) && (200..300).contains(candidate),
        });
        all.collect()
    };
    pool.principals.iter().map(|(class, statuses)| (class.clone(), of(statuses))).collect()
}

/// For people.
pub fn text(out: &mut dyn Write, view: &CoverageView) -> io::Result<()> {
    for route in &view.routes {
        let guessed = if route.inferred { "  (guessed: not declared)" } else { "" };
        writeln!(out, "{}{guessed}", clean(&route.route))?;
        if route.exchanges == 0 {
            writeln!(out, "    never seen\n")?;
            continue;
        }
        writeln!(out, "    {} exchanges judged, {} distinct requests", route.exchanges, route.distinct)?;
        for (class, statuses) in &route.principals {
            let pairs: Vec<String> = statuses.iter().map(statuses_in_words).collect();
            writeln!(out, "    {}: {}", clean(class), pairs.join(", "))?;
        }
        for branch in &route.branches {
            let short = if branch.seen < branch.min { "  <- too few" } else { "" };
            let (name, seen, min) = (clean(&branch.name), branch.seen, branch.min);
            writeln!(out, "    branch `{name}`: {seen} of {min} distinct requests{short}")?;
        }
        if !route.parameters.is_empty() {
            let all = route.parameters.iter().map(|(name, n)| format!("{} {n}", clean(name)));
            writeln!(out, "    parameters: {}", all.collect::<Vec<_>>().join(", "))?;
        }
        fields(out, route)?;
        writeln!(out)?;
    }
    if view.routes.is_empty() {
        writeln!(out, "no route is declared, and none was seen")?;
    }
    match &view.openapi {
        Some(openapi) => openapi::text(out, openapi),
        None => Ok(()),
    }
}

fn statuses_in_words(view: &StatusesView) -> String {
    let status = |status: Option<u16>| status.map_or_else(|| "none".to_owned(), |status| status.to_string());
    let critical = if view.critical { " CRITICAL" } else { "" };
    format!("{}/{} x{}{critical}", status(view.primary), status(view.candidate), view.count)
}

fn fields(out: &mut dyn Write, route: &RouteCoverageView) -> io::Result<()> {
    let unread = if route.unread > 0 { format!(", {} of them without fields", route.unread) } else { String::new() };
    writeln!(out, "    fields, of {} sampled{unread}:", route.sampled)?;
    let width = route.fields.keys().map(|path| clean(path).chars().count()).max().unwrap_or(0).clamp(6, 60);
    for (path, types) in &route.fields {
        let types: Vec<String> = types.iter().map(|(word, n)| format!("{word} {n}")).collect();
        let path = if path.is_empty() { "(root)".to_owned() } else { clean(path) };
        writeln!(out, "      {path:<width$}  {}", types.join(", "))?;
    }
    if route.left_out > 0 {
        writeln!(out, "      ({} more found no place)", route.left_out)?;
    }
    Ok(())
}
