//! The rule set as a whole: specificity, ties, refusals, and a hash that is the same everywhere.

use super::*;

fn spec(name: &str, path: &str, kind: RuleKind) -> RuleSpec {
    RuleSpec {
        name: name.into(),
        path: Some(path.into()),
        kind,
        reason: Some("agreed".into()),
        until_day: None,
        of_route: false,
    }
}

fn acting<'r>(set: &'r RuleSet, steps: &[Down<'_>]) -> (Walker<'r>, Acting) {
    let mut walker = set.walker();
    let root = walker.root();
    let here = steps.iter().fold(root, |here, step| walker.down(here, *step));
    let acting = walker.acting(here);
    (walker, acting)
}

#[test]
fn the_more_specific_rule_acts() {
    let mut own = spec("own", "$..id", RuleKind::Ignore);
    own.of_route = true;
    let set = RuleSet::compile(&[
        spec("wide", "$..id", RuleKind::Ignore),
        spec("star", "$.*.id", RuleKind::Ignore),
        spec("name", "$.a.id", RuleKind::Ignore),
    ])
    .unwrap();
    let name = |set: &RuleSet, steps: &[Down<'_>]| {
        acting(set, steps).1.ignore().and_then(|rule| set.name(rule).map(|name| name.to_string()))
    };
    assert_eq!(name(&set, &[Down::Name(b"a"), Down::Name(b"id")]).as_deref(), Some("name"));
    assert_eq!(name(&set, &[Down::Name(b"b"), Down::Name(b"id")]).as_deref(), Some("star"));
    assert_eq!(name(&set, &[Down::Name(b"id")]).as_deref(), Some("wide"));
    assert_eq!(name(&set, &[Down::Name(b"userid")]), None);
    let set = RuleSet::compile(&[spec("name", "$.a.id", RuleKind::Ignore), own]).unwrap();
    assert_eq!(name(&set, &[Down::Name(b"a"), Down::Name(b"id")]).as_deref(), Some("own"));
}

#[test]
fn indices_count_from_both_ends() {
    let set = RuleSet::compile(&[spec("last", "$[-1]", RuleKind::Ignore)]).unwrap();
    assert!(acting(&set, &[Down::Index { at: 2, length: 3 }]).1.ignore().is_some());
    assert!(acting(&set, &[Down::Index { at: 1, length: 3 }]).1.ignore().is_none());
}

#[test]
fn ties_and_senseless_rules_are_refused() {
    let number = |abs: &str| RuleKind::Number(NumberTolerance { abs: Some(abs.into()), ..Default::default() });
    for (specs, key) in [
        (vec![spec("a", "$.a.*", number("1")), spec("b", "$.*.b", number("2"))], "path"),
        (vec![spec("a", "$.a", RuleKind::Unordered), spec("b", "$.a", RuleKind::Key(vec!["$.id".into()]))], "path"),
        (vec![spec("a", "$.a", RuleKind::Added), spec("a", "$.b", RuleKind::Added)], "name"),
        (vec![spec("a", "$", RuleKind::Added)], "added"),
        (vec![spec("a", "$.a[0]", RuleKind::Added)], "added"),
        (vec![spec("a", "$", RuleKind::Ignore)], "ignore"),
        (vec![RuleSpec { reason: None, ..spec("a", "$.a", RuleKind::Ignore) }], "reason"),
        (vec![spec("a", "$.a-b", RuleKind::Unordered)], "path"),
        (vec![RuleSpec { path: None, ..spec("a", "", RuleKind::Unordered) }], "path"),
        (vec![spec("a", "$", RuleKind::ErrorBody(ErrorBody { statuses: vec![404] }))], "path"),
        (
            vec![RuleSpec { path: None, ..spec("a", "", RuleKind::ErrorBody(ErrorBody { statuses: vec![200] })) }],
            "error_body",
        ),
        (vec![spec("a", "$.a", RuleKind::Shape(Shape::Pattern(".*".into())))], "shape"),
    ] {
        let error = RuleSet::compile(&specs).unwrap_err();
        assert_eq!(error.key, key, "{specs:?}: {error}");
    }
    // different kinds, or places that never meet, are no tie
    let fine = [spec("a", "$..a", number("1")), spec("b", "$..b", number("2")), spec("c", "$..a", RuleKind::Added)];
    assert!(RuleSet::compile(&fine).is_ok());
}

#[test]
fn the_hash_is_the_same_everywhere_and_whatever_the_order() {
    let (a, b) = (spec("a", "$.a", RuleKind::Added), spec("b", "$['b']", RuleKind::Unordered));
    let hash = |specs: &[RuleSpec]| RuleSet::compile(specs).unwrap().hash();
    assert_eq!(hash(&[a.clone(), b.clone()]), hash(&[b.clone(), a.clone()]));
    assert_eq!(
        hash(std::slice::from_ref(&b)),
        hash(&[RuleSpec { path: Some("$.b".into()), reason: None, ..b.clone() }])
    );
    assert_ne!(hash(std::slice::from_ref(&a)), hash(&[b]));
    assert_eq!(RuleSet::default().hash(), hash(&[]));
}
