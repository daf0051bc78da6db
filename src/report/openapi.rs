//! An OpenAPI document held against what was seen: operations and statuses that were never exercised, and routes that it does
//! not name. The only place that names YAML.

use super::coverage::CoverageView;
use super::text::clean;
use crate::exchange::Route;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, Write};

/// What a document names and what of it was seen.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct OpenApiView {
    /// Operations that it names.
    pub operations: u64,
    /// Of these, never seen.
    pub never_seen: Vec<String>,
    /// By operation: statuses that it names and that the primary never gave.
    pub statuses_never_seen: BTreeMap<String, Vec<String>>,
    /// Routes with exchanges that it does not name.
    pub not_named: Vec<String>,
}

/// Why a text is no OpenAPI document.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OpenApiError {
    /// Neither JSON nor YAML.
    #[error("it reads neither as JSON nor as YAML: {0}")]
    Syntax(String),
    /// It is something else.
    #[error("it has no `paths`: name an OpenAPI document (version 2 or 3)")]
    NoPaths,
    /// More than is looked at.
    #[error("it names more than {0} operations")]
    TooMany(usize),
}

/// Operations of one document at most.
const OPERATIONS: usize = 20_000;
const METHODS: [&str; 8] = ["get", "head", "post", "put", "patch", "delete", "options", "trace"];

/// An operation and the statuses that it names.
type Operations = BTreeMap<String, BTreeSet<String>>;

/// Reads a document and holds it against a view.
pub fn compare(text: &str, view: &CoverageView) -> Result<OpenApiView, OpenApiError> {
    let operations = operations(text)?;
    let mut seen: BTreeMap<String, BTreeSet<u16>> = BTreeMap::new();
    let mut not_named = Vec::new();
    let shapes: BTreeMap<String, &String> = operations.keys().map(|name| (shape(name), name)).collect();
    for route in view.routes.iter().filter(|route| route.exchanges > 0) {
        match shapes.get(&shape(&route.route)) {
            Some(operation) => {
                let statuses = route.principals.values().flatten().filter_map(|statuses| statuses.primary);
                seen.entry((*operation).clone()).or_default().extend(statuses);
            }
            None => not_named.push(route.route.clone()),
        }
    }
    let mut found = OpenApiView { operations: operations.len() as u64, not_named, ..OpenApiView::default() };
    for (operation, statuses) in &operations {
        let Some(given) = seen.get(operation) else {
            found.never_seen.push(operation.clone());
            continue;
        };
        let missing: Vec<String> =
            statuses.iter().filter(|named| !given.iter().any(|s| is_of(named, *s))).cloned().collect();
        if !missing.is_empty() {
            found.statuses_never_seen.insert(operation.clone(), missing);
        }
    }
    Ok(found)
}

/// `404` names one status, `4XX` all of a class.
fn is_of(named: &str, status: u16) -> bool {
    let digits = status.to_string();
    named.len() == 3 && named.bytes().zip(digits.bytes()).all(|(n, d)| n == d || n.eq_ignore_ascii_case(&b'x'))
}

/// A route's method and path with every parameter alike, its host and operation left out: names of parameters are a matter of
/// taste.
fn shape(route: &str) -> String {
    let route = Route::declared_of(route);
    let (method, rest) = route.split_once(' ').unwrap_or(("", route));
    let path = rest.find('/').and_then(|slash| rest.get(slash..)).unwrap_or(rest);
    let mut out = format!("{} ", method.to_ascii_uppercase());
    let mut inside = false;
    for c in path.chars() {
        match c {
            '{' => {
                inside = true;
                out.push_str("{}");
            }
            '}' => inside = false,
            c if !inside => out.push(c),
            _ => {}
        }
    }
    out
}

fn operations(text: &str) -> Result<Operations, OpenApiError> {
    let document: Value = match serde_json::from_str(text) {
        Ok(document) => document,
        Err(_) => serde_saphyr::from_str(text).map_err(|error| OpenApiError::Syntax(first_line(&error.to_string())))?,
    };
    let paths = document.get("paths").and_then(Value::as_object).ok_or(OpenApiError::NoPaths)?;
    let base = base(&document);
    let mut operations = Operations::new();
    for (path, item) in paths {
        for method in METHODS {
            let Some(operation) = item.get(method) else { continue };
            if operations.len() >= OPERATIONS {
                return Err(OpenApiError::TooMany(OPERATIONS));
            }
            let name = format!("{} {base}{path}", method.to_ascii_uppercase());
            let responses = operation.get("responses").and_then(Value::as_object);
            let statuses = responses.into_iter().flat_map(|all| all.keys()).filter(|status| *status != "default");
            operations.insert(name, statuses.cloned().collect());
        }
    }
    Ok(operations)
}

