//! Heads as HTTP/1.1 spells them: a request's written, an answer's read.

use super::Question;
use super::framing::Wrong;
use bytes::{Buf, Bytes, BytesMut};
use http::header::{CONNECTION, CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Version};
use httparse::Status;
use std::io::Write as _;
use std::mem::MaybeUninit;

/// Fields of an answer's head that are read, as hyper does.
const FIELDS: usize = 100;
/// Bytes of an answer's head, as on the live path.
pub(super) const HEAD: usize = 256 << 10;

/// An answer's head.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) version: Version,
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
}

impl Answered {
    /// True where the side keeps the connection open behind this answer.
    pub(super) fn keeps(&self) -> bool {
        let says = |word: &str| {
            let tokens =
                self.headers.get_all(CONNECTION).iter().flat_map(|value| value.as_bytes().split(|b| *b == b','));
            tokens.into_iter().any(|token| token.trim_ascii().eq_ignore_ascii_case(word.as_bytes()))
        };
        // A length beside chunks: nobody can be sure where the next answer begins.
        let plain = !self.says(&TRANSFER_ENCODING) || !self.says(&CONTENT_LENGTH);
        if !self.says(&CONNECTION) {
            return plain && self.version == Version::HTTP_11;
        }
        plain && !says("close") && (self.version == Version::HTTP_11 || says("keep-alive"))
    }
}

impl Answered {
    /// A look at the names: they are few, and a look-up hashes.
    fn says(&self, name: &HeaderName) -> bool {
        self.headers.keys().any(|said| said == name)
    }
}

/// A request's head. Framing is said here alone, by the length of what is sent.
pub(super) fn write(question: &Question<'_>, body: Option<usize>) -> Vec<u8> {
    let fields = || question.headers.iter().chain(question.added.iter().map(|(name, value)| (name, value)));
    let bytes: usize = fields().map(|(name, value)| name.as_str().len() + value.len() + 4).sum();
    let mut head = Vec::with_capacity(question.method.as_str().len() + question.target.len() + bytes + 64);
    head.extend_from_slice(question.method.as_str().as_bytes());
    head.push(b' ');
    head.extend_from_slice(question.target.as_bytes());
    head.extend_from_slice(b" HTTP/1.1\r\n");
    for (name, value) in fields() {
        if *name == CONTENT_LENGTH || *name == TRANSFER_ENCODING {
            continue;
        }
        head.extend_from_slice(name.as_str().as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value.as_bytes());
        head.extend_from_slice(b"\r\n");
    }
    if let Some(length) = body {
        // Writing into a growing buffer cannot fail.
        let _ = write!(head, "content-length: {length}\r\n");
    }
    head.extend_from_slice(b"\r\n");
    head
}

