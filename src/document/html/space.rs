//! Collapses white space as CSS does (https://www.w3.org/TR/css-text-3/#white-space-phase-1), by the elements' usual flow:
//! none at the start and the end of a line, one space elsewhere, the first of several. What a style sheet changes about it
//! is not known here.

use super::sink::{Data, NONE, Tree};
use super::words::{Flow, flow};
use html5ever::QualName;

/// Where the text of a line stands.
#[derive(Clone, Copy)]
struct Line {
    /// Nothing is in the line yet.
    empty: bool,
    /// The text that ends with a space, where that is the last thing in the line: it goes where the line ends there.
    space: u32,
}

const NEW: Line = Line { empty: true, space: NONE };
/// After something that is no space.
const WITHIN: Line = Line { empty: false, space: NONE };

/// Collapses the white space of a whole tree.
pub(super) fn collapse(tree: &mut Tree, root: u32) {
    let mut state = Collapse { line: NEW, outer: Vec::new(), exact: 0 };
    let (mut at, mut left) = (root, Vec::new());
    while at != NONE {
        state.enter(tree, at);
        let next = tree.after(at, root, |node| left.push(node));
        left.drain(..).for_each(|node| state.leave(tree, node));
        at = next;
    }
    state.end_line(tree);
}

struct Collapse {
    line: Line,
    /// The lines around what is not shown.
    outer: Vec<Line>,
    /// Elements that are open and keep their white space.
    exact: u32,
}

impl Collapse {
    fn enter(&mut self, tree: &mut Tree, at: u32) {
        match tree.node_mut(at).map(|node| &mut node.data) {
            Some(Data::Text(text)) if self.exact > 0 && !text.is_empty() => self.line = WITHIN,
            Some(Data::Text(text)) => {
                *text = collapsed(text, self.line.empty || self.line.space != NONE);
                if !text.is_empty() {
                    self.line = Line { empty: false, space: if text.ends_with(' ') { at } else { NONE } };
                }
            }
            Some(Data::Element { name, attributes, .. }) => {
                let (flow, exact) = flow_of(name, attributes);
                self.exact += u32::from(exact);
                match flow {
                    Flow::Inline => {}
                    Flow::Block => self.end_line(tree),
                    Flow::Atomic => self.line = NEW,
                    Flow::Hidden => self.outer.push(std::mem::replace(&mut self.line, NEW)),
                }
            }
            _ => {}
        }
    }

    fn leave(&mut self, tree: &mut Tree, at: u32) {
        let Some(Data::Element { name, attributes, .. }) = tree.node(at).map(|node| &node.data) else { return };
        let (flow, exact) = flow_of(name, attributes);
        self.exact -= u32::from(exact);
        match flow {
            Flow::Inline => {}
            Flow::Block => self.end_line(tree),
            Flow::Atomic => {
                self.end_line(tree);
                self.line = WITHIN;
            }
            Flow::Hidden => {
                self.end_line(tree);
                self.line = self.outer.pop().unwrap_or(NEW);
            }
        }
    }

    fn end_line(&mut self, tree: &mut Tree) {
        let line = std::mem::replace(&mut self.line, NEW);
        if let Some(Data::Text(text)) = tree.node_mut(line.space).map(|node| &mut node.data) {
            text.pop();
        }
    }
}

fn flow_of(name: &QualName, attributes: &[html5ever::Attribute]) -> (Flow, bool) {
    let is = |name: &str, value: &str| {
        attributes.iter().any(|attribute| &*attribute.name.local == name && attribute.value.eq_ignore_ascii_case(value))
    };
    let hidden_input = &*name.local == "input" && is("type", "hidden");
    let (flow, exact) = flow(name, hidden_input);
    (flow, exact || is("space", "preserve"))
}

/// Each run of white space as one space; none at the start where `start` says so.
fn collapsed(text: &str, start: bool) -> String {
    let mut out = String::with_capacity(text.len());
    let mut space = start;
    for c in text.chars() {
        let is_space = c.is_ascii_whitespace();
        if !is_space {
            out.push(c);
        } else if !space {
            out.push(' ');
        }
        space = is_space;
    }
    out
}
