//! Random rule sets: every kind, at places that overlap.

use super::Random;
use paritee::document::Media;
use paritee::rules::{
    Codec, ErrorBody, Fallback, IdScope, NumberTolerance, Rename, Rewrite, RuleKind, RuleSet, RuleSpec, SameId,
    SetCookie, Shape, SideChoice, TextMode, UrlRule,
};

/// A set of at most six rules, and whether all of them take the sides alike.
pub(crate) fn rules(random: &mut Random) -> (RuleSet, bool, Vec<RuleSpec>) {
    loop {
        let specs: Vec<RuleSpec> = (0..random.below(7)).map(|at| spec(random, at)).collect();
        match RuleSet::compile(&specs) {
            Ok(set) => {
                let even = specs.iter().all(takes_sides_alike);
                return (set, even, specs);
            }
            // a tie, or a rule that could never act: said, and another set is drawn
            Err(error) => assert!(!error.message.is_empty() && !error.rule.is_empty(), "{error:?}"),
        }
    }
}

/// True where which elements belong together may decide how many ids are not one to one.
pub(crate) fn claims_ids(specs: &[RuleSpec]) -> bool {
    specs.iter().any(|spec| matches!(spec.kind, RuleKind::SameId(_)))
}

/// True where two spellings of one JSON document may differ under the rules: numbers to the letter, or read as another kind.
pub(crate) fn tell_spellings_apart(specs: &[RuleSpec]) -> bool {
    specs.iter().any(|spec| match &spec.kind {
        RuleKind::Number(number) => number.spelling,
        RuleKind::Body(media) => *media != Media::Json,
        _ => false,
    })
}

/// A position is that of the primary's element, wherever its other half stands.
fn takes_sides_alike(spec: &RuleSpec) -> bool {
    let has_position = |path: &String| ["[0]", "[1]", "[-1]"].iter().any(|at| path.contains(at));
    if spec.path.as_ref().is_some_and(has_position) {
        return false;
    }
    match &spec.kind {
        RuleKind::Rewrite(rule) => rule.side == SideChoice::Both,
        RuleKind::Fallback(_) | RuleKind::Added | RuleKind::Rename(_) => false,
        RuleKind::SetCookie(rule) => rule.primary == rule.candidate && rule.cleared_by.is_none(),
        _ => true,
    }
}

fn spec(random: &mut Random, at: usize) -> RuleSpec {
    let kind = kind(random);
    let whole = matches!(kind, RuleKind::ErrorBody(_) | RuleKind::SetCookie(_) | RuleKind::Body(_));
    RuleSpec {
        name: format!("rule {at}").into(),
        path: (!whole).then(|| path(random, &kind)),
        kind,
        reason: Some("because".into()),
        until_day: None,
        of_route: random.below(4) == 0,
    }
}

/// What hides whole values acts at narrow places, so that there is something left to compare; arrays are matched anywhere.
fn path(random: &mut Random, kind: &RuleKind) -> String {
    let wide = matches!(kind, RuleKind::Unordered | RuleKind::Set | RuleKind::Key(_) | RuleKind::Number(_));
    if wide && random.below(2) == 0 {
        return random.pick(&["$", "$..*", "$.*", "$[*]"]).to_owned();
    }
    const SEGMENTS: &[&str] = &[
        ".a",
        ".b",
        ".id",
        ".v",
        "..id",
        "..a",
        "..*",
        "[*]",
        ".*",
        "[0]",
        "[-1]",
        "[1]",
        "['a/b']",
        "['']",
        "[\"\\u0061\"]",
        "['~1']",
        "..['0']",
        "['a.b']",
        "['p']",
        "['input@value']",
        ".html[1].body",
        "..[0]",
        "['\\ud800']",
    ];
    let length = random.below(4);
    (0..length).fold("$".to_owned(), |path, _| path + random.pick(SEGMENTS))
}

