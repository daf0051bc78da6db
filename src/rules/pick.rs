//! The values of a document that a selector picks.

use super::selector::{Pick, Selector};
use crate::document::json::{Document, NodeId};

impl Selector {
    /// Every value that it picks, in document order, each once.
    pub fn pick(&self, document: &Document<'_>) -> Vec<NodeId> {
        let mut reached = vec![document.root()];
        for segment in &self.segments {
            let mut next = Vec::new();
            // What lies below one of these may lie below another too.
            let mut seen_to = None;
            for at in reached {
                if !segment.descendant {
                    children(document, at, &segment.pick, &mut next);
                    continue;
                }
                if seen_to.is_some_and(|end| at < end) {
                    continue;
                }
                for below in document.subtree(at) {
                    children(document, below, &segment.pick, &mut next);
                    seen_to = Some(NodeId(below.0 + 1));
                }
            }
            next.sort_unstable();
            next.dedup();
            reached = next;
        }
        reached
    }
}

fn children(document: &Document<'_>, node: NodeId, pick: &Pick, into: &mut Vec<NodeId>) {
    match pick {
        Pick::Wild => into.extend(document.children(node)),
        one => into.extend(one.of(document, node)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::json::ParseOptions;

    #[test]
    fn picks_what_rfc_9535_picks() {
        let text = r#"{"a":[{"b":1},{"b":[2,{"b":3}]},4],"b":5,"c":{}}"#;
        let document = Document::parse(text.as_bytes(), &ParseOptions::new(9, 1)).unwrap();
        for (path, picked) in [
            ("$", vec![text]),
            ("$.a[0].b", vec!["1"]),
            ("$.a[-1]", vec!["4"]),
            ("$.a[*].b", vec!["1", r#"[2,{"b":3}]"#]),
            ("$..b", vec!["1", r#"[2,{"b":3}]"#, "3", "5"]),
            ("$..b..b", vec!["3"]),
            (
                "$..*",
                vec![
                    r#"[{"b":1},{"b":[2,{"b":3}]},4]"#,
                    r#"{"b":1}"#,
                    "1",
                    r#"{"b":[2,{"b":3}]}"#,
                    r#"[2,{"b":3}]"#,
                    "2",
                    r#"{"b":3}"#,
                    "3",
                    "4",
                    "5",
                    "{}",
                ],
            ),
            ("$.c.*", vec![]),
            ("$.x", vec![]),
            ("$.b.x", vec![]),
        ] {
            let found: Vec<&str> =
                Selector::parse(path).unwrap().pick(&document).iter().map(|n| document.raw(*n)).collect();
            assert_eq!(found, picked, "{path}");
        }
    }
}
