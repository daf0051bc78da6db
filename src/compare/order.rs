//! An order of values that depends neither on spelling nor on the key of the hashes: for what must come out the same whichever
//! side is named first.

use crate::document::json::{Decimal, Document, NodeId, NodeKind};
use std::cmp::Ordering;

/// A value and the document that it stands in.
type Value<'v, 'd> = (&'v Document<'d>, NodeId);

/// Which of two lists of values comes first: the shorter one, else by the first values that differ.
pub(super) fn of_lists(
    (primary, mine): (&Document<'_>, &[NodeId]),
    (candidate, theirs): (&Document<'_>, &[NodeId]),
) -> Ordering {
    let differ = |(p, c): &(&NodeId, &NodeId)| primary.hash(**p) != candidate.hash(**c);
    let order = |(p, c): (&NodeId, &NodeId)| of_values((primary, *p), (candidate, *c));
    let by_value = mine.iter().zip(theirs).filter(differ).map(order).find(|order| *order != Ordering::Equal);
    mine.len().cmp(&theirs.len()).then(by_value.unwrap_or(Ordering::Equal))
}

/// By type, then by value: of objects by the first name (by bytes) under which they differ. Goes down one path, without
/// recursion.
fn of_values<'v, 'd>(mut a: Value<'v, 'd>, mut b: Value<'v, '_>) -> Ordering {
    if a.0.hash(a.1) == b.0.hash(b.1) {
        return Ordering::Equal;
    }
    loop {
        let by_kind = rank(a.0.kind(a.1)).cmp(&rank(b.0.kind(b.1)));
        let next = match a.0.kind(a.1) {
            _ if by_kind != Ordering::Equal => return by_kind,
            NodeKind::String => return a.0.string(a.1).cmp(&b.0.string(b.1)),
            NodeKind::Number => return numbers(a.0.raw(a.1), b.0.raw(b.1)),
            NodeKind::Array => first_elements(a, b),
            NodeKind::Object => first_members(a, b),
            NodeKind::Null | NodeKind::Bool => return a.0.raw(a.1).cmp(b.0.raw(b.1)),
        };
        match next {
            (Some(p), Some(c)) => (a.1, b.1) = (p, c),
            (p, c) => return p.is_some().cmp(&c.is_some()),
        }
    }
}

fn rank(kind: NodeKind) -> u8 {
    match kind {
        NodeKind::Null => 0,
        NodeKind::Bool => 1,
        NodeKind::Number => 2,
        NodeKind::String => 3,
        NodeKind::Array => 4,
        NodeKind::Object => 5,
    }
}

fn numbers(a: &str, b: &str) -> Ordering {
    let (x, y) = (Decimal::parse(a), Decimal::parse(b));
    let by_sign = y.negative.cmp(&x.negative);
    let by_value = by_sign.then_with(|| if x.negative { y.cmp_magnitude(&x) } else { x.cmp_magnitude(&y) });
    // one value in two spellings comes here where a rule tells spellings apart, and then they have an order too
    by_value.then_with(|| a.cmp(b))
}

/// The first elements that differ.
fn first_elements(a: Value<'_, '_>, b: Value<'_, '_>) -> (Option<NodeId>, Option<NodeId>) {
    let (mut mine, mut theirs) = (a.0.children(a.1), b.0.children(b.1));
    loop {
        match (mine.next(), theirs.next()) {
            (Some(p), Some(c)) if a.0.hash(p) == b.0.hash(c) => {}
            both => return both,
        }
    }
}

/// The members of the first name under which two objects differ; the n-th value of a repeated name has a name of its own.
fn first_members(a: Value<'_, '_>, b: Value<'_, '_>) -> (Option<NodeId>, Option<NodeId>) {
    let named = |(document, object): Value<'_, '_>| {
        let name = |child| (document.name(child).unwrap_or_default().into_owned(), child);
        let mut members: Vec<(Vec<u8>, NodeId)> = document.children(object).map(name).collect();
        // stable: values of one name stay in their order
        members.sort_by(|x, y| x.0.cmp(&y.0));
        members
    };
    let (mine, theirs) = (named(a), named(b));
    let (mut i, mut j) = (0, 0);
    loop {
        match (mine.get(i), theirs.get(j)) {
            (Some(p), Some(c)) if p.0 == c.0 && a.0.hash(p.1) == b.0.hash(c.1) => (i, j) = (i + 1, j + 1),
            (Some(p), Some(c)) if p.0 == c.0 => return (Some(p.1), Some(c.1)),
            (Some(p), Some(c)) if p.0 < c.0 => return (Some(p.1), None),
            (p, None) => return (p.map(|p| p.1), None),
            (_, c) => return (None, c.map(|c| c.1)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::document::json::ParseOptions;

    fn order(a: &str, b: &str) -> Ordering {
        let parse = |text: &'static str, key| Document::parse_text(text, &ParseOptions::new(50, key)).unwrap();
        let (a, b): (&'static str, &'static str) = (a.to_owned().leak(), b.to_owned().leak());
        let under = |key| {
            let (a, b) = (parse(a, key), parse(b, key));
            of_values((&a, a.root()), (&b, b.root()))
        };
        assert_eq!(under(1), under(2));
        under(1)
    }

    #[test]
    fn it_is_an_order_whatever_the_spelling() {
        let rising = [
            "null",
            "false",
            "true",
            "-10",
            "-1.5",
            "0",
            "1",
            "1.5",
            "10",
            "1e400",
            "\"\"",
            "\"a\"",
            "\"b\"",
            "[]",
            "[1]",
            "[1,2]",
            "[2]",
            "{}",
            "{\"a\":1}",
            "{\"a\":1,\"b\":0}",
            "{\"a\":2}",
        ];
        for (i, a) in rising.iter().enumerate() {
            for (j, b) in rising.iter().enumerate() {
                // an object that has the first name under which they differ comes after one that has it not
                assert_eq!(order(a, b), i.cmp(&j), "{a} {b}");
                assert_eq!(order(a, b), order(b, a).reverse(), "{a} {b}");
            }
        }
        for (a, b) in [("1", "1.0"), ("\"a\"", "\"\\u0061\""), ("{\"a\":1,\"b\":[2]}", "{ \"b\":[2e0], \"a\":1 }")] {
            assert_eq!(order(a, b), Ordering::Equal, "{a} {b}");
        }
    }

    /// Two lists that differed in spelling alone had no order, and swapped they were aligned otherwise.
    #[test]
    fn where_spellings_count_they_have_an_order_too() {
        let options = ParseOptions { spelled_numbers: true, ..ParseOptions::new(50, 1) };
        let (a, b) =
            (Document::parse_text("[1,2]", &options).unwrap(), Document::parse_text("[1.0,3]", &options).unwrap());
        let both = (of_values((&a, a.root()), (&b, b.root())), of_values((&b, b.root()), (&a, a.root())));
        assert_eq!(both, (Ordering::Less, Ordering::Greater));
    }
}
