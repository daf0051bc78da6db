//! Bodies that are text: the lines that differ, with a line before and after.

use super::super::page::{Page, plain, styled};
use super::super::text::clean;
use super::value::{DIM, Side, alike};
use similar::{Algorithm, DiffOp};
use std::io;
use std::ops::Range;

/// Lines of both sides, between their equal ends, that are aligned; beyond it the middle is one change.
const ALIGNED: usize = 4_096;
/// Lines printed of one body.
const PRINTED: usize = 120;

/// Prints what differs between two texts.
pub(super) fn lines(page: &mut Page<'_>, indent: usize, primary: &str, candidate: &str) -> io::Result<()> {
    let (mine, theirs): (Vec<&str>, Vec<&str>) =
        (primary.split_inclusive('\n').collect(), candidate.split_inclusive('\n').collect());
    let mut printer = Printer { page, indent, left: PRINTED };
    let mut shown = 0;
    for (old, new) in changes(&mine, &theirs) {
        if printer.left == 0 {
            return printer.page.line(indent, &[styled(DIM, "… more lines differ")]);
        }
        let before = old.start.saturating_sub(1).max(shown);
        if before > shown || shown == 0 {
            printer.page.line(indent, &[styled(DIM, format!("line {}", old.start + 1))])?;
        }
        printer.context(&mine, before..old.start)?;
        printer.change(mine.get(old.clone()).unwrap_or(&[]), theirs.get(new).unwrap_or(&[]))?;
        shown = (old.end + 1).min(mine.len());
        printer.context(&mine, old.end..shown)?;
    }
    Ok(())
}

/// Ranges of lines that differ.
fn changes(mine: &[&str], theirs: &[&str]) -> Vec<(Range<usize>, Range<usize>)> {
    let head = mine.iter().zip(theirs).take_while(|(a, b)| a == b).count();
    let most = mine.len().min(theirs.len()) - head;
    let tail = mine.iter().rev().zip(theirs.iter().rev()).take(most).take_while(|(a, b)| a == b).count();
    let (old, new) = (head..mine.len() - tail, head..theirs.len() - tail);
    if old.len() + new.len() > ALIGNED {
        return vec![(old, new)];
    }
    let (mine, theirs) = (mine.get(old).unwrap_or(&[]), theirs.get(new).unwrap_or(&[]));
    let moved = |range: Range<usize>| range.start + head..range.end + head;
    similar::capture_diff_slices(Algorithm::Myers, mine, theirs)
        .iter()
        .filter(|op| !matches!(op, DiffOp::Equal { .. }))
        .map(|op| (moved(op.old_range()), moved(op.new_range())))
        .collect()
}

struct Printer<'p, 'o> {
    page: &'p mut Page<'o>,
    indent: usize,
    left: usize,
}

impl Printer<'_, '_> {
    fn context(&mut self, lines: &[&str], range: Range<usize>) -> io::Result<()> {
        for line in lines.get(range).unwrap_or(&[]) {
            self.page.line(self.indent, &[plain("  "), styled(DIM, line.trim_end_matches(['\n', '\r']))])?;
        }
        Ok(())
    }

    fn change(&mut self, mine: &[&str], theirs: &[&str]) -> io::Result<()> {
        if let ([a], [b]) = (mine, theirs)
            && a.ends_with('\n') == b.ends_with('\n')
        {
            let shown = |line: &str| clean(line.strip_suffix('\n').unwrap_or(line));
            self.left = self.left.saturating_sub(2);
            return alike(self.page, self.indent, &shown(a), &shown(b));
        }
        for (side, lines) in [(Side::Primary, mine), (Side::Candidate, theirs)] {
            for (at, line) in lines.iter().enumerate() {
                if self.left == 0 {
                    let more = format!("… {} more lines", lines.len() - at);
                    self.page.line(self.indent, &[styled(side.style(), side.sign()), styled(side.style(), more)])?;
                    break;
                }
                self.left -= 1;
                let end = if line.ends_with('\n') { "" } else { "  (no line end)" };
                let text = line.strip_suffix('\n').unwrap_or(line);
                self.page.line(
                    self.indent,
                    &[styled(side.style(), side.sign()), styled(side.style(), text), styled(DIM, end)],
                )?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(a: &str, b: &str) -> String {
        let mut out = Vec::new();
        lines(&mut Page::new(&mut out, 40, false), 0, a, b).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn lines_that_differ_stand_between_their_neighbours() {
        assert_eq!(printed("a\nb\nc\nd\n", "a\nB\nc\nd\n"), "line 2\n  a\n- b\n+ B\n  c\n");
        assert_eq!(printed("a\nb\nc\nd\ne\n", "a\nc\nd\ne\nf\n"), "line 2\n  a\n- b\n  c\nline 6\n  e\n+ f\n");
        assert_eq!(printed("a\n", "a"), "line 1\n- a\n+ a  (no line end)\n");
        assert_eq!(printed("", "x\n"), "line 1\n+ x\n");
    }

    #[test]
    fn long_texts_end() {
        let (a, b): (String, String) = ((0..9_000).map(|n| format!("{n}\n")).collect(), "x\n".repeat(9_000));
        let text = printed(&a, &b);
        assert!(text.lines().count() <= PRINTED + 4 && text.contains("… 8880 more lines"), "{text}");
    }
}
