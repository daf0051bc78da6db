//! The judge as a whole: golden signatures, limits, symmetry, and hostile documents.

use super::*;
use crate::compare::{Difference, Kind, Place, Severity};
use crate::exchange::{Answer, Body, CandidateSession, Client, ExchangeId, Provenance, Request, Route};
use crate::rules::{Fallback, NumberTolerance, RuleKind, RuleSpec, SideChoice};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use proptest::prelude::*;

mod ids;

fn exchange(primary: &[u8], candidate: &[u8]) -> Exchange {
    let answer = |body: &[u8]| Answer {
        outcome: Outcome::Answered(Response {
            status: StatusCode::OK,
            headers: HeaderMap::from_iter([(http::header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]),
            body: Body::from(body.to_vec()),
            trailers: None,
        }),
        elapsed_us: 0,
    };
    Exchange {
        id: ExchangeId(0),
        received_at_ms: 0,
        route: Route::declared("GET /x"),
        principal: "anonymous".into(),
        subject: None,
        request: Request { method: Method::GET, target: "/x".into(), headers: HeaderMap::new(), body: Body::empty() },
        primary: answer(primary),
        candidate: answer(candidate),
        secondary: None,
        provenance: Provenance::Own,
        client: Client::Served,
        candidate_session: CandidateSession::Known,
    }
}

fn judged(primary: &str, candidate: &str, rules: &RuleSet) -> Judgement {
    judge(&exchange(primary.as_bytes(), candidate.as_bytes()), rules, &Context::default())
}

fn rules(specs: &[(&str, RuleKind)]) -> RuleSet {
    let spec = |(at, (path, kind)): (usize, &(&str, RuleKind))| RuleSpec {
        name: format!("rule {at}").into(),
        path: Some(path.to_string()),
        kind: kind.clone(),
        reason: Some("test".into()),
        until_day: None,
        of_route: false,
    };
    RuleSet::compile(&specs.iter().enumerate().map(spec).collect::<Vec<_>>()).unwrap()
}

#[test]
fn signatures_are_golden() {
    let of = |place, path: &str, kind, shape: &str| Difference {
        place,
        path: path.into(),
        beside: None,
        kind,
        detail: None,
        primary: Some("1".into()),
        candidate: None,
        severity: Severity::High,
        shape: shape.into(),
    };
    let route = "GET /api/review/{review_id}";
    let first = of(Place::Body, "/reviews/0/summary", Kind::Value, "string");
    let other =
        Difference { primary: Some("2".into()), ..of(Place::Body, "/reviews/17/summary", Kind::Value, "string") };
    assert_eq!(signature(route, &first), signature(route, &other), "neither index nor value nor severity counts");
    assert_eq!(general_path(&first), "/reviews/*/summary");
    // these must never change: stored decisions hang on them
    for (difference, golden) in [
        (first, "58dcb5d15cd96123"),
        (of(Place::Status, "", Kind::Status, "404→200"), "a3b8beae5b9a4e1d"),
        (of(Place::Header, "set-cookie", Kind::Header, ""), "0a87ca03b677d565"),
    ] {
        assert_eq!(signature(route, &difference).to_string(), golden);
    }
}

#[test]
fn one_bug_in_many_records_is_one_signature() {
    let contents =
        ["naïve reading of a long book, twice", "日本語のとても長い本の感想です。", "é", "ééééééééééééééééé and more"];
    let cut = |text: &str, bytes: bool| match bytes {
        false => format!("{}...", text.chars().take(12).collect::<String>()),
        true => format!("{}...", String::from_utf8_lossy(&text.as_bytes()[..text.len().min(12)])),
    };
    let list = |bytes: bool| {
        let items: Vec<String> = contents
            .iter()
            .enumerate()
            .map(|(i, text)| {
                format!("{{\"id\":{i},\"s\":{}}}", crate::document::json::escape(cut(text, bytes).as_bytes()))
            })
            .collect();
        format!("[{}]", items.join(","))
    };
    let found = judged(&list(false), &list(true), &RuleSet::default());
    let ids: std::collections::BTreeSet<_> = found.differences.iter().map(|found| signature("GET /x", found)).collect();
    assert_eq!((found.differences.len(), ids.len()), (3, 1), "{:#?}", found.differences);
}

/// More records than one matching takes, each with a number that is off by a little: they used to be called missing and added.
#[test]
fn a_long_list_in_any_order_is_matched_within_a_tolerance() {
    let list = |order: &mut dyn Iterator<Item = u32>, off: &str| {
        let items: Vec<String> = order.map(|i| format!("{{\"t\":{i},\"n\":{}.{off}}}", i % 3)).collect();
        format!("[{}]", items.join(","))
    };
    let within = RuleKind::Number(NumberTolerance { abs: Some("0.5".into()), ..Default::default() });
    let set = rules(&[("$", RuleKind::Unordered), ("$[*].n", within)]);
    let (forth, back) = (list(&mut (0..2_000), "1"), list(&mut (0..2_000).rev(), "4"));
    let found = judged(&forth, &back, &set);
    assert_eq!((found.verdict, found.approximate), (Verdict::Normalised, false), "{:?}", found.differences.first());
    // and one more of a kind is still one too many
    let more = back.replacen('[', "[{\"t\":7,\"n\":1.4},", 1);
    let found = judged(&forth, &more, &set);
    assert_eq!((found.verdict, found.differences_total), (Verdict::Mismatch, 1));
}

#[test]
fn the_limit_cuts_no_whole_class() {
    let many = |last: &str| {
        format!("[{}{{\"z\":{last}}}]", (1..3_001).map(|i| format!("{{\"v\":{i}{last}}},")).collect::<String>())
    };
    let found = judged(&many("1"), &many("2"), &RuleSet::default());
    assert_eq!(found.differences_total, 3_001);
    assert_eq!(found.differences.len(), 1_001);
    assert_eq!(found.differences.last().map(|last| last.path.as_str()), Some("/3000/z"));
}

#[test]
fn depth_and_size_are_named_outcomes() {
    let deep = |n: usize, leaf: &str| format!("{}{leaf}{}", "[".repeat(n), "]".repeat(n));
    let found = judged(&deep(10_000, "1"), &deep(10_000, "2"), &RuleSet::default());
    assert_eq!((found.verdict, found.differences_total), (Verdict::Mismatch, 1));
    let found = judged(&deep(20_000, "1"), &deep(20_000, "2"), &RuleSet::default());
    assert_eq!(found.verdict, Verdict::Inconclusive(Inconclusive::TooDeep));
    assert_eq!(judged(&deep(20_000, "1"), &deep(20_000, "1"), &RuleSet::default()).verdict, Verdict::Match);
    let context = Context { limits: Limits { decoded_bytes: 4, ..Limits::default() }, ..Context::default() };
    let found = judge(&exchange(b"[1,2]", b"[1,3]"), &RuleSet::default(), &context);
    assert_eq!(found.verdict, Verdict::Inconclusive(Inconclusive::TooLarge));
}

#[test]
fn deep_documents_under_rules_everywhere_do_not_overflow() {
    let set = rules(&[
        ("$..*", RuleKind::Unordered),
        ("$..v", RuleKind::Number(NumberTolerance { abs: Some("1".into()), ..Default::default() })),
    ]);
    let deep = |n: usize, leaf: &str| format!("{}{leaf}{}", "[{\"v\":3},[".repeat(n), "]]".repeat(n));
    let found = judged(&deep(2_000, "{\"v\":1}"), &deep(2_000, "{\"v\":9}"), &set);
    assert_eq!(found.verdict, Verdict::Mismatch);
}

#[test]
fn large_arrays_take_no_table() {
    let numbers = |from: u32, step: i64| {
        let items: Vec<String> = (0..20_000_i64).map(|i| (i64::from(from) + i * step).to_string()).collect();
        format!("[{}]", items.join(","))
    };
    let base = numbers(0, 1);
    let head = format!("[-1,{}", &base[1..]);
    assert_eq!(judged(&base, &head, &RuleSet::default()).differences_total, 1);
    assert_eq!(judged(&base, &numbers(19_999, -1), &RuleSet::default()).differences_total, 1);
    let disjoint = judged(&base, &numbers(500_000, 1), &RuleSet::default());
    assert_eq!(disjoint.differences_total, 20_000);
    let four = |shift: usize| {
        let items: Vec<String> =
            (0..20_000_usize).map(|i| (i.wrapping_mul(2_654_435_761) >> shift & 3).to_string()).collect();
        format!("[{}]", items.join(","))
    };
    let few = judged(&four(7), &four(9), &RuleSet::default());
    assert!(few.approximate && few.verdict == Verdict::Mismatch);
}

/// Text that is JSON most of the time, with everything that trips comparers.
fn document() -> impl Strategy<Value = String> {
    let scalar = prop::sample::select(vec![
        "null",
        "true",
        "false",
        "0",
        "-0",
        "1",
        "1.0",
        "1e0",
        "1.4",
        "1.8",
        "9007199254740993",
        "1e400",
        "1e-400",
        "1e1000000000",
        "\"\"",
        "\"a\"",
        "\"\\u0061\"",
        "\"\\ud800\"",
        "\"2026-01-01T00:00:00Z\"",
        "[]",
        "{}",
        "tru",
        "",
    ])
    .prop_map(str::to_string);
    scalar.prop_recursive(5, 60, 5, |inner| {
        let name = prop::sample::select(vec!["a", "b", "id", "\\u0061", "", "a/b", "0", "*"]);
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..5).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec((name, inner), 0..5).prop_map(|members| {
                let members: Vec<String> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
                format!("{{ {} }}", members.join(" , "))
            }),
        ]
    })
}

