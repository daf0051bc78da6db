//! Route templates guessed from paths: `{int}`, `{uuid}`, `{slug}`; at most 500, then `METHOD (other)`.

use crate::exchange::Route;
use http::Method;
use std::collections::HashMap;
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
}

impl Inferred {
    /// The guessed route of a request.
    pub(super) fn route(&mut self, method: &Method, path: &str) -> Route {
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
    for (position, segment) in path.trim_start_matches('/').split('/').enumerate() {
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
    if !bytes.is_empty() && digits == bytes.len() {
        return Some("{int}");
    }
    let hyphens = bytes.iter().filter(|b| **b == b'-').count();
    if bytes.len() == 36 && hyphens == 4 && bytes.iter().all(|b| b.is_ascii_hexdigit() || *b == b'-') {
        return Some("{uuid}");
    }
    // A word that is not a name somebody gave to a resource: long, with digits among letters, escaped, or of many parts.
    let odd = bytes.iter().any(|b| *b == b'%' || *b >= 0x80 || matches!(b, b'@' | b':' | b'=' | b'+' | b'~'));
    // `v1` and `oauth2` are names.
    let digits_inside = digits >= 2 && bytes.len() > 3;
    (odd || digits_inside || hyphens >= 2 || bytes.len() > 40).then_some("{slug}")
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
    }
}