fn side(random: &mut Random) -> SideChoice {
    [SideChoice::Primary, SideChoice::Candidate, SideChoice::Both][random.below(3)]
}

fn kind(random: &mut Random) -> RuleKind {
    match random.below(20) {
        0 => RuleKind::Ignore,
        1 => RuleKind::Shape(shape(random)),
        2 => RuleKind::Timestamp { within_us: [0, 1, 1_000_000, u64::MAX][random.below(4)] },
        3 | 4 => RuleKind::Number(number(random)),
        5 => RuleKind::Unordered,
        6 => RuleKind::Set,
        7 => RuleKind::Key(vec![random.pick(&["$.id", "$.v", "$.a.b", "$[0]"]).to_owned()]),
        8 => RuleKind::Rewrite(Rewrite {
            pattern: random.pick(&["a", "^(.)(.*)$", "[0-9]+", "b$"]).to_owned(),
            with: random.pick(&["b", "$1", "", "x$1"]).to_owned(),
            side: side(random),
        }),
        9 => RuleKind::Fallback(Fallback {
            side: side(random),
            from: random.pick(&["$.a", "$.b", "$.v[0]", "$.id"]).to_owned(),
            chars: [None, Some(0), Some(3)][random.below(3)],
            suffix: random.pick(&["", "..."]).to_owned(),
            strip_html: random.below(2) == 0,
        }),
        10 => RuleKind::Added,
        11 => RuleKind::Url(UrlRule {
            origin: random.below(2) == 0,
            trailing_slash: random.below(2) == 0,
            query_order: true,
            hosts: Vec::new(),
        }),
        12 => RuleKind::Text(text(random)),
        13 => RuleKind::Decode(vec![[Codec::Json, Codec::Base64, Codec::Gzip][random.below(3)]]),
        14 => RuleKind::AbsentIsNull { empty: random.below(2) == 0 },
        15 => RuleKind::Rename(Rename {
            from: random.pick(&["a", "id", ""]).to_owned(),
            to: random.pick(&["b", "v", "~"]).to_owned(),
        }),
        16 => RuleKind::SameId(SameId {
            space: random.pick(&["x", "y"]).to_owned(),
            scope: [IdScope::Document, IdScope::Session, IdScope::Run][random.below(3)],
        }),
        17 => RuleKind::ErrorBody(ErrorBody { statuses: vec![404, 500] }),
        18 => RuleKind::SetCookie(SetCookie {
            primary: "s".into(),
            candidate: random.pick(&["s", "t"]).to_owned(),
            cleared_by: [None, Some(SideChoice::Primary)][random.below(2)],
        }),
        _ => RuleKind::Body([Media::Json, Media::Html, Media::Xml, Media::Form, Media::Text][random.below(5)]),
    }
}

fn shape(random: &mut Random) -> Shape {
    match random.below(5) {
        0 => Shape::Uuid,
        1 => Shape::Timestamp,
        2 => Shape::Number,
        3 => Shape::SameType,
        _ => Shape::Pattern(random.pick(&["[a-z]", "a|b", "[0-9]{2,}", "(?i)A"]).to_owned()),
    }
}

fn number(random: &mut Random) -> NumberTolerance {
    match random.below(4) {
        0 => NumberTolerance { string: true, ..NumberTolerance::default() },
        1 => NumberTolerance { spelling: true, ..NumberTolerance::default() },
        2 => NumberTolerance { rel: Some("0.5".into()), ..NumberTolerance::default() },
        _ => NumberTolerance {
            abs: Some(random.pick(&["1", "0.5", "100000000000000000000"]).to_owned()),
            ..NumberTolerance::default()
        },
    }
}

fn text(random: &mut Random) -> Vec<TextMode> {
    let all = [TextMode::Trim, TextMode::Collapse, TextMode::Case, TextMode::Nfc, TextMode::Crlf];
    let from = random.below(all.len());
    all[from..].to_vec()
}
