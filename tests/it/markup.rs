//! HTML and XML by their laws: however a tree is rendered it is one document, one change is one difference, and no text
//! makes the judge panic, hang or call two documents equal that parsers tell apart.

use crate::judge_cases::exchange;
use http::{HeaderMap, HeaderValue, StatusCode, header};
use paritee::exchange::{Answer, Body, Outcome, Response};
use paritee::judge::{Context, Judgement, judge};
use paritee::rules::{RuleKind, RuleSet, RuleSpec};
use proptest::prelude::*;
use std::time::{Duration, Instant};

fn judged(media: &'static str, primary: &[u8], candidate: &[u8]) -> Judgement {
    under(&RuleSet::default(), media, primary, candidate)
}

fn under(rules: &RuleSet, media: &'static str, primary: &[u8], candidate: &[u8]) -> Judgement {
    let answer = |body: &[u8]| Answer {
        outcome: Outcome::Answered(Response {
            status: StatusCode::OK,
            headers: HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static(media))]),
            body: Body::from(body.to_vec()),
            trailers: None,
        }),
        elapsed_us: 0,
    };
    judge(&exchange("GET", answer(primary), answer(candidate)), rules, &Context { hash_key: 5, ..Context::default() })
}

/// A tree to render: blocks hold blocks or one line of inlines.
#[derive(Clone, Debug)]
enum Tree {
    Block { name: &'static str, attributes: Vec<(&'static str, String)>, children: Vec<Tree> },
    Line(Vec<(Option<&'static str>, String)>),
}

fn tree() -> impl Strategy<Value = Tree> {
    let word = "[a-zé&<\"]{1,5}( [a-z]{1,3})?";
    let line =
        proptest::collection::vec((proptest::option::of(proptest::sample::select(vec!["b", "i", "a"])), word), 1..4);
    let attributes = proptest::collection::btree_map(
        proptest::sample::select(vec!["id", "title", "data-x", "lang", "class"]),
        "[a-z'\"<&]{0,4}",
        0..4,
    );
    let leaf = line.prop_map(Tree::Line);
    leaf.prop_recursive(4, 24, 4, move |inner| {
        let name = proptest::sample::select(vec!["div", "section", "ul", "main", "article"]);
        (name, attributes.clone(), proptest::collection::vec(inner, 0..4)).prop_map(|(name, attributes, children)| {
            // two lines side by side would be one
            let mut last = false;
            let children = children
                .into_iter()
                .filter(|child| !(std::mem::replace(&mut last, matches!(child, Tree::Line(_))) && last))
                .collect();
            Tree::Block { name, attributes: attributes.into_iter().collect(), children }
        })
    })
}

/// How a tree is written: which way at each step.
struct Spelling {
    seed: u64,
}

impl Spelling {
    fn choose(&mut self, of: usize) -> usize {
        self.seed = self.seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.seed >> 33) as usize % of
    }
    fn text(&mut self, text: &str) -> String {
        let spelled = |choice: usize, c: char| match (c, choice) {
            ('<', 0) => "&#60;".to_owned(),
            ('<', _) => "&lt;".to_owned(),
            ('&', 0) => "&#x26;".to_owned(),
            ('&', _) => "&amp;".to_owned(),
            ('"', 0) => "&#34;".to_owned(),
            ('"', _) => "&quot;".to_owned(),
            ('\'', _) => "&#39;".to_owned(),
            (c, 0) => format!("&#{};", u32::from(c)),
            (c, _) => c.to_string(),
        };
        text.chars().map(|c| if c == ' ' { c.to_string() } else { spelled(self.choose(8), c) }).collect()
    }
    fn space(&mut self) -> &'static str {
        ["", "\n", "  ", "\r\n\t", "<!-- c -->", " <!---->\n"][self.choose(6)]
    }
    fn write(&mut self, tree: &Tree, html: bool, out: &mut String) {
        match tree {
            Tree::Line(words) => {
                for (name, word) in words {
                    let word = self.text(word);
                    match name {
                        Some(name) => out.push_str(&format!("<{name}>{word}</{name}>")),
                        None => out.push_str(&word),
                    }
                }
            }
            Tree::Block { name, attributes, children } => {
                let mut attributes = attributes.clone();
                for at in (1..attributes.len()).rev() {
                    let other = self.choose(at + 1);
                    attributes.swap(at, other);
                }
                // a prefix is a matter of taste in XML, the case of a name in HTML
                let spelled = match (html, self.choose(3)) {
                    (true, 0) => name.to_ascii_uppercase(),
                    (false, 0) => format!("p:{name}"),
                    _ => (*name).to_owned(),
                };
                out.push_str(&format!("<{spelled}"));
                for (attribute, value) in attributes {
                    let quote = if self.choose(2) == 0 { '"' } else { '\'' };
                    out.push_str(&format!(" {attribute}={quote}{}{quote}", self.text(&value)));
                }
                // XML keeps the space in what has text of its own
                let lays_out =
                    html || (!children.is_empty() && children.iter().all(|c| matches!(c, Tree::Block { .. })));
                let space = |this: &mut Self| if lays_out { this.space() } else { "" };
                out.push('>');
                for child in children {
                    out.push_str(space(self));
                    self.write(child, html, out);
                }
                out.push_str(space(self));
                out.push_str(&format!("</{spelled}>"));
            }
        }
    }
    fn html(seed: u64, tree: &Tree) -> String {
        let mut out = String::from("<!DOCTYPE html><body>");
        Spelling { seed }.write(tree, true, &mut out);
        out
    }
    fn xml(seed: u64, tree: &Tree) -> String {
        let mut out = String::from("<r xmlns='urn:x' xmlns:p='urn:x'>");
        Spelling { seed }.write(tree, false, &mut out);
        out + "</r>"
    }
}

