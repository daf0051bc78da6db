//! Two values on two lines, aligned: what they share at the start is shown once, a long value as a window around what
//! changed, and the changed part is marked.

use super::super::page::{columns, fitting, width};
use super::super::text::{clean, readable};
use similar::{Algorithm, DiffOp};
use std::ops::Range;

/// Bytes looked at around the first change of two long values.
const AROUND: usize = 4_096;
/// Columns shown before the change, where the start is cut.
const LEAD: usize = 16;
/// A run of equal characters shorter than this between two changes is part of the change.
const ISLAND: usize = 3;

/// A value on one line, in runs that are changed or not.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) runs: Vec<(bool, String)>,
}

impl Line {
    /// The line as text.
    #[cfg(test)]
    fn text(&self) -> String {
        self.runs.iter().map(|(_, text)| text.as_str()).collect()
    }
    /// True where a part is marked.
    pub(super) fn marked(&self) -> bool {
        self.runs.iter().any(|(changed, _)| *changed)
    }
    /// Columns of the whole line.
    pub(super) fn width(&self) -> usize {
        self.runs.iter().map(|(_, text)| width(text)).sum()
    }
    /// Carets below what changed.
    pub(super) fn carets(&self) -> String {
        let mut out = String::new();
        for (changed, text) in &self.runs {
            out.push_str(&if *changed { "^" } else { " " }.repeat(width(text)));
        }
        out.trim_end().to_owned()
    }
}

/// What is printed of one piece of text: one character, or one escape.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Atom<'a> {
    text: &'a str,
    width: usize,
}

/// Two clean texts as lines that fit into so many columns.
pub(super) fn pair(a: &str, b: &str, room: usize) -> (Line, Line) {
    let shared = a.bytes().zip(b.bytes()).take_while(|(a, b)| a == b).count();
    let (from_a, from_b) = (back_to_character(a, shared), back_to_character(b, shared));
    let from = from_a.min(from_b).saturating_sub(AROUND);
    let (from, whole_a, whole_b) = (back_to_character(a, from), from_a + AROUND, from_b + AROUND);
    let (cut_a, cut_b) = (back_to_character(a, whole_a), back_to_character(b, whole_b));
    let (atoms_a, atoms_b) = (atoms(a.get(from..cut_a).unwrap_or("")), atoms(b.get(from..cut_b).unwrap_or("")));
    let start = window_start(&atoms_a, &atoms_b, from > 0, room);
    let cut_start = from > 0 || start > 0;
    let seen_a = seen(&atoms_a, start, room - usize::from(cut_start), cut_a < a.len());
    let seen_b = seen(&atoms_b, start, room - usize::from(cut_start), cut_b < b.len());
    let (marks_a, marks_b) = marks(&atoms_a[seen_a.0.clone()], &atoms_b[seen_b.0.clone()]);
    (line(&atoms_a, seen_a, &marks_a, cut_start), line(&atoms_b, seen_b, &marks_b, cut_start))
}

/// The nearest place at or before this that no character spans.
fn back_to_character(text: &str, at: usize) -> usize {
    let mut at = at.min(text.len());
    while !text.is_char_boundary(at) {
        at -= 1;
    }
    at
}

fn atoms(text: &str) -> Vec<Atom<'_>> {
    let mut atoms = Vec::new();
    let mut rest = text;
    while let Some(c) = rest.chars().next() {
        let length = if c == '\\' { escape_length(rest) } else { c.len_utf8() };
        let (text, after) = rest.split_at_checked(length).unwrap_or((rest, ""));
        atoms.push(Atom { text, width: width(text) });
        rest = after;
    }
    atoms
}

/// Bytes of the escape that a text begins with: `\n`, `\u00e9`, `\u{1b}`.
fn escape_length(text: &str) -> usize {
    let second = text.chars().nth(1).map_or(0, char::len_utf8);
    match text.strip_prefix("\\u") {
        Some(rest) if rest.starts_with('{') => rest.find('}').filter(|end| *end < 8).map_or(2, |end| end + 3),
        Some(rest) if rest.len() >= 4 && rest.is_char_boundary(4) => 6,
        _ => 1 + second,
    }
}

