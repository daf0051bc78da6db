//! Patches: whatever the two documents, applying the patch to the one gives the other; by our own applier, which keeps every
//! number's text, and by the `json-patch` crate where its documents can hold the values.

use super::hostile::{Random, document, mutated, rounds};
use paritee::compare::patch;
use paritee::document::json::{Document, NodeId, NodeKind, ParseOptions, escape};

fn parse(text: &str) -> Document<'_> {
    Document::parse(text.as_bytes(), &ParseOptions::new(20_000, 7)).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The patch as it is printed.
pub(crate) fn printed(a: &str, b: &str) -> String {
    let (primary, candidate) = (parse(a), parse(b));
    let mut out = Vec::new();
    let operations = patch(&primary, &candidate).unwrap_or_else(|error| panic!("{error}: {a} {b}"));
    paritee::report::patch::write(&mut out, &operations, &candidate).unwrap();
    String::from_utf8(out).unwrap()
}

/// A document that can be changed; scalars keep their text.
#[derive(Clone, Debug)]
enum Tree {
    Scalar(String),
    Array(Vec<Tree>),
    Object(Vec<(Vec<u8>, Tree)>),
}

impl Tree {
    fn of(document: &Document<'_>, node: NodeId) -> Tree {
        let children = || document.children(node);
        match document.kind(node) {
            NodeKind::Array => Tree::Array(children().map(|child| Tree::of(document, child)).collect()),
            NodeKind::Object => {
                let member = |child| (document.name(child).unwrap().into_owned(), Tree::of(document, child));
                Tree::Object(children().map(member).collect())
            }
            _ => Tree::Scalar(document.raw(node).to_owned()),
        }
    }
    fn text(&self) -> String {
        match self {
            Tree::Scalar(text) => text.clone(),
            Tree::Array(all) => format!("[{}]", all.iter().map(Tree::text).collect::<Vec<_>>().join(",")),
            Tree::Object(all) => {
                let member = |(name, value): &(Vec<u8>, Tree)| format!("{}:{}", escape(name), value.text());
                format!("{{{}}}", all.iter().map(member).collect::<Vec<_>>().join(","))
            }
        }
    }
    fn at(&mut self, tokens: &[Vec<u8>]) -> &mut Tree {
        let Some((first, rest)) = tokens.split_first() else { return self };
        let child = match self {
            Tree::Object(all) => &mut all.iter_mut().find(|(name, _)| name == first).expect("the member is there").1,
            Tree::Array(all) => {
                let at = index(first);
                all.get_mut(at).expect("the element is there")
            }
            Tree::Scalar(text) => panic!("a pointer into {text}"),
        };
        child.at(rest)
    }
    fn take(&mut self, tokens: &[Vec<u8>]) -> Tree {
        let (last, above) = tokens.split_last().expect("the root is never removed");
        match self.at(above) {
            Tree::Object(all) => {
                let at = all.iter().position(|(name, _)| name == last).expect("the member is there");
                all.remove(at).1
            }
            Tree::Array(all) => all.remove(index(last)),
            Tree::Scalar(text) => panic!("a pointer into {text}"),
        }
    }
    fn put(&mut self, tokens: &[Vec<u8>], value: Tree) {
        let (last, above) = tokens.split_last().expect("the root is never added");
        match self.at(above) {
            Tree::Object(all) => {
                assert!(all.iter().all(|(name, _)| name != last), "a member is added over another");
                all.push((last.clone(), value));
            }
            Tree::Array(all) => all.insert(index(last), value),
            Tree::Scalar(text) => panic!("a pointer into {text}"),
        }
    }
}

fn index(token: &[u8]) -> usize {
    let text = std::str::from_utf8(token).expect("an index");
    let at: usize = text.parse().expect("an index");
    assert_eq!(at.to_string(), text, "an index has no leading zero");
    at
}

