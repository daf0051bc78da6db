//! What `diff` found, for people: the judgement's word, then headers and status, then the body as an outline of what
//! differs with what it stands in, then the rules that acted.

mod context;
mod inline;
mod lines;
mod outline;
mod value;

use super::compact::spaced;
use super::page::{Page, Piece, plain, styled};
use super::text::{clean, severity_style, short};
use super::views::{DiffView, DifferenceView, RuleView};
use crate::compare::{Kind, Place, Severity, moves};
use crate::document::json::{Document, NodeId, ParseOptions};
use anstyle::{AnsiColor, Style};
use context::{Spot, Trees};
use outline::{Entry, Heading, outline};
use std::collections::HashSet;
use std::io::{self, Write};
use value::{CANDIDATE, DIM, PRIMARY, values};

const BOLD: Style = Style::new().bold();
const WARNING: Style = Style::new().fg_color(Some(anstyle::Color::Ansi(AnsiColor::Yellow)));
/// Characters of a very long place that are shown of its start and of its end.
const POINTER: usize = 400;
/// Elements that moved and are listed.
const MOVES: usize = 10;

/// What is known beside the differences, for showing what they stand in.
#[derive(Clone, Copy)]
pub enum Bodies<'b, 'd> {
    /// Both are trees: JSON, or markup and forms as canonical text.
    Trees(&'b Document<'d>, &'b Document<'d>),
    /// Both are text.
    Text(&'b str, &'b str),
    /// Nothing is known.
    Unknown,
}

/// How a page is printed.
#[derive(Clone, Copy)]
pub struct Layout<'a> {
    /// What the two sides are called: file names.
    pub names: [&'a str; 2],
    /// Columns of a line.
    pub width: usize,
    /// Whether colours are seen.
    pub colour: bool,
}

/// Writes the page. Its first line is the judgement's word, with the reason where there is one.
pub fn write(out: &mut dyn Write, view: &DiffView, bodies: Bodies<'_, '_>, layout: &Layout<'_>) -> io::Result<()> {
    let mut page = Page::new(out, layout.width, layout.colour);
    let reason = view.reason.as_ref().map(|reason| format!(" ({reason})")).unwrap_or_default();
    page.line(0, &[styled(BOLD, view.judgement.as_str()), plain(&reason)])?;
    if !view.differences.is_empty() {
        summary(&mut page, view)?;
        page.wrap(0, &[styled(PRIMARY, "- primary    "), styled(PRIMARY, layout.names[0])])?;
        page.wrap(0, &[styled(CANDIDATE, "+ candidate  "), styled(CANDIDATE, layout.names[1])])?;
    }
    let of = |place| view.differences.iter().filter(move |one| one.place == place).collect::<Vec<_>>();
    for one in of(Place::Status) {
        page.blank()?;
        label(&mut page, 0, "status", one, None)?;
        values(&mut page, 2, raw(&one.primary), raw(&one.candidate))?;
    }
    let found = of(Place::Header);
    if !found.is_empty() {
        page.blank()?;
        page.line(0, &[styled(BOLD, "headers")])?;
    }
    for one in found {
        label(&mut page, 2, &clean(&one.path), one, None)?;
        values(&mut page, 4, raw(&one.primary), raw(&one.candidate))?;
    }
    let found = of(Place::Body);
    if !found.is_empty() {
        page.blank()?;
        body(&mut page, &found, bodies)?;
    }
    after(&mut page, view)
}

fn raw(value: &Option<Box<serde_json::value::RawValue>>) -> Option<&str> {
    value.as_ref().map(|value| value.get())
}

/// How many differences there are, by severity.
fn summary(page: &mut Page<'_>, view: &DiffView) -> io::Result<()> {
    let listed = view.differences.len() as u64;
    let total = view.differences_total.unwrap_or(listed);
    let mut pieces = vec![styled(Style::new(), format!("{total} difference{}", if total == 1 { "" } else { "s" }))];
    if total > listed {
        pieces.push(styled(WARNING, format!(", {listed} of them listed")));
    }
    let mut between = ": ";
    for severity in Severity::ALL.iter().rev() {
        let n = view.differences.iter().filter(|one| one.severity == *severity).count();
        if n > 0 {
            pieces.push(plain(between));
            let words = if total == 1 { severity.to_string() } else { format!("{n} {severity}") };
            pieces.push(styled(severity_style(*severity), words));
            between = ", ";
        }
    }
    page.line(0, &pieces)
}

fn body(page: &mut Page<'_>, found: &[&DifferenceView], bodies: Bodies<'_, '_>) -> io::Result<()> {
    let trees = match bodies {
        Bodies::Trees(primary, candidate) => Some(Trees { primary, candidate }),
        Bodies::Text(..) | Bodies::Unknown => None,
    };
    let entries = outline(found);
    let mut spots = vec![trees.map(|trees| trees.root()).unwrap_or_default()];
    let mut pieces = vec![styled(BOLD, "body")];
    if let (Some(trees), Some(root)) = (trees, spots.first()) {
        pieces.extend(around(trees, root, &entries, 0, 0));
    }
    page.line(0, &pieces)?;
    for (at, entry) in entries.iter().enumerate() {
        // the root is never left
        spots.truncate(entry.level - entry.opened.len() + 1);
        for heading in &entry.opened {
            let spot = open(page, trees, &mut spots, heading, &entries, at)?;
            spots.push(spot);
        }
        item(page, entry, trees, spots.last_mut(), bodies)?;
    }
    Ok(())
}

