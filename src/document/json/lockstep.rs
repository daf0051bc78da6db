//! Two texts read side by side, without a tree: the quick way to say that they are one document.
//!
//! It answers for documents that are equal by value with their members in the same order, whatever the spelling (whitespace,
//! escapes, numbers). It gives up at the first thing that is not so, and then nothing is known: what differs, what is broken
//! and what stands in another order is for the trees to tell.

use super::number::NumberKey;
use super::scan::Cursor;
use super::string::unescape;

/// The leaves of the document that both texts spell; `None` where the trees have to tell.
pub fn same_in_step(primary: &str, candidate: &str, depth: usize) -> Option<u64> {
    let [primary, candidate] =
        [primary, candidate].map(|text| text.strip_prefix('\u{feff}').unwrap_or(text).as_bytes());
    Pair { a: Cursor::new(primary), b: Cursor::new(candidate), open: Vec::new(), depth, leaves: 0 }.document()
}

/// Two cursors that stand at the same place of one document.
struct Pair<'a, 'b> {
    a: Cursor<'a>,
    b: Cursor<'b>,
    /// For every open container, whether it is an object.
    open: Vec<bool>,
    depth: usize,
    leaves: u64,
}

impl Pair<'_, '_> {
    fn document(mut self) -> Option<u64> {
        loop {
            let opened = self.value()?;
            let first = opened && self.first_child()?;
            if !first && !self.after_value()? {
                break;
            }
        }
        self.space();
        (self.a.at == self.a.bytes.len() && self.b.at == self.b.bytes.len()).then_some(self.leaves)
    }
    #[inline]
    fn space(&mut self) {
        self.a.space();
        self.b.space();
    }
    /// The byte that both stand at.
    #[inline]
    fn both(&self) -> Option<u8> {
        self.a.peek().filter(|byte| self.b.peek() == Some(*byte))
    }
    #[inline]
    fn step(&mut self) {
        self.a.at += 1;
        self.b.at += 1;
    }

    /// One value: a scalar to its end, or the opening of a container (then true).
    #[inline]
    fn value(&mut self) -> Option<bool> {
        self.space();
        match self.a.peek()? {
            b'"' => self.string()?,
            b'-' | b'0'..=b'9' => self.number()?,
            open @ (b'{' | b'[') => {
                if self.both() != Some(open) || self.open.len() >= self.depth {
                    return None;
                }
                self.step();
                self.open.push(open == b'{');
                return Some(true);
            }
            b't' => self.word(b"true")?,
            b'f' => self.word(b"false")?,
            b'n' => self.word(b"null")?,
            _ => return None,
        }
        self.leaves += 1;
        Some(false)
    }
    fn word(&mut self, word: &[u8]) -> Option<()> {
        (self.a.word(word) && self.b.word(word)).then_some(())
    }

    /// After an opening bracket: true at the first child, false past the end of an empty container.
    fn first_child(&mut self) -> Option<bool> {
        self.space();
        let object = *self.open.last()?;
        if self.both() == Some(if object { b'}' } else { b']' }) {
            self.step();
            self.open.pop();
            self.leaves += 1;
            return Some(false);
        }
        if object {
            self.name()?;
        }
        Some(true)
    }
    /// After a value: true at the next one, false at the end of the document.
    #[inline]
    fn after_value(&mut self) -> Option<bool> {
        loop {
            let Some(object) = self.open.last().copied() else { return Some(false) };
            self.space();
            match (self.both()?, object) {
                (b',', _) => {
                    self.step();
                    if object {
                        self.space();
                        self.name()?;
                    }
                    return Some(true);
                }
                (b'}', true) | (b']', false) => {
                    self.step();
                    self.open.pop();
                }
                _ => return None,
            }
        }
    }
    #[inline]
    fn name(&mut self) -> Option<()> {
        if self.a.peek() != Some(b'"') {
            return None;
        }
        self.string()?;
        self.space();
        if self.both() != Some(b':') {
            return None;
        }
        self.step();
        Some(())
    }

