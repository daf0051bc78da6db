//! `split_by`: what tells the operations apart that share one path.

use super::Redact;
use super::error::ConfigError;
use super::raw::{RawRoute, Text};
use super::source::Source;
use super::spelling;
use crate::document::json::pointer_token;
use crate::redact::{RedactOptions, Redactor};
use crate::rules::{Pick, Selector};
use http::HeaderName;

/// Where a request says which operation it asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum SplitBy {
    /// At one place of its JSON body.
    Json(Selector),
    /// In a header field.
    Header(HeaderName),
    /// In a key of its query.
    Query(String),
    /// In the last two segments of its path.
    Grpc,
}

const KINDS: [&str; 4] = ["json", "header", "query", "grpc"];
const ALLOWED: &str = "\"json:$.operationName\", \"header:x-amz-target\", \"query:action\", \"grpc\"";

/// `split_by` of a route.
pub(super) fn split_by(source: &Source<'_>, route: &RawRoute, redact: &Redact) -> Result<Option<SplitBy>, ConfigError> {
    let Some(text) = &route.split_by else { return Ok(None) };
    let value = source.expand(text)?;
    let (kind, rest) = value.split_once(':').unwrap_or((&value, ""));
    let split = match kind {
        "grpc" if value == "grpc" => SplitBy::Grpc,
        "json" => SplitBy::Json(place(source, text, rest)?),
        "header" => SplitBy::Header(spelling::header_name(rest).map_err(|_| {
            source.error(text.span(), format!("`{rest}` is not a header's name")).allowing("\"header:x-amz-target\"")
        })?),
        "query" if !rest.is_empty() && !rest.contains(|c: char| c.is_whitespace() || "=&#?%+".contains(c)) => {
            SplitBy::Query(rest.to_owned())
        }
        "query" => {
            let message = format!("`{rest}` is not a query key");
            return Err(source.error(text.span(), message).allowing("\"query:action\": one key, as it reads decoded"));
        }
        other => {
            let error = source.error(text.span(), format!("`{value}` does not say where the operation stands"));
            return Err(error.near(other, KINDS).allowing(ALLOWED));
        }
    };
    // An operation's name is stored and shown.
    if is_cut(&split, redact) {
        let message = format!("what stands at `{rest}` is a secret, and an operation's name is stored and shown");
        return Err(source
            .error(text.span(), message)
            .allowing("a place that holds a name, and that redaction leaves"));
    }
    Ok(Some(split))
}

/// A path to one place.
fn place(source: &Source<'_>, text: &Text, path: &str) -> Result<Selector, ConfigError> {
    const PLACE: &str = "a path to one place in the body (json:$.operationName, json:$.params['action'])";
    let selector = Selector::parse(path).map_err(|error| {
        source.error(source.inside(text, "json:".len() + error.offset), error.message).allowing(PLACE)
    })?;
    let single = selector.segments.iter().all(|segment| !segment.descendant && segment.pick != Pick::Wild);
    match single && !selector.segments.is_empty() {
        true => Ok(selector),
        false => {
            let message = format!("`{path}` does not name one place");
            Err(source.error(source.inside(text, "json:".len()), message).allowing(PLACE))
        }
    }
}

/// True where redaction would cut what stands there.
fn is_cut(split: &SplitBy, redact: &Redact) -> bool {
    let (headers, paths, shapes) = (redact.headers.clone(), redact.paths.clone(), redact.shapes.clone());
    let redactor = Redactor::new(RedactOptions { headers, paths, shapes }, [0; 32]);
    match split {
        SplitBy::Grpc => false,
        SplitBy::Header(name) => redactor.header(name.as_str(), b"x") != "x",
        SplitBy::Query(key) => redactor.form(&format!("{key}=x")) != format!("{key}=x"),
        SplitBy::Json(selector) => {
            let mut pointer = String::new();
            for segment in &selector.segments {
                match &segment.pick {
                    Pick::Name(name) => pointer_token(&mut pointer, name),
                    Pick::Index(index) => pointer.push_str(&format!("/{index}")),
                    Pick::Wild => {}
                }
            }
            redactor.json_at(&pointer, "\"x\"") != "\"x\""
        }
    }
}
