//! A preview over complete exemplars says what judging all of the same traffic anew says, for every kind of rule.

use crate::judge_cases::exchange;
use crate::store_support as support;
use paritee::config::{Flags, load};
use paritee::document::Media;
use paritee::evidence::{
    Counts, Exemplar, Fate, Fold, Preview, Previewing, Session, Source, StoreBodies, Undecidable, rejudge,
};
use paritee::exchange::{Answer, Body, Exchange, ExchangeId, Outcome, Response, Route};
use paritee::judge::{Context, SignatureId, Verdict, judge, signature};
use paritee::redact::{RedactOptions, Redactor};
use paritee::rules::{
    Codec, ErrorBody, Fallback, IdScope, NumberTolerance, Rename, Rewrite, RuleKind, RuleSet, RuleSpec, SameId,
    SetCookie, Shape, SideChoice, TextMode, UrlRule,
};
use paritee::store::AtRest;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Exchanges of a route: no more than a signature has exemplars, so that all are kept.
const OF_A_ROUTE: u64 = 14;
const SEEDS: u64 = 2;

/// What a kind of rule is tried on: pairs of values, some of which it makes equal.
struct Tried {
    kind: RuleKind,
    /// `None` for rules that act on whole answers.
    path: Option<&'static str>,
    pairs: &'static [(&'static str, &'static str)],
}

const ANY: Option<&str> = Some("$..v");
const UUIDS: [&str; 2] = ["\"c3d1e7a4-11aa-4b2c-9d3e-5f60718293a4\"", "\"d4e2f8b5-22bb-4c3d-8e4f-60718293a4b5\""];

fn shapes() -> Vec<Tried> {
    let shape = |shape, pairs| Tried { kind: RuleKind::Shape(shape), path: ANY, pairs };
    vec![
        shape(Shape::Uuid, &[(UUIDS[0], UUIDS[1]), (UUIDS[0], UUIDS[0]), (UUIDS[0], "\"undefined\""), (UUIDS[0], "7")]),
        shape(
            Shape::Timestamp,
            &[
                ("\"2026-01-01T00:00:00Z\"", "\"2026-05-01T00:00:00Z\""),
                ("\"2026-01-01T00:00:00Z\"", "\"2026-01-01T00:00:00\""),
            ],
        ),
        shape(Shape::Number, &[("1", "2"), ("1", "\"1\""), ("1.0", "1")]),
        shape(Shape::SameType, &[("1", "2"), ("{\"a\":1}", "{\"a\":2}"), ("\"x\"", "null")]),
        shape(Shape::Pattern("[a-z]{3}-[0-9]+".into()), &[("\"abc-1\"", "\"xyz-22\""), ("\"abc-1\"", "\"abc\"")]),
        Tried {
            kind: RuleKind::Timestamp { within_us: 1_000_000 },
            path: ANY,
            pairs: &[
                ("\"2026-01-01T00:00:00Z\"", "\"2026-01-01T01:00:00+01:00\""),
                ("\"2026-01-01T00:00:00Z\"", "\"2026-01-01T00:00:00.900Z\""),
                ("\"2026-01-01T00:00:00Z\"", "\"2026-01-01T01:00:00Z\""),
            ],
        },
    ]
}

