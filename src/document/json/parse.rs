//! The tokenizer: strict RFC 8259, iterative, hashing each value as it ends.

use super::hash::Seeds;
use super::number::NumberKey;
use super::scan::{Cursor, Stop};
use super::string::unescape;
use super::{Document, Node, NodeKind, ParseError, ParseOptions};

type Parsed<T> = Result<T, ParseError>;

pub(super) fn parse<'a>(text: &'a [u8], options: &ParseOptions) -> Parsed<Document<'a>> {
    if u32::try_from(text.len()).is_err() {
        return Err(ParseError::TooLarge);
    }
    let text = std::str::from_utf8(text)
        .map_err(|error| ParseError::Syntax { offset: error.valid_up_to(), message: "not UTF-8" })?;
    parse_text(text, options)
}

pub(super) fn parse_text<'a>(text: &'a str, options: &ParseOptions) -> Parsed<Document<'a>> {
    if u32::try_from(text.len()).is_err() {
        return Err(ParseError::TooLarge);
    }
    let body = text.strip_prefix('\u{feff}').unwrap_or(text);
    let (offset, text) = (text.len() - body.len(), body);
    let mut parser = Parser {
        text,
        cursor: Cursor::new(text.as_bytes()),
        nodes: Vec::with_capacity(text.len() / 12 + 4),
        open: Vec::with_capacity(8),
        seeds: Seeds::new(options.hash_key),
        depth: options.depth,
        spelled: options.spelled_numbers,
        names: Vec::new(),
    };
    match parser.document() {
        Ok(()) => Ok(Document { text, nodes: parser.nodes, offset, markup: false }),
        Err(Stop::TooDeep) => Err(ParseError::TooDeep { offset: parser.cursor.at + offset, limit: options.depth }),
        Err(Stop::Syntax(message)) => Err(ParseError::Syntax { offset: parser.cursor.at + offset, message }),
    }
}

/// A container that is still open.
struct Frame {
    node: u32,
    /// Sum over members, or fold over elements.
    folded: u128,
    count: u64,
    leaves: u32,
    /// A filter over name hashes: where no bit was set twice, no name occurs twice.
    seen: [u64; 4],
    suspicious: bool,
    /// Hash of the name of the member whose value comes next.
    name: u128,
    object: bool,
}

struct Parser<'a> {
    text: &'a str,
    cursor: Cursor<'a>,
    nodes: Vec<Node>,
    open: Vec<Frame>,
    seeds: Seeds,
    depth: usize,
    spelled: bool,
    names: Vec<(u64, u32)>,
}

/// A member's name, read before its value.
#[derive(Clone, Copy)]
struct Name {
    /// Where it starts, and in the upper half where it ends: one word, since it is handed over in memory, and two halves that
    /// are read as one word make the processor wait for both.
    span: u64,
    hash: u64,
    escaped: bool,
}

const NO_NAME: Name = Name { span: u64::MAX, hash: 0, escaped: false };