/// The first atom shown of both.
fn window_start(a: &[Atom<'_>], b: &[Atom<'_>], cut: bool, room: usize) -> usize {
    let total = |atoms: &[Atom<'_>]| atoms.iter().map(|atom| atom.width).sum::<usize>();
    if !cut && total(a).max(total(b)) <= room {
        return 0;
    }
    let mut start = a.iter().zip(b).take_while(|(a, b)| a == b).count();
    let before = |start: usize| a.get(start.wrapping_sub(1)).map_or(0, |atom| atom.width);
    let mut lead = 0;
    while start > 0 && lead + before(start) <= LEAD.min(room / 4) {
        lead += before(start);
        start -= 1;
    }
    // where both end within the page, its left half is filled as well
    let rest = |atoms: &[Atom<'_>]| total(atoms.get(start..).unwrap_or(&[]));
    let mut tail = rest(a).max(rest(b)) + 1;
    while start > 0 && tail + before(start) <= room {
        tail += before(start);
        start -= 1;
    }
    start
}

/// The atoms that fit, and whether more follow.
fn seen(atoms: &[Atom<'_>], start: usize, room: usize, cut: bool) -> (Range<usize>, bool) {
    let start = start.min(atoms.len());
    let total: usize = atoms.iter().skip(start).map(|atom| atom.width).sum();
    if !cut && total <= room {
        return (start..atoms.len(), false);
    }
    let mut used = 0;
    let fits = |atom: &&Atom<'_>| {
        used += atom.width;
        used < room
    };
    let count = atoms.iter().skip(start).take_while(fits).count();
    (start..start + count, true)
}

/// Which atoms changed; none where so much did that marks would not help.
fn marks(a: &[Atom<'_>], b: &[Atom<'_>]) -> (Vec<bool>, Vec<bool>) {
    let (mut changed_a, mut changed_b) = (vec![true; a.len()], vec![true; b.len()]);
    let of = |atoms: &[Atom<'_>]| atoms.iter().map(|atom| atom.text.to_owned()).collect::<Vec<_>>();
    let mut equal = 0;
    for op in similar::capture_diff_slices(Algorithm::Myers, &of(a), &of(b)) {
        if let DiffOp::Equal { old_index, new_index, len } = op {
            let inner = old_index > 0 && new_index > 0 && old_index + len < a.len() && new_index + len < b.len();
            if inner && len < ISLAND {
                continue;
            }
            equal += len;
            changed_a.iter_mut().skip(old_index).take(len).for_each(|changed| *changed = false);
            changed_b.iter_mut().skip(new_index).take(len).for_each(|changed| *changed = false);
        }
    }
    // the quotes around two strings are not a likeness
    if equal * 3 < a.len().max(b.len()) || equal <= 2 {
        return (vec![false; a.len()], vec![false; b.len()]);
    }
    (changed_a, changed_b)
}

fn line(atoms: &[Atom<'_>], (range, more): (Range<usize>, bool), marks: &[bool], cut_start: bool) -> Line {
    let mut runs: Vec<(bool, String)> = Vec::new();
    let mut push = |changed: bool, text: &str| match runs.last_mut() {
        Some((last, run)) if *last == changed => run.push_str(text),
        _ => runs.push((changed, text.to_owned())),
    };
    if cut_start {
        push(false, "…");
    }
    for (atom, changed) in atoms.get(range).unwrap_or(&[]).iter().zip(marks) {
        let hidden = |c: char| columns(c) == 0 || (c.is_whitespace() && c != ' ');
        match atom.text.chars().next() {
            // what cannot be seen would not be seen to differ
            Some(c) if *changed && hidden(c) => push(true, &format!("\\u{{{:x}}}", u32::from(c))),
            _ => push(*changed, atom.text),
        }
    }
    if more {
        push(false, "…");
    }
    Line { runs }
}

/// One value as a line that fits.
pub(super) fn single(value: &str, room: usize) -> Line {
    // no more is looked at than could be shown, each column one escape of six bytes at most
    let start = value.get(..back_to_character(value, room.saturating_mul(16))).unwrap_or("");
    let text = clean(&readable(start));
    if start.len() == value.len() && width(&text) <= room {
        return Line { runs: vec![(false, text)] };
    }
    Line { runs: vec![(false, format!("{}…", fitting(&text, room.saturating_sub(1))))] }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(a: &str, b: &str, room: usize) -> [String; 4] {
        let (a, b) = pair(a, b, room);
        assert!(a.width() <= room && b.width() <= room, "{a:?} {b:?}");
        [a.text(), a.carets(), b.text(), b.carets()]
    }

    #[test]
    fn the_changed_part_is_marked() {
        assert_eq!(
            shown("9007199254740993", "9007199254740992", 40),
            ["9007199254740993", "               ^", "9007199254740992", "               ^"]
        );
        assert_eq!(shown(r#""night mail""#, r#""night train""#, 40)[1], "       ^^^^");
        assert_eq!(shown("1", "2", 40), ["1", "", "2", ""]);
        assert_eq!(shown(r#""abc""#, r#""xyz""#, 40)[1], "");
        assert_eq!(shown(r#""日本語の本""#, r#""日本語の木""#, 40)[1], "         ^^");
    }

    #[test]
    fn a_long_value_is_a_window_around_the_change() {
        let long = "0123456789".repeat(500_000);
        let (a, b) = (format!("\"{long}A{long}\""), format!("\"{long}B{long}\""));
        let [first, carets, second, _] = shown(&a, &b, 40);
        assert_eq!((first.as_str(), carets.as_str()), ("…0123456789A012345678901234567890123456…", "           ^"));
        assert_eq!(second.replace('B', "A"), first);
        let [first, ..] = shown(&format!("\"{long}A\""), &format!("\"{long}B\""), 40);
        assert_eq!(first, "…345678901234567890123456789012345678 9A\"".replace(' ', ""));
    }

    #[test]
    fn what_cannot_be_seen_is_spelled_where_it_differs() {
        assert_eq!(shown("\"same words\"", "\"same\u{a0}words\"", 40)[2], "\"same\\u{a0}words\"");
        assert_eq!(shown("\"same words\"", "\"same words\u{200b}\"", 40)[2], "\"same words\\u{200b}\"");
        assert_eq!(shown("\"a\\nb and so on\"", "\"a\\tb and so on\"", 40)[1], "  ^^");
    }
}
