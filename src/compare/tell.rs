//! Makes a difference of a pair: its place as a pointer, its values as received, how bad it is.

use super::class::class;
use super::markup::renamed_class;
use super::walk::{Link, Segment, Task, Walk};
use super::{Difference, Kind, Place, Severity};
use crate::document::json::{Document, NodeId, escape, pointer_token};
use smallvec::SmallVec;
use std::fmt::Write;

impl Walk<'_, '_> {
    /// The place in the primary's document.
    pub(super) fn primary_pointer(&self, task: &Task) -> String {
        pointer(self.primary, self.candidate, &self.links, task.path, true)
    }

    /// Tells one difference; in a probe, only that there is one.
    pub(super) fn report(&mut self, task: &Task, kind: Kind) {
        if self.probing > 0 {
            self.found = true;
            return;
        }
        let (primary, candidate, links) = (self.primary, self.candidate, &self.links);
        let lists = task.list.and_then(|at| self.lists.get(at as usize));
        self.findings.add(
            kind,
            || pointer(primary, candidate, links, task.path, kind != Kind::Added),
            |path| {
                let (shape, values) = match lists {
                    Some((mine, theirs)) => ("list".to_string(), (list(primary, mine), list(candidate, theirs))),
                    None => (
                        shape(kind, primary, candidate, task),
                        (
                            task.primary.map(|node| primary.raw(node).to_string()),
                            task.candidate.map(|node| candidate.raw(node).to_string()),
                        ),
                    ),
                };
                let there = (!is_one_place(primary, candidate, links, task.path))
                    .then(|| pointer(primary, candidate, links, task.path, kind == Kind::Added));
                Difference {
                    place: Place::Body,
                    beside: there.filter(|there| *there != path),
                    path,
                    kind,
                    detail: task.detail.map(str::to_string),
                    primary: values.0,
                    candidate: values.1,
                    severity: severity(kind, task),
                    shape,
                }
            },
        );
    }
}

fn severity(kind: Kind, task: &Task) -> Severity {
    match kind {
        Kind::Missing | Kind::Type | Kind::Status | Kind::Failure => Severity::High,
        Kind::Added if task.element => Severity::High,
        Kind::Value | Kind::Order | Kind::Body => Severity::Medium,
        Kind::Added | Kind::Header => Severity::Low,
    }
}

fn shape(kind: Kind, primary: &Document<'_>, candidate: &Document<'_>, task: &Task) -> String {
    match (kind, task.primary, task.candidate) {
        (Kind::Missing, ..) => "present→absent".into(),
        (Kind::Added, ..) => "absent→present".into(),
        (Kind::Order, ..) => "order".into(),
        (Kind::Type, Some(p), Some(c)) if task.detail == Some("element") => renamed_class((primary, p), (candidate, c)),
        (_, Some(p), Some(c)) => class((primary, p), (candidate, c)),
        // a value that a rule filled in for the primary
        (_, None, Some(_)) => "absent→present".into(),
        _ => String::new(),
    }
}

/// Values under one repeated name as one JSON array; nothing where there is none.
fn list(document: &Document<'_>, nodes: &[NodeId]) -> Option<String> {
    let texts: Vec<&str> = nodes.iter().map(|node| document.raw(*node)).collect();
    (!texts.is_empty()).then(|| format!("[{}]", texts.join(",")))
}

/// A place as a pointer: in the primary's document, or in the candidate's for what only that has.
fn pointer(primary: &Document<'_>, candidate: &Document<'_>, links: &[Link], at: u32, of_primary: bool) -> String {
    let chain: SmallVec<[&Link; 16]> = up(links, at).collect();
    let mut out = String::with_capacity(64);
    for link in chain.into_iter().rev() {
        let (segment, document) = match (of_primary, link.primary, link.candidate) {
            (true, Segment::None, segment) => (segment, candidate),
            (true, segment, _) => (segment, primary),
            (false, segment, Segment::None) => (segment, primary),
            (false, _, segment) => (segment, candidate),
        };
        match segment {
            Segment::Name(node) => pointer_token(&mut out, &document.name(node).unwrap_or_default()),
            // writing to a string does not fail
            Segment::Index(index) => drop(write!(out, "/{index}")),
            Segment::None => {}
        }
    }
    out
}

/// The steps of a place, from the last one.
fn up(links: &[Link], at: u32) -> impl Iterator<Item = &Link> {
    let link = |at: u32| links.get(at as usize).filter(|_| at != 0);
    std::iter::successors(link(at), move |below| link(below.parent))
}

/// True where a place is spelled alike in both documents.
fn is_one_place(primary: &Document<'_>, candidate: &Document<'_>, links: &[Link], at: u32) -> bool {
    up(links, at).all(|link| match (link.primary, link.candidate) {
        (Segment::Name(p), Segment::Name(c)) => primary.name(p) == candidate.name(c),
        (Segment::Index(p), Segment::Index(c)) => p == c,
        (Segment::None, _) | (_, Segment::None) => true,
        _ => false,
    })
}

/// Text as a JSON string, cut to so many characters.
pub(crate) fn excerpt(text: &str, characters: usize) -> String {
    match text.char_indices().nth(characters) {
        Some((at, _)) => escape(format!("{}…", text.get(..at).unwrap_or("")).as_bytes()),
        None => escape(text.as_bytes()),
    }
}
