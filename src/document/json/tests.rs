//! The tokenizer and the hashes: what is equal, what is not, and what is refused.

use super::*;

const OPTIONS: ParseOptions = ParseOptions::new(10_000, 7);

fn parse(text: &str) -> Document<'_> {
    Document::parse(text.as_bytes(), &OPTIONS).unwrap_or_else(|error| panic!("{text}: {error}"))
}
fn same(a: &str, b: &str) -> bool {
    let (a, b) = (parse(a), parse(b));
    a.hash(a.root()) == b.hash(b.root())
}

#[test]
fn equal_values_hash_alike() {
    for (a, b) in [
        ("1", "1.0"),
        ("1", "1e0"),
        ("10", "1e1"),
        ("0", "-0"),
        ("0", "0e99999999999"),
        ("0.1", "0.10000000000000001"),
        ("1e1000000000", "10e999999999"),
        ("18446744073709551616", "18446744073709551616.0"),
        ("1e19", "10000000000000000000"),
        ("{\"a\":1,\"b\":2}", " { \"b\" : 2.0 , \"a\" : 1 } "),
        ("\"\\u0041\"", "\"A\""),
        ("\"\\ud83d\\ude02\"", "\"😂\""),
        ("[\"\\uDADA\"]", "[ \"\\udada\" ]"),
        ("{\"\\u0061\":[]}", "{\"a\":[ ]}"),
    ] {
        assert!(same(a, b), "{a} and {b}");
    }
}

#[test]
fn different_values_hash_apart() {
    for (a, b) in [
        ("1", "\"1\""),
        ("1", "true"),
        ("null", "false"),
        ("[]", "{}"),
        ("\"\"", "null"),
        ("0", "null"),
        ("9007199254740992", "9007199254740993"),
        ("9007199254740992.0", "9007199254740993.0"),
        ("1e400", "2e400"),
        ("1e-400", "0"),
        ("1e-400", "2e-400"),
        ("1e1000000000", "1e1000000001"),
        ("1", "-1"),
        ("1e999999999999999999999999999999999999998", "1e999999999999999999999999999999999999999"),
        ("{\"a\":1,\"a\":2}", "{\"a\":2}"),
        ("{\"a\":1,\"a\":2}", "{\"a\":1,\"a\":3}"),
        ("{\"a\":1,\"a\":2}", "{\"a\":2,\"a\":1}"),
        ("{\"a\":1,\"\\u0061\":2}", "{\"a\":2}"),
        ("[1,2]", "[2,1]"),
        ("[[1],2]", "[1,[2]]"),
        ("[1,1]", "[2,2]"),
        ("[]", "[[]]"),
        ("{\"a\":{}}", "{}"),
        ("[\"AAAAAAAA\"]", "[2261634.5098039214]"),
        ("\"\\ud800\"", "\"\\ud801\""),
        ("\"\\ud800\"", "\"\u{fffd}\""),
        ("\"A\u{30a}\"", "\"\u{c5}\""),
        ("{\"a.b\":1}", "{\"a\":{\"b\":1}}"),
        ("{\"a\":\"b\"}", "{\"b\":\"a\"}"),
    ] {
        assert!(!same(a, b), "{a} and {b}");
    }
}

#[test]
fn repeated_names_are_seen() {
    let twice = parse("{\"a\":1,\"b\":0,\"\\u0061\":2}");
    assert!(twice.has_duplicates(twice.root()));
    let many: String = (0..500).map(|i| format!("\"n{i}\":0,")).collect();
    let many = format!("{{{many}\"z\":1}}");
    assert!(!parse(&many).has_duplicates(NodeId(0)));
}

