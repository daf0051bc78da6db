//! `roles`: the monolith's responsibilities from the outside in, those first on which the fewest depend, with the gate's word
//! for their routes; and declared dependencies held against the calls that were seen.

use super::SCHEMA;
use super::gate::GateView;
use super::text::clean;
use crate::config::Config;
use crate::evidence::{CoverageDelta, Word};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};
use std::sync::Arc;

/// `roles`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RolesView {
    /// [`SCHEMA`].
    pub schema: u32,
    /// The fewest dependants first.
    pub roles: Vec<RoleView>,
    /// Roles that depend on one another, each as a way that ends where it begins.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub cycles: Vec<Vec<String>>,
    /// Routes that were seen or declared and belong to no role.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub routes_without_role: Vec<String>,
}

/// One role.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct RoleView {
    /// Its name.
    pub role: String,
    /// No `[[role]]` declares it: another depends on it.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub undeclared: bool,
    /// Roles that depend on it, declared or seen.
    pub dependants: Vec<String>,
    /// Roles that it depends on.
    pub depends_on: Vec<DependencyView>,
    /// The worst word of its routes; none where it has no route that is compared.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Word>,
    /// Its routes with the gate's word, none for a route that was cut over.
    pub routes: Vec<RoleRouteView>,
    /// What a tee cannot see of it.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub notes: Vec<String>,
}

/// A dependency.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct DependencyView {
    /// The other role.
    pub role: String,
    /// The config says so.
    pub declared: bool,
    /// Calls that were seen.
    pub seen: u64,
}

/// A route of a role.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RoleRouteView {
    /// Its name.
    pub route: String,
    /// The gate's word; none once it was cut over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub verdict: Option<Word>,
}

type Edges<'a> = BTreeMap<&'a str, BTreeMap<&'a str, DependencyView>>;

/// Makes the view.
pub fn roles(config: &Config, gate: &GateView, coverage: &BTreeMap<String, Arc<CoverageDelta>>) -> RolesView {
    let of_route = |route: &str| config.routes.declaring(route).and_then(|declared| declared.role.as_deref());
    let mut routes: BTreeMap<&str, Vec<RoleRouteView>> = BTreeMap::new();
    let mut without = Vec::new();
    let words = gate.routes.iter().map(|route| (&route.route, Some(route.verdict)));
    for (route, verdict) in words.chain(gate.owned.iter().map(|owned| (&owned.route, None))) {
        match of_route(route) {
            Some(role) => routes.entry(role).or_default().push(RoleRouteView { route: route.clone(), verdict }),
            None => without.push(route.clone()),
        }
    }
    let edges = edges(config, coverage, &of_route);
    let mut traced: BTreeMap<&str, u64> = BTreeMap::new();
    for (route, seen) in coverage {
        if let Some(role) = of_route(route) {
            *traced.entry(role).or_default() += seen.traced;
        }
    }
    let declared = config.roles.iter().map(|role| &*role.name);
    let names: BTreeSet<&str> = declared
        .chain(edges.iter().flat_map(|(role, others)| std::iter::once(*role).chain(others.keys().copied())))
        .chain(routes.keys().copied())
        .collect();
    let one = |name: &&str| role(config, name, &edges, routes.get(name), traced.get(name).copied().unwrap_or_default());
    let mut roles: Vec<RoleView> = names.iter().map(one).collect();
    roles.sort_by(|a, b| (a.dependants.len(), &a.role).cmp(&(b.dependants.len(), &b.role)));
    RolesView { schema: SCHEMA, roles, cycles: cycles(&names, &edges), routes_without_role: without }
}

/// Who depends on whom: as declared, and as calls show.
fn edges<'a>(
    config: &'a Config,
    coverage: &'a BTreeMap<String, Arc<CoverageDelta>>,
    of_route: &impl Fn(&str) -> Option<&'a str>,
) -> Edges<'a> {
    let mut edges = Edges::new();
    let fresh = |role: &str, declared| DependencyView { role: role.to_owned(), declared, seen: 0 };
    for role in &config.roles {
        let mine = edges.entry(&role.name).or_default();
        role.depends_on.iter().for_each(|other| drop(mine.insert(other, fresh(other, true))));
    }
    for (route, seen) in coverage {
        let Some(role) = of_route(route) else { continue };
        for (called, n) in &seen.calls {
            // A call within one role is nobody's dependency.
            let Some(other) = of_route(called).filter(|other| *other != role) else { continue };
            edges.entry(role).or_default().entry(other).or_insert_with(|| fresh(other, false)).seen += n;
        }
    }
    edges
}