fn tokens(pointer: &[u8]) -> Vec<Vec<u8>> {
    let mut tokens = pointer.split(|byte| *byte == b'/').map(<[u8]>::to_vec);
    assert_eq!(tokens.next().as_deref(), Some(&[][..]), "a pointer begins with a slash or is empty");
    let plain = |token: Vec<u8>| {
        let mut out = Vec::new();
        let mut bytes = token.into_iter();
        while let Some(byte) = bytes.next() {
            out.push(match (byte, byte == b'~') {
                (_, true) => match bytes.next() {
                    Some(b'0') => b'~',
                    Some(b'1') => b'/',
                    other => panic!("~{other:?}"),
                },
                (byte, false) => byte,
            });
        }
        out
    };
    tokens.map(plain).collect()
}

/// Applies a printed patch.
pub(crate) fn apply(a: &str, patch: &str) -> String {
    let document = parse(a);
    let mut tree = Tree::of(&document, document.root());
    let operations = parse(patch);
    for operation in operations.children(operations.root()) {
        let text = |name: &str| operations.member(operation, name.as_bytes()).map(|node| operations.string(node));
        let value = || Tree::of(&operations, operations.member(operation, b"value").expect("a value"));
        let path = tokens(&text("path").expect("a path"));
        match &*text("op").expect("an op") {
            b"add" => tree.put(&path, value()),
            b"remove" => drop(tree.take(&path)),
            b"replace" => *tree.at(&path) = value(),
            b"move" => {
                let from = tokens(&text("from").expect("a from"));
                let taken = tree.take(&from);
                tree.put(&path, taken);
            }
            other => panic!("{other:?}"),
        }
    }
    tree.text()
}

pub(crate) fn same(a: &str, b: &str) -> bool {
    let (a, b) = (parse(a), parse(b));
    a.hash(a.root()) == b.hash(b.root())
}

#[track_caller]
fn leads(a: &str, b: &str) -> String {
    let patch = printed(a, b);
    let got = apply(a, &patch);
    assert!(same(&got, b), "from {a}\nto   {b}\ngot  {got}\nby   {patch}");
    assert_eq!(patch == "[]\n", same(a, b), "{a} {b} {patch}");
    patch
}

#[track_caller]
fn is(a: &str, b: &str, operations: &[&str]) {
    let lines: Vec<String> = operations.iter().map(|line| format!("  {line}")).collect();
    let expected = if lines.is_empty() { "[]\n".to_owned() } else { format!("[\n{}\n]\n", lines.join(",\n")) };
    assert_eq!(leads(a, b), expected, "{a} {b}");
    leads(b, a);
}

