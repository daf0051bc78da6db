//! Differences as an outline: those below one place stand together, under the place that they share.

use crate::compare::{Kind, Severity};
use crate::report::views::DifferenceView;
use std::collections::HashMap;

/// A difference and where it stands.
#[derive(Clone, Debug)]
pub(super) struct Item<'v> {
    pub(super) view: &'v DifferenceView,
    /// Its place in the primary's document; what only the candidate has is put where it would be there.
    pub(super) mine: Vec<&'v str>,
    /// Its place in the candidate's document.
    pub(super) theirs: Vec<&'v str>,
    /// For an element that is missing here and added elsewhere: its position at the candidate.
    pub(super) moved_to: Option<&'v str>,
}

impl<'v> Item<'v> {
    fn new(view: &'v DifferenceView) -> Item<'v> {
        let (path, beside) = (tokens(&view.path), view.beside.as_deref().unwrap_or(&view.path));
        let (mine, theirs) = if view.kind == Kind::Added { (tokens(beside), path) } else { (path, tokens(beside)) };
        Item { view, mine, theirs, moved_to: None }
    }
    /// True for an element of an array that only one side has.
    fn lone_element(&self) -> bool {
        // an added member is of low severity, an added element never
        let lone =
            self.view.kind == Kind::Missing || (self.view.kind == Kind::Added && self.view.severity > Severity::Low);
        let index = |token: &&str| !token.is_empty() && token.bytes().all(|byte| byte.is_ascii_digit());
        lone && self.mine.last().is_some_and(index)
    }
}

fn tokens(pointer: &str) -> Vec<&str> {
    pointer.split('/').skip(1).collect()
}

/// A place that is printed before what is below it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Heading {
    /// Tokens of its place.
    pub(super) depth: usize,
    /// Tokens of the heading that it stands under.
    pub(super) above: usize,
    /// How many headings it stands under.
    pub(super) level: usize,
}

/// An item, and the headings that open before it.
#[derive(Debug)]
pub(super) struct Entry<'v> {
    pub(super) opened: Vec<Heading>,
    /// How many headings it stands under.
    pub(super) level: usize,
    /// Tokens of the heading that it stands under.
    pub(super) above: usize,
    /// Tokens that its place shares with the one of the entry before.
    pub(super) shared: usize,
    pub(super) item: Item<'v>,
}

/// The outline of differences in document order.
pub(super) fn outline<'v>(views: &[&'v DifferenceView]) -> Vec<Entry<'v>> {
    let items = with_moves(views.iter().map(|view| Item::new(view)).collect());
    let shared: Vec<usize> = items
        .windows(2)
        .map(|two| match two {
            [a, b] => a.mine.iter().zip(&b.mine).take_while(|(a, b)| a == b).count(),
            _ => 0,
        })
        .collect();
    let mut open: Vec<usize> = vec![0];
    let mut entries = Vec::with_capacity(items.len());
    for (at, item) in items.into_iter().enumerate() {
        let with_last = at.checked_sub(1).and_then(|before| shared.get(before)).copied().unwrap_or(0);
        while open.len() > 1 && open.last().is_some_and(|depth| *depth > with_last) {
            open.pop();
        }
        let mut wanted = item.mine.len().checked_sub(1).into_iter().collect::<Vec<usize>>();
        let top = open.last().copied().unwrap_or(0);
        let mut least = usize::MAX;
        for depth in shared.iter().skip(at) {
            least = least.min(*depth);
            if least <= top {
                break;
            }
            if wanted.last() != Some(&least) {
                wanted.push(least);
            }
        }
        wanted.sort_unstable();
        let mut opened = Vec::new();
        for depth in wanted {
            let above = open.last().copied().unwrap_or(0);
            if depth > above {
                opened.push(Heading { depth, above, level: open.len() - 1 });
                open.push(depth);
            }
        }
        let above = open.last().copied().unwrap_or(0);
        entries.push(Entry { opened, level: open.len() - 1, above, shared: with_last, item });
    }
    entries
}