fn rule_set() -> impl Strategy<Value = RuleSet> {
    let path = prop::sample::select(vec!["$.a", "$..a", "$[*]", "$..*", "$[0]", "$[-1]", "$.b", "$..id"]);
    let kind = prop_oneof![
        Just(RuleKind::Ignore),
        Just(RuleKind::Unordered),
        Just(RuleKind::Key(vec!["$.id".into()])),
        Just(RuleKind::Number(NumberTolerance { abs: Some("0.5".into()), ..Default::default() })),
        Just(RuleKind::Shape(crate::rules::Shape::SameType)),
        Just(RuleKind::Timestamp { within_us: 5 }),
    ];
    prop::collection::vec((path, kind), 0..4).prop_map(|specs| {
        let specs = specs.into_iter().enumerate().map(|(at, (path, kind))| RuleSpec {
            name: format!("rule {at}").into(),
            path: Some(path.to_string()),
            kind,
            reason: Some("test".into()),
            until_day: None,
            of_route: false,
        });
        RuleSet::compile(&specs.collect::<Vec<_>>()).unwrap_or_default()
    })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_document_matches_itself(text in document(), set in rule_set()) {
        // another spelling, so that the bytes differ
        prop_assert_eq!(judged(&text, &format!(" {text} "), &set).verdict == Verdict::Match, true_unless_broken(&text));
        prop_assert_eq!(judged(&text, &text, &set).verdict, Verdict::Match);
    }

    #[test]
    fn swapped_sides_mirror(a in document(), b in document()) {
        let none = RuleSet::default();
        let (there, back) = (judged(&a, &b, &none), judged(&b, &a, &none));
        prop_assert_eq!(there.verdict, back.verdict);
        prop_assert_eq!(there.differences_total, back.differences_total);
    }

    #[test]
    fn hostile_documents_and_rules_end(a in document(), b in document(), set in rule_set()) {
        let first = judged(&a, &b, &set);
        let other = judge(&exchange(a.as_bytes(), b.as_bytes()), &set, &Context { hash_key: 99, ..Context::default() });
        prop_assert_eq!(&first, &other);
        prop_assert_eq!(first.verdict == Verdict::Mismatch, first.differences_total > 0);
        // rules only ever hide
        let bare = judged(&a, &b, &RuleSet::default());
        prop_assert!(bare.verdict != Verdict::Match || first.verdict == Verdict::Match);
    }

    #[test]
    fn bytes_of_any_kind_do_not_panic(a in prop::collection::vec(any::<u8>(), 0..40), b in prop::collection::vec(any::<u8>(), 0..40)) {
        let found = judge(&exchange(&a, &b), &RuleSet::default(), &Context::default());
        prop_assert!(a != b || found.verdict == Verdict::Match);
    }
}

