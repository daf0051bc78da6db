//! Route templates guessed from paths: `{int}`, `{uuid}`, `{slug}`; at most 500, then `METHOD (other)`.

use crate::exchange::Route;
use foldhash::fast::FixedState;
use http::Method;
use std::collections::HashMap;
use std::hash::BuildHasher;
use std::sync::Arc;

/// Templates told apart; what comes after is one route a method.
const TEMPLATES: usize = 500;
/// Methods told apart once the table is full.
const OTHERS: usize = 16;
/// Path segments looked at; the rest is one.
const SEGMENTS: usize = 16;

/// The templates seen so far.
#[derive(Default)]
pub(super) struct Inferred {
    routes: HashMap<String, Arc<str>>,
    others: HashMap<Method, Arc<str>>,
    /// What was asked lately: nothing is asked once.
    lately: Vec<Lately>,
}

/// A request, and the route that was guessed.
struct Lately {
    method: Method,
    path: Box<str>,
    route: Arc<str>,
}

/// Requests remembered, and bytes of the path of one.
const LATELY: usize = 256;
const LATELY_PATH: usize = 256;

impl Inferred {
    /// The guessed route of a request.
    pub(super) fn route(&mut self, method: &Method, path: &str) -> Route {
        let place = FixedState::default().hash_one(path) as usize % LATELY;
        if let Some(lately) = self.lately.get(place).filter(|lately| *lately.path == *path && lately.method == *method)
        {
            return Route::inferred(lately.route.clone());
        }
        let route = self.guess(method, path);
        if path.len() <= LATELY_PATH {
            let nothing = || Lately { method: Method::GET, path: "".into(), route: "".into() };
            if self.lately.is_empty() {
                self.lately.resize_with(LATELY, nothing);
            }
            self.lately[place] = Lately { method: method.clone(), path: path.into(), route: route.name.clone() };
        }
        route
    }
    fn guess(&mut self, method: &Method, path: &str) -> Route {
        let name = template(method, path);
        if let Some(known) = self.routes.get(&name) {
            return Route::inferred(known.clone());
        }
        if self.routes.len() < TEMPLATES {
            let shared: Arc<str> = name.as_str().into();
            self.routes.insert(name, shared.clone());
            return Route::inferred(shared);
        }
        if let Some(other) = self.others.get(method) {
            return Route::inferred(other.clone());
        }
        // Methods are words from outside as well.
        let word = if self.others.len() < OTHERS { method.as_str() } else { "ANY" };
        let other: Arc<str> = format!("{word} (other)").into();
        if self.others.len() < OTHERS {
            self.others.insert(method.clone(), other.clone());
        }
        Route::inferred(other)
    }
}

fn template(method: &Method, path: &str) -> String {
    let mut name = String::with_capacity(method.as_str().len() + path.len() + 8);
    name.push_str(method.as_str());
    name.push(' ');
    for (position, segment) in path.strip_prefix('/').unwrap_or(path).split('/').enumerate() {
        name.push('/');
        if position == SEGMENTS {
            name.push_str("{rest}");
            break;
        }
        name.push_str(class(segment).unwrap_or(segment));
    }
    name
}

fn class(segment: &str) -> Option<&'static str> {
    let bytes = segment.as_bytes();
    let digits = bytes.iter().filter(|b| b.is_ascii_digit()).count();
    let unsigned = bytes.strip_prefix(b"-").unwrap_or(bytes);
    if !unsigned.is_empty() && digits == unsigned.len() {
        return Some("{int}");
    }
    let hyphens = bytes.iter().filter(|b| **b == b'-').count();
    let in_place = [8, 13, 18, 23].iter().all(|at| bytes.get(*at) == Some(&b'-'));
    if bytes.len() == 36 && hyphens == 4 && in_place && bytes.iter().all(|b| b.is_ascii_hexdigit() || *b == b'-') {
        return Some("{uuid}");
    }
    // A word that is not a name somebody gave to a resource: long, with digits among letters, a number with an ending
    // (`7.png`), escaped, or of many parts.
    let odd = bytes.iter().any(|b| *b == b'%' || *b >= 0x80 || matches!(b, b'@' | b':' | b'=' | b'+' | b'~'));
    let numbered = segment
        .split_once('.')
        .is_some_and(|(number, _)| !number.is_empty() && number.bytes().all(|b| b.is_ascii_digit()));
    // `v1` and `oauth2` are names.
    let digits_inside = digits >= 2 && bytes.len() > 3;
    (odd || numbered || digits_inside || hyphens >= 2 || bytes.len() > 40).then_some("{slug}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_become_placeholders_and_names_stay() {
        let route = |path: &str| Inferred::default().route(&Method::GET, path).to_string();
        assert_eq!(route("/api/review/17"), "GET /api/review/{int}");
        assert_eq!(route("/api/v1/book/0-306-40615-X/reviews/"), "GET /api/v1/book/{slug}/reviews/");
        assert_eq!(route("/u/2f1c6d7e-0000-4000-8000-aaaaaaaaaaaa"), "GET /u/{uuid}");
        assert_eq!(route("/reviewer/ann@example.org"), "GET /reviewer/{slug}");
        assert_eq!(route("/"), "GET /");
        for (path, template) in [
            ("/page/-3", "/page/{int}"),
            ("/img/7.png", "/img/{slug}"),
            ("/img/logo.png", "/img/logo.png"),
            ("/oauth2/v1/me", "/oauth2/v1/me"),
            ("/a/-", "/a/-"),
            ("/a/.x1", "/a/.x1"),
            ("/F/2F1C6D7E-0000-4000-8000-AAAAAAAAAAAA/x", "/F/{uuid}/x"),
            ("/F/2f1c6d7e0000-4000-8000-aaaa-aaaaaaaa/x", "/F/{slug}/x"),
            ("/h/2f1c6d7e000040008000aaaaaaaaaaaa", "/h/{slug}"),
            ("/q/%C3%A9", "/q/{slug}"),
            ("/s;jsessionid=ab", "/{slug}"),
            ("//a", "//a"),
            ("/a//b", "/a//b"),
        ] {
            assert_eq!(route(path), format!("GET {template}"), "{path}");
        }
        let long = route(&"/x".repeat(40));
        assert_eq!(long, format!("GET {}/{{rest}}", "/x".repeat(SEGMENTS)));
    }

    #[test]
    fn the_table_is_bounded() {
        let mut inferred = Inferred::default();
        let names: std::collections::HashSet<String> = (0..5_000u32)
            .map(|n| {
                let word: String = n.to_string().bytes().map(|b| (b'a' + (b - b'0')) as char).collect();
                inferred.route(&Method::GET, &format!("/{word}")).to_string()
            })
            .collect();
        assert_eq!(names.len(), TEMPLATES + 1);
        assert!(names.contains("GET (other)"));
        assert_eq!(inferred.route(&Method::GET, "/a").to_string(), "GET /a", "what was known stays known");
        // Methods are words from outside too.
        let odd = |n: u32| Method::from_bytes(format!("M{n}").as_bytes()).unwrap();
        let others: std::collections::HashSet<String> =
            (0..1_000).map(|n| inferred.route(&odd(n), "/z").to_string()).collect();
        assert_eq!(others.len(), OTHERS, "15 beside GET, and ANY");
        assert!(others.contains("ANY (other)"));
        assert!(inferred.route(&Method::GET, "/z").inferred);
    }
}
