//! An answer out of a file: a bare body, or a whole HTTP/1 message as `curl -i` prints it.

use crate::exchange::{Body, Failure, FailureKind, Outcome, Response};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode};

/// What a file holds.
pub(crate) enum Content {
    /// Status line, header fields, body; a body shorter than its header says is no whole answer.
    Message(Box<Outcome>),
    /// A body alone.
    Body(Vec<u8>),
}

/// Reads a file's bytes; `Err` says what is wrong with a message.
pub(crate) fn read(bytes: Vec<u8>) -> Result<Content, String> {
    match bytes.starts_with(b"HTTP/1.") {
        true => message(&bytes).map(|outcome| Content::Message(Box::new(outcome))),
        false => Ok(Content::Body(bytes)),
    }
}

/// One line without its end, and the rest.
fn line(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let end = memchr::memchr(b'\n', bytes)?;
    let line = bytes.get(..end)?;
    Some((line.strip_suffix(b"\r").unwrap_or(line), bytes.get(end + 1..)?))
}

fn message(bytes: &[u8]) -> Result<Outcome, String> {
    let (first, mut rest) = line(bytes).ok_or("the status line does not end")?;
    let first = std::str::from_utf8(first).map_err(|_| "the status line is not text")?;
    let code = first.split(' ').nth(1).unwrap_or("");
    let status = StatusCode::from_bytes(code.as_bytes()).map_err(|_| format!("`{first}` has no status"))?;
    let mut headers = HeaderMap::new();
    loop {
        let (field, after) = line(rest).ok_or("the header does not end: an empty line is missing")?;
        rest = after;
        if field.is_empty() {
            break;
        }
        let colon = memchr::memchr(b':', field).ok_or("a header line has no colon")?;
        let (name, value) = field.split_at(colon);
        let name = HeaderName::from_bytes(name).map_err(|_| "a header's name does not read")?;
        let value = value.get(1..).unwrap_or_default().trim_ascii();
        let value = HeaderValue::from_bytes(value).map_err(|_| format!("the value of {name} does not read"))?;
        headers.append(name, value);
    }
    Ok(match body(&headers, rest)? {
        Ok(body) => Outcome::Answered(Response { status, headers, body: Body::from(body), trailers: None }),
        Err(message) => Outcome::Failed(Failure { kind: FailureKind::Reset, status: Some(status), message }),
    })
}

/// The body; the inner error is a body that is cut short.
fn body(headers: &HeaderMap, rest: &[u8]) -> Result<Result<Vec<u8>, String>, String> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let coded = text("transfer-encoding").is_some_and(|coding| coding.to_ascii_lowercase().ends_with("chunked"));
    // `curl -i` prints the header as it came and the body already put together: only what reads as chunks is one.
    if coded && let Some(body) = dechunk(rest) {
        return Ok(Ok(body));
    }
    let Some(length) = text("content-length") else { return Ok(Ok(rest.to_vec())) };
    let length: usize = length.trim().parse().map_err(|_| "content-length is not a number".to_owned())?;
    Ok(match rest.get(..length) {
        Some(body) => Ok(body.to_vec()),
        // An answer to HEAD, and 304, name a length and have no body.
        None if rest.is_empty() => Ok(Vec::new()),
        None => Err(format!("the body has {} of {length} bytes", rest.len())),
    })
}

fn dechunk(mut rest: &[u8]) -> Option<Vec<u8>> {
    let mut body = Vec::new();
    loop {
        let (size, after) = line(rest)?;
        let size = std::str::from_utf8(size).ok()?.split(';').next()?.trim();
        let size = usize::from_str_radix(size, 16).ok()?;
        if size == 0 {
            return Some(body);
        }
        body.extend_from_slice(after.get(..size)?);
        rest = after.get(size..)?;
        rest = rest.strip_prefix(b"\r\n").or_else(|| rest.strip_prefix(b"\n"))?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn answer(text: &str) -> Response {
        match read(text.as_bytes().to_vec()) {
            Ok(Content::Message(outcome)) => match *outcome {
                Outcome::Answered(response) => response,
                Outcome::Failed(failure) => panic!("{}", failure.message),
            },
            Ok(Content::Body(_)) => panic!("a body"),
            Err(error) => panic!("{error}"),
        }
    }

    #[test]
    fn reads_plain_chunked_and_put_together_bodies() {
        let plain = answer("HTTP/1.1 404 Not Found\r\nA: 1\r\na: 2\r\nContent-Length: 2\r\n\r\n{}\n");
        assert_eq!(plain.status, 404);
        assert_eq!(plain.headers.get_all("a").iter().count(), 2);
        assert_eq!(plain.body.kept().contiguous().as_ref(), b"{}");
        let chunked = answer("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n3;x=1\r\nabc\r\n2\r\nde\r\n0\r\n\r\n");
        assert_eq!(chunked.body.kept().contiguous().as_ref(), b"abcde");
        let joined = answer("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n{\"a\":1}");
        assert_eq!(joined.body.kept().contiguous().as_ref(), b"{\"a\":1}");
    }

    #[test]
    fn refuses_what_is_cut_off() {
        for bad in [
            "HTTP/1.1",
            "HTTP/1.1 abc\n\n",
            "HTTP/1.1 200 OK\nA: 1\n",
            "HTTP/1.1 200 OK\nA\n\n",
            "HTTP/1.1 200 OK\nContent-Length: x\n\nabc",
        ] {
            assert!(read(bad.as_bytes().to_vec()).is_err(), "{bad:?}");
        }
    }

    #[test]
    fn a_body_shorter_than_its_length_is_no_whole_answer() {
        let cut = read(b"HTTP/1.1 200 OK\nContent-Length: 9\n\nabc".to_vec()).unwrap();
        let Content::Message(outcome) = cut else { panic!("a body") };
        let Outcome::Failed(failure) = *outcome else { panic!("a whole answer") };
        assert_eq!((failure.kind, failure.status), (FailureKind::Reset, Some(StatusCode::OK)));
    }
}