/// What a place holds beside the differences below it, in brackets.
fn around<'a>(trees: Trees<'_, '_>, spot: &Spot, entries: &[Entry<'_>], at: usize, depth: usize) -> Option<Piece<'a>> {
    let rest = entries.get(at..)?.iter().enumerate();
    let inside = rest.take_while(|(from, entry)| *from == 0 || entry.shared >= depth);
    let differing: HashSet<&str> = inside.filter_map(|(_, entry)| entry.item.mine.get(depth).copied()).collect();
    let text = trees.around(spot, &differing)?;
    Some(styled(DIM, format!("  {text}")))
}

/// Prints a place below which something differs, and says where it is.
fn open(
    page: &mut Page<'_>,
    trees: Option<Trees<'_, '_>>,
    spots: &mut [Spot],
    heading: &Heading,
    entries: &[Entry<'_>],
    at: usize,
) -> io::Result<Spot> {
    let Some(item) = entries.get(at).map(|entry| &entry.item) else { return Ok(Spot::default()) };
    let part = |tokens: &[&str]| tokens.get(heading.above..heading.depth).map(pointer).unwrap_or_default();
    let (mine, theirs) = (part(&item.mine), part(&item.theirs));
    let indent = 2 + 2 * heading.level;
    // where indents stop growing, only the whole place tells where one is
    let shown = if page.indent(indent) < indent {
        pointer(item.mine.get(..heading.depth).unwrap_or(&[]))
    } else {
        mine.clone()
    };
    let mut pieces = vec![styled(BOLD, clean(&shown))];
    if theirs != mine && item.theirs.len() >= heading.depth {
        pieces.push(styled(DIM, format!("  (candidate {})", clean(&theirs))));
    }
    let mut spot = Spot::default();
    if let (Some(trees), Some(above)) = (trees, spots.last_mut()) {
        let range = heading.above..heading.depth;
        let (mine, theirs) = (item.mine.get(range.clone()), item.theirs.get(range));
        spot = trees.below(above, mine.unwrap_or(&[]), theirs.unwrap_or(&[]));
        pieces.extend(around(trees, &spot, entries, at, heading.depth));
    }
    let name: usize = pieces.iter().take(2).map(|(_, text)| super::page::width(text)).sum();
    match name > page.room(indent) {
        true => page.wrap(indent, pieces.get(..1).unwrap_or(&[]))?,
        false => page.line(indent, &pieces)?,
    }
    Ok(spot)
}

/// A place as a pointer; of one that fills a page, the start and the end.
fn pointer(tokens: &[&str]) -> String {
    let whole: String = tokens.iter().flat_map(|token| ["/", token]).collect();
    // a lone surrogate, as JSON spells it
    let whole = whole.replace("~u", "\\u");
    let part = |at: usize| whole.char_indices().nth(at).map_or(whole.len(), |(at, _)| at);
    if part(2 * POINTER) == whole.len() {
        return whole;
    }
    let end = whole.char_indices().nth_back(POINTER - 1).map_or(0, |(at, _)| at);
    format!("{} … {}", whole.get(..part(POINTER)).unwrap_or(""), whole.get(end..).unwrap_or(""))
}

/// One difference: its name, what kind, and its values.
fn item(
    page: &mut Page<'_>,
    entry: &Entry<'_>,
    trees: Option<Trees<'_, '_>>,
    spot: Option<&mut Spot>,
    bodies: Bodies<'_, '_>,
) -> io::Result<()> {
    let (view, indent) = (entry.item.view, 2 + 2 * entry.level);
    let own = entry.item.mine.get(entry.above..).map(pointer).unwrap_or_default();
    let (primary, candidate) = (raw(&view.primary), raw(&view.candidate));
    if let Some(to) = entry.item.moved_to {
        let severity = styled(severity_style(view.severity), view.severity.as_str());
        page.line(
            indent,
            &[styled(BOLD, clean(&own)), plain("  moved to "), styled(BOLD, clean(to)), plain("  "), severity],
        )?;
        return page.line(indent + 2, &[styled(DIM, shortened(primary.unwrap_or(""), page.room(indent)))]);
    }
    let lone_element = matches!(view.kind, Kind::Missing | Kind::Added);
    let note = match (trees, spot) {
        (Some(trees), Some(spot)) if lone_element => {
            let of_candidate = view.kind == Kind::Added;
            let tokens = if of_candidate { &entry.item.theirs } else { &entry.item.mine };
            tokens.last().and_then(|at| trees.before(spot, of_candidate, at))
        }
        _ => None,
    };
    label(page, indent, &clean(&own), view, note.as_deref())?;
    match (view.kind, bodies) {
        (Kind::Body, Bodies::Text(mine, theirs)) => lines::lines(page, indent + 2, mine, theirs),
        (Kind::Order, _) => order(page, indent + 2, primary, candidate),
        _ => values(page, indent + 2, primary, candidate),
    }
}

fn label(page: &mut Page<'_>, indent: usize, name: &str, view: &DifferenceView, note: Option<&str>) -> io::Result<()> {
    let detail = view.detail.as_deref().map(clean);
    let kind = match (view.kind, detail) {
        (Kind::Type, Some(detail)) => format!("type ({detail})"),
        (Kind::Type, None) => format!("type {} → {}", type_of(raw(&view.primary)), type_of(raw(&view.candidate))),
        (Kind::Header | Kind::Body, Some(detail)) => detail,
        (kind, Some(detail)) => format!("{kind} ({detail})"),
        (kind, None) => kind.to_string(),
    };
    let mut pieces = Vec::new();
    if !name.is_empty() {
        pieces.extend([styled(BOLD, name), plain("  ")]);
    }
    if view.place != Place::Status {
        pieces.extend([plain(&kind), plain("  ")]);
    }
    pieces.push(styled(severity_style(view.severity), view.severity.as_str()));
    if let Some(note) = note {
        pieces.push(styled(DIM, format!("  {note}")));
    }
    let named: usize = pieces.iter().take(5).map(|(_, text)| super::page::width(text)).sum();
    if named > page.room(indent) { page.wrap(indent, &pieces) } else { page.line(indent, &pieces) }
}

/// The JSON type of a value.
fn type_of(json: Option<&str>) -> &'static str {
    match json.and_then(|json| json.bytes().next()) {
        Some(b'"') => "string",
        Some(b'{') => "object",
        Some(b'[') => "array",
        Some(b't' | b'f') => "bool",
        Some(b'n') => "null",
        Some(_) => "number",
        None => "nothing",
    }
}