fn values() -> Vec<Tried> {
    let number = |tolerance, pairs| Tried { kind: RuleKind::Number(tolerance), path: ANY, pairs };
    let text = |modes: &[TextMode], pairs| Tried { kind: RuleKind::Text(modes.to_vec()), path: ANY, pairs };
    let rewrite =
        Rewrite { pattern: "^/books/([0-9]+)/?$".into(), with: "/api/book/$1/".into(), side: SideChoice::Primary };
    vec![
        number(
            NumberTolerance { abs: Some("0.01".into()), ..Default::default() },
            &[("1.00", "1.009"), ("1", "2"), ("1", "null")],
        ),
        number(NumberTolerance { string: true, ..Default::default() }, &[("1", "\"1\""), ("1", "\"01\"")]),
        number(NumberTolerance { spelling: true, ..Default::default() }, &[("1", "1.0"), ("1", "2"), ("1", "1")]),
        Tried { kind: RuleKind::Ignore, path: ANY, pairs: &[("1", "{\"a\":[1,2]}"), ("1", "1"), ("\"a\"", "\"b\"")] },
        Tried {
            kind: RuleKind::Rewrite(rewrite),
            path: ANY,
            pairs: &[("\"/books/1/\"", "\"/api/book/1/\""), ("\"/books/1\"", "\"/api/book/2/\""), ("\"x\"", "\"x\"")],
        },
        Tried {
            kind: RuleKind::Url(UrlRule { origin: true, trailing_slash: true, query_order: true, hosts: vec![] }),
            path: ANY,
            pairs: &[
                ("\"http://a/x?p=1&q=2\"", "\"https://b:8/x/?q=2&p=1\""),
                ("\"http://a/x\"", "\"http://b/y\""),
                ("\"http://a/x\"", "\"/x\""),
            ],
        },
        text(&[TextMode::Trim, TextMode::Case], &[("\" Ab\"", "\"ab \""), ("\"a b\"", "\"a  b\"")]),
        text(
            &[TextMode::Collapse, TextMode::Nfc, TextMode::Crlf],
            &[("\"a\\r\\nb\"", "\"a b\""), ("\"e\u{301}\"", "\"\u{e9}\"")],
        ),
        Tried {
            kind: RuleKind::Decode(vec![Codec::Json]),
            path: ANY,
            pairs: &[("\"{\\\"a\\\":1,\\\"b\\\":2}\"", "\"{\\\"b\\\":2, \\\"a\\\":1}\""), ("\"{}\"", "\"[]\"")],
        },
        Tried {
            kind: RuleKind::SameId(SameId { space: "s".into(), scope: IdScope::Document }),
            path: ANY,
            pairs: &[("7", "\"urn:7\""), ("8", "\"urn:8\""), ("8", "\"urn:7\""), ("9", "9"), ("9", "null")],
        },
    ]
}

fn structures() -> Vec<Tried> {
    let array = |kind, pairs| Tried { kind, path: ANY, pairs };
    vec![
        array(RuleKind::Unordered, &[("[1,2,3]", "[3,1,2]"), ("[1,1,2]", "[1,2,2]"), ("[1]", "[1]")]),
        array(RuleKind::Set, &[("[1,1,2]", "[2,1]"), ("[1]", "[2]")]),
        array(
            RuleKind::Key(vec!["$.id".into()]),
            &[
                ("[{\"id\":1,\"a\":1},{\"id\":2,\"a\":2}]", "[{\"id\":2,\"a\":2},{\"id\":1,\"a\":1}]"),
                ("[{\"id\":1,\"a\":1}]", "[{\"id\":1,\"a\":9}]"),
            ],
        ),
        array(RuleKind::Added, &[("{}", "{\"w\":1}"), ("-", "1"), ("1", "-"), ("1", "2")]),
        array(RuleKind::AbsentIsNull { empty: false }, &[("null", "-"), ("-", "null"), ("1", "-"), ("\"\"", "-")]),
        array(RuleKind::AbsentIsNull { empty: true }, &[("[]", "-"), ("\"\"", "null"), ("0", "-")]),
        array(
            RuleKind::Rename(Rename { from: "a".into(), to: "b".into() }),
            &[("{\"a\":1}", "{\"b\":1}"), ("{\"a\":1}", "{\"b\":2}"), ("{\"a\":1}", "{\"c\":1}")],
        ),
        Tried {
            kind: RuleKind::Fallback(Fallback {
                side: SideChoice::Primary,
                from: "$.c".into(),
                chars: Some(3),
                suffix: "...".into(),
                strip_html: false,
            }),
            path: ANY,
            pairs: &[
                ("\"\",\"c\":\"hello\"", "\"hel...\",\"c\":\"hello\""),
                ("null,\"c\":\"hello\"", "\"he...\",\"c\":\"hello\""),
            ],
        },
    ]
}

fn whole_answers() -> Vec<Tried> {
    let whole = |kind, pairs| Tried { kind, path: None, pairs };
    vec![
        whole(RuleKind::ErrorBody(ErrorBody { statuses: vec![404] }), &[("1", "2"), ("1", "1")]),
        whole(
            RuleKind::SetCookie(SetCookie { primary: "sid".into(), candidate: "session".into(), cleared_by: None }),
            &[("1", "1"), ("1", "2")],
        ),
        whole(RuleKind::Body(Media::Json), &[("1", "1.0"), ("1", "2"), ("\"é\"", "\"\\u00e9\"")]),
    ]
}

