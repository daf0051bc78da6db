//! Looks at the lines between chunks beside hyper, for what hyper reads over: control bytes behind a chunk's size.
//!
//! It can only refuse. It ends at the last chunk, and at the first byte that it does not expect, which hyper refuses itself.

/// Where in a chunked body the next byte stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum ChunkLines {
    /// Not a chunked body, or no longer of interest.
    Done,
    /// In a size; the value so far.
    Size(u64),
    /// Behind a size, up to the line's CR.
    Extension(u64),
    /// Behind the line's CR.
    LineFeed(u64),
    /// In a chunk's data and the CRLF behind it, so many bytes before the next line.
    Data(u64),
}

impl ChunkLines {
    /// Takes what was read next. True when it holds a byte that no chunk line may hold.
    pub(super) fn read(&mut self, mut new: &[u8]) -> bool {
        while let Some((&byte, rest)) = new.split_first() {
            *self = match *self {
                ChunkLines::Done => return false,
                ChunkLines::Data(left) => {
                    let passed = usize::try_from(left).map_or(new.len(), |left| left.min(new.len()));
                    new = new.get(passed..).unwrap_or_default();
                    match left - passed as u64 {
                        0 => *self = ChunkLines::Size(0),
                        left => *self = ChunkLines::Data(left),
                    }
                    continue;
                }
                ChunkLines::Size(size) | ChunkLines::Extension(size) if byte == b'\r' => ChunkLines::LineFeed(size),
                ChunkLines::Extension(_) | ChunkLines::Size(_) if byte.is_ascii_control() && byte != b'\t' => {
                    *self = ChunkLines::Done;
                    return true;
                }
                ChunkLines::Size(size) => match char::from(byte).to_digit(16) {
                    Some(digit) => size
                        .checked_mul(16)
                        .and_then(|size| size.checked_add(u64::from(digit)))
                        .map_or(ChunkLines::Done, ChunkLines::Size),
                    None => ChunkLines::Extension(size),
                },
                ChunkLines::LineFeed(size) if byte == b'\n' && size > 0 => {
                    size.checked_add(2).map_or(ChunkLines::Done, ChunkLines::Data)
                }
                ChunkLines::LineFeed(_) => ChunkLines::Done,
                extension @ ChunkLines::Extension(_) => extension,
            };
            new = rest;
        }
        false
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refused(body: &[u8]) -> bool {
        let whole = ChunkLines::Size(0).read(body);
        for cut in 1..body.len() {
            let mut lines = ChunkLines::Size(0);
            let refused = lines.read(&body[..cut]) || lines.read(&body[cut..]);
            assert_eq!(refused, whole, "{body:?} cut at {cut}");
        }
        whole
    }

    #[test]
    fn a_control_byte_behind_a_size_is_refused_wherever_the_reads_end() {
        for body in
            [&b"5;a\0b\r\nhello\r\n0\r\n\r\n"[..], b"5\0\r\nhello", b"1\r\nx\r\n5 ;a=\x7f\r\n", b"0;\x01\r\n\r\n"]
        {
            assert!(refused(body), "{body:?}");
        }
    }

    #[test]
    fn data_trailers_and_what_follows_are_never_looked_at() {
        for body in [
            &b"5\r\nhe\0lo\r\n0\r\n\r\n"[..],
            b"5;name=\"a;b\"\t\r\nh\0\0\0o\r\n000\r\nX: \0\r\n\r\nGET /\0",
            b"1\r\n\0\r\nA\r\n\0\0\0\0\0\0\0\0\0\0\r\n0\r\n\r\n",
            b"ffffffffffffffff\r\n\0",
        ] {
            assert!(!refused(body), "{body:?}");
        }
    }
}