#[test]
fn operations_are_few_and_in_the_order_of_their_positions() {
    is("[1,2,3]", "[3]", &[r#"{"op":"remove","path":"/1"}"#, r#"{"op":"remove","path":"/0"}"#]);
    is("[1,4]", "[1,2,3,4]", &[r#"{"op":"add","path":"/1","value":2}"#, r#"{"op":"add","path":"/2","value":3}"#]);
    is("[1,2,3,4]", "[2,3,4,1]", &[r#"{"op":"move","from":"/0","path":"/3"}"#]);
    is("[7,7,8,7]", "[8,7,7,7]", &[r#"{"op":"move","from":"/2","path":"/0"}"#]);
    is("{\"a\":1,\"b\":[1, 2]}", "{\"b\":[2,1],\"a\":1.0}", &[r#"{"op":"move","from":"/b/0","path":"/b/1"}"#]);
    is("[]", "{}", &[r#"{"op":"replace","path":"","value":{}}"#]);
    is("1", "null", &[r#"{"op":"replace","path":"","value":null}"#]);
    is(r#"{"a":null}"#, "{}", &[r#"{"op":"remove","path":"/a"}"#]);
}

/// An element moves and changes inside: the inner pointer is that of its new place.
#[test]
fn what_moved_is_changed_where_it_stands_then() {
    is(
        r#"[{"id":1,"n":1},{"id":2,"n":2},{"id":3,"n":3}]"#,
        r#"[{"id":9},{"id":3,"n":3},{"id":1,"n":5}]"#,
        &[
            r#"{"op":"remove","path":"/1"}"#,
            r#"{"op":"add","path":"/0","value":{"id":9}}"#,
            r#"{"op":"move","from":"/1","path":"/2"}"#,
            r#"{"op":"replace","path":"/2/n","value":5}"#,
        ],
    );
}

#[test]
fn names_are_escaped_as_pointers_and_as_json() {
    let operation = |path: &str| format!(r#"{{"op":"replace","path":"{path}","value":2}}"#);
    for (name, path) in [
        ("a/b", "/a~1b"),
        ("~1", "/~01"),
        ("", "/"),
        ("0", "/0"),
        ("-", "/-"),
        (r#"\"\\"#, r#"/\"\\"#),
        (r"\u0000\u007f\u009b", r"/\u0000\u007f\u009b"),
        (r"\ud800", r"/\ud800"),
        (r"\u00fc\ud83d\ude00", "/ü😀"),
    ] {
        is(&format!(r#"{{"{name}":1}}"#), &format!(r#"{{"{name}":2}}"#), &[&operation(path)]);
    }
}

#[test]
fn values_are_spelled_as_the_candidate_spells_them() {
    for value in ["9007199254740993", "1e400", "-0.0e0", "1.50", r#""\u00fc\/""#, r#"{"a":[1.0,{}]}"#] {
        is(
            r#"{"x":"?"}"#,
            &format!(r#"{{"x":{value}}}"#),
            &[&format!(r#"{{"op":"replace","path":"/x","value":{value}}}"#)],
        );
    }
    is("[1,-0,5e0]", "[1.0, 0, 5]", &[]);
    assert_eq!(
        leads("1", "{ \"a\" : [ 1 ,\n2 ] }"),
        "[\n  {\"op\":\"replace\",\"path\":\"\",\"value\":{\"a\":[1,2]}}\n]\n"
    );
}

#[test]
fn a_container_of_which_little_is_left_is_replaced_whole() {
    let (a, b): (Vec<u32>, Vec<u32>) = ((0..500).collect(), (0..500).rev().collect());
    let patch = leads(&format!("{{\"a\":{a:?}}}"), &format!("{{\"a\":{b:?}}}"));
    assert_eq!(patch.lines().count(), 3, "{patch}");
}

#[test]
fn repeated_names_have_no_patch() {
    let (one, two) = (parse(r#"{"a":1}"#), parse(r#"{"x":{"a":1,"\u0061":1}}"#));
    let error = patch(&one, &two).unwrap_err();
    assert_eq!((error.offset, error.of_candidate), (5, true));
    assert!(!patch(&two, &one).unwrap_err().of_candidate);
}

#[test]
fn ten_thousand_levels_are_one_short_operation() {
    let deep = |inner: &str| format!("{}{inner}{}", "[".repeat(9_999), "]".repeat(9_999));
    let patch = printed(&deep("1"), &deep("2"));
    assert!(patch.lines().count() == 3 && patch.len() < 20_100, "{}", patch.len());
}

#[test]
fn random_documents_become_one_another() {
    let mut random = Random::new(0x5EED);
    for round in 0..rounds(10_000) {
        let a = document(&mut random, 4);
        let b = if round % 4 == 0 { document(&mut random, 4) } else { mutated(&mut random, &a) };
        leads(&a.text(), &b.text());
        leads(&b.text(), &a.text());
    }
}

/// The same by another hand, for the values that `serde_json` can hold.
#[test]
fn a_library_applies_them_as_well() {
    let mut random = Random::new(0xABCD);
    let mut held = 0;
    for round in 0..rounds(10_000) {
        let a = document(&mut random, 4);
        let b = if round % 4 == 0 { document(&mut random, 4) } else { mutated(&mut random, &a) };
        let (a, b) = (a.text(), b.text());
        let read = |text: &str| serde_json::from_str::<serde_json::Value>(text).ok();
        let (Some(mut from), Some(to)) = (read(&a), read(&b)) else { continue };
        if !same(&from.to_string(), &a) || !same(&to.to_string(), &b) {
            continue;
        }
        held += 1;
        let text = printed(&a, &b);
        let patch: json_patch::Patch = serde_json::from_str(&text).unwrap_or_else(|error| panic!("{error}: {text}"));
        json_patch::patch(&mut from, &patch).unwrap_or_else(|error| panic!("{error}\nfrom {a}\nto {b}\nby {text}"));
        assert!(same(&from.to_string(), &b), "from {a}\nto   {b}\ngot  {from}\nby   {text}");
    }
    assert!(held > rounds(2_500), "{held} documents were held by the library");
}
