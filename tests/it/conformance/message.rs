//! Just enough HTTP/1 to read messages off a raw socket with deadlines, and to say what is wrong with their framing.

use std::io::{ErrorKind, Read};
use std::net::TcpStream;
use std::time::{Duration, Instant};

/// A start line and its fields, in the order in which they came.
#[derive(Clone, Debug, Default)]
pub(super) struct Head {
    pub(super) start: String,
    pub(super) fields: Vec<(String, String)>,
    pub(super) raw: Vec<u8>,
}

impl Head {
    pub(super) fn parse(raw: &[u8]) -> Head {
        let text = String::from_utf8_lossy(raw);
        let mut lines = text.split("\r\n");
        let start = lines.next().unwrap_or("").to_owned();
        let fields = lines.filter(|line| !line.is_empty()).map(|line| {
            let (name, value) = line.split_once(':').unwrap_or((line, ""));
            (name.to_ascii_lowercase(), value.trim().to_owned())
        });
        Head { fields: fields.collect(), start, raw: raw.to_vec() }
    }

    pub(super) fn all(&self, name: &str) -> Vec<&str> {
        self.fields.iter().filter(|(n, _)| n == name).map(|(_, value)| value.as_str()).collect()
    }

    pub(super) fn one(&self, name: &str) -> Option<&str> {
        self.all(name).first().copied()
    }

    pub(super) fn status(&self) -> u16 {
        self.start.split(' ').nth(1).and_then(|code| code.parse().ok()).unwrap_or(0)
    }

    /// The second word of the start line of a request.
    pub(super) fn target(&self) -> &str {
        self.start.split(' ').nth(1).unwrap_or("")
    }
}

/// How the length of a body is told.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Framing {
    Length(usize),
    Chunked,
    UntilClose,
}

impl Framing {
    /// By the fields of a head; `otherwise` where neither is there.
    pub(super) fn of(head: &Head, otherwise: Framing) -> Framing {
        if !head.all("transfer-encoding").is_empty() {
            return Framing::Chunked;
        }
        match head.one("content-length") {
            Some(length) => Framing::Length(length.parse().unwrap_or(0)),
            None => otherwise,
        }
    }
}

/// How the last read ended.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Fill {
    Data,
    End,
    Reset,
    Late,
}

/// A body as far as it was read.
#[derive(Clone, Debug, Default)]
pub(super) struct Content {
    pub(super) bytes: Vec<u8>,
    pub(super) complete: bool,
    pub(super) faults: Vec<String>,
}

/// A socket with what was read ahead.
pub(super) struct Reader {
    pub(super) stream: TcpStream,
    pub(super) buffer: Vec<u8>,
}

impl Reader {
    pub(super) fn new(stream: TcpStream) -> Reader {
        Reader { stream, buffer: Vec::new() }
    }

    /// Reads once, waiting until `until` at most.
    pub(super) fn fill(&mut self, until: Instant) -> Fill {
        let left = until.saturating_duration_since(Instant::now());
        if left.is_zero() {
            return Fill::Late;
        }
        let mut piece = [0; 65536];
        let _ = self.stream.set_read_timeout(Some(left.max(Duration::from_millis(1))));
        match self.stream.read(&mut piece) {
            Ok(0) => Fill::End,
            Ok(n) => {
                self.buffer.extend_from_slice(&piece[..n]);
                Fill::Data
            }
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut) => Fill::Late,
            Err(error) if error.kind() == ErrorKind::Interrupted => Fill::Data,
            Err(_) => Fill::Reset,
        }
    }

    /// The bytes up to and with the empty line. `None` with the reason when there is no whole head.
    pub(super) fn head(&mut self, until: Instant) -> Result<Head, Fill> {
        loop {
            if let Some(at) = find(&self.buffer, b"\r\n\r\n") {
                let raw: Vec<u8> = self.buffer.drain(..at + 4).collect();
                return Ok(Head::parse(&raw));
            }
            match self.fill(until) {
                Fill::Data => {}
                other => return Err(other),
            }
        }
    }

    /// The body, with `progress` told of the decoded bytes so far after each read.
    pub(super) fn body(&mut self, framing: Framing, until: Instant, mut progress: impl FnMut(&[u8])) -> Content {
        loop {
            let (used, content) = match framing {
                Framing::Length(length) => {
                    let used = length.min(self.buffer.len());
                    let complete = used == length;
                    (used, Content { bytes: self.buffer[..used].to_vec(), complete, faults: Vec::new() })
                }
                Framing::Chunked => chunked(&self.buffer),
                Framing::UntilClose => {
                    (self.buffer.len(), Content { bytes: self.buffer.clone(), ..Content::default() })
                }
            };
            progress(&content.bytes);
            if content.complete || !content.faults.is_empty() {
                self.buffer.drain(..used);
                return content;
            }
            match self.fill(until) {
                Fill::Data => {}
                Fill::End if framing == Framing::UntilClose => {
                    self.buffer.clear();
                    return Content { complete: true, ..content };
                }
                _ => return content,
            }
        }
    }

    /// Reads on until the other side closes. Says whether it did.
    pub(super) fn closes(&mut self, until: Instant) -> bool {
        loop {
            match self.fill(until) {
                Fill::Data => {}
                Fill::End | Fill::Reset => return true,
                Fill::Late => return false,
            }
        }
    }
}

/// Decodes a chunked body strictly: hex size, CRLF, data, CRLF; no extension. Says how many bytes it took.
fn chunked(buffer: &[u8]) -> (usize, Content) {
    let mut content = Content::default();
    let mut at = 0;
    loop {
        let Some(end) = find(&buffer[at..], b"\r\n") else { return (at, content) };
        let line = &buffer[at..at + end];
        let size = std::str::from_utf8(line).ok().filter(|text| text.bytes().all(|b| b.is_ascii_hexdigit()));
        let Some(size) = size.and_then(|text| usize::from_str_radix(text, 16).ok()) else {
            content.faults.push(format!("the chunk size line {:?}", String::from_utf8_lossy(line)));
            return (buffer.len(), content);
        };
        let data = at + end + 2;
        if size == 0 {
            let Some(trailers) = find(&buffer[at..], b"\r\n\r\n") else { return (at, content) };
            content.complete = true;
            return (at + trailers + 4, content);
        }
        if buffer.len() < data + size + 2 {
            content.bytes.extend_from_slice(&buffer[data..buffer.len().min(data + size)]);
            return (at, content);
        }
        content.bytes.extend_from_slice(&buffer[data..data + size]);
        if &buffer[data + size..data + size + 2] != b"\r\n" {
            content.faults.push("chunk data without CRLF behind it".to_owned());
            return (buffer.len(), content);
        }
        at = data + size + 2;
    }
}

pub(super) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// Bytes as a line for people, shortened.
pub(super) fn shown(bytes: &[u8]) -> String {
    let cut = bytes.len().min(300);
    let tail = if cut < bytes.len() { format!("… ({} bytes)", bytes.len()) } else { String::new() };
    format!("\"{}\"{tail}", bytes[..cut].escape_ascii())
}
