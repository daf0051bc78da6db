//! Where an answer's body ends (RFC 9112, section 6): by its length, in chunks, or where the connection does. It reads a buffer
//! and nothing else, and what it cannot read it refuses.

use bytes::{Buf, BytesMut};
use http::header::{CONTENT_LENGTH, TRANSFER_ENCODING};
use http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, Version};
use httparse::Status;

/// Bytes of one chunk's line, and of all trailers.
const LINE: usize = 16 << 10;
/// Trailers that are read.
const TRAILERS: usize = 64;

/// What is wrong with an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum Wrong {
    /// It breaks the rules of HTTP/1.1.
    #[error("{0}")]
    Malformed(&'static str),
    /// It has no end in sight.
    #[error("{0}")]
    TooLong(&'static str),
}

/// How a body ends.
#[derive(Debug)]
pub(super) enum Framing {
    /// After so many bytes.
    Length(u64),
    /// In chunks.
    Chunks(Chunk),
    /// With the connection.
    Connection,
}

/// Where in a chunked body.
#[derive(Debug)]
pub(super) enum Chunk {
    /// Before a chunk's line.
    Line,
    /// So many bytes of a chunk are left.
    Data(u64),
    /// Before the line's end behind a chunk.
    After,
    /// Behind the last chunk.
    Trailers,
    /// At the end.
    Over,
}

/// What comes next in a buffer.
#[derive(Debug)]
pub(super) enum Step {
    /// The first bytes, so many, are the body's.
    Data(usize),
    /// Nothing before more is read.
    More,
    /// The body has ended, with these trailers.
    End(Option<HeaderMap>),
}

impl Framing {
    /// By an answer's head.
    pub(super) fn of(
        method: &Method,
        version: Version,
        status: StatusCode,
        headers: &HeaderMap,
    ) -> Result<Framing, Wrong> {
        if *method == Method::HEAD || matches!(status.as_u16(), 100..=199 | 204 | 304) {
            return Ok(Framing::Length(0));
        }
        let mut codings = headers.get_all(TRANSFER_ENCODING).iter();
        match (codings.next(), codings.next()) {
            (None, _) => {}
            (Some(_), _) if version == Version::HTTP_10 => {
                return Err(Wrong::Malformed("a transfer coding in HTTP/1.0"));
            }
            (Some(only), None) if only.as_bytes().trim_ascii().eq_ignore_ascii_case(b"chunked") => {
                return Ok(Framing::Chunks(Chunk::Line));
            }
            _ => return Err(Wrong::Malformed("a transfer coding other than chunked")),
        }
        let mut lengths = headers.get_all(CONTENT_LENGTH).iter().map(length);
        match lengths.next() {
            None => Ok(Framing::Connection),
            Some(first) if lengths.all(|other| other == first) => {
                first.map(Framing::Length).ok_or(Wrong::Malformed("a length that is no number"))
            }
            Some(_) => Err(Wrong::Malformed("two lengths that differ")),
        }
    }
    /// What comes next. Of data the caller takes what it is told of before it asks again.
    pub(super) fn next(&mut self, buffer: &mut BytesMut) -> Result<Step, Wrong> {
        match self {
            Framing::Length(0) => Ok(Step::End(None)),
            Framing::Length(left) => Ok(some_of(left, buffer)),
            Framing::Connection if buffer.is_empty() => Ok(Step::More),
            Framing::Connection => Ok(Step::Data(buffer.len())),
            Framing::Chunks(chunk) => chunk.next(buffer),
        }
    }
    /// True where the end of the connection is the end of the body.
    pub(super) fn ends_with_the_connection(&self) -> bool {
        matches!(self, Framing::Connection)
    }
}

impl Chunk {
    fn next(&mut self, buffer: &mut BytesMut) -> Result<Step, Wrong> {
        loop {
            match self {
                Chunk::Line => match httparse::parse_chunk_size(buffer) {
                    Ok(Status::Complete((line, size))) => {
                        buffer.advance(line);
                        *self = if size == 0 { Chunk::Trailers } else { Chunk::Data(size) };
                    }
                    Ok(Status::Partial) if buffer.len() > LINE => return Err(Wrong::TooLong("a chunk's line")),
                    Ok(Status::Partial) => return Ok(Step::More),
                    Err(_) => return Err(Wrong::Malformed("a chunk without a size")),
                },
                Chunk::Data(0) => *self = Chunk::After,
                Chunk::Data(left) => return Ok(some_of(left, buffer)),
                Chunk::After => match buffer.get(..2) {
                    Some(b"\r\n") => {
                        buffer.advance(2);
                        *self = Chunk::Line;
                    }
                    Some(_) => return Err(Wrong::Malformed("a chunk that is longer than it says")),
                    None => return Ok(Step::More),
                },
                Chunk::Trailers => match trailers(buffer)? {
                    Some(found) => {
                        *self = Chunk::Over;
                        return Ok(Step::End(found));
                    }
                    None => return Ok(Step::More),
                },
                Chunk::Over => return Ok(Step::End(None)),
            }
        }
    }
}

fn some_of(left: &mut u64, buffer: &BytesMut) -> Step {
    let here = usize::try_from(*left).unwrap_or(usize::MAX).min(buffer.len());
    *left -= here as u64;
    if here == 0 { Step::More } else { Step::Data(here) }
}

/// Digits alone: no sign, no list, and nothing that wraps.
fn length(value: &HeaderValue) -> Option<u64> {
    let digits = value.as_bytes();
    let number = std::str::from_utf8(digits).ok()?.parse().ok()?;
    digits.iter().all(u8::is_ascii_digit).then_some(number)
}

/// The trailers, once all of them are here.
fn trailers(buffer: &mut BytesMut) -> Result<Option<Option<HeaderMap>>, Wrong> {
    let mut fields = [httparse::EMPTY_HEADER; TRAILERS];
    let (end, map) = match httparse::parse_headers(buffer, &mut fields) {
        Ok(Status::Complete((end, []))) => (end, None),
        Ok(Status::Complete((end, fields))) => {
            let mut map = HeaderMap::with_capacity(fields.len());
            for field in fields {
                let name = HeaderName::from_bytes(field.name.as_bytes());
                let (Ok(name), Ok(value)) = (name, HeaderValue::from_bytes(field.value)) else {
                    return Err(Wrong::Malformed("a trailer that is no field"));
                };
                map.append(name, value);
            }
            (end, Some(map))
        }
        Ok(Status::Partial) if buffer.len() > LINE => return Err(Wrong::TooLong("trailers")),
        Ok(Status::Partial) => return Ok(None),
        Err(httparse::Error::TooManyHeaders) => return Err(Wrong::TooLong("more trailers than are read")),
        Err(_) => return Err(Wrong::Malformed("a trailer that is no field")),
    };
    buffer.advance(end);
    Ok(Some(map))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A body, its trailers, and what lies behind it.
    type Whole = (Vec<u8>, Option<HeaderMap>, Vec<u8>);

    /// The body of what comes in these pieces, and what is left behind it; no error where it is cut.
    fn read(mut framing: Framing, pieces: &[&[u8]]) -> Result<Whole, Option<Wrong>> {
        let (mut buffer, mut body, mut pieces) = (BytesMut::new(), Vec::new(), pieces.iter());
        loop {
            match framing.next(&mut buffer)? {
                Step::Data(n) => body.extend_from_slice(&buffer.split_to(n)),
                Step::End(trailers) => {
                    buffer.extend_from_slice(&pieces.copied().flatten().copied().collect::<Vec<_>>());
                    return Ok((body, trailers, buffer.to_vec()));
                }
                Step::More => match pieces.next() {
                    Some(piece) => buffer.extend_from_slice(piece),
                    None if framing.ends_with_the_connection() => return Ok((body, None, Vec::new())),
                    None => return Err(None),
                },
            }
        }
    }
    fn chunked() -> Framing {
        Framing::Chunks(Chunk::Line)
    }

    #[test]
    fn a_body_is_the_same_however_its_bytes_come() {
        let text: &[u8] = b"5;ext=\"a\"\r\nhello\r\nA\r\n, world 12\r\n0\r\nx-sum: 1\r\nx-sum: 2\r\n\r\nHTTP/1.1";
        for cut in 0..text.len() {
            for second in cut..text.len() {
                let pieces = [&text[..cut], &text[cut..second], &text[second..]];
                let (body, trailers, rest) = read(chunked(), &pieces).unwrap();
                assert_eq!((&*body, &*rest), (&b"hello, world 12"[..], &b"HTTP/1.1"[..]), "cut at {cut}, {second}");
                assert_eq!(trailers.unwrap().get_all("x-sum").iter().count(), 2);
            }
        }
        let (body, _, rest) = read(Framing::Length(5), &[b"he", b"llo", b"rest"]).unwrap();
        assert_eq!((&*body, &*rest), (&b"hello"[..], &b"rest"[..]));
        assert_eq!(read(Framing::Connection, &[b"he", b"llo"]).unwrap().0, b"hello");
    }

    #[test]
    fn what_is_cut_or_broken_is_never_whole() {
        for cut in
            [&b"5\r\nhel"[..], b"5\r\nhello", b"5\r\nhello\r\n", b"5\r\nhello\r\n0\r\n", b"5\r\nhello\r\n0\r\nx: 1\r\n"]
        {
            assert_eq!(read(chunked(), &[cut]), Err(None), "{cut:?}");
        }
        assert_eq!(read(Framing::Length(5), &[b"hell"]), Err(None));
        for bad in [
            &b"x\r\n"[..],
            b"-1\r\n",
            b"5\nhello",
            b"5\r\nhello!\r\n",
            b"5\r\nhello\n\n0\r\n\r\n",
            b"11111111111111111\r\n",
            b"0\r\nno colon\r\n\r\n",
        ] {
            assert!(matches!(read(chunked(), &[bad]), Err(Some(_))), "{bad:?}");
        }
        let endless = vec![b'a'; LINE + 10];
        let line = [b"5;", &*endless].concat();
        assert!(matches!(read(chunked(), &[&line]), Err(Some(Wrong::TooLong(_)))));
        let trailer = [b"0\r\nx: ", &*endless].concat();
        assert!(matches!(read(chunked(), &[&trailer]), Err(Some(Wrong::TooLong(_)))));
    }

    #[test]
    fn a_head_says_how_its_body_ends() {
        let of = |method: Method, status: u16, version, lines: &[(&'static str, &'static str)]| {
            let mut headers = HeaderMap::new();
            for (name, value) in lines {
                headers.append(*name, HeaderValue::from_static(value));
            }
            let framing = Framing::of(&method, version, StatusCode::from_u16(status).unwrap(), &headers);
            framing.map_or("refused", |framing| match framing {
                Framing::Length(0) => "none",
                Framing::Length(_) => "length",
                Framing::Chunks(_) => "chunks",
                Framing::Connection => "connection",
            })
        };
        let (get, new, old) = (Method::GET, Version::HTTP_11, Version::HTTP_10);
        let (five, chunks) = (("content-length", "5"), ("transfer-encoding", "Chunked"));
        assert_eq!(of(Method::HEAD, 200, new, &[five]), "none");
        assert_eq!((of(get.clone(), 204, new, &[five]), of(get.clone(), 304, new, &[five])), ("none", "none"));
        assert_eq!(
            (of(get.clone(), 200, new, &[five]), of(get.clone(), 200, new, &[five, five])),
            ("length", "length")
        );
        assert_eq!(
            (of(get.clone(), 200, new, &[chunks]), of(get.clone(), 200, new, &[five, chunks])),
            ("chunks", "chunks")
        );
        assert_eq!((of(get.clone(), 200, new, &[]), of(get.clone(), 200, old, &[])), ("connection", "connection"));
        for bad in ["+5", "-5", "5 5", "5,5", "0x5", "", "99999999999999999999"] {
            assert_eq!(of(get.clone(), 200, new, &[("content-length", bad)]), "refused", "{bad:?}");
        }
        assert_eq!(of(get.clone(), 200, new, &[five, ("content-length", "6")]), "refused");
        assert_eq!(of(get.clone(), 200, new, &[("transfer-encoding", "gzip, chunked")]), "refused");
        assert_eq!(of(get.clone(), 200, new, &[chunks, chunks]), "refused");
        assert_eq!(of(get, 200, old, &[chunks]), "refused");
    }
}
