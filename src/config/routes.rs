//! Declared routes: which one a request belongs to.

use crate::exchange::Route;
use crate::rules::RuleSet;
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
    /// General rules and its own, compiled.
    pub rules: Arc<RuleSet>,
}

/// Declared routes with their matcher.
#[derive(Clone, Debug, Default)]
pub struct RouteTable {
    // config: routes in file order, a matchit router per (host, method)
}

impl RouteTable {
    /// The declared route of a request, by its host (lower case, without a port), method and path.
    pub fn find(&self, _host: Option<&str>, _method: &http::Method, _path: &str) -> Option<RouteIndex> {
        None
    }
    /// What the config says of it.
    pub fn get(&self, _index: RouteIndex) -> &RouteConfig {
        todo!("config")
    }
    /// All of them, in file order.
    pub fn iter(&self) -> std::slice::Iter<'_, RouteConfig> {
        todo!("config")
    }
}
