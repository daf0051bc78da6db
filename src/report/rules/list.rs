//! `rules list` and `rules unused`: each rule of the config beside what the evidence says that it did.

use crate::config::{Config, DeclaredRule};
use crate::evidence::{CellDelta, CellKey};
use crate::exchange::Route;
use crate::report::{SCHEMA, build, text};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

const DAY_MS: u64 = 86_400_000;
const HOUR_MS: u64 = 3_600_000;

/// What became of a rule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RuleWord {
    /// It made values equal.
    Used,
    /// Exchanges of its routes were compared, and it made nothing equal.
    Unused,
    /// No exchange of its routes was compared: nobody knows whether it is needed.
    NotSeen,
    /// Its last day is over: it no longer acts.
    Expired,
    /// The evidence names it and the config does not: it was removed or has another name now.
    Undeclared,
}

impl RuleWord {
    /// As it is printed.
    pub fn told(self) -> &'static str {
        match self {
            RuleWord::Used => "used",
            RuleWord::Unused => "unused",
            RuleWord::NotSeen => "not seen",
            RuleWord::Expired => "expired",
            RuleWord::Undeclared => "undeclared",
        }
    }
}

/// `rules list`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RulesView {
    /// [`SCHEMA`].
    pub schema: u32,
    /// In the order of the config, then those that only the evidence names.
    pub rules: Vec<RuleRowView>,
    /// Exchanges that were compared on the routes that were asked for.
    pub compared: u64,
}

/// One rule.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RuleRowView {
    /// Its name.
    pub name: String,
    /// What became of it.
    pub state: RuleWord,
    /// The route that it is declared for; left out where it is declared for every route.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub route: Option<String>,
    /// The key that names its kind; left out where it is not declared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kind: Option<String>,
    /// What it does, as the config spells it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    /// Where it acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub path: Option<String>,
    /// Why it is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The last day on which it acts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<String>,
    /// What it did on all of its routes.
    #[serde(flatten)]
    pub did: DidView,
    /// What it did on each route where it did something.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub on: Vec<OnRouteView>,
}

/// What a rule did on one route.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct OnRouteView {
    /// The route; that of an operation where several share a path.
    pub route: String,
    /// What it did there.
    #[serde(flatten)]
    pub did: DidView,
}

/// What a rule did.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct DidView {
    /// Pairs of values that were equal only because of it.
    pub hits: u64,
    /// Of these, values that it kept from being compared.
    pub hidden: u64,
    /// Their share of all values compared there.
    pub hidden_share: f64,
    /// Exchanges that were compared there.
    pub compared: u64,
    /// The hour of the last hit, RFC 3339 in UTC.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_hit: Option<String>,
}

/// Which rules are asked for.
#[derive(Clone, Debug, Default)]
pub struct Asked {
    /// Those that act on this route alone.
    pub route: Option<String>,
}

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum NoRules {
    /// Neither declared nor seen.
    #[error("there is no route `{0}`, neither declared nor seen: `paritee gate` lists them")]
    Route(String),
}

/// Sums over cells.
#[derive(Clone, Copy, Default)]
struct Did {
    hits: u64,
    hidden: u64,
    leaves: u64,
    compared: u64,
    last_hour: Option<u32>,
}

impl Did {
    fn add(&mut self, other: &Did) {
        self.hits += other.hits;
        self.hidden += other.hidden;
        self.leaves += other.leaves;
        self.compared += other.compared;
        self.last_hour = self.last_hour.max(other.last_hour);
    }
    fn view(&self) -> DidView {
        DidView {
            hits: self.hits,
            hidden: self.hidden,
            hidden_share: self.hidden as f64 / self.leaves.max(self.hidden).max(1) as f64,
            compared: self.compared,
            last_hit: self.last_hour.map(|hour| build::time(u64::from(hour) * HOUR_MS)),
        }
    }
}

/// What was compared on one route, and by rule what it did there.
#[derive(Default)]
struct OnRoute<'a> {
    all: Did,
    rules: BTreeMap<&'a str, Did>,
}

fn by_route(cells: &[(CellKey, CellDelta)]) -> BTreeMap<&str, OnRoute<'_>> {
    let mut routes: BTreeMap<&str, OnRoute<'_>> = BTreeMap::new();
    for (key, cell) in cells {
        let on = routes.entry(&key.route).or_default();
        let of = |word: &str| cell.verdicts.get(word).copied().unwrap_or_default();
        let compared = of("match") + of("normalised") + of("mismatch");
        on.all.add(&Did { leaves: cell.leaves, compared, ..Did::default() });
        for (name, (hits, hidden)) in &cell.rules {
            let last_hour = (*hits > 0).then_some(key.hour);
            on.rules.entry(name).or_default().add(&Did { hits: *hits, hidden: *hidden, last_hour, ..Did::default() });
        }
    }
    routes
}

