//! Where a rule acts: a subset of RFC 9535 (`$`, names, `['…']`, indices, `*`, `..`), matched on whole segments.

use crate::document::json::{Document, NodeId, Step, unescape};
use std::fmt;

/// What one segment picks among the children of a node.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Pick {
    /// A member by its name (WTF-8, as the document spells it).
    Name(Vec<u8>),
    /// An element by its position, from the end when negative.
    Index(i64),
    /// Every member and element.
    Wild,
}

impl Pick {
    /// The one child of a node that this names, where it names one and the node has it.
    pub fn of(&self, document: &Document<'_>, node: NodeId) -> Option<NodeId> {
        match self {
            Pick::Name(name) => document.member(node, name),
            Pick::Index(index) => document.element(node, *index),
            Pick::Wild => None,
        }
    }
}

/// One step of a selector.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Segment {
    /// True for `..`: at any depth below.
    pub descendant: bool,
    /// What it picks.
    pub pick: Pick,
}

/// A parsed path.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Selector {
    /// From the root.
    pub segments: Vec<Segment>,
}

/// A path that is not of the subset.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message} at column {}", offset + 1)]
pub struct SelectorError {
    /// What is wrong and what is allowed.
    pub message: String,
    /// Byte offset in the path.
    pub offset: usize,
}

/// How specific a selector is; the greater wins. Fewer `..` first, then fewer `*`, then more names and indices.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Specificity(std::cmp::Reverse<usize>, std::cmp::Reverse<usize>, usize);

impl Selector {
    /// Parses a path.
    pub fn parse(text: &str) -> Result<Selector, SelectorError> {
        Parser { text, at: 0 }.selector()
    }
    /// True where the way from the root to a node is one that this selector picks.
    pub fn matches(&self, path: &[Step<'_>]) -> bool {
        // positions reached so far; an index from the end never matches here, since lengths are not known
        let mut reached = vec![false; self.segments.len() + 1];
        if let Some(first) = reached.first_mut() {
            *first = true;
        }
        for step in path {
            let mut next = vec![false; reached.len()];
            for (i, segment) in self.segments.iter().enumerate() {
                if !reached.get(i).copied().unwrap_or(false) {
                    continue;
                }
                if segment.descendant {
                    next[i] = true;
                }
                next[i + 1] |= match (&segment.pick, step) {
                    (Pick::Wild, _) => true,
                    (Pick::Name(name), Step::Name(found)) => **found == **name,
                    (Pick::Index(index), Step::Index(found)) => usize::try_from(*index) == Ok(*found),
                    _ => false,
                };
            }
            reached = next;
        }
        reached.last().copied().unwrap_or(false)
    }
    pub(super) fn specificity(&self) -> Specificity {
        let count = |test: fn(&Segment) -> bool| self.segments.iter().filter(|segment| test(segment)).count();
        Specificity(
            std::cmp::Reverse(count(|segment| segment.descendant)),
            std::cmp::Reverse(count(|segment| segment.pick == Pick::Wild)),
            count(|segment| segment.pick != Pick::Wild),
        )
    }
    /// True where some document has a node that both pick.
    pub(super) fn meets(&self, other: &Selector) -> bool {
        let (rows, columns) = (self.segments.len() + 1, other.segments.len() + 1);
        let mut seen = vec![false; rows * columns];
        let mut open = vec![(0, 0)];
        while let Some((i, j)) = open.pop() {
            match seen.get_mut(i * columns + j) {
                Some(seen) if !*seen => *seen = true,
                _ => continue,
            }
            if i + 1 == rows && j + 1 == columns {
                return true;
            }
            let (Some(a), Some(b)) = (self.segments.get(i), other.segments.get(j)) else { continue };
            if a.pick.meets(&b.pick) {
                open.push((i + 1, j + 1));
            }
            if a.descendant {
                open.push((i, j + 1));
            }
            if b.descendant {
                open.push((i + 1, j));
            }
        }
        false
    }
    /// Names and indices alone: the steps of one single place. `None` for anything wider.
    pub(super) fn single(&self) -> Option<Vec<Pick>> {
        self.segments
            .iter()
            .map(|segment| (!segment.descendant && segment.pick != Pick::Wild).then(|| segment.pick.clone()))
            .collect()
    }
}

impl Pick {
    fn meets(&self, other: &Pick) -> bool {
        match (self, other) {
            (Pick::Wild, _) | (_, Pick::Wild) => true,
            (Pick::Name(a), Pick::Name(b)) => a == b,
            // -1 and 0 are the same element of an array of one
            (Pick::Index(a), Pick::Index(b)) => a == b || (*a < 0) != (*b < 0),
            _ => false,
        }
    }
}

impl fmt::Display for Selector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("$")?;
        for segment in &self.segments {
            if segment.descendant {
                f.write_str("..")?;
            }
            match &segment.pick {
                Pick::Name(name) => write!(f, "[{}]", crate::document::json::escape(name))?,
                Pick::Index(index) => write!(f, "[{index}]")?,
                Pick::Wild => f.write_str("[*]")?,
            }
        }
        Ok(())
    }
}