    /// A string on both sides. Where the bytes are the same, one look suffices.
    #[inline]
    fn string(&mut self) -> Option<()> {
        if self.b.peek() != Some(b'"') {
            return None;
        }
        let from = self.a.at;
        let escaped = self.a.string().ok()?;
        let mine = self.a.since(from);
        let rest = self.b.bytes.get(self.b.at..)?;
        if rest.starts_with(mine) {
            self.b.at += mine.len();
            return Some(());
        }
        let from = self.b.at;
        // Without a backslash on either side other bytes are another string.
        if !(self.b.string().ok()? | escaped) {
            return None;
        }
        let inner = |text: &[u8]| {
            let inner = text.get(1..text.len().saturating_sub(1))?;
            std::str::from_utf8(inner).ok().map(unescape)
        };
        (inner(mine)? == inner(self.b.since(from))?).then_some(())
    }
    #[inline]
    fn number(&mut self) -> Option<()> {
        let (from_a, from_b) = (self.a.at, self.b.at);
        self.a.number().ok()?;
        self.b.number().ok()?;
        let (mine, theirs) = (self.a.since(from_a), self.b.since(from_b));
        if mine == theirs {
            return Some(());
        }
        let key = |text| std::str::from_utf8(text).ok().map(NumberKey::of);
        (key(mine)? == key(theirs)?).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::json::{Document, ParseOptions};
    use proptest::prelude::*;

    const DEPTH: usize = 50;

    fn same(a: &str, b: &str) -> Option<u64> {
        same_in_step(a, b, DEPTH)
    }

    #[test]
    fn one_document_in_two_spellings() {
        for (a, b, leaves) in [
            ("{}", " { } ", 1),
            (r#"{"a":[1,2.50,-0],"b":null}"#, "{ \"a\" : [1.0, 25e-1, 0] ,\n\"b\":null }", 4),
            (r#""\u00e9""#, "\"é\"", 1),
            (r#"["\/","\ud83d\ude00"]"#, "[\"/\",\"😀\"]", 2),
            (r#"{"a":1,"a":2}"#, r#"{"a": 1, "\u0061": 2}"#, 2),
            ("[[],{},true,false]", "[ [ ],{ }, true,false]", 4),
            ("\u{feff}7", "7", 1),
        ] {
            assert_eq!((same(a, b), same(b, a)), (Some(leaves), Some(leaves)), "{a} {b}");
        }
    }

    #[test]
    fn anything_else_is_for_the_trees() {
        for (a, b) in [
            ("{\"a\":1,\"b\":2}", "{\"b\":2,\"a\":1}"),
            ("1", "2"),
            ("\"a\"", "\"b\""),
            ("\"a\"", "\"ab\""),
            ("1", "\"1\""),
            ("[1]", "[1,2]"),
            ("[1,2]", "[1]"),
            ("{}", "[]"),
            ("null", "nul"),
            ("1 1", "1 1"),
            ("[1,]", "[1,]"),
            ("{\"a\"}", "{\"a\"}"),
            ("01", "01"),
            ("\"\t\"", "\"\t\""),
            ("", ""),
            ("9007199254740993", "9007199254740992"),
            ("true", "t"),
        ] {
            assert_eq!((same(a, b), same(b, a)), (None, None), "{a} {b}");
        }
        let deep = |levels: usize| "[".repeat(levels) + &"]".repeat(levels);
        assert_eq!((same(&deep(50), &deep(50)), same(&deep(51), &deep(51))), (Some(1), None));
    }

    proptest! {
        #[test]
        fn what_it_calls_one_document_the_trees_do_too(
            a in "[\\[\\]{}:,\"\\\\ u0-1.e\\-a]{0,24}", b in "[\\[\\]{}:,\"\\\\ u0-1.e\\-a]{0,24}"
        ) {
            let options = ParseOptions::new(DEPTH, 1);
            for (a, b) in [(&a, &b), (&a, &a)] {
                let trees = (Document::parse(a.as_bytes(), &options), Document::parse(b.as_bytes(), &options));
                if let Some(leaves) = same(a, b) {
                    let (Ok(a), Ok(b)) = trees else { return Err(TestCaseError::fail("not JSON")) };
                    prop_assert_eq!(a.hash(a.root()), b.hash(b.root()));
                    prop_assert_eq!(a.leaves(a.root()), leaves);
                } else if a == b {
                    prop_assert!(trees.0.is_err());
                }
            }
        }
    }
}