/// Changes the n-th text there is; false where there are fewer.
fn change(tree: &mut Tree, n: &mut usize) -> bool {
    match tree {
        Tree::Line(words) => match words.get_mut(*n) {
            Some((_, word)) => {
                word.push('X');
                true
            }
            None => {
                *n -= words.len();
                false
            }
        },
        Tree::Block { children, .. } => children.iter_mut().any(|child| change(child, n)),
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 192, ..ProptestConfig::default() })]

    #[test]
    fn one_tree_however_it_is_written(tree in tree(), a in any::<u64>(), b in any::<u64>()) {
        let html = (Spelling::html(a, &tree), Spelling::html(b, &tree));
        let found = judged("text/html", html.0.as_bytes(), html.1.as_bytes());
        prop_assert_eq!(found.verdict.as_str(), "match", "{:?} {:#?}", html, found.differences);
        let xml = (Spelling::xml(a, &tree), Spelling::xml(b, &tree));
        let found = judged("application/xml", xml.0.as_bytes(), xml.1.as_bytes());
        prop_assert_eq!(found.verdict.as_str(), "match", "{:?} {:#?}", xml, found.differences);
    }

    #[test]
    fn one_text_is_one_difference(tree in tree(), n in 0_usize..6, a in any::<u64>(), b in any::<u64>()) {
        let mut other = tree.clone();
        if change(&mut other, &mut n.clone()) {
            for (media, primary, candidate) in [
                ("text/html", Spelling::html(a, &tree), Spelling::html(b, &other)),
                ("text/xml", Spelling::xml(a, &tree), Spelling::xml(b, &other)),
            ] {
                let found = judged(media, primary.as_bytes(), candidate.as_bytes());
                prop_assert_eq!(found.differences_total, 1, "{:?} {:?} {:#?}", primary, candidate, found.differences);
                let back = judged(media, candidate.as_bytes(), primary.as_bytes());
                prop_assert_eq!(back.differences_total, 1, "swapped");
                prop_assert_eq!(&back.differences[0].path, &found.differences[0].path);
            }
        }
    }

    #[test]
    fn soup_is_judged(
        a in "(<|>|/|!|--|\\?|&|;|=|\"|'| |\n|\0|é|\\[|\\]|div|p|b|table|tr|td|svg|math|a|template|select|option|pre|script|frameset|body|html|DOCTYPE|ENTITY|xmlns|:|x|1){0,60}",
        b in "(<p>|</p>|<b>|</b>|<a>|</a>|<table>|</table>|<tr>|<td>|<svg>|<desc>|</svg>|<math>|<mi>|<template>|</template>|<select>|<option>|<form>|<button>|<nobr>|<li>|<frameset>|x| ){0,40}",
    ) {
        for media in ["text/html", "text/xml", "application/x-www-form-urlencoded"] {
            for text in [&a, &b] {
                // the same, but for a byte that no parser takes for white space, so that the fast path is not taken
                let itself = judged(media, text.as_bytes(), text.as_bytes());
                prop_assert_eq!(itself.verdict.as_str(), "match");
                let (there, back) = (judged(media, text.as_bytes(), b.as_bytes()), judged(media, b.as_bytes(), text.as_bytes()));
                prop_assert_eq!(there.verdict.as_str(), back.verdict.as_str());
                prop_assert_eq!(there.differences_total, back.differences_total);
                judged(media, format!("{text}<i>").as_bytes(), text.as_bytes());
            }
        }
    }
}

