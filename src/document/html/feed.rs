//! Feeds a text to html5ever in small pieces and stops where it makes too much of it.
//!
//! The parser follows the standard, and three things in it cost more than their size: each tag looks through the open
//! elements, each attribute through those before it, and formatting elements that were left open are made again in every
//! paragraph. Depth, attributes and nodes are bounded, so that no page takes long.

use super::super::json::ParseError;
use super::sink::{ATTRIBUTES, Handle, Sink, Tree};
use html5ever::buffer_queue::BufferQueue;
use html5ever::tendril::StrTendril;
use html5ever::tokenizer::{Token, TokenSink, TokenSinkResult, Tokenizer, TokenizerOpts};
use html5ever::tree_builder::{TreeBuilder, TreeBuilderOpts, TreeSink, create_element};
use html5ever::{LocalName, QualName, TokenizerResult, ns};
use std::cell::Cell;

/// Levels of nesting of a page. Browsers flatten what is deeper than 512.
const DEPTH: usize = 1_000;
/// Bytes fed at once.
const PIECE: usize = 1 << 10;
/// Nodes that any text may have, beside one for each of its bytes.
const ALWAYS: usize = 1 << 10;

/// The tree of a page, or of a part of one as it would stand in a `template`, where every element may.
pub(super) fn parse(text: &str, part: bool, depth: usize) -> Result<Tree, ParseError> {
    let depth = depth.min(DEPTH);
    let builder = builder(part);
    let tokenizer = Tokenizer::new(Watched { builder, emitted: Cell::new(false) }, TokenizerOpts::default());
    let (whole, queue) = (StrTendril::from(text), BufferQueue::default());
    let mut tag: Option<Tag> = None;
    for (from, length) in (Pieces { text, at: 0 }) {
        let piece = text.get(from..from + length).unwrap_or_default();
        tokenizer.sink.emitted.set(false);
        queue.push_back(whole.subtendril(from as u32, length as u32));
        // what a script would do to the page is not ours to know
        while !matches!(tokenizer.feed(&queue), TokenizerResult::Done) {}
        tag = match tag {
            _ if tokenizer.sink.emitted.get() => None,
            None if Tag::starts(piece) => Some(Tag::new()),
            other => other,
        };
        let attributes = tag.as_mut().map_or(0, |tag| tag.read(piece));
        let sink = &tokenizer.sink.builder.sink;
        if sink.deepest() > depth {
            return Err(ParseError::TooDeep { offset: from, limit: depth });
        }
        if attributes > ATTRIBUTES || sink.too_many_attributes() || sink.nodes() > text.len().saturating_add(ALWAYS) {
            return Err(ParseError::TooLarge);
        }
    }
    tokenizer.end();
    Ok(tokenizer.sink.builder.sink.finish())
}

fn builder(part: bool) -> TreeBuilder<Handle, Sink> {
    // As for people with scripts: what `noscript` holds is text then, and compared as such.
    let options = TreeBuilderOpts { scripting_enabled: true, ..TreeBuilderOpts::default() };
    let sink = Sink::new();
    if !part {
        return TreeBuilder::new(sink, options);
    }
    let name = QualName::new(None, ns!(html), LocalName::from("template"));
    let context = create_element(&sink, name, Vec::new());
    TreeBuilder::new_for_fragment(sink, context, None, options)
}

/// Remembers whether the tokenizer said anything: while it is within a tag, it does not.
struct Watched {
    builder: TreeBuilder<Handle, Sink>,
    emitted: Cell<bool>,
}

impl TokenSink for Watched {
    type Handle = Handle;

    fn process_token(&self, token: Token, line_number: u64) -> TokenSinkResult<Handle> {
        if !matches!(token, Token::ParseError(_)) {
            self.emitted.set(true);
        }
        self.builder.process_token(token, line_number)
    }
    fn end(&self) {
        self.builder.end();
    }
    fn adjusted_current_node_present_but_not_in_html_namespace(&self) -> bool {
        self.builder.adjusted_current_node_present_but_not_in_html_namespace()
    }
}

/// Cuts a text before every `<`, and wherever a piece gets long; never within a character. So a tag starts a piece, and one
/// that is open at the end of its piece goes on in the next.
struct Pieces<'a> {
    text: &'a str,
    at: usize,
}

impl Iterator for Pieces<'_> {
    type Item = (usize, usize);

    fn next(&mut self) -> Option<(usize, usize)> {
        let rest = self.text.get(self.at..).filter(|rest| !rest.is_empty())?;
        let bytes = rest.as_bytes();
        let mut length = match memchr::memchr(b'<', bytes.get(1..PIECE.min(bytes.len())).unwrap_or_default()) {
            Some(at) => at + 1,
            None => PIECE.min(bytes.len()),
        };
        while !rest.is_char_boundary(length) {
            length += 1;
        }
        let from = self.at;
        self.at += length;
        Some((from, length))
    }
}

/// Counts the attributes of a tag that is still open, by the states of the standard's tokenizer.
struct Tag {
    state: State,
    count: usize,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    /// In the tag's name.
    Tag,
    /// Before an attribute, or after one.
    Between,
    Name,
    /// After a name and space: a `=` may still come.
    Named,
    /// After `=`.
    Equals,
    Value,
    Quoted(u8),
}

impl Tag {
    fn starts(piece: &str) -> bool {
        let after = piece.strip_prefix('<').unwrap_or_default();
        after.strip_prefix('/').unwrap_or(after).starts_with(|c: char| c.is_ascii_alphabetic())
    }
    fn new() -> Tag {
        Tag { state: State::Tag, count: 0 }
    }
    /// Attributes so far.
    fn read(&mut self, piece: &str) -> usize {
        for byte in piece.bytes() {
            let space = byte.is_ascii_whitespace();
            self.state = match self.state {
                State::Tag if space => State::Between,
                State::Named if byte == b'=' => State::Equals,
                State::Between | State::Named if !(space || byte == b'/') => {
                    self.count += 1;
                    State::Name
                }
                State::Name if byte == b'=' => State::Equals,
                State::Name if space => State::Named,
                State::Name | State::Named if byte == b'/' => State::Between,
                State::Equals if matches!(byte, b'"' | b'\'') => State::Quoted(byte),
                State::Equals if !space => State::Value,
                State::Value if space => State::Between,
                State::Quoted(quote) if byte == quote => State::Between,
                same => same,
            };
        }
        self.count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pieces_are_the_text() {
        let text = format!("a<b><c/>{}é<", "é".repeat(1_500));
        let pieces: Vec<&str> = Pieces { text: &text, at: 0 }.map(|(at, length)| &text[at..at + length]).collect();
        assert_eq!(pieces.concat(), text);
        assert_eq!(pieces[..3], ["a", "<b>", &format!("<c/>{}", "é".repeat(510))]);
        assert!(pieces.iter().all(|piece| piece.len() <= PIECE + 3));
    }

    #[test]
    fn attributes_of_an_open_tag() {
        for (tag, count) in [
            ("<a", 0),
            ("<a b", 1),
            ("<a b c=d e = f", 3),
            ("<a b=\"c d e\" f='g h'i/j", 4),
            ("<a b=\"x y z w", 1),
            ("<a =b c==d", 2),
        ] {
            assert_eq!(Tag::new().read(tag), count, "{tag}");
        }
        assert!(Tag::starts("<a") && Tag::starts("</a") && !Tag::starts("<!a") && !Tag::starts("< a"));
    }
}