fn first_line(text: &str) -> String {
    text.lines().next().unwrap_or_default().to_owned()
}

/// What stands before every path: that of the first server (version 3) or `basePath` (version 2), without a slash at its end.
fn base(document: &Value) -> String {
    let server = document.get("servers").and_then(|servers| servers.get(0)?.get("url")?.as_str());
    let path = match (server, document.get("basePath").and_then(Value::as_str)) {
        (Some(url), _) => match url.split_once("://") {
            Some((_, rest)) => rest.find('/').and_then(|at| rest.get(at..)).unwrap_or(""),
            None => url,
        },
        (None, base) => base.unwrap_or(""),
    };
    path.trim_end_matches('/').to_owned()
}

/// For people.
pub fn text(out: &mut dyn Write, view: &OpenApiView) -> io::Result<()> {
    let seen = view.operations - view.never_seen.len() as u64;
    writeln!(out, "OpenAPI: {seen} of {} operations seen", view.operations)?;
    view.never_seen.iter().try_for_each(|operation| writeln!(out, "    never seen: {}", clean(operation)))?;
    for (operation, statuses) in &view.statuses_never_seen {
        let statuses: Vec<String> = statuses.iter().map(|status| clean(status)).collect();
        writeln!(out, "    {}: never {}", clean(operation), statuses.join(", "))?;
    }
    view.not_named.iter().try_for_each(|route| writeln!(out, "    seen, and not in the document: {}", clean(route)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::coverage::{RouteCoverageView, StatusesView};

    const YAML: &str = "openapi: 3.1.0\nservers:\n  - url: https://api.example/v1/\npaths:\n  /review/{id}:\n    get:\n      \
        responses:\n        '200': {description: ok}\n        404: {description: none}\n        5XX: {description: bad}\n        \
        default: {description: else}\n    delete:\n      responses: {'204': {description: gone}}\n  /books/:\n    parameters: []\n    \
        get: {responses: {'200': {description: ok}}}\n";

    fn seen(routes: &[(&str, &[u16])]) -> CoverageView {
        let route = |(name, statuses): &(&str, &[u16])| RouteCoverageView {
            route: (*name).to_owned(),
            exchanges: statuses.len() as u64,
            principals: BTreeMap::from([(
                "user".to_owned(),
                statuses
                    .iter()
                    .map(|s| StatusesView { primary: Some(*s), candidate: None, count: 1, critical: false })
                    .collect(),
            )]),
            ..RouteCoverageView::default()
        };
        CoverageView { schema: 1, routes: routes.iter().map(route).collect(), openapi: None }
    }

    #[test]
    fn operations_and_statuses_that_were_never_exercised_are_named() {
        let view = seen(&[
            ("GET shop.example/v1/review/{review_id}", &[200, 503]),
            ("GET /v1/books/", &[]),
            ("GET /x", &[200]),
        ]);
        let found = compare(YAML, &view).unwrap();
        assert_eq!(found.operations, 3);
        assert_eq!(found.never_seen, ["DELETE /v1/review/{id}", "GET /v1/books/"]);
        assert_eq!(found.statuses_never_seen, BTreeMap::from([("GET /v1/review/{id}".into(), vec!["404".to_owned()])]));
        assert_eq!(found.not_named, ["GET /x"]);
    }

    #[test]
    fn json_and_version_2_read_and_others_are_told() {
        let json = r#"{"swagger":"2.0","basePath":"/api","paths":{"/a":{"get":{"responses":{}}}}}"#;
        assert_eq!(compare(json, &seen(&[("GET /api/a", &[200])])).unwrap().never_seen, Vec::<String>::new());
        assert!(matches!(compare("a: [1", &seen(&[])), Err(OpenApiError::Syntax(_))));
        assert_eq!(compare("a: 1", &seen(&[])), Err(OpenApiError::NoPaths));
        assert_eq!(shape("get example.org/a/{x}/b{y}c#Op"), "GET /a/{}/b{}c");
    }
}