fn all() -> Vec<Tried> {
    [shapes(), values(), structures(), whole_answers()].into_iter().flatten().collect()
}

fn member(value: &str) -> String {
    if value == "-" { String::new() } else { format!("\"v\":{value},") }
}

/// The answers of one exchange: the pairs at the top and in a list, and a member that no rule is about.
fn pair(tried: &Tried, random: impl Fn(u64) -> u64) -> (Answer, Answer) {
    // in half of them the rule makes everything equal
    let all_alike = random(20).is_multiple_of(2);
    let place = |n: u64| if all_alike { 0 } else { random(n) as usize % tried.pairs.len() };
    let chosen: Vec<(&str, &str)> = (0..3).map(|n| tried.pairs[place(n)]).collect();
    let body = |side: usize, other: u64| {
        let values: Vec<String> = chosen.iter().map(|(a, b)| member([a, b][side])).collect();
        let list: Vec<String> = values[1..].iter().enumerate().map(|(n, v)| format!("{{{v}\"n\":{n}}}")).collect();
        format!("{{{}\"list\":[{}],\"other\":{other}}}", values[0], list.join(","))
    };
    // now and then something differs that has nothing to do with the rule
    let (mine, theirs) = (random(10) % 2, (random(10) + u64::from(random(11).is_multiple_of(4))) % 2);
    let answer = |body: String, cookie: &str| {
        let status =
            if matches!(tried.kind, RuleKind::ErrorBody(_)) && !random(12).is_multiple_of(3) { 404 } else { 200 };
        let mut headers = http::HeaderMap::new();
        let of_text = matches!(tried.kind, RuleKind::Body(_));
        let media = if of_text { "text/plain" } else { "application/json" };
        headers.insert("content-type", media.parse().unwrap());
        if matches!(tried.kind, RuleKind::SetCookie(_)) {
            headers.append("set-cookie", format!("{cookie}=x{}; Path=/; Secure", random(13)).parse().unwrap());
        }
        let status = http::StatusCode::from_u16(status).unwrap();
        Answer {
            outcome: Outcome::Answered(Response {
                status,
                headers,
                body: Body::from(body.into_bytes()),
                trailers: None,
            }),
            elapsed_us: 5,
        }
    };
    let names = [["sid", "session"], ["sid", "sid"], ["sid", "other"]][random(14) as usize % 3];
    (answer(body(0, mine), names[0]), answer(body(1, theirs), names[1]))
}

/// Rule sets before and after: none, the rule, the rule in a narrower place, the rule beside another.
fn changes(tried: &Tried) -> Vec<[Vec<RuleSpec>; 2]> {
    let spec = |path: Option<&str>| RuleSpec {
        name: "tried".into(),
        path: path.map(str::to_owned),
        kind: tried.kind.clone(),
        reason: Some("tried".into()),
        until_day: None,
        of_route: true,
    };
    let other = RuleSpec { name: "other".into(), kind: RuleKind::Ignore, ..spec(Some("$.other")) };
    let rule = || vec![spec(tried.path)];
    let mut changes = vec![[vec![], rule()], [rule(), vec![]], [rule(), vec![spec(tried.path), other.clone()]]];
    if tried.path.is_some() {
        changes.push([rule(), vec![spec(Some("$.v"))]]);
        changes.push([vec![spec(Some("$.list[*].v")), other], rule()]);
    }
    changes
}

/// One route's traffic, every pair kept.
struct Traffic {
    route: String,
    before: RuleSet,
    after: Arc<RuleSet>,
    exchanges: Vec<Exchange>,
}

/// What judging says, as counts by signature, of those before and those that come in addition.
#[derive(Debug, Default, PartialEq, Eq)]
struct Counted {
    signatures: BTreeMap<SignatureId, (u64, u64)>,
    appearing: BTreeMap<SignatureId, u64>,
    become_equal: u64,
    become_different: u64,
}

fn context() -> Context {
    Context { hash_key: 42, ..Context::default() }
}