/// An element that is missing at one position and added at another of the same array has moved.
fn with_moves(items: Vec<Item<'_>>) -> Vec<Item<'_>> {
    let key = |item: &Item<'_>| {
        let value = item.view.primary.as_ref().or(item.view.candidate.as_ref())?;
        let array = item.mine.get(..item.mine.len().checked_sub(1)?)?.join("/");
        item.lone_element().then(|| (array, value.get().to_owned()))
    };
    let mut added: HashMap<(String, String), Vec<usize>> = HashMap::new();
    for (at, item) in items.iter().enumerate().rev() {
        if item.view.kind == Kind::Added
            && let Some(key) = key(item)
        {
            added.entry(key).or_default().push(at);
        }
    }
    let mut arrived = vec![None; items.len()];
    let mut gone = vec![false; items.len()];
    for (at, item) in items.iter().enumerate() {
        if item.view.kind == Kind::Missing
            && let Some(other) = key(item).and_then(|key| added.get_mut(&key)).and_then(Vec::pop)
        {
            arrived[at] = items[other].theirs.last().copied();
            gone[other] = true;
        }
    }
    let kept = items.into_iter().zip(gone).zip(arrived).filter(|((_, gone), _)| !gone);
    kept.map(|((item, _), moved_to)| Item { moved_to, ..item }).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::compare::Place;

    fn view(path: &str) -> DifferenceView {
        DifferenceView {
            place: Place::Body,
            path: path.to_owned(),
            beside: None,
            kind: Kind::Value,
            detail: None,
            primary: None,
            candidate: None,
            severity: Severity::Medium,
            signature: None,
        }
    }

    /// The outline as text: headings and items by the tokens that they print.
    fn drawn(paths: &[&str]) -> String {
        let views: Vec<DifferenceView> = paths.iter().map(|path| view(path)).collect();
        let mut out = String::new();
        for entry in outline(&views.iter().collect::<Vec<_>>()) {
            for heading in &entry.opened {
                let tokens = &entry.item.mine[heading.above..heading.depth];
                out.push_str(&format!("{}/{}:\n", "  ".repeat(heading.level), tokens.join("/")));
            }
            let own = entry.item.mine[entry.above..].join("/");
            out.push_str(&format!("{}{own}\n", "  ".repeat(entry.level)));
        }
        out
    }

    #[test]
    fn what_stands_together_has_one_heading() {
        assert_eq!(
            drawn(&["/id", "/a/0/x", "/a/0/y", "/a/3/b/c", "/z/q"]),
            "id\n/a:\n  /0:\n    x\n    y\n  /3/b:\n    c\n/z:\n  q\n"
        );
        assert_eq!(drawn(&["/a", "/a/1/x", "/a/2"]), "/a:\n  \n  /1:\n    x\n  2\n");
        assert_eq!(drawn(&["", "/"]), "\n\n");
        assert_eq!(drawn(&[]), "");
    }

    #[test]
    fn missing_here_and_added_there_is_a_move() {
        let raw = |text: &str| serde_json::value::RawValue::from_string(text.to_owned()).ok();
        let lone = |path: &str, kind, severity, value: &str| DifferenceView {
            kind,
            severity,
            primary: raw(value).filter(|_| kind == Kind::Missing),
            candidate: raw(value).filter(|_| kind == Kind::Added),
            ..view(path)
        };
        let gone = lone("/a/3", Kind::Missing, Severity::High, "7");
        let come = lone("/a/0", Kind::Added, Severity::High, "7");
        let member = lone("/b/0", Kind::Added, Severity::Low, "7");
        let moved = |views: &[&DifferenceView]| -> Vec<Option<String>> {
            outline(views).into_iter().map(|entry| entry.item.moved_to.map(str::to_owned)).collect()
        };
        assert_eq!(moved(&[&gone, &come]), [Some("0".to_owned())]);
        assert_eq!(moved(&[&gone, &lone("/a/0", Kind::Added, Severity::High, "8")]), [None, None]);
        assert_eq!(moved(&[&lone("/b/3", Kind::Missing, Severity::High, "7"), &member]), [None, None]);
    }
}
