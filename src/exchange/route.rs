//! A route's name: `METHOD /template/{id}` in OpenAPI spelling; of one operation of several on a path:
//! `POST /graphql#GetReview`.

use std::fmt;
use std::sync::Arc;

/// The route that a request belongs to, by name; cheap to clone.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Route {
    /// `GET /api/review/{review_id}`; with a host: `GET example.org/api/…`.
    pub name: Arc<str>,
    /// True where the template was guessed from traffic, not declared in the config.
    pub inferred: bool,
}

impl Route {
    /// A route that the config declares.
    pub fn declared(name: impl Into<Arc<str>>) -> Route {
        Route { name: name.into(), inferred: false }
    }
    /// A route guessed from a request's path.
    pub fn inferred(name: impl Into<Arc<str>>) -> Route {
        Route { name: name.into(), inferred: true }
    }
    /// One operation of this route. No path template holds a `#`, so whose operation it is can always be told.
    pub fn operation(&self, operation: &str) -> Route {
        Route { name: format!("{}#{operation}", self.name).into(), inferred: self.inferred }
    }
    /// The declared route of a name: the name itself, or what stands before its operation.
    pub fn declared_of(name: &str) -> &str {
        name.split_once('#').map_or(name, |(declared, _)| declared)
    }
}

impl fmt::Display for Route {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