impl Traffic {
    fn of(tried: &Tried, at: usize, change: usize, seed: u64) -> Traffic {
        let [before, after] = &changes(tried)[change];
        let route = format!("GET /{}/{at}/{change}/{seed}", tried.kind.word());
        let exchanges = (0..OF_A_ROUTE).map(|n| {
            let random = |k: u64| support::scrambled((seed << 40) | ((at as u64) << 24) | (n << 8) | k);
            let (primary, candidate) = pair(tried, random);
            let mut one = exchange("GET", primary, candidate);
            one.route = Route::declared(route.as_str());
            one.id = ExchangeId(u128::from(support::scrambled(seed ^ n ^ 77)) << 64 | u128::from(n));
            one
        });
        let exchanges = exchanges.collect();
        let compile = |specs: &[RuleSpec]| RuleSet::compile(specs).unwrap();
        Traffic { exchanges, before: compile(before), after: Arc::new(compile(after)), route }
    }
    fn found(&self, exchange: &Exchange, rules: &RuleSet) -> (Verdict, BTreeSet<SignatureId>) {
        let judgement = judge(exchange, rules, &context());
        let ids = judgement.differences.iter().map(|d| signature(&self.route, d)).collect();
        (judgement.verdict, ids)
    }
    /// Judged anew under the other rules: every exchange, or those alone that were not equal as sent.
    fn anew(&self, all: bool) -> Counted {
        let mut counted = Counted::default();
        for exchange in &self.exchanges {
            let ((was, before), (is, after)) = (self.found(exchange, &self.before), self.found(exchange, &self.after));
            if was == Verdict::Match && !all {
                continue;
            }
            for id in &before {
                let one = counted.signatures.entry(*id).or_default();
                if after.contains(id) { one.1 += 1 } else { one.0 += 1 }
            }
            after.difference(&before).for_each(|id| *counted.appearing.entry(*id).or_default() += 1);
            let equal = |verdict| matches!(verdict, Verdict::Match | Verdict::Normalised);
            counted.become_equal += u64::from(was == Verdict::Mismatch && equal(is));
            counted.become_different += u64::from(equal(was) && is == Verdict::Mismatch);
        }
        counted
    }
}

fn counted(preview: &Preview) -> Counted {
    assert_eq!(preview.undecidable, BTreeMap::<Undecidable, u64>::new(), "every exemplar is complete");
    let signatures = preview.signatures.iter().map(|fate| {
        assert_eq!(fate.exemplars(), fate.count, "all exchanges of {} are kept", fate.id);
        (fate.id, (fate.gone, fate.stays))
    });
    Counted {
        signatures: signatures.collect(),
        appearing: preview.appearing.iter().map(|(id, one)| (*id, one.exchanges)).collect(),
        become_equal: preview.become_equal,
        become_different: preview.become_different,
    }
}

fn traffic() -> Vec<Traffic> {
    let mut traffic = Vec::new();
    for (at, tried) in all().iter().enumerate() {
        for change in 0..changes(tried).len() {
            traffic.extend((0..SEEDS).map(|seed| Traffic::of(tried, at, change, seed)));
        }
    }
    traffic
}

/// Folds it all, through a store, and opens that again.
fn stored(traffic: &[Traffic], dir: &std::path::Path) -> AtRest {
    let options = paritee::store::Options { exemplars: 16, ..support::options() };
    let (handle, _) = paritee::store::StoreHandle::start(dir, &options, 1, 1_000, 0).unwrap();
    let redactor = Redactor::new(RedactOptions::default(), [1; 32]);
    let mut fold = Fold::new(16);
    for (sequence, part) in traffic.chunks(20).enumerate() {
        for (one, exchange) in part.iter().flat_map(|one| one.exchanges.iter().map(move |exchange| (one, exchange))) {
            let judgement = judge(exchange, &one.before, &context());
            let (full, session) = (StoreBodies::Full, Session::default());
            fold.add(exchange, &judgement, one.before.hash(), (None, None), &redactor, full, session);
        }
        let batch = fold.take(handle.source(), sequence as u64 + 1, 1_000, 0, Counts::default());
        assert!(handle.offer(batch).is_ok() && handle.settle(support::LONG));
    }
    assert!(handle.settle(support::LONG) && handle.close(support::LONG));
    let store = AtRest::open(dir).unwrap();
    store.verify().unwrap();
    store
}