/// Every rule, with what the evidence says of it. Without a config, those that the evidence names.
pub fn list(
    config: Option<&Config>,
    cells: &[(CellKey, CellDelta)],
    asked: &Asked,
    now_ms: u64,
) -> Result<RulesView, NoRules> {
    let declared = config.map_or(&[][..], |config| &config.rules);
    let mut routes = by_route(cells);
    if let Some(route) = &asked.route {
        let is_declared = config.is_some_and(|config| config.routes.by_name(route).is_some());
        routes.retain(|seen, _| seen == route || Route::declared_of(seen) == route);
        if routes.is_empty() && !is_declared {
            return Err(NoRules::Route(text::short(route, 80)));
        }
    }
    let today = (now_ms / DAY_MS) as i64;
    let wanted = |rule: &&DeclaredRule| match (&asked.route, &rule.route) {
        (Some(asked), Some(own)) => **own == *Route::declared_of(asked),
        _ => true,
    };
    let mut rules: Vec<RuleRowView> =
        declared.iter().filter(wanted).map(|rule| declared_row(rule, declared, &routes, today)).collect();
    rules.extend(undeclared(declared, &routes));
    let compared = routes.values().map(|on| on.all.compared).sum();
    Ok(RulesView { schema: SCHEMA, rules, compared })
}

/// True where a rule of this name on this route is that one: a route's own before a general one.
fn is_of(rule: &DeclaredRule, declared: &[DeclaredRule], route: &str) -> bool {
    let route = Route::declared_of(route);
    match &rule.route {
        Some(own) => **own == *route,
        None => {
            !declared.iter().any(|other| other.spec.name == rule.spec.name && other.route.as_deref() == Some(route))
        }
    }
}

fn declared_row(
    rule: &DeclaredRule,
    declared: &[DeclaredRule],
    routes: &BTreeMap<&str, OnRoute<'_>>,
    today: i64,
) -> RuleRowView {
    let spec = &rule.spec;
    let (mut all, mut on) = (Did::default(), Vec::new());
    for (route, seen) in routes.iter().filter(|(route, _)| is_of(rule, declared, route)) {
        let mut did = seen.all;
        if let Some(own) = seen.rules.get(&*spec.name) {
            did.add(own);
            on.push(OnRouteView { route: (*route).to_owned(), did: did.view() });
        }
        all.add(&did);
    }
    let state = match () {
        () if spec.until_day.is_some_and(|until| until < today) => RuleWord::Expired,
        () if all.hits > 0 => RuleWord::Used,
        () if all.compared > 0 => RuleWord::Unused,
        () => RuleWord::NotSeen,
    };
    RuleRowView {
        name: spec.name.to_string(),
        state,
        route: rule.route.as_deref().map(str::to_owned),
        kind: Some(spec.kind.word().to_owned()),
        rule: Some(spec.kind.written()),
        path: spec.path.clone(),
        reason: spec.reason.clone(),
        until: spec.until_day.map(day),
        did: all.view(),
        on,
    }
}

fn day(until: i64) -> String {
    let ms = u64::try_from(until).unwrap_or_default() * DAY_MS;
    build::time(ms).split('T').next().unwrap_or_default().to_owned()
}

/// What the evidence names and the config does not.
fn undeclared(declared: &[DeclaredRule], routes: &BTreeMap<&str, OnRoute<'_>>) -> Vec<RuleRowView> {
    let known =
        |route: &str, name: &str| declared.iter().any(|rule| *rule.spec.name == *name && is_of(rule, declared, route));
    let mut rows = Vec::new();
    for (route, seen) in routes {
        for (name, own) in seen.rules.iter().filter(|(name, _)| !known(route, name)) {
            let mut did = seen.all;
            did.add(own);
            rows.push(RuleRowView {
                name: (*name).to_owned(),
                state: RuleWord::Undeclared,
                route: Some((*route).to_owned()),
                kind: None,
                rule: None,
                path: None,
                reason: None,
                until: None,
                did: did.view(),
                on: Vec::new(),
            });
        }
    }
    rows
}