#[test]
fn hostile_bodies_end_in_time() {
    let many = |text: &str, n: usize| text.repeat(n);
    let numbered = |n: usize, text: fn(usize) -> String| (0..n).map(text).collect::<String>();
    let much = 1 << 18;
    let bodies: Vec<(&str, String)> = vec![
        ("text/html", many("<div>", 10_000)),
        ("text/html", many("<div>", 990) + &many("<p>x", much / 4)),
        ("text/html", many("<div>", 990) + &many("</x>", much / 4)),
        ("text/html", format!("<a{}", numbered(200_000, |n| format!(" a{n}")))),
        ("text/html", format!("<p>{}{}", numbered(900, |n| format!("<b a{n}>")), many("<p>x", much / 4))),
        ("text/html", many("<table><td>", much / 11)),
        ("text/html", many("<b><a><i></b>", much / 13)),
        ("text/html", many("<select><option>", much / 16)),
        ("text/html", many("<p a='", much / 6)),
        ("text/html", many("&amp", much / 4)),
        ("text/html", many("<!--", much / 4)),
        ("text/html", many("\0", much)),
        ("text/html", many("x<b> </b> ", much / 10)),
        ("text/html", numbered(much / 16, |n| format!("<body a{n}>"))),
        ("text/xml", many("<a>", 10_000) + &many("</a>", 10_000)),
        ("text/xml", many("<a>", 20_000)),
        ("text/xml", many("<a xmlns='urn:x'>", 9_999) + &many("</a>", 9_999)),
        ("text/xml", format!("<a{}/>", numbered(100_000, |n| format!(" a{n}='{n}'")))),
        ("text/xml", format!("<a>{}</a>", many("&amp;", much / 5))),
        ("text/xml", format!("<a>{}</a>", many("<?p?>", much / 5))),
        (
            "text/xml",
            format!(
                "<!DOCTYPE l [<!ENTITY a0 \"x\">{}]><l>&a30;</l>",
                numbered(30, |n| format!("<!ENTITY a{} \"&a{n};&a{n};\">", n + 1))
            ),
        ),
        ("application/x-www-form-urlencoded", numbered(much / 8, |n| format!("a{n}&"))),
        ("application/x-www-form-urlencoded", many("a&", much / 2)),
    ];
    for (media, body) in &bodies {
        let started = Instant::now();
        let other = format!("{body} <x></x>");
        let (there, back) =
            (judged(media, body.as_bytes(), other.as_bytes()), judged(media, other.as_bytes(), body.as_bytes()));
        let head: String = body.chars().take(40).collect();
        assert_eq!(there.verdict, back.verdict, "{media} {head}");
        assert!(started.elapsed() < Duration::from_secs(20), "{media} {head}: {:?}", started.elapsed());
    }
}

