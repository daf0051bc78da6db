//! Declared routes: which one a request belongs to.

use super::{Branches, SplitBy};
use crate::exchange::Route;
use crate::rules::RuleSet;
use foldhash::fast::FixedState;
use http::Method;
use matchit::Router;
use std::collections::HashMap;
use std::sync::Arc;

/// Position of a declared route in its table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct RouteIndex(pub u32);

/// What the config says of one route.
#[derive(Clone, Debug)]
pub struct RouteConfig {
    /// Its name, `METHOD /template/{id}`.
    pub route: Route,
    /// The monolith's responsibility that it belongs to.
    pub role: Option<Arc<str>>,
    /// `Some(true)`: `mirror = "allow"`, whatever the method; `Some(false)`: `mirror = "never"`.
    pub mirror: Option<bool>,
    /// `owner = "candidate"`: cut over.
    pub owned_by_candidate: bool,
    /// Named by `[mirror.session] establish`: a log-in, mirrored by that line.
    pub establishes: bool,
    /// Tells the operations apart that share this route's path.
    pub split_by: Option<SplitBy>,
    /// What evidence must have seen.
    pub branches: Branches,
    /// General rules and its own, compiled.
    pub rules: Arc<RuleSet>,
}

/// What a `match` says: `METHOD [host]/template`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Pattern {
    pub(super) method: Method,
    pub(super) host: Option<String>,
    pub(super) template: String,
}

const PATTERNS: &str = "`METHOD /template/{id}`, optionally with a host before the path (`GET example.org/api/{id}`)";

impl Pattern {
    /// Reads a `match`; `Err` says what is wrong, at which byte, and what is allowed.
    pub(super) fn parse(text: &str) -> Result<Pattern, (usize, &'static str, &'static str)> {
        let Some((method, rest)) = text.split_once(' ') else {
            return Err((0, "a route is a method, a blank and a path template", PATTERNS));
        };
        let method_read = super::spelling::method(method).map_err(|allowed| (0, "this is not a method", allowed))?;
        let offset = method.len() + 1;
        let Some(slash) = rest.find('/') else {
            return Err((offset, "the path template starts with `/`", PATTERNS));
        };
        let (host, template) = rest.split_at(slash);
        if let Some(bad) = template.find(|c: char| c.is_whitespace() || c == '?' || c == '#') {
            return Err((offset + slash + bad, "a path template has no blanks, query or fragment", PATTERNS));
        }
        if host.contains(|c: char| c.is_whitespace() || "{}@*".contains(c)) || host.contains("://") {
            return Err((offset, "a host here is a plain name without scheme or port", PATTERNS));
        }
        if !host.starts_with('[') && host.contains(':') {
            return Err((offset, "a host here is a plain name without scheme or port", PATTERNS));
        }
        let host = (!host.is_empty()).then(|| host.to_ascii_lowercase());
        Ok(Pattern { method: method_read, host, template: template.to_owned() })
    }
    /// The route's name: the host in lower case, all else as typed.
    pub(super) fn name(&self) -> String {
        format!("{} {}{}", self.method, self.host.as_deref().unwrap_or(""), self.template)
    }
}

/// Why a route cannot be added.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Refused {
    /// Another one claims the same requests.
    Conflict(RouteIndex),
    /// The template does not read.
    Template(String),
    /// The table is full.
    TooMany,
}

/// Routers by method: methods come from the config alone.
type Methods = HashMap<Method, Router<u32>, FixedState>;

/// Declared routes with their matcher. Trailing slashes count; a static segment wins over a parameter; a route with the
/// request's host wins over one without.
#[derive(Clone, Debug, Default)]
pub struct RouteTable {
    routes: Vec<RouteConfig>,
    anywhere: Methods,
    hosts: HashMap<Box<str>, Methods>,
    names: HashMap<Arc<str>, u32, FixedState>,
}

impl RouteTable {
    /// Routes that may be declared.
    pub(super) const MOST: usize = 10_000;