impl Parser<'_> {
    fn document(&mut self) -> Result<(), Stop> {
        self.cursor.space();
        let mut name = NO_NAME;
        loop {
            // one value starts here
            let opened = self.value(name)?;
            if opened {
                match self.first_child()? {
                    Some(first) => {
                        name = first;
                        continue;
                    }
                    None => self.close(),
                }
            }
            // a value has ended: separators and closing brackets until the next value
            match self.after_value()? {
                Some(next) => name = next,
                None => break,
            }
        }
        self.cursor.space();
        if self.cursor.at == self.cursor.bytes.len() { Ok(()) } else { Err(Stop::Syntax("text after the document")) }
    }

    /// After `[` or `{`: the name of the first child, or `None` where the container is empty.
    fn first_child(&mut self) -> Result<Option<Name>, Stop> {
        self.cursor.space();
        let object = self.open.last().is_some_and(|frame| frame.object);
        let close = if object { b'}' } else { b']' };
        if self.cursor.peek() == Some(close) {
            self.cursor.at += 1;
            return Ok(None);
        }
        if object { self.name().map(Some) } else { Ok(Some(NO_NAME)) }
    }

    fn after_value(&mut self) -> Result<Option<Name>, Stop> {
        loop {
            let Some(object) = self.open.last().map(|frame| frame.object) else { return Ok(None) };
            self.cursor.space();
            match (self.cursor.peek(), object) {
                (Some(b','), _) => {
                    self.cursor.at += 1;
                    self.cursor.space();
                    return if object { self.name().map(Some) } else { Ok(Some(NO_NAME)) };
                }
                (Some(b'}'), true) | (Some(b']'), false) => {
                    self.cursor.at += 1;
                    self.close();
                }
                (None, _) => return Err(Stop::Syntax("the text ends within the document")),
                (_, true) => return Err(Stop::Syntax("expected `,` or `}`")),
                (_, false) => return Err(Stop::Syntax("expected `,` or `]`")),
            }
        }
    }

    /// Reads `"name" :` and the space after it.
    fn name(&mut self) -> Result<Name, Stop> {
        if self.cursor.peek() != Some(b'"') {
            return Err(Stop::Syntax("expected a member name in double quotes"));
        }
        let start = self.cursor.at + 1;
        let escaped = self.cursor.string()?;
        let end = self.cursor.at - 1;
        let inner = self.text.get(start..end).unwrap_or("");
        let hash = if escaped { self.seeds.name(&unescape(inner)) } else { self.seeds.name(inner.as_bytes()) };
        let low = hash as u64;
        if let Some(frame) = self.open.last_mut() {
            frame.name = hash;
            let (word, bit) = ((low >> 6 & 3) as usize, 1_u64 << (low & 63));
            if let Some(seen) = frame.seen.get_mut(word) {
                frame.suspicious |= *seen & bit != 0;
                *seen |= bit;
            }
        }
        self.cursor.space();
        if self.cursor.peek() != Some(b':') {
            return Err(Stop::Syntax("expected `:`"));
        }
        self.cursor.at += 1;
        self.cursor.space();
        Ok(Name { span: start as u64 | (end as u64) << 32, hash: low, escaped })
    }

    /// Reads a scalar to its end, or opens a container (then true).
    fn value(&mut self, name: Name) -> Result<bool, Stop> {
        let start = self.cursor.at;
        let mut escaped = false;
        let (kind, hash) = match self.cursor.peek() {
            Some(b'"') => {
                escaped = self.cursor.string()?;
                let inner = self.text.get(start + 1..self.cursor.at - 1).unwrap_or("");
                let hash =
                    if escaped { self.seeds.string(&unescape(inner)) } else { self.seeds.string(inner.as_bytes()) };
                (NodeKind::String, hash)
            }
            Some(b'-' | b'0'..=b'9') => {
                self.cursor.number()?;
                let text = self.text.get(start..self.cursor.at).unwrap_or("");
                let key = if self.spelled { NumberKey::Literal(text.to_owned()) } else { NumberKey::of(text) };
                (NodeKind::Number, self.seeds.number(&key))
            }
            Some(open @ (b'{' | b'[')) => {
                if self.open.len() >= self.depth {
                    return Err(Stop::TooDeep);
                }
                self.cursor.at += 1;
                let object = open == b'{';
                let kind = if object { NodeKind::Object } else { NodeKind::Array };
                self.push(kind, 0, start, name, false);
                self.open.push(Frame {
                    node: (self.nodes.len() - 1) as u32,
                    folded: 0,
                    count: 0,
                    leaves: 0,
                    seen: [0; 4],
                    suspicious: false,
                    name: 0,
                    object,
                });
                return Ok(true);
            }
            Some(b't') => self.word(b"true", NodeKind::Bool, self.seeds.yes)?,
            Some(b'f') => self.word(b"false", NodeKind::Bool, self.seeds.no)?,
            Some(b'n') => self.word(b"null", NodeKind::Null, self.seeds.null)?,
            Some(_) => return Err(Stop::Syntax("expected a value")),
            None => return Err(Stop::Syntax("the text ends where a value is expected")),
        };
        self.push(kind, hash, start, name, escaped);
        self.add_to_parent(hash, 1);
        Ok(false)
    }

    fn word(&mut self, word: &[u8], kind: NodeKind, hash: u128) -> Result<(NodeKind, u128), Stop> {
        if self.cursor.word(word) { Ok((kind, hash)) } else { Err(Stop::Syntax("expected a value")) }
    }

    #[inline]
    fn push(&mut self, kind: NodeKind, hash: u128, start: usize, name: Name, escaped: bool) {
        self.nodes.push(Node {
            hash: [hash as u64, (hash >> 64) as u64],
            name_hash: name.hash,
            start: start as u32,
            end: self.cursor.at as u32,
            name_start: name.span as u32,
            name_end: (name.span >> 32) as u32,
            next: self.nodes.len() as u32 + 1,
            leaves: 1,
            kind,
            duplicates: false,
            escaped,
            name_escaped: name.escaped,
        });
    }

    #[inline]
    fn add_to_parent(&mut self, hash: u128, leaves: u32) {
        if let Some(frame) = self.open.last_mut() {
            frame.folded = if frame.object {
                frame.folded.wrapping_add(self.seeds.member(frame.name, hash))
            } else {
                self.seeds.element(frame.folded, hash)
            };
            frame.count += 1;
            frame.leaves = frame.leaves.saturating_add(leaves);
        }
    }

    /// A container has ended: its hash, its size, and its share in its own parent.
    fn close(&mut self) {
        let Some(mut frame) = self.open.pop() else { return };
        let mut duplicates = false;
        if frame.suspicious
            && let Some(sum) = self.with_duplicates(frame.node)
        {
            frame.folded = sum;
            duplicates = true;
        }
        let hash = if frame.object {
            self.seeds.object(frame.folded, frame.count)
        } else {
            self.seeds.array(frame.folded, frame.count)
        };
        let (next, leaves, end) = (self.nodes.len() as u32, frame.leaves.max(1), self.cursor.at as u32);
        if let Some(node) = self.nodes.get_mut(frame.node as usize) {
            node.hash = [hash as u64, (hash >> 64) as u64];
            node.next = next;
            node.leaves = leaves;
            node.end = end;
            node.duplicates = duplicates;
        }
        self.add_to_parent(hash, leaves);
    }

    /// The members' sum in which the order of values under one name counts; `None` where all names differ after all.
    fn with_duplicates(&mut self, object: u32) -> Option<u128> {
        self.names.clear();
        let mut at = object + 1;
        while let Some(node) = self.nodes.get(at as usize) {
            self.names.push((node.name_hash, at));
            at = node.next;
        }
        // by hash, then by position
        self.names.sort_unstable();
        if !self.names.windows(2).any(|pair| matches!(pair, [a, b] if a.0 == b.0)) {
            return None;
        }
        let (mut sum, mut nth, mut last) = (0_u128, 0, None);
        for (name_hash, at) in &self.names {
            nth = if last == Some(*name_hash) { nth + 1 } else { 0 };
            last = Some(*name_hash);
            let Some(node) = self.nodes.get(*at as usize) else { continue };
            let inner = self.text.get(node.name_start as usize..node.name_end as usize).unwrap_or("");
            let name =
                if node.name_escaped { self.seeds.name(&unescape(inner)) } else { self.seeds.name(inner.as_bytes()) };
            let value = u128::from(node.hash[0]) | u128::from(node.hash[1]) << 64;
            sum = sum.wrapping_add(match nth {
                0 => self.seeds.member(name, value),
                nth => self.seeds.repeated(name, value, nth),
            });
        }
        Some(sum)
    }
}