#[test]
fn refuses_what_is_not_json_and_says_where() {
    for (text, offset) in [
        ("", 0),
        (" ", 1),
        ("[1,]", 3),
        ("{\"a\":1,}", 7),
        ("[1,2", 4),
        ("{\"a\":true} x", 11),
        ("01", 1),
        ("1.", 2),
        ("-", 1),
        ("+1", 0),
        (".5", 0),
        ("1e", 2),
        ("\"\t\"", 1),
        ("\"\\x\"", 2),
        ("\"\\u12g4\"", 5),
        ("tru", 0),
        ("nul", 0),
        ("NaN", 0),
        ("'a'", 0),
        ("{a:1}", 1),
        ("[1 2]", 3),
        ("[1}", 2),
        ("{\"a\" 1}", 5),
        ("\"abc", 4),
        ("[\"a\"", 4),
        ("{", 1),
        ("[", 1),
        ("//x", 0),
        ("\u{a0}1", 0),
        ("]", 0),
    ] {
        match Document::parse(text.as_bytes(), &OPTIONS) {
            Err(ParseError::Syntax { offset: found, .. }) => assert_eq!(found, offset, "{text}"),
            other => panic!("{text}: {other:?}"),
        }
    }
    assert!(matches!(Document::parse(b"[\"\xff\"]", &OPTIONS), Err(ParseError::Syntax { offset: 2, .. })));
    assert!(matches!(Document::parse(b"\xEF\xBB\xBF[", &OPTIONS), Err(ParseError::Syntax { offset: 4, .. })));
}

#[test]
fn a_byte_order_mark_is_ignored() {
    let marked = Document::parse(b"\xEF\xBB\xBF{}", &OPTIONS).unwrap();
    assert_eq!(marked.hash(marked.root()), parse("{}").hash(NodeId(0)));
    assert_eq!(marked.span(marked.root()), 3..5);
}

#[test]
fn depth_is_a_named_outcome() {
    let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
    assert!(Document::parse(deep(10_000).as_bytes(), &OPTIONS).is_ok());
    let error = Document::parse(deep(10_001).as_bytes(), &OPTIONS).unwrap_err();
    assert_eq!(error, ParseError::TooDeep { offset: 10_000, limit: 10_000 });
    assert!(matches!(Document::parse("{\"a\":".repeat(200_000).as_bytes(), &OPTIONS), Err(ParseError::TooDeep { .. })));
}

#[test]
fn the_tree_can_be_walked() {
    let document = parse("{\"a\":[1,{\"b\\n\":\"x\\ty\"},[]],\"c\":null}");
    let a = document.member(document.root(), b"a").unwrap();
    assert_eq!(document.children(a).count(), 3);
    assert_eq!(document.raw(document.element(a, 1).unwrap()), "{\"b\\n\":\"x\\ty\"}");
    assert_eq!(document.raw(document.element(a, -1).unwrap()), "[]");
    assert_eq!(document.element(a, -4), None);
    let b = document.member(document.element(a, 1).unwrap(), b"b\n").unwrap();
    assert_eq!(&*document.string(b), b"x\ty");
    assert_eq!(document.leaves(document.root()), 4);
}

#[test]
fn scalars_come_with_their_places() {
    let text = "{\"a\":[1,{\"b/~\":\"x\"},[],[true]],\"c\":null}";
    let mut found = Vec::new();
    parse(text).scalars(|scalar| {
        let member = scalar.member().map(|name| String::from_utf8_lossy(name).into_owned());
        found.push((scalar.pointer(), text[scalar.span.clone()].to_string(), member.unwrap_or_default()));
    });
    let rows: Vec<_> = found.iter().map(|(a, b, c)| (a.as_str(), b.as_str(), c.as_str())).collect();
    assert_eq!(
        rows,
        [("/a/0", "1", "a"), ("/a/1/b~1~0", "\"x\"", "b/~"), ("/a/3/0", "true", "a"), ("/c", "null", "c"),]
    );
}

#[test]
fn decimals_are_exact() {
    let distance = |a: &str, b: &str| Decimal::parse(a).distance(&Decimal::parse(b), 100);
    assert_eq!(distance("7.175", "7.174"), Some(Decimal::parse("0.001")));
    assert_eq!(distance("-1", "1"), Some(Decimal::parse("2")));
    assert_eq!(distance("100", "0.01"), Some(Decimal::parse("99.99")));
    assert_eq!(distance("1e1000000000", "1"), None);
    assert_eq!(Decimal::parse("1.5").times(&Decimal::parse("-0.2"), 100), Some(Decimal::parse("0.3")));
    assert_eq!(Decimal::parse("0.00").digits, b"");
}