fn true_unless_broken(text: &str) -> bool {
    let options = crate::document::json::ParseOptions::new(100, 0);
    crate::document::json::Document::parse(text.as_bytes(), &options).is_ok()
}

#[test]
fn a_wrong_value_where_a_fallback_fills_the_primary_is_no_addition() {
    let fallback = RuleKind::Fallback(Fallback {
        side: SideChoice::Primary,
        from: "$.content".into(),
        chars: Some(3),
        suffix: "...".into(),
        strip_html: false,
    });
    let rules = rules(&[("$.summary", fallback)]);
    let candidate = |summary: &str| format!(r#"{{"content":"abcdef","summary":"{summary}"}}"#);
    for primary in [r#"{"content":"abcdef"}"#, r#"{"content":"abcdef","summary":""}"#] {
        assert_eq!(judged(primary, &candidate("abc..."), &rules).verdict, Verdict::Normalised);
        let wrong = judged(primary, &candidate("xyz..."), &rules);
        let told: Vec<_> = wrong.differences.iter().map(|d| (d.path.as_str(), d.kind, d.severity)).collect();
        assert_eq!(told, [("/summary", Kind::Value, Severity::Medium)], "{primary}");
    }
    // with nothing to fill from, it is the candidate's addition
    let added = judged("{}", r#"{"summary":"xyz"}"#, &rules);
    assert_eq!((added.differences[0].kind, added.differences[0].severity), (Kind::Added, Severity::Low));
}

/// The same bytes on both sides, each under its own content type.
fn same_bytes(body: &[u8], primary: &'static str, candidate: &'static str) -> Judgement {
    let mut exchange = exchange(body, body);
    for (answer, media) in [(&mut exchange.primary, primary), (&mut exchange.candidate, candidate)] {
        if let Outcome::Answered(response) = &mut answer.outcome {
            response.headers.insert(http::header::CONTENT_TYPE, HeaderValue::from_static(media));
        }
    }
    judge(&exchange, &rules(&[]), &Context::default())
}

#[test]
fn equal_bytes_are_equal_only_where_they_read_alike() {
    let text = "é".as_bytes();
    let places = |judgement: Judgement| judgement.differences.iter().map(|d| d.place).collect::<Vec<_>>();
    let (utf8, latin1) = ("text/plain; charset=utf-8", "text/plain; charset=iso-8859-1");
    for (primary, candidate) in [(utf8, latin1), (latin1, utf8)] {
        assert!(places(same_bytes(text, primary, candidate)).contains(&Place::Body), "{primary} {candidate}");
    }
    assert_eq!(same_bytes(text, utf8, utf8).verdict, Verdict::Match);
    // the text is the same where no byte is outside ASCII: the header alone differs
    assert!(!places(same_bytes(b"e", utf8, latin1)).contains(&Place::Body));
    for equal in [&br#"{"a":1,"a":2}"#[..], b"{\"a\":", b"\xff", b"1e400"] {
        assert_eq!(same_bytes(equal, "application/json", "application/json").verdict, Verdict::Match);
    }
}

#[test]
fn leaves_are_counted_where_a_body_is_read() {
    let rules = rules(&[]);
    let of = |primary: &str, candidate: &str| judged(primary, candidate, &rules).leaves_compared;
    assert_eq!(of(r#"{"a":[1,"x,y"],"b":{}}"#, r#"{"a":[1,"x,y"],"b":{}}"#), 0, "the same bytes");
    assert_eq!(of(r#"{"a":[1,"x,y"],"b":{}}"#, r#"{"a":[1, "x,y"],"b":{}}"#), 3, "in step");
    assert_eq!(of(r#"{"a":[1,"x,y"],"b":{}}"#, r#"{"b":{},"a":[1,"x,y"]}"#), 3, "by trees");
    assert_eq!(of("", ""), 0);
}

#[test]
fn only_what_is_not_compared_at_all_is_hidden() {
    use crate::rules::{IdScope, Rewrite, RuleKind, RuleSpec, SameId, Shape, SideChoice};
    let rewrite = Rewrite { pattern: "^old/(.+)$".into(), with: "new/$1".into(), side: SideChoice::Primary };
    let kinds = [
        ("$.rewritten", RuleKind::Rewrite(rewrite), 0),
        ("$.at", RuleKind::Timestamp { within_us: 1_000_000 }, 0),
        ("$.id", RuleKind::SameId(SameId { space: "x".into(), scope: IdScope::Document }), 0),
        ("$.more", RuleKind::Added, 0),
        ("$.token", RuleKind::Shape(Shape::SameType), 1),
        ("$.gone", RuleKind::Ignore, 2),
    ];
    let spec = |(path, kind, _): &(&str, RuleKind, u64)| RuleSpec {
        name: (*path).into(),
        path: Some((*path).into()),
        kind: kind.clone(),
        reason: Some("a test".into()),
        until_day: None,
        of_route: false,
    };
    let rules = RuleSet::compile(&kinds.iter().map(spec).collect::<Vec<_>>()).unwrap();
    let primary = r#"{"rewritten":"old/1","at":"2026-01-01T00:00:00Z","id":7,"token":"a","gone":[1,2]}"#;
    let candidate =
        r#"{"rewritten":"new/1","at":"2026-01-01T00:00:01Z","id":"x","token":"b","gone":[3,4],"more":{"a":1,"b":2}}"#;
    let found = judged(primary, candidate, &rules);
    assert_eq!(found.verdict, Verdict::Normalised, "{found:#?}");
    let hidden: Vec<(&str, u64)> = found.rules.iter().map(|used| (&*used.name, used.hidden_leaves)).collect();
    let mut expected: Vec<(&str, u64)> = kinds.iter().map(|(path, _, hidden)| (*path, *hidden)).collect();
    expected.sort_unstable();
    assert_eq!(hidden, expected);
}