fn role(config: &Config, name: &str, edges: &Edges<'_>, routes: Option<&Vec<RoleRouteView>>, traced: u64) -> RoleView {
    let routes = routes.cloned().unwrap_or_default();
    let depends_on: Vec<DependencyView> =
        edges.get(name).into_iter().flat_map(|others| others.values()).cloned().collect();
    let dependants = edges.iter().filter(|(_, others)| others.contains_key(name)).map(|(role, _)| (*role).to_owned());
    let mut notes = Vec::new();
    if routes.is_empty() {
        notes.push("no route of it passes the tee: nothing of it can be seen here".to_owned());
    } else if traced == 0 && !depends_on.is_empty() {
        notes.push("no request of it told a trace (traceparent): what it calls cannot be seen".to_owned());
    }
    RoleView {
        role: name.to_owned(),
        undeclared: !config.roles.iter().any(|role| *role.name == *name),
        dependants: dependants.collect(),
        depends_on,
        verdict: routes.iter().filter_map(|route| route.verdict).max(),
        routes,
        notes,
    }
}

/// One way round for each set of roles that depend on one another.
fn cycles(names: &BTreeSet<&str>, edges: &Edges<'_>) -> Vec<Vec<String>> {
    let next = |role: &str| edges.get(role).into_iter().flat_map(|others| others.keys().copied());
    let mut told: BTreeSet<&str> = BTreeSet::new();
    let mut cycles = Vec::new();
    for start in names {
        if told.contains(start) {
            continue;
        }
        // The shortest way back, breadth first: who was reached from whom.
        let mut from: BTreeMap<&str, &str> = BTreeMap::new();
        let mut reached = vec![*start];
        let mut at = 0;
        while let Some(role) = reached.get(at).copied() {
            at += 1;
            for other in next(role) {
                if !from.contains_key(other) {
                    from.insert(other, role);
                    reached.push(other);
                }
            }
        }
        let Some(mut role) = from.get(start).copied() else { continue };
        let mut way = vec![(*start).to_owned()];
        while role != *start {
            way.push(role.to_owned());
            told.insert(role);
            let Some(before) = from.get(role) else { break };
            role = before;
        }
        told.insert(start);
        way.push((*start).to_owned());
        way.reverse();
        cycles.push(way);
    }
    cycles
}

/// For people.
pub fn text(out: &mut dyn Write, view: &RolesView) -> io::Result<()> {
    if view.roles.is_empty() {
        return writeln!(
            out,
            "no [[role]] is declared: a role is one of the monolith's responsibilities, and has routes"
        );
    }
    writeln!(out, "From the outside in: what the fewest depend on goes first.\n")?;
    for (place, role) in view.roles.iter().enumerate() {
        let word = role.verdict.map_or("", Word::told);
        let undeclared = if role.undeclared { "  (not declared)" } else { "" };
        let by = match role.dependants.len() {
            0 => "nothing depends on it".to_owned(),
            _ => format!("needed by {}", names(&role.dependants)),
        };
        writeln!(out, "{:>2}. {:<24} {word:<20} {by}{undeclared}", place + 1, clean(&role.role))?;
        for dependency in &role.depends_on {
            let other = clean(&dependency.role);
            match (dependency.declared, dependency.seen) {
                (true, 0) => writeln!(out, "      needs {other}: declared, never seen")?,
                (true, n) => writeln!(out, "      needs {other}: declared, {n} calls seen")?,
                (false, n) => writeln!(out, "      needs {other}: NOT declared, {n} calls seen")?,
            }
        }
        for route in &role.routes {
            let word = route.verdict.map_or("cut over", Word::told);
            writeln!(out, "      {word:<20} {}", clean(&route.route))?;
        }
        role.notes.iter().try_for_each(|note| writeln!(out, "      ({note})"))?;
    }
    for cycle in &view.cycles {
        let way: Vec<String> = cycle.iter().map(|role| clean(role)).collect();
        writeln!(out, "\ncycle: {}: none of them can go first alone", way.join(" -> "))?;
    }
    if !view.routes_without_role.is_empty() {
        writeln!(out, "\nof no role: {}", names(&view.routes_without_role))?;
    }
    Ok(())
}

fn names(all: &[String]) -> String {
    all.iter().map(|name| clean(name)).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ways(edges: &[(&'static str, &'static str)]) -> Vec<Vec<String>> {
        let mut all = Edges::new();
        let mut names = BTreeSet::new();
        for (role, other) in edges {
            let view = DependencyView { role: (*other).to_owned(), declared: true, seen: 0 };
            all.entry(role).or_default().insert(other, view);
            names.extend([*role, *other]);
        }
        cycles(&names, &all)
    }

    #[test]
    fn cycles_are_named_once_and_trees_have_none() {
        assert_eq!(
            ways(&[("api", "users"), ("api", "books"), ("top", "books"), ("books", "users")]),
            Vec::<Vec<String>>::new()
        );
        assert_eq!(ways(&[("a", "b"), ("b", "c"), ("c", "a"), ("d", "a")]), [["a", "b", "c", "a"]]);
        assert_eq!(ways(&[("a", "a")]), [["a", "a"]]);
        assert_eq!(ways(&[("a", "b"), ("b", "a"), ("c", "d"), ("d", "c")]), [["a", "b", "a"], ["c", "d", "c"]]);
    }
}