    /// Adds a route at the end.
    pub(super) fn add(&mut self, pattern: &Pattern, config: RouteConfig) -> Result<RouteIndex, Refused> {
        let next = u32::try_from(self.routes.len()).map_err(|_| Refused::TooMany)?;
        if self.routes.len() >= RouteTable::MOST {
            return Err(Refused::TooMany);
        }
        let methods = match &pattern.host {
            None => &mut self.anywhere,
            Some(host) => self.hosts.entry(host.as_str().into()).or_default(),
        };
        let router = methods.entry(pattern.method.clone()).or_default();
        match router.insert(pattern.template.clone(), next) {
            Ok(()) => {}
            Err(matchit::InsertError::Conflict { with }) => {
                let prefix = format!("{} {}", pattern.method, pattern.host.as_deref().unwrap_or(""));
                let same = self.by_name(&format!("{prefix}{with}"));
                return Err(Refused::Conflict(same.unwrap_or(RouteIndex(next))));
            }
            Err(other) => return Err(Refused::Template(other.to_string())),
        }
        self.names.entry(config.route.name.clone()).or_insert(next);
        self.routes.push(config);
        Ok(RouteIndex(next))
    }
    /// True where some route is of one host only: else nobody need read a request's.
    pub fn knows_hosts(&self) -> bool {
        !self.hosts.is_empty()
    }
    /// The declared route of a request, by its host (lower case, without a port), method and path.
    pub fn find(&self, host: Option<&str>, method: &Method, path: &str) -> Option<RouteIndex> {
        let at = |methods: &Methods| {
            methods.get(method).and_then(|router| router.at(path).ok()).map(|found| RouteIndex(*found.value))
        };
        host.filter(|_| !self.hosts.is_empty())
            .and_then(|host| self.hosts.get(host))
            .and_then(at)
            .or_else(|| at(&self.anywhere))
    }
    /// What the config says of it. The index must come from this table.
    pub fn get(&self, index: RouteIndex) -> &RouteConfig {
        &self.routes[index.0 as usize]
    }
    /// Notes that a route is a log-in.
    pub(super) fn establish(&mut self, index: RouteIndex) {
        if let Some(route) = self.routes.get_mut(index.0 as usize) {
            route.establishes = true;
        }
    }
    /// All of them, in file order.
    pub fn iter(&self) -> std::slice::Iter<'_, RouteConfig> {
        self.routes.iter()
    }
    /// The route of this name.
    pub fn by_name(&self, name: &str) -> Option<RouteIndex> {
        self.names.get(name).copied().map(RouteIndex)
    }
    /// The declared route that a name of the evidence is of: its own, or that of its operation.
    pub fn declaring(&self, name: &str) -> Option<&RouteConfig> {
        self.by_name(Route::declared_of(name)).map(|index| self.get(index))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(patterns: &[&str]) -> RouteTable {
        let mut table = RouteTable::default();
        for text in patterns {
            add(&mut table, text).unwrap();
        }
        table
    }

    fn add(table: &mut RouteTable, text: &str) -> Result<RouteIndex, Refused> {
        let pattern = Pattern::parse(text).unwrap();
        let route = Route::declared(pattern.name());
        let rules = Arc::new(RuleSet::default());
        let (role, mirror, owned_by_candidate, establishes, split_by) = (None, None, false, false, None);
        let branches = Branches::default();
        let config = RouteConfig { route, role, mirror, owned_by_candidate, establishes, split_by, branches, rules };
        table.add(&pattern, config)
    }

    #[test]
    fn finds_by_host_method_and_template() {
        let table = table(&[
            "GET /api/review/{review_id}",
            "GET /api/review/new",
            "GET shop.example/api/review/{id}",
            "POST /api/review/{id}",
            "GET /files/{*rest}",
        ]);
        let find = |host, method: &str, path| table.find(host, &method.parse().unwrap(), path).map(|i| i.0);
        assert_eq!(find(None, "GET", "/api/review/7"), Some(0));
        assert_eq!(find(None, "GET", "/api/review/new"), Some(1));
        assert_eq!(find(Some("shop.example"), "GET", "/api/review/7"), Some(2));
        assert_eq!(find(Some("shop.example"), "POST", "/api/review/7"), Some(3));
        assert_eq!(find(Some("other.example"), "GET", "/api/review/7"), Some(0));
        assert_eq!(find(None, "GET", "/api/review/7/"), None);
        assert_eq!(find(None, "DELETE", "/api/review/7"), None);
        assert_eq!(find(None, "GET", "/files/a/b"), Some(4));
        assert_eq!(table.by_name("GET shop.example/api/review/{id}"), Some(RouteIndex(2)));
    }

    #[test]
    fn two_templates_of_one_meaning_conflict() {
        let mut table = table(&["GET /a/{x}", "GET /b"]);
        assert_eq!(add(&mut table, "GET /a/{y}"), Err(Refused::Conflict(RouteIndex(0))));
        assert_eq!(add(&mut table, "GET /b"), Err(Refused::Conflict(RouteIndex(1))));
        assert!(add(&mut table, "HEAD /b").is_ok());
        assert!(add(&mut table, "GET /a/{y}/z").is_ok());
        assert!(matches!(add(&mut table, "GET /c/{"), Err(Refused::Template(_))));
    }

    #[test]
    fn a_pattern_that_does_not_read_says_where() {
        for (text, at) in [("/x", 0), ("get /x", 0), ("GET x", 4), ("GET /x y", 6), ("GET /x?y", 6), ("GET h:80/x", 4)]
        {
            assert_eq!(Pattern::parse(text).unwrap_err().0, at, "{text}");
        }
        assert_eq!(Pattern::parse("GET Example.ORG/X").unwrap().name(), "GET example.org/X");
    }
}
