//! The two sides of `diff` out of files: bare bodies with the content type that they are taken for, or whole messages.

use super::failure::Failure;
use super::message::{self, Content};
use crate::document::json::{Document, ParseOptions};
use crate::exchange::{Body, Outcome, Response};
use crate::judge::Limits;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use std::io::Read;
use std::path::Path;

/// Longer files are not read to their end: the judge would call them too large, and that is inconclusive, no bad usage.
const MOST_BYTES: u64 = 64 << 20;

/// What both files answer; `-` is standard input, for one of them. `content_type` is that of bare bodies: without it their
/// file's extension decides, then the other's, then a look at the primary's.
pub(super) fn read(
    primary: &Path,
    candidate: &Path,
    content_type: Option<&HeaderValue>,
) -> Result<(Outcome, Outcome), Failure> {
    if primary == Path::new("-") && candidate == Path::new("-") {
        return Err(Failure::usage("standard input can be one side only"));
    }
    let read = |path: &Path| {
        let bytes = bytes(path)?;
        message::read(bytes).map_err(|error| Failure::usage(format!("{}: {error}", path.display())))
    };
    match (read(primary)?, read(candidate)?) {
        (Content::Message(of_primary), Content::Message(of_candidate)) => Ok((*of_primary, *of_candidate)),
        (Content::Body(mine), Content::Body(theirs)) => {
            let by_name = |path: &Path| by_extension(path).map(HeaderValue::from_static);
            let (of_primary, of_candidate) = match content_type {
                Some(given) => (given.clone(), given.clone()),
                None => {
                    let (p, c) = (by_name(primary), by_name(candidate));
                    let looked = || HeaderValue::from_static(by_look(&mine));
                    let p_or_c = p.clone().or(c.clone()).unwrap_or_else(looked);
                    (p.unwrap_or_else(|| p_or_c.clone()), c.unwrap_or(p_or_c))
                }
            };
            Ok((bare(mine, of_primary), bare(theirs, of_candidate)))
        }
        _ => Err(Failure::usage("one file is a whole HTTP message and the other a bare body: give both alike")),
    }
}

fn bare(body: Vec<u8>, content_type: HeaderValue) -> Outcome {
    let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, content_type)]);
    Outcome::Answered(Response { status: StatusCode::OK, headers, body: Body::from(body), trailers: None })
}

fn bytes(path: &Path) -> Result<Vec<u8>, Failure> {
    let fail = |error: std::io::Error| Failure::usage(format!("cannot read {}: {error}", path.display()));
    let mut bytes = Vec::new();
    match path == Path::new("-") {
        true => std::io::stdin().lock().take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(fail)?,
        false => {
            let file = std::fs::File::open(path).map_err(fail)?;
            file.take(MOST_BYTES + 1).read_to_end(&mut bytes).map_err(fail)?
        }
    };
    match bytes.len() as u64 > MOST_BYTES {
        true => {
            let message = format!("{}: inconclusive (too_large): more than the 64 MiB that are judged", path.display());
            Err(Failure::inconclusive(message))
        }
        false => Ok(bytes),
    }
}

fn by_extension(path: &Path) -> Option<&'static str> {
    Some(match path.extension()?.to_str()?.to_ascii_lowercase().as_str() {
        "json" | "geojson" | "jsonld" | "har" | "webmanifest" => "application/json",
        "html" | "htm" => "text/html; charset=utf-8",
        "xhtml" => "application/xhtml+xml",
        "xml" | "rss" | "atom" | "wsdl" | "xsd" | "xsl" => "application/xml",
        "svg" => "image/svg+xml",
        "form" | "urlencoded" => "application/x-www-form-urlencoded",
        "txt" | "text" | "md" | "csv" | "log" | "ndjson" | "jsonl" | "yaml" | "yml" => "text/plain; charset=utf-8",
        _ => return None,
    })
}

fn by_look(body: &[u8]) -> &'static str {
    let options = ParseOptions::new(Limits::default().depth, 0);
    if Document::parse(body, &options).is_ok() {
        return "application/json";
    }
    let start = body.strip_prefix(b"\xEF\xBB\xBF").unwrap_or(body).trim_ascii_start();
    let begins = |word: &[u8]| start.get(..word.len()).is_some_and(|start| start.eq_ignore_ascii_case(word));
    match std::str::from_utf8(body) {
        _ if begins(b"<?xml") => "application/xml",
        Ok(_) if begins(b"<!doctype html") || begins(b"<html") => "text/html; charset=utf-8",
        Ok(_) => "text/plain; charset=utf-8",
        Err(_) => "application/octet-stream",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_body_is_taken_for_what_its_name_says_then_for_what_it_looks_like() {
        let named = |name: &str| by_extension(Path::new(name));
        assert_eq!(named("a.JSON"), Some("application/json"));
        assert_eq!(named("a.xhtml"), Some("application/xhtml+xml"));
        assert_eq!(named("feed.atom"), Some("application/xml"));
        assert_eq!(named("login.form"), Some("application/x-www-form-urlencoded"));
        assert_eq!((named("a"), named("a.bin")), (None, None));
        assert_eq!(by_look(b" [1]"), "application/json");
        assert_eq!(by_look(b"\xEF\xBB\xBF \n<!DOCTYPE html><p>"), "text/html; charset=utf-8");
        assert_eq!(by_look(b"<?xml version='1.0' encoding='latin1'?><a>\xe9</a>"), "application/xml");
        assert_eq!(by_look(b"a=1&b=2"), "text/plain; charset=utf-8");
        assert_eq!(by_look(b"\xff"), "application/octet-stream");
    }
}