/// The answer's head, once all of it is here. Its values are copied out of the buffer, which is read into again.
pub(super) fn read(buffer: &mut BytesMut) -> Result<Option<Answered>, Wrong> {
    if buffer.is_empty() {
        return Ok(None);
    }
    // Not initialised: filling the table costs as much as reading a head.
    let mut fields = [const { MaybeUninit::uninit() }; FIELDS];
    let mut parsed = httparse::Response::new(&mut []);
    let parser = httparse::ParserConfig::default();
    let end = match parser.parse_response_with_uninit_headers(&mut parsed, buffer, &mut fields) {
        Ok(Status::Complete(end)) if end <= HEAD => end,
        Ok(Status::Partial) if buffer.len() <= HEAD => return Ok(None),
        Ok(_) => return Err(Wrong::TooLong("the answer's head")),
        Err(httparse::Error::TooManyHeaders) => return Err(Wrong::TooLong("more fields than are read")),
        Err(httparse::Error::Version) => return Err(Wrong::Malformed("the answer is not of HTTP/1.1")),
        Err(_) => return Err(Wrong::Malformed("the answer's head is not one of HTTP/1.1")),
    };
    let status = parsed.code.and_then(|code| StatusCode::from_u16(code).ok());
    let status = status.ok_or(Wrong::Malformed("the answer's status is no status"))?;
    let version = if parsed.version == Some(0) { Version::HTTP_10 } else { Version::HTTP_11 };
    let all = Bytes::copy_from_slice(&buffer[..end]);
    let start = buffer.as_ptr() as usize;
    let mut headers = HeaderMap::with_capacity(parsed.headers.len());
    for field in &*parsed.headers {
        let at = field.value.as_ptr() as usize - start;
        // An empty value may point anywhere.
        let value = if field.value.is_empty() { Bytes::new() } else { all.slice(at..at + field.value.len()) };
        let name = HeaderName::from_bytes(field.name.as_bytes());
        let (Ok(name), Ok(value)) = (name, HeaderValue::from_maybe_shared(value)) else {
            return Err(Wrong::Malformed("a field of the answer's head is none"));
        };
        headers.append(name, value);
    }
    buffer.advance(end);
    Ok(Some(Answered { version, status, headers }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::exchange::Chunks;
    use http::Method;

    #[test]
    fn a_request_says_its_length_once_and_nothing_else_of_framing() {
        let mut headers = HeaderMap::new();
        for (name, value) in
            [("host", "shop"), ("content-length", "9"), ("transfer-encoding", "chunked"), ("a", "1"), ("a", "2")]
        {
            headers.append(name, HeaderValue::from_static(value));
        }
        let added = [(HeaderName::from_static("b"), HeaderValue::from_static("3"))];
        let question = Question {
            method: &Method::POST,
            target: "/b?c",
            headers: &headers,
            added: &added,
            body: &Chunks::new(),
            says_length: true,
            safe: false,
        };
        let text = |body| String::from_utf8(write(&question, body)).unwrap();
        let start = "POST /b?c HTTP/1.1\r\nhost: shop\r\na: 1\r\na: 2\r\nb: 3\r\n";
        assert_eq!(text(Some(3)), format!("{start}content-length: 3\r\n\r\n"));
        assert_eq!(text(None), format!("{start}\r\n"));
    }

    #[test]
    fn a_head_is_read_once_it_is_whole() {
        let text = b"HTTP/1.1 404 Not Found\r\nSet-Cookie: a=1\r\nset-cookie: b=2\r\nX-Empty:\r\n\r\nbody";
        let head = text.len() - 4;
        for cut in 0..head {
            assert!(read(&mut BytesMut::from(&text[..cut])).unwrap().is_none(), "cut at {cut}");
        }
        let mut buffer = BytesMut::from(&text[..]);
        let answer = read(&mut buffer).unwrap().unwrap();
        assert_eq!((answer.status.as_u16(), &*buffer), (404, &b"body"[..]));
        assert_eq!(answer.headers.get_all("set-cookie").iter().count(), 2);
        assert_eq!(answer.headers["x-empty"], "");
        assert!(answer.keeps());
        let keeps = |text: &str| read(&mut BytesMut::from(text.as_bytes())).unwrap().unwrap().keeps();
        assert!(!keeps("HTTP/1.1 200 OK\r\nConnection: foo, Close\r\n\r\n"));
        assert!(!keeps("HTTP/1.0 200 OK\r\n\r\n") && keeps("HTTP/1.0 200 OK\r\nconnection: keep-alive\r\n\r\n"));
        assert!(!keeps("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 3\r\n\r\n"));
    }

    #[test]
    fn what_is_no_head_is_refused() {
        for bad in [
            &b"SSH-2.0-OpenSSH_9.2\r\n"[..],
            b"HTTP/1.1 20 OK\r\n\r\n",
            b"HTTP/1.1 099 X\r\n\r\n",
            b"HTTP/2.0 200 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
            b"HTTP/1.1 200 OK\r\na : 1\r\n\r\n",
            b"HTTP/1.1 200 OK\r\na: 1\r\n folded\r\n\r\n",
            b"HTTP/1.1 200 OK\r\na: \0\r\n\r\n",
        ] {
            assert!(
                matches!(read(&mut BytesMut::from(bad)), Err(Wrong::Malformed(_))),
                "{:?}",
                String::from_utf8_lossy(bad)
            );
        }
        let many: String = (0..200).map(|n| format!("x-{n}: 1\r\n")).collect();
        let long = format!("a: {}", "x".repeat(HEAD));
        for endless in [many, long] {
            let text = format!("HTTP/1.1 200 OK\r\n{endless}");
            assert!(matches!(read(&mut BytesMut::from(text.as_bytes())), Err(Wrong::TooLong(_))));
        }
    }
}