#[test]
fn a_preview_of_complete_exemplars_is_judging_anew() {
    let folder = tempfile::tempdir().unwrap();
    let traffic = traffic();
    let store = stored(&traffic, folder.path());
    let (records, mut samples, mut next) = (store.signatures().unwrap(), Vec::new(), None);
    loop {
        let page = store.samples(next.as_deref()).unwrap();
        samples.extend(page.samples);
        next = page.next;
        if next.is_none() {
            break;
        }
    }
    let (mut vanished, mut appeared, mut unseen) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
    for one in &traffic {
        let rules = |_: &str| one.after.clone();
        let context = context();
        let mut previewing = Previewing::new(&rules, &context);
        for record in records.iter().filter(|record| record.facts.route == one.route) {
            previewing.signature(record.id, record.count, &store.exemplars(record.id).unwrap());
        }
        for sample in samples.iter().filter(|sample| sample.key.route == one.route) {
            previewing.sample(&sample.key, &sample.exemplars);
        }
        let found = counted(&previewing.end());
        assert_eq!(found, one.anew(false), "{}", one.route);
        let word = one.route.split('/').nth(1).unwrap().to_owned();
        if found.become_equal > 0 {
            vanished.insert(word.clone());
        }
        if found.become_different > 0 {
            appeared.insert(word.clone());
        }
        if found != one.anew(true) {
            unseen.insert(word);
        }
    }
    let words: BTreeSet<String> = all().iter().map(|tried| tried.kind.word().to_owned()).collect();
    assert_eq!(words.len(), 19, "every kind of rule: {words:?}");
    assert_eq!(vanished, words, "under each kind something becomes equal");
    assert_eq!(appeared, words, "without each kind something differs");
    // What is equal as sent is not kept: a rule that tells more apart may show nothing.
    assert!(unseen.iter().all(|word| ["number", "body"].contains(&word.as_str())), "{unseen:?}");
}

#[test]
fn a_rule_is_written_as_the_config_reads_it() {
    let dir = tempfile::tempdir().unwrap();
    let mut words = BTreeSet::new();
    for (at, tried) in all().iter().enumerate() {
        let spec = &changes(tried)[0][1][0];
        let file = dir.path().join(format!("{at}.toml"));
        let head = "[upstreams.primary]\nurl = \"http://127.0.0.1:1\"\n[[route]]\nmatch = \"GET /x\"\n[[route.rule]]\n";
        std::fs::write(&file, format!("{head}{}\n", spec.written())).unwrap();
        let config = load(Some(&file), &Flags::default()).unwrap_or_else(|error| panic!("{error}"));
        assert_eq!(&config.rules[0].spec, spec);
        words.insert(spec.kind.word());
    }
    assert_eq!(words.len(), 19);
}

/// An exchange of two JSON bodies as it is stored, judged under no rule.
fn kept(primary: &str, candidate: &str, bodies: StoreBodies) -> Vec<(SignatureId, Exemplar)> {
    let answer = |body: &str| {
        let mut headers = http::HeaderMap::new();
        headers.insert("content-type", "application/json".parse().unwrap());
        let (status, body) = (http::StatusCode::OK, Body::from(body.as_bytes().to_vec()));
        Answer { outcome: Outcome::Answered(Response { status, headers, body, trailers: None }), elapsed_us: 5 }
    };
    let exchange = exchange("GET", answer(primary), answer(candidate));
    let (rules, mut fold) = (RuleSet::default(), Fold::new(16));
    let judgement = judge(&exchange, &rules, &context());
    let redactor = Redactor::new(RedactOptions::default(), [1; 32]);
    fold.add(&exchange, &judgement, 0, (None, None), &redactor, bodies, Session::default());
    fold.take(Source { tee: 1, incarnation: 1 }, 1, 0, 0, Counts::default()).exemplars
}

fn fates(kept: &[(SignatureId, Exemplar)], rule: Option<(&str, RuleKind)>) -> BTreeMap<String, Fate> {
    let spec = |(path, kind): (&str, RuleKind)| RuleSpec {
        name: "r".into(),
        path: Some(path.into()),
        kind,
        reason: Some("tried".into()),
        until_day: None,
        of_route: true,
    };
    let rules = RuleSet::compile(&rule.map(spec).into_iter().collect::<Vec<_>>()).unwrap();
    let again = rejudge(&kept[0].1, &rules, &context());
    let path = |id: &SignatureId| kept[0].1.differences.iter().find(|d| d.signature == *id).unwrap().path.clone();
    again.fates.iter().map(|(id, fate)| (path(id), *fate)).collect()
}

