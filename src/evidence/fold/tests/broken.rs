//! A broken map of ids through the fold: signatures of its own, verdicts and cells untouched, nothing secret kept.

use super::*;
use crate::evidence::IdCounts;
use crate::rules::{IdScope, RuleKind, RuleSpec, SameId};

fn rules(path: &str, scope: IdScope) -> RuleSet {
    RuleSet::compile(&[RuleSpec {
        name: "ids".into(),
        path: Some(path.into()),
        kind: RuleKind::SameId(SameId { space: "x".into(), scope }),
        reason: None,
        until_day: None,
        of_route: false,
    }])
    .unwrap()
}

/// Exchanges of these bodies and sessions in this order, judged and folded into one batch.
fn folded(rules: &RuleSet, all: &[(u128, &str, &str, u128)], order: &[usize]) -> (EvidenceBatch, IdCounts) {
    let mut fold = Fold::new(5);
    for at in order {
        let (id, primary, candidate, session) = all[*at];
        let exchange = exchange(id, &format!("/a/{id}"), answer(200, primary), answer(200, candidate));
        let judgement = crate::judge::judge(&exchange, rules, &Context::default());
        let session = Session { name: Some(SessionName(session)), requests: &[] };
        let versions = (None, Some("c1"));
        fold.add(&exchange, &judgement, 9, versions, &redactor(), StoreBodies::Differences, session);
    }
    let counts = fold.ids();
    (take(&mut fold), counts)
}

#[test]
fn a_broken_map_is_a_signature_and_no_verdict() {
    let all =
        [(1, r#"{"id":7}"#, r#"{"id":"a"}"#, 1), (2, r#"{"of":{"id":8},"t":1}"#, r#"{"of":{"id":"a"},"t":1}"#, 1)];
    for scope in [IdScope::Session, IdScope::Run] {
        let rules = rules("$..id", scope);
        let (first, counts) = folded(&rules, &all, &[0, 1]);
        let (second, _) = folded(&rules, &all, &[1, 0]);
        assert_eq!(first.signatures, second.signatures, "in any order");
        let told: Vec<_> = first.signatures.values().collect();
        assert_eq!((told.len(), counts.broken), (2, 2));
        for delta in told {
            let facts = &delta.facts;
            assert_eq!((facts.kind, facts.detail.as_deref(), delta.count), (Kind::Value, Some("same_id"), 1));
            assert!(["/id", "/of/id"].contains(&&*facts.path) && facts.shape == format!("ids:{}", scope.as_str()));
            assert_eq!(delta.marks.iter().collect::<Vec<_>>(), [(Mark::Unconfirmed, 1)]);
        }
        let cells: Vec<_> = first.cells.values().collect();
        assert_eq!(cells[0].verdicts, [("normalised".to_owned(), 2)].into());
        assert_eq!((cells[0].marks, cells[0].mismatching.clone()), Default::default());
        // both signatures have the exchange that broke the map, which tells of both places
        assert_eq!(first.exemplars.len(), 2);
        let exemplar = &first.exemplars[0].1;
        let told = exemplar.differences.iter().map(|d| (&*d.path, d.detail.as_deref().unwrap_or_default()));
        assert_eq!(
            told.collect::<Vec<_>>(),
            [("/of/id", "same_id"), ("/id", "same_id (said by GET /a/{id})")],
            "{exemplar:?}"
        );
        assert_eq!((exemplar.exchange.0, exemplar.differences_total), (2, 2));
        assert!(exemplar.primary.body.as_ref().unwrap().contains("/of {\"id\":8}"), "{exemplar:?}");
    }
}

#[test]
fn sessions_have_maps_of_their_own_and_the_run_has_one() {
    let all = [(1, r#"{"id":7}"#, r#"{"id":"a"}"#, 1), (2, r#"{"id":7}"#, r#"{"id":"b"}"#, 2)];
    assert_eq!(folded(&rules("$.id", IdScope::Session), &all, &[0, 1]).0.signatures.len(), 0);
    assert_eq!(folded(&rules("$.id", IdScope::Run), &all, &[0, 1]).0.signatures.len(), 1);
    assert_eq!(folded(&rules("$.id", IdScope::Document), &all, &[0, 1]).1, IdCounts::default());
}

#[test]
fn a_mismatch_claims_what_holds_in_it_all_the_same() {
    let all = [(1, r#"{"id":7,"t":1}"#, r#"{"id":"a","t":2}"#, 1), (2, r#"{"id":8,"t":1}"#, r#"{"id":"a","t":2}"#, 1)];
    let batch = folded(&rules("$.id", IdScope::Run), &all, &[0, 1]).0;
    let details: Vec<_> = batch.signatures.values().map(|delta| (&*delta.facts.path, delta.count)).collect();
    assert!(details.len() == 2 && details.contains(&("/id", 2)) && details.contains(&("/t", 2)), "{details:?}");
}

#[test]
fn ids_of_earlier_exchanges_are_redacted_like_any_value() {
    let all = [
        (1, r#"{"list":[{"password":"S3CRET-1"}]}"#, r#"{"list":[{"password":"S3CRET-a"}]}"#, 1),
        (2, r#"{"password":"S3CRET-2"}"#, r#"{"password":"S3CRET-a"}"#, 1),
    ];
    let (batch, counts) = folded(&rules("$..password", IdScope::Session), &all, &[0, 1]);
    assert_eq!((counts.broken, batch.exemplars.len()), (2, 2));
    let written = format!("{batch:?}");
    assert!(!written.contains("S3CRET"), "{written}");
    assert!(batch.exemplars[0].1.differences.iter().all(|d| d.primary.is_some() && d.candidate.is_some()));
}
