//! Cuts secrets out before anything is stored, logged, exported or published.
//!
//! Spans of the decoded text are replaced by typed tokens, `[redacted:jwt:len=181:h=9f3c0a12]`: class, length in bytes and
//! a keyed hash of the secret as it reads decoded, so equal secrets stay recognisably equal wherever they stand. Redacting
//! twice is redacting once. Total: whatever the input, there is an output; what is malformed is read leniently, never let
//! through.

mod fields;
mod json;
mod known;
mod markup;
mod names;
mod paths;
mod shapes;
mod tokens;

pub(crate) use fields::decoded;
pub use known::Known;
pub use tokens::Tokens;

use crate::document::json::token_name;
use crate::rules::{Selector, SelectorError};
use paths::Selectors;
use std::collections::BTreeSet;

/// What is cut beside the built-in list.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RedactOptions {
    /// Header fields whose values are cut whole.
    pub headers: Vec<String>,
    /// Selectors into JSON bodies (`$..name`, `$.a.b`, `$.a[*].b`); a `$..name` also holds for query and form keys.
    pub paths: Vec<String>,
    /// Shapes looked for in any text: `email`; `jwt` and `card` always are.
    pub shapes: Vec<String>,
}

/// A selector of [`RedactOptions::paths`] that cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{path}` is no path: {error}")]
pub struct PathError {
    /// As written.
    pub path: String,
    /// What is wrong, where, and what is allowed.
    #[source]
    pub error: SelectorError,
}

/// Cuts secrets out of every kind of text that an exchange holds.
#[derive(Clone)]
pub struct Redactor {
    key: [u8; 32],
    headers: BTreeSet<String>,
    selectors: Selectors,
    email: bool,
}

impl std::fmt::Debug for Redactor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Redactor").field("headers", &self.headers).finish_non_exhaustive()
    }
}

impl Redactor {
    /// A redactor under this key, which must live outside the store: with it a guessed secret could be checked.
    /// Selectors that cannot be read are left out; [`Redactor::check`] says which.
    pub fn new(options: RedactOptions, key: [u8; 32]) -> Redactor {
        Redactor {
            key,
            headers: options.headers.iter().map(|name| name.to_ascii_lowercase()).collect(),
            selectors: Selectors::compile(&options.paths),
            email: options.shapes.iter().any(|shape| shape == "email"),
        }
    }

    /// Refuses selectors that cannot be read.
    pub fn check(options: &RedactOptions) -> Result<(), PathError> {
        options.paths.iter().try_for_each(|path| match Selector::parse(path) {
            Ok(_) => Ok(()),
            Err(error) => Err(PathError { path: path.clone(), error }),
        })
    }

    /// Free text: secrets by shape (JWT, card number, credentials in a URL, e-mail where configured) and by the name before
    /// them (`password=…`, `"token": "…"`, `<secret>…`, multipart fields).
    pub fn text(&self, text: &str) -> String {
        settle(text, |text| self.text_once(text))
    }

    fn text_once(&self, text: &str) -> String {
        let tokens = shapes::tokens(text);
        let mut spans = Vec::new();
        shapes::find(text, self.email, &mut spans);
        names::find(text, &|name| self.is_secret_name(name), &tokens, &mut spans);
        markup::find(text, &|name| self.is_secret_name(name), &mut spans);
        self.replace(text, spans)
    }

    /// A whole JSON document: strings are read with their escapes, members by name and by configured path. Read leniently:
    /// what is cut short or malformed is redacted all the same.
    pub fn json(&self, text: &str) -> String {
        settle(text, |text| json::redact(self, text, self.selectors.start(), false))
    }

    /// The JSON text of one value that stands at an RFC 6901 pointer of its document.
    pub fn json_at(&self, pointer: &str, value: &str) -> String {
        let mut state = self.selectors.start();
        let mut secret = state.is_match();
        for step in pointer.split('/').skip(1) {
            let name = token_name(step);
            state = self.selectors.step(&state, &name, name.parse().ok());
            secret |= state.is_match() || names::is_secret(&name);
        }
        settle(value, |value| json::redact(self, value, state.clone(), secret))
    }

    /// Who asks, as it may be stored.
    pub fn subject(&self, subject: &str) -> String {
        self.token("subject", subject)
    }

    /// What every token of this secret ends in, whatever its class: by it what is stored of it is found.
    pub fn trace(&self, secret: &str) -> String {
        let token = self.token("", secret);
        token.strip_prefix("[redacted:").unwrap_or(&token).to_owned()
    }

    /// True for names of members, keys and fields whose value is a secret.
    fn is_secret_name(&self, name: &str) -> bool {
        names::is_secret(name) || self.selectors.names_anywhere(name)
    }

    /// The token that stands for a secret; a token stays as it is, and so does what is empty.
    fn token(&self, class: &str, secret: &str) -> String {
        if secret.is_empty() || secret == OPAQUE || shapes::is_token(secret) {
            return secret.to_owned();
        }
        let hash = blake3::keyed_hash(&self.key, secret.as_bytes());
        let short = hash.to_hex();
        format!("[redacted:{class}:len={}:h={}]", secret.len(), short.get(..8).unwrap_or_default())
    }

    /// Replaces spans; of overlapping ones the union.
    fn replace(&self, text: &str, mut spans: Vec<Span>) -> String {
        spans.sort_by_key(|span| (span.from, std::cmp::Reverse(span.to)));
        let mut merged: Vec<Span> = Vec::with_capacity(spans.len());
        for span in spans {
            match merged.last_mut() {
                Some(last) if span.from < last.to => last.to = last.to.max(span.to),
                _ => merged.push(span),
            }
        }
        let mut out = String::with_capacity(text.len());
        let mut at = 0;
        for span in merged {
            out.push_str(text.get(at..span.from).unwrap_or_default());
            out.push_str(&self.token(span.class, text.get(span.from..span.to).unwrap_or_default()));
            at = span.to;
        }
        out.push_str(text.get(at..).unwrap_or_default());
        out
    }
}

/// Applies a pass until it finds nothing more: a cut can bring a name beside a value that was none of its own. Bounded;
/// in practice the second pass changes nothing, and without a secret there is only one.
fn settle(text: &str, pass: impl Fn(&str) -> String) -> String {
    const PASSES: usize = 4;
    let mut now = pass(text);
    if now == text {
        return now;
    }
    for _ in 1..PASSES {
        let next = pass(&now);
        if next == now {
            break;
        }
        now = next;
    }
    now
}

/// What a header comparison writes for a cookie's value.
const OPAQUE: &str = "…";

/// A secret in a text, by byte offsets.
#[derive(Clone, Copy, Debug)]
struct Span {
    from: usize,
    to: usize,
    class: &'static str,
}

#[cfg(test)]
mod tests;