#[test]
fn bytes_that_are_no_text_stay_apart() {
    for media in ["text/html", "application/x-www-form-urlencoded"] {
        let found = judged(media, b"a=<p>\xff</p>", b"a=<p>\xfe</p>");
        assert_eq!(found.differences[0].detail.as_deref(), Some("bytes"), "{media}");
    }
    let found = judged("text/xml", b"<p>x</p>", b"<p>\xfe</p>");
    assert_eq!(found.differences[0].detail.as_deref(), Some("unparseable"));
    let found = judged("text/xml", b"<p>\xff</p>", b"<p>\xfe</p>");
    assert_eq!(found.differences[0].detail.as_deref(), Some("bytes"));
    // what a document says of its own charset
    let (utf8, latin1) =
        ("<?xml version='1.0'?><a>é</a>".as_bytes(), b"<?xml version='1.0' encoding='iso-8859-1'?><a>\xe9</a>");
    assert_eq!(judged("text/xml", utf8, latin1).verdict.as_str(), "match");
    let (utf8, latin1) = ("<meta charset=utf-8><p>é".as_bytes(), b"<meta charset=latin1><p>\xe9");
    assert_eq!(judged("text/html", utf8, latin1).differences_total, 1);
}

#[test]
fn what_is_too_deep_or_too_large_is_never_a_match() {
    let deep = |n: usize, text: &str| format!("{}{text}{}", "<div>".repeat(n), "</div>".repeat(n));
    let found = judged("text/html", deep(2_000, "a").as_bytes(), deep(2_000, "b").as_bytes());
    assert_eq!(found.verdict.reason(), Some("too_deep"));
    let found = judged("text/html", deep(900, "a").as_bytes(), deep(900, "b").as_bytes());
    assert_eq!(found.differences_total, 1);
    let found = judged("text/xml", deep(10_000, "a").as_bytes(), deep(10_000, "b").as_bytes());
    assert_eq!(found.differences_total, 1);
    let found = judged("text/xml", deep(10_001, "a").as_bytes(), deep(10_001, "b").as_bytes());
    assert_eq!(found.verdict.reason(), Some("too_deep"));
    // broken is broken, however deep the other is
    let found = judged("text/xml", deep(10_001, "a").as_bytes(), b"<a>");
    assert_eq!(found.differences[0].detail.as_deref(), Some("unparseable"));
    let attributes: String = (0..2_000).map(|n| format!(" a{n}")).collect();
    let found = judged("text/html", format!("<a{attributes}>x").as_bytes(), format!("<a{attributes}>y").as_bytes());
    assert_eq!(found.verdict.reason(), Some("too_large"));
}

#[test]
fn leaves_are_texts_attributes_and_empty_elements() {
    let found = judged("text/html", b"<p class=a>x<br>y</p>", b"<p class=a>x<br>z</p>");
    assert_eq!(found.leaves_compared, 4);
    let found = judged("text/html", b"<p class=a>x<br>y</p>", b"<p class='a'>x<br>y</p>");
    assert_eq!((found.verdict.as_str(), found.leaves_compared), ("match", 4));
    // equal bytes are equal without a read, so no leaf of them was looked at
    let same = judged("text/html", b"<p class=\"a\">x<br>y</p>", b"<p class=\"a\">x<br>y</p>");
    assert_eq!((same.verdict.as_str(), same.leaves_compared), ("match", 0));
}

#[test]
fn one_rule_a_route_says_how_bodies_are_read() {
    let spec = |name: &str, word, of_route, path: Option<&str>| RuleSpec {
        name: name.into(),
        path: path.map(str::to_owned),
        kind: RuleKind::Body(word),
        reason: None,
        until_day: None,
        of_route,
    };
    use paritee::document::Media;
    assert!(RuleSet::compile(&[spec("a", Media::Html, false, None), spec("b", Media::Xml, true, None)]).is_ok());
    for (specs, key) in [
        (vec![spec("a", Media::Html, false, None), spec("b", Media::Html, false, None)], "body"),
        (vec![spec("a", Media::Html, false, Some("$.a"))], "path"),
        (vec![spec("a", Media::Bytes, false, None)], "body"),
    ] {
        assert_eq!(RuleSet::compile(&specs).unwrap_err().key, key);
    }
    let hash = |word| RuleSet::compile(&[spec("a", word, false, None)]).unwrap().hash();
    assert_ne!(hash(Media::Html), hash(Media::Xml));
    let json = RuleSet::compile(&[spec("a", Media::Json, false, None)]).unwrap();
    let found = under(&json, "application/octet-stream", b"{\"a\":1}", b"{\"a\":1 }");
    assert_eq!(found.verdict.as_str(), "normalised");
}