#[test]
fn what_was_redacted_is_undecidable_and_never_equal() {
    let (mine, theirs) =
        (r#"{"password":"one","x":1,"same":{"token":"t"}}"#, r#"{"password":"two","x":2,"same":{"token":"t"}}"#);
    let kept = kept(mine, theirs, StoreBodies::Full);
    assert!(!format!("{kept:?}").contains("\"one\""), "the exemplar is redacted");
    let redacted = Fate::Unknown(Undecidable::Redacted);
    let told = |rule| fates(&kept, rule).into_values().collect::<Vec<_>>();
    assert_eq!(told(None), [redacted, Fate::Stays]);
    assert_eq!(told(Some(("$.x", RuleKind::Ignore))), [redacted, Fate::Gone], "beside it all is told");
    assert_eq!(told(Some(("$.password", RuleKind::Ignore))), [Fate::Gone, Fate::Stays], "whatever it was");
    assert_eq!(told(Some(("$.password", RuleKind::Shape(Shape::SameType)))), [redacted, Fate::Stays]);
    assert_eq!(told(Some(("$.password", RuleKind::Shape(Shape::Uuid)))), [redacted, Fate::Stays]);
}

#[test]
fn a_body_that_is_not_whole_is_undecidable_and_the_rest_is_told() {
    for (bodies, reason) in
        [(StoreBodies::None, Undecidable::NotStored), (StoreBodies::Differences, Undecidable::Excerpt)]
    {
        let kept = kept(r#"{"x":1}"#, r#"{"x":2}"#, bodies);
        let ignore = Some(("$.x", RuleKind::Ignore));
        assert_eq!(fates(&kept, ignore), BTreeMap::from([("/x".to_owned(), Fate::Unknown(reason))]));
    }
    let long = format!("{{\"long\":\"{}\",\"x\":1}}", "y".repeat(70_000));
    let kept = kept(&long, r#"{"x":2}"#, StoreBodies::Full);
    assert!(fates(&kept, None).values().all(|fate| *fate == Fate::Unknown(Undecidable::Cut)), "cut at 64 KiB");
}

#[test]
fn samples_do_not_depend_on_the_order_in_which_they_come() {
    let rules = RuleSet::compile(&changes(&all()[0])[0][1]).unwrap();
    let redactor = Redactor::new(RedactOptions::default(), [1; 32]);
    let one = |n: u64| {
        let traffic = Traffic::of(&all()[0], 0, 1, n);
        let mut fold = Fold::new(3);
        for mut exchange in traffic.exchanges {
            exchange.route = Route::declared("GET /one");
            let judgement = judge(&exchange, &rules, &context());
            let (full, session) = (StoreBodies::Full, Session::default());
            fold.add(&exchange, &judgement, 0, (None, None), &redactor, full, session);
        }
        fold
    };
    let kept = |order: &[u64]| {
        let folder = tempfile::tempdir().unwrap();
        let options = paritee::store::Options { exemplars: 3, ..support::options() };
        let (handle, _) = paritee::store::StoreHandle::start(folder.path(), &options, 1, 1_000, 0).unwrap();
        for (sequence, n) in order.iter().enumerate() {
            let batch = one(*n).take(handle.source(), sequence as u64 + 1, 1_000, 0, Counts::default());
            assert!(handle.offer(batch).is_ok() && handle.settle(support::LONG));
        }
        let samples = handle.samples(None).unwrap().samples;
        assert!(handle.close(support::LONG));
        assert_eq!(AtRest::open(folder.path()).unwrap().samples(None).unwrap().samples, samples);
        samples
    };
    let first = kept(&[1, 2, 3]);
    assert_eq!(first.len(), 1);
    assert_eq!(first[0].exemplars.len(), 3);
    assert_eq!(kept(&[3, 1, 2]), first);
}

#[test]
fn every_reason_is_documented() {
    let page = include_str!("../../docs/rules.md");
    for reason in Undecidable::ALL {
        assert!(page.contains(&format!("| `{reason}` |")), "{reason}");
    }
}