struct Parser<'t> {
    text: &'t str,
    at: usize,
}

impl Parser<'_> {
    fn rest(&self) -> &str {
        self.text.get(self.at..).unwrap_or("")
    }
    fn peek(&self) -> Option<char> {
        self.rest().chars().next()
    }
    fn fail<T>(&self, message: impl Into<String>) -> Result<T, SelectorError> {
        Err(SelectorError { message: message.into(), offset: self.at })
    }
    fn take(&mut self, token: &str) -> bool {
        let found = self.rest().starts_with(token);
        if found {
            self.at += token.len();
        }
        found
    }
    fn space(&mut self) {
        while let Some(' ' | '\t' | '\n' | '\r') = self.peek() {
            self.at += 1;
        }
    }

    fn selector(mut self) -> Result<Selector, SelectorError> {
        if !self.take("$") {
            return self.fail("a path begins with `$`");
        }
        let mut segments = Vec::new();
        while !self.rest().is_empty() {
            let descendant = self.take("..");
            let pick = match self.peek() {
                Some('[') => self.bracket()?,
                Some('*') if descendant => self.star(),
                Some(_) if descendant => self.shorthand()?,
                Some('.') => {
                    self.at += 1;
                    if self.peek() == Some('*') { self.star() } else { self.shorthand()? }
                }
                _ => return self.fail("expected `.name`, `['name']`, `[0]`, `[*]` or `..`"),
            };
            segments.push(Segment { descendant, pick });
        }
        Ok(Selector { segments })
    }

    fn star(&mut self) -> Pick {
        self.at += 1;
        Pick::Wild
    }

    fn shorthand(&mut self) -> Result<Pick, SelectorError> {
        let first = |char: char| char.is_ascii_alphabetic() || char == '_' || !char.is_ascii();
        match self.peek() {
            Some(char) if first(char) => {}
            Some(char) => return self.fail(format!("`{char}` cannot begin a name here; write ['…'] for odd names")),
            None => return self.fail("the path ends where a name is expected"),
        }
        let length = self
            .rest()
            .char_indices()
            .find(|(_, char)| !first(*char) && !char.is_ascii_digit())
            .map_or(self.rest().len(), |(at, _)| at);
        let name = self.rest().get(..length).unwrap_or("").as_bytes().to_vec();
        self.at += length;
        if let Some('-' | ' ' | '$' | '@' | ':' | '/') = self.peek() {
            return self.fail("a name with this character is written ['…']");
        }
        Ok(Pick::Name(name))
    }

    fn bracket(&mut self) -> Result<Pick, SelectorError> {
        self.at += 1;
        self.space();
        let pick = match self.peek() {
            Some('*') => self.star(),
            Some(quote @ ('\'' | '"')) => self.quoted(quote)?,
            Some('-' | '0'..='9') => self.index()?,
            Some('?') => return self.fail("filters are not supported; allowed are names, indices, `*` and `..`"),
            Some(':') => return self.fail("slices are not supported; allowed are names, indices, `*` and `..`"),
            Some(_) => return self.fail("expected a quoted name, an index or `*`"),
            None => return self.fail("the path ends within brackets"),
        };
        self.space();
        match self.peek() {
            Some(']') => {
                self.at += 1;
                Ok(pick)
            }
            Some(',') => self.fail("lists of selectors are not supported; write one rule for each"),
            Some(':') => self.fail("slices are not supported; allowed are names, indices, `*` and `..`"),
            _ => self.fail("expected `]`"),
        }
    }

    fn index(&mut self) -> Result<Pick, SelectorError> {
        let length = self.rest().bytes().take_while(|byte| *byte == b'-' || byte.is_ascii_digit()).count();
        let text = self.rest().get(..length).unwrap_or("");
        let digits = text.strip_prefix('-').unwrap_or(text);
        let padded = digits.len() > 1 && digits.starts_with('0');
        match text.parse::<i64>() {
            // RFC 9535: within the range of exact doubles, no leading zeros, no -0
            Ok(index) if !padded && text != "-0" && index.unsigned_abs() < 1 << 53 => {
                self.at += length;
                Ok(Pick::Index(index))
            }
            _ => self.fail("an index is an integer without leading zeros"),
        }
    }

    fn quoted(&mut self, quote: char) -> Result<Pick, SelectorError> {
        self.at += 1;
        let mut inner = String::new();
        loop {
            let Some(char) = self.peek() else { return self.fail("the path ends within a name") };
            match char {
                _ if char == quote => {
                    self.at += 1;
                    return Ok(Pick::Name(unescape(&inner)));
                }
                '\\' => {
                    let after = self.rest().get(1..).unwrap_or("");
                    let length = match after.chars().next() {
                        Some('"' | '\'') if after.starts_with(quote) => 1,
                        Some('\\' | '/' | 'b' | 'f' | 'n' | 'r' | 't') => 1,
                        Some('u') if after.get(1..5).is_some_and(|hex| hex.bytes().all(|b| b.is_ascii_hexdigit())) => 5,
                        _ => return self.fail("no such escape"),
                    };
                    inner.push('\\');
                    inner.push_str(after.get(..length).unwrap_or(""));
                    self.at += 1 + length;
                }
                char if (char as u32) < 0x20 => return self.fail("a control character must be escaped"),
                char => {
                    inner.push(char);
                    self.at += char.len_utf8();
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn path(steps: &[&'static str]) -> Vec<Step<'static>> {
        steps
            .iter()
            .map(|step| match step.parse() {
                Ok(index) => Step::Index(index),
                Err(_) => Step::Name(step.as_bytes().into()),
            })
            .collect()
    }

    #[test]
    fn matches_whole_segments() {
        for (selector, steps, expected) in [
            ("$", &[][..], true),
            ("$.a.b", &["a", "b"], true),
            ("$.a.b", &["a", "bc"], false),
            ("$.id", &["a", "id"], false),
            ("$..id", &["a", "0", "id"], true),
            ("$..id", &["id"], true),
            ("$..id", &["userid"], false),
            ("$.*.id", &["a", "id"], true),
            ("$.*.id", &["a", "b", "id"], false),
            ("$[0]", &["0"], true),
            ("$['a.b']", &["a.b"], true),
            ("$['a.b']", &["a", "b"], false),
            ("$..*", &["a", "0"], true),
            ("$..a..b", &["x", "a", "y", "b"], true),
            ("$['\\u0061\\'']", &["a'"], true),
        ] {
            assert_eq!(Selector::parse(selector).unwrap().matches(&path(steps)), expected, "{selector} {steps:?}");
        }
    }

    #[test]
    fn refuses_with_a_column() {
        for (selector, offset) in [
            ("", 0),
            ("a", 0),
            ("$a", 1),
            ("$.", 2),
            ("$.a-b", 3),
            ("$[", 2),
            ("$[?@.a]", 2),
            ("$[0:1]", 3),
            ("$[0,1]", 3),
            ("$[01]", 2),
            ("$['a", 4),
            ("$...a", 3),
            ("$.a ", 3),
            ("$['\\x']", 3),
            ("$.1", 2),
            ("$..", 3),
            ("$[-0]", 2),
        ] {
            let error = Selector::parse(selector).unwrap_err();
            assert_eq!(error.offset, offset, "{selector}: {error}");
        }
    }

    #[test]
    fn knows_what_meets() {
        for (a, b, expected) in [
            ("$.a.*", "$.*.b", true),
            ("$..id", "$.a.id", true),
            ("$..a", "$..b", false),
            ("$.a", "$.a.b", false),
            ("$..a..c", "$.a.b.c", true),
            ("$[0]", "$[-1]", true),
            ("$[0]", "$[1]", false),
            ("$[0]", "$['0']", false),
        ] {
            let (a, b) = (Selector::parse(a).unwrap(), Selector::parse(b).unwrap());
            assert_eq!((a.meets(&b), b.meets(&a)), (expected, expected), "{a} {b}");
        }
    }

    #[test]
    fn names_beat_wildcards_beat_descendants() {
        let of = |path: &str| Selector::parse(path).unwrap().specificity();
        assert!(of("$.a.b") > of("$.a.*"));
        assert!(of("$.*.*") > of("$..a"));
        assert!(of("$..a.b") > of("$..b"));
        assert_eq!(of("$.a.*"), of("$.*.b"));
    }
}
