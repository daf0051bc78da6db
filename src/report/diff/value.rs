//! The values of a difference: side by side where they are alike, else each by itself; of a subtree as much as a glance takes.

use super::super::compact::spaced;
use super::super::page::{Page, Piece, plain, styled};
use super::super::text::{clean, readable, short};
use super::inline::{Line, pair, single};
use crate::document::json::{Document, NodeId, NodeKind, ParseOptions, escape};
use anstyle::{AnsiColor, Style};
use std::io;

pub(super) const PRIMARY: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Green)));
pub(super) const CANDIDATE: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Red)));
pub(super) const DIM: Style = Style::new().dimmed();

/// Members or elements of one subtree that are listed.
const LISTED: usize = 10;
/// Lines shorter than this need no carets.
const SHORT: usize = 12;

/// Whose value a line shows.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Side {
    Primary,
    Candidate,
}

impl Side {
    pub(super) fn style(self) -> Style {
        match self {
            Side::Primary => PRIMARY,
            Side::Candidate => CANDIDATE,
        }
    }
    pub(super) fn sign(self) -> &'static str {
        match self {
            Side::Primary => "- ",
            Side::Candidate => "+ ",
        }
    }
}

/// Both values, or the one that there is.
pub(super) fn values(
    page: &mut Page<'_>,
    indent: usize,
    primary: Option<&str>,
    candidate: Option<&str>,
) -> io::Result<()> {
    if let (Some(a), Some(b)) = (primary, candidate)
        && !is_container(a)
        && !is_container(b)
        && a.starts_with('"') == b.starts_with('"')
    {
        return alike(page, indent, &clean(&readable(a)), &clean(&readable(b)));
    }
    if let Some(value) = primary {
        one(page, indent, Side::Primary, value)?;
    }
    match candidate {
        Some(value) => one(page, indent, Side::Candidate, value),
        None => Ok(()),
    }
}

/// Two clean texts, the changed part marked.
pub(super) fn alike(page: &mut Page<'_>, indent: usize, a: &str, b: &str) -> io::Result<()> {
    let (a, b) = pair(a, b, page.room(indent + 2));
    line(page, indent, Side::Primary, &a)?;
    if !b.marked() && a.marked() {
        carets(page, indent, &a)?;
    }
    line(page, indent, Side::Candidate, &b)?;
    carets(page, indent, &b)
}

fn line(page: &mut Page<'_>, indent: usize, side: Side, line: &Line) -> io::Result<()> {
    let mut pieces: Vec<Piece<'_>> = vec![styled(side.style(), side.sign())];
    pieces.extend(line.runs.iter().map(|(changed, text)| {
        let style = side.style();
        styled(if *changed { style.bold().underline() } else { style }, text.as_str())
    }));
    page.line(indent, &pieces)
}

/// Where colours are not seen, carets below the changed part.
fn carets(page: &mut Page<'_>, indent: usize, line: &Line) -> io::Result<()> {
    if page.colour() || !line.marked() || line.width() <= SHORT {
        return Ok(());
    }
    page.line(indent + 2, &[plain(&line.carets())])
}

fn is_container(json: &str) -> bool {
    json.starts_with(['{', '['])
}

/// One value, a subtree as a list of its members.
pub(super) fn one(page: &mut Page<'_>, indent: usize, side: Side, json: &str) -> io::Result<()> {
    let room = page.room(indent + 2);
    if !is_container(json) {
        return line(page, indent, side, &single(json, room));
    }
    let compact = spaced(json, room.saturating_mul(8));
    let whole = readable(&compact);
    if compact.len() <= room * 8 && single(&whole, room).runs.iter().all(|(_, text)| !text.ends_with('…')) {
        return line(page, indent, side, &single(&whole, room));
    }
    match Document::parse(json.as_bytes(), &ParseOptions::new(usize::MAX, 0)) {
        Ok(document) => subtree(page, indent, side, &document),
        Err(_) => line(page, indent, side, &single(&whole, room)),
    }
}

fn subtree(page: &mut Page<'_>, indent: usize, side: Side, document: &Document<'_>) -> io::Result<()> {
    let root = document.root();
    let (open, close, many) = match document.kind(root) {
        NodeKind::Object => ("{", "}", "members"),
        _ => ("[", "]", "elements"),
    };
    let print = |page: &mut Page<'_>, text: &str| {
        page.line(indent, &[styled(side.style(), side.sign()), styled(side.style(), text)])
    };
    print(page, open)?;
    let all = document.children(root).count();
    let room = page.room(indent + 2);
    // one line that says "1 more" could as well be that one
    let listed = if all <= LISTED + 1 { all } else { LISTED };
    for child in document.children(root).take(listed) {
        print(page, &format!("  {}", member(document, child, room)))?;
    }
    if all > listed {
        print(page, &format!("  … {} more {many}", all - listed))?;
    }
    print(page, close)
}

/// A member with its name, or an element, on one line.
fn member(document: &Document<'_>, node: NodeId, room: usize) -> String {
    let value = readable(&spaced(document.raw(node), room.saturating_mul(8)));
    match document.name(node) {
        Some(name) => format!("{}: {value}", short(&escape(&name), room)),
        None => value,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(primary: Option<&str>, candidate: Option<&str>) -> String {
        let mut out = Vec::new();
        values(&mut Page::new(&mut out, 30, false), 0, primary, candidate).unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn a_subtree_is_one_line_or_a_list_that_ends() {
        assert_eq!(printed(Some("{\"a\" :\n[1 ,2]}"), None), "- {\"a\": [1, 2]}\n");
        let all: Vec<String> = (0..40).map(|at| format!("\"member {at}\":[{at},{{}}]")).collect();
        let text = printed(None, Some(&format!("{{{}}}", all.join(","))));
        assert_eq!(text.lines().count(), 13, "{text}");
        assert!(text.starts_with("+ {\n+   \"member 0\": [0, {}]\n"), "{text}");
        assert!(text.ends_with("+   … 30 more members\n+ }\n"), "{text}");
        let long = format!("[\"{}\"]", "x".repeat(99));
        assert_eq!(printed(Some(&long), None), format!("- [\n-   \"{}…\n- ]\n", "x".repeat(24)));
    }

    #[test]
    fn values_of_two_types_stand_by_themselves() {
        assert_eq!(printed(Some("4"), Some("\"4\"")), "- 4\n+ \"4\"\n");
        assert_eq!(
            printed(Some("\"the night mail\""), Some("\"the night train\"")),
            "- \"the night mail\"\n+ \"the night train\"\n             ^^^^^\n"
        );
        assert_eq!(
            printed(Some("\"as it was, and so on\""), Some("\"as it was\"")).lines().nth(1),
            Some("            ^^^^^^^^^^^")
        );
    }
}
