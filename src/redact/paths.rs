//! The small part of RFC 9535 that redaction needs: `$`, `.name`, `['name']`, `[0]`, `[*]`, `.*` and `..` before any.

#[derive(Clone, Debug, PartialEq, Eq)]
enum Kind {
    Name(String),
    Index(usize),
    Any,
}

/// One segment; `deep` where `..` stands before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Segment {
    deep: bool,
    kind: Kind,
}

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
        Selectors { all: texts.iter().filter_map(|text| parse(text)).collect() }
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
            if segment.deep && !to.at.contains(&(*selector, *passed)) {
                to.at.push((*selector, *passed));
            }
            let fits = match &segment.kind {
                Kind::Name(own) => own == name,
                Kind::Index(own) => Some(*own) == index,
                Kind::Any => true,
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
        self.all.iter().any(
            |segments| matches!(segments.as_slice(), [Segment { deep: true, kind: Kind::Name(own) }] if own == name),
        )
    }
}

/// Reads a selector; `None` where it is none.
pub(super) fn parse(text: &str) -> Option<Vec<Segment>> {
    let mut rest = text.trim().strip_prefix('$')?;
    let mut segments = Vec::new();
    while !rest.is_empty() {
        let deep = rest.starts_with("..");
        let dotted = rest.starts_with('.');
        rest = rest.strip_prefix("..").or_else(|| rest.strip_prefix('.')).unwrap_or(rest);
        let kind = if let Some(inner) = rest.strip_prefix('[').filter(|_| deep || !dotted) {
            let (kind, after) = bracket(inner)?;
            rest = after;
            kind
        } else if dotted {
            let end = rest.find(['.', '[']).unwrap_or(rest.len());
            let (name, after) = rest.split_at(end);
            rest = after;
            match name {
                "*" => Kind::Any,
                name if !name.is_empty() && name.chars().all(|c| c.is_alphanumeric() || matches!(c, '_' | '-')) => {
                    Kind::Name(name.to_owned())
                }
                _ => return None,
            }
        } else {
            return None;
        };
        segments.push(Segment { deep, kind });
    }
    Some(segments)
}

fn bracket(inner: &str) -> Option<(Kind, &str)> {
    if let Some(quote) = inner.chars().next().filter(|c| matches!(c, '\'' | '"')) {
        let (name, after) = inner.get(1..)?.split_once(quote)?;
        return Some((Kind::Name(name.to_owned()), after.strip_prefix(']')?)).filter(|_| !name.contains('\\'));
    }
    let (index, after) = inner.split_once(']')?;
    let kind = if index == "*" { Kind::Any } else { Kind::Index(index.parse().ok()?) };
    Some((kind, after))
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
    fn nonsense_is_refused() {
        for text in ["", "a.b", "$.", "$a", "$.a b", "$[", "$['a]", "$[x]", "$.a.[0]", "$..", "$.a[?(@.b)]"] {
            assert_eq!(parse(text), None, "{text}");
        }
    }
}
