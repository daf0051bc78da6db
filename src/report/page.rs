//! Lines on a page of a known width. Everything that is printed through it is clean and fits, whatever it holds.

use super::text::clean;
use anstyle::Style;
use std::borrow::Cow;
use std::io::{self, Write};
use unicode_width::UnicodeWidthChar;

/// The narrowest page; a narrower terminal wraps by itself.
const NARROWEST: usize = 24;

/// A run of one style.
pub(super) type Piece<'a> = (Style, Cow<'a, str>);

/// A run of text as it is.
pub(super) fn plain(text: &str) -> Piece<'_> {
    (Style::new(), Cow::Borrowed(text))
}

/// A run of text in a style.
pub(super) fn styled<'a>(style: Style, text: impl Into<Cow<'a, str>>) -> Piece<'a> {
    (style, text.into())
}

/// Columns that a character takes at most: parts of one emoji are counted one by one.
pub(super) fn columns(c: char) -> usize {
    c.width().unwrap_or(0)
}

/// Columns that a clean text takes at most.
pub(super) fn width(text: &str) -> usize {
    text.chars().map(columns).sum()
}

/// The longest start of a clean text that fits, without cutting a character from its accents.
pub(super) fn fitting(text: &str, room: usize) -> &str {
    let mut used = 0;
    for (at, c) in text.char_indices() {
        used += columns(c);
        if used > room {
            return text.get(..at).unwrap_or("");
        }
    }
    text
}

/// Where lines go.
pub(super) struct Page<'o> {
    out: &'o mut dyn Write,
    width: usize,
    colour: bool,
}

impl<'o> Page<'o> {
    pub(super) fn new(out: &'o mut dyn Write, width: usize, colour: bool) -> Page<'o> {
        Page { out, width: width.max(NARROWEST), colour }
    }
    /// Whether styles are seen.
    pub(super) fn colour(&self) -> bool {
        self.colour
    }
    /// Columns left of an indented line.
    pub(super) fn room(&self, indent: usize) -> usize {
        self.width - self.indent(indent)
    }
    /// Deep indents stop growing, so that half of the page is left for what is said.
    pub(super) fn indent(&self, indent: usize) -> usize {
        indent.min(self.width / 2)
    }
    /// An empty line.
    pub(super) fn blank(&mut self) -> io::Result<()> {
        writeln!(self.out)
    }
    /// One line; what does not fit ends in an ellipsis.
    pub(super) fn line(&mut self, indent: usize, pieces: &[Piece<'_>]) -> io::Result<()> {
        let mut room = self.room(indent);
        write!(self.out, "{:1$}", "", self.indent(indent))?;
        let pieces: Vec<(Style, String)> = pieces.iter().map(|(style, text)| (*style, clean(text))).collect();
        let mut left: usize = pieces.iter().map(|(_, text)| width(text)).sum();
        for (style, text) in &pieces {
            let taken = width(text);
            // where more follows, a column is kept for the ellipsis
            if left <= room || taken < room {
                self.piece(*style, text)?;
            } else {
                self.piece(*style, &format!("{}…", fitting(text, room - 1)))?;
                break;
            }
            (left, room) = (left - taken, room - taken);
        }
        writeln!(self.out)
    }
    /// As many lines as it takes: for what must be readable to its end. Continued lines are indented further.
    pub(super) fn wrap(&mut self, indent: usize, pieces: &[Piece<'_>]) -> io::Result<()> {
        let mut room = self.room(indent);
        write!(self.out, "{:1$}", "", self.indent(indent))?;
        for (style, text) in pieces {
            let text = clean(text);
            let mut rest = text.as_str();
            loop {
                let now = fitting(rest, room);
                self.piece(*style, now)?;
                rest = rest.get(now.len()..).unwrap_or("");
                room -= width(now);
                if rest.is_empty() {
                    break;
                }
                room = self.room(indent + 4);
                write!(self.out, "\n{:1$}", "", self.indent(indent + 4))?;
            }
        }
        writeln!(self.out)
    }
    fn piece(&mut self, style: Style, text: &str) -> io::Result<()> {
        if !self.colour || style == Style::new() || text.is_empty() {
            return self.out.write_all(text.as_bytes());
        }
        write!(self.out, "{style}{text}{style:#}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(width: usize, print: impl Fn(&mut Page<'_>)) -> Vec<String> {
        let mut out = Vec::new();
        print(&mut Page::new(&mut out, width, false));
        String::from_utf8(out).unwrap().lines().map(str::to_owned).collect()
    }

    #[test]
    fn lines_fit_and_say_that_they_were_cut() {
        let text = "0123456789".repeat(3);
        let print = |page: &mut Page<'_>| page.line(2, &[plain("/a  "), plain(&text), plain("!")]).unwrap();
        assert_eq!(lines(40, print), ["  /a  012345678901234567890123456789!"]);
        assert_eq!(lines(30, print), ["  /a  01234567890123456789012…"]);
        assert_eq!(lines(24, |page| page.line(0, &[plain(&"日".repeat(13))]).unwrap()), ["日日日日日日日日日日日…"]);
        let exact = |page: &mut Page<'_>| page.line(0, &[plain(&"a".repeat(24)), plain("")]).unwrap();
        assert_eq!(lines(24, exact), ["a".repeat(24)]);
        let hostile = |page: &mut Page<'_>| page.line(99, &[plain("\u{1b}[2J")]).unwrap();
        assert_eq!(lines(24, hostile), ["            \\u{1b}[2J"]);
    }

    #[test]
    fn what_is_wrapped_is_there_to_its_end() {
        let text = "0123456789".repeat(4);
        let found = lines(24, |page| page.wrap(2, &[plain(&text), plain("  value")]).unwrap());
        assert_eq!(found, ["  0123456789012345678901", "      234567890123456789", "        value"]);
    }
}
