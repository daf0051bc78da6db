//! Configured paths as one state machine, stepped once a node while a text is read. Nothing is known of lengths here: an
//! index from the end cuts every element, since a cut too many is no leak.

use crate::rules::{Pick, Segment, Selector};

/// Selectors compiled to one state machine, stepped once a node.
#[derive(Clone, Debug, Default)]
pub(super) struct Selectors {
    all: Vec<Vec<Segment>>,
}

/// Where every selector stands at one node: (selector, segments passed).
#[derive(Clone, Debug, Default)]
pub(super) struct State {
    at: Vec<(usize, usize)>,
    matched: bool,
}

impl State {
    /// True where a selector selects the node.
    pub(super) fn is_match(&self) -> bool {
        self.matched
    }
}

impl Selectors {
    pub(super) fn compile(texts: &[String]) -> Selectors {
        Selectors {
            all: texts.iter().filter_map(|text| Selector::parse(text).ok()).map(|path| path.segments).collect(),
        }
    }

    /// At the root.
    pub(super) fn start(&self) -> State {
        State {
            at: (0..self.all.len()).map(|selector| (selector, 0)).collect(),
            matched: self.all.iter().any(Vec::is_empty),
        }
    }

    /// At a child, by its name or index (a pointer does not tell which it is).
    pub(super) fn step(&self, from: &State, name: &str, index: Option<usize>) -> State {
        let mut to = State::default();
        for (selector, passed) in &from.at {
            let Some(segments) = self.all.get(*selector) else { continue };
            let Some(segment) = segments.get(*passed) else { continue };
            if segment.descendant && !to.at.contains(&(*selector, *passed)) {
                to.at.push((*selector, *passed));
            }
            let fits = match &segment.pick {
                Pick::Name(own) => own == name.as_bytes(),
                Pick::Index(own) => index.is_some_and(|index| *own < 0 || usize::try_from(*own) == Ok(index)),
                Pick::Wild => true,
            };
            if fits && passed + 1 == segments.len() {
                to.matched = true;
            } else if fits && !to.at.contains(&(*selector, passed + 1)) {
                to.at.push((*selector, passed + 1));
            }
        }
        to
    }

    /// True where some selector is `$..name` for this name.
    pub(super) fn names_anywhere(&self, name: &str) -> bool {
        self.all.iter().any(|segments| {
            matches!(segments.as_slice(), [Segment { descendant: true, pick: Pick::Name(own) }] if own == name.as_bytes())
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn selects(selector: &str, pointer: &str) -> bool {
        let selectors = Selectors::compile(&[selector.to_owned()]);
        let mut state = selectors.start();
        for step in pointer.split('/').skip(1) {
            state = selectors.step(&state, step, step.parse().ok());
        }
        state.is_match()
    }

    #[test]
    fn segments_match_whole_names() {
        assert!(selects("$.a.b", "/a/b") && !selects("$.a.b", "/a/bc") && !selects("$.a.b", "/x/a/b"));
        assert!(
            selects("$..email", "/email") && selects("$..email", "/a/0/email") && !selects("$..email", "/a/emails")
        );
        assert!(selects("$.a[*].b", "/a/3/b") && !selects("$.a[*].b", "/a/b"));
        assert!(selects("$['a b'][1]", "/a b/1") && !selects("$['a b'][1]", "/a b/2"));
        assert!(selects("$..a.b", "/x/a/a/b") && selects("$..a[*]..c", "/a/1/x/c"));
        assert!(selects("$", ""));
    }

    #[test]
    fn an_index_from_the_end_cuts_every_element() {
        assert!(selects("$.a[-1]", "/a/0") && selects("$.a[-1]", "/a/7") && !selects("$.a[-1]", "/a/b"));
    }
}