/// The same elements in another order: which of them moved.
fn order(page: &mut Page<'_>, indent: usize, primary: Option<&str>, candidate: Option<&str>) -> io::Result<()> {
    let options = ParseOptions::new(usize::MAX, 0);
    let (Ok(mine), Ok(theirs)) = (
        Document::parse(primary.unwrap_or("").as_bytes(), &options),
        Document::parse(candidate.unwrap_or("").as_bytes(), &options),
    ) else {
        return values(page, indent, primary, candidate);
    };
    let found = moves((&mine, mine.root()), (&theirs, theirs.root())).unwrap_or_default();
    // where rules made elements equal, their texts may not tell which belong together
    if found.is_empty() {
        return values(page, indent, primary, candidate);
    }
    let elements: Vec<NodeId> = mine.children(mine.root()).collect();
    let reversed: Vec<NodeId> = theirs.children(theirs.root()).collect();
    let turned = elements.iter().zip(reversed.iter().rev()).all(|(a, b)| mine.hash(*a) == theirs.hash(*b));
    if elements.len() > 2 && elements.len() == reversed.len() && turned {
        return page.line(indent, &[plain("in reverse")]);
    }
    let listed = if found.len() <= MOVES + 1 { found.len() } else { MOVES };
    for (from, to) in found.iter().take(listed) {
        let value = elements.get(*from).map_or("", |node| mine.raw(*node));
        let value = styled(DIM, format!("  {}", shortened(value, page.room(indent))));
        let (from, to) = (from.to_string(), to.to_string());
        page.line(indent, &[plain("moved from "), styled(PRIMARY, from), plain(" to "), styled(CANDIDATE, to), value])?;
    }
    match found.len() - listed {
        0 => Ok(()),
        more => page.line(indent, &[plain(&format!("… {more} more moved"))]),
    }
}

/// A value on one line, not much longer than it takes.
fn shortened(value: &str, room: usize) -> String {
    short(&super::text::readable(&spaced(value, room * 4)), room)
}

/// What holds for the whole: bounds that were hit, rules that acted.
fn after(page: &mut Page<'_>, view: &DiffView) -> io::Result<()> {
    if view.approximate {
        page.blank()?;
        page.wrap(
            0,
            &[styled(WARNING, "approximate"), plain(": a bound was hit while aligning; a shorter list may exist")],
        )?;
    }
    if view.rules.is_empty() {
        return Ok(());
    }
    page.blank()?;
    page.line(0, &[styled(BOLD, "rules that acted")])?;
    let digits = view.rules.iter().map(|rule| rule.hits.to_string().len()).max().unwrap_or(0);
    let word = if view.rules.iter().any(|rule| rule.hits != 1) { 6 } else { 5 };
    for RuleView { name, hits } in &view.rules {
        let places = if *hits == 1 { "place" } else { "places" };
        page.line(2, &[styled(DIM, format!("{hits:>digits$} {places:<word$}  ")), plain(&clean(name))])?;
    }
    Ok(())
}
