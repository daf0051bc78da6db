//! `key`: elements of an array are matched by members of their own, order ignored. Keys keep their types: `1` is not `"1"`.
//!
//! Elements without the key, or with a key that occurs twice on a side, are matched by content.

use super::selector::{Pick, Selector};
use crate::document::json::{Document, NodeId, NodeKind};

#[derive(Clone, Debug)]
pub(super) struct Compiled {
    parts: Vec<Vec<Pick>>,
}

impl Compiled {
    pub(super) fn new(paths: &[String]) -> Result<Compiled, String> {
        if paths.is_empty() {
            return Err("name at least one member, such as \"$.id\"".into());
        }
        let parts = paths.iter().map(|path| {
            let selector = Selector::parse(path).map_err(|error| format!("`{path}`: {error}"))?;
            selector.single().filter(|picks| !picks.is_empty()).ok_or(format!("`{path}`: names and indices only"))
        });
        Ok(Compiled { parts: parts.collect::<Result<_, _>>()? })
    }
    /// The key of an element by hash, part by part; `None` where a part is missing or null.
    pub(super) fn of(&self, document: &Document<'_>, element: NodeId) -> Option<Vec<u128>> {
        let part = |picks: &Vec<Pick>| {
            let found = picks.iter().try_fold(element, |at, pick| pick.of(document, at))?;
            (document.kind(found) != NodeKind::Null).then(|| document.hash(found))
        };
        self.parts.iter().map(part).collect()
    }
    /// Where the parts of a key stand in an element.
    pub(super) fn parts(&self) -> &[Vec<Pick>] {
        &self.parts
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::json::ParseOptions;

    #[test]
    fn keys_are_typed_and_compound() {
        let rule = Compiled::new(&["$.a".into(), "$.b.c".into()]).unwrap();
        let text =
            r#"[{"a":1,"b":{"c":2}},{"a":2,"b":{"c":1}},{"a":"1","b":{"c":2}},{"a":null,"b":{"c":2}},{"a":1},null,7]"#;
        let document = Document::parse(text.as_bytes(), &ParseOptions::new(9, 1)).unwrap();
        let keys: Vec<_> = document.children(document.root()).map(|element| rule.of(&document, element)).collect();
        assert!(keys[0].is_some() && keys[0] != keys[1] && keys[0] != keys[2]);
        assert!(keys[3..].iter().all(Option::is_none));
        assert!(Compiled::new(&[]).is_err() && Compiled::new(&["$..id".into()]).is_err());
    }
}
