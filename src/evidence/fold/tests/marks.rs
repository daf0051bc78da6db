//! Marks that come after their exchange: they find its cell and signatures, in this batch or a later one.

use super::*;
use crate::evidence::{Change, Confirming, MarkCounts};

/// A fold that names signatures as the judge does.
fn fold() -> Fold {
    Fold::new(5)
}

/// A mismatch in these places is added; where it is counted, and what is to be found of it.
fn added(fold: &mut Fold, exchange: &Exchange, paths: &[&str]) -> (Marking, Confirming) {
    let judgement = mismatch(paths);
    let versions = (Some("m1"), Some("c1"));
    let added = fold.add(exchange, &judgement, 9, versions, &redactor(), StoreBodies::None, Session::default());
    let ids = added.signatures;
    let marking = fold.marking(exchange, 9, versions, (&judgement, &ids));
    (marking, Confirming::of(&exchange.route.name, &judgement, &ids).unwrap())
}

/// One look: the primary has moved, and what is still there is this.
fn raced(found: &mut Confirming, still: &[&str]) {
    let judgement = match still {
        [] => Judgement::undecided(Verdict::Match),
        still => mismatch(still),
    };
    let none = answer(404, "");
    let moved = Change::between("x", &answer(200, "1"), &none, |_, _, _| Judgement::undecided(Verdict::Match));
    assert!(found.look(250, &judgement, &moved, &moved));
}

fn target(id: u128, target: &str) -> Exchange {
    exchange(id, target, answer(200, "1"), answer(200, "2"))
}

#[test]
fn a_mark_takes_back_its_own_mismatch_and_no_other() {
    let mut fold = fold();
    let (marking, mut found) = added(&mut fold, &target(1, "/a"), &["/x"]);
    added(&mut fold, &target(2, "/a"), &["/x"]);
    let (other, mut still) = added(&mut fold, &target(3, "/b"), &["/x"]);
    let mut sum = take(&mut fold);
    raced(&mut found, &[]);
    raced(&mut still, &["/x"]);
    fold.mark(&marking, &found);
    fold.mark(&other, &still);
    assert!(!fold.is_empty());
    let marks = take(&mut fold);
    assert!(fold.is_empty() && marks.exemplars.is_empty());
    assert!(marks.cells.values().all(CellDelta::is_of_marks_alone));
    assert!(marks.signatures.values().all(|delta| delta.count == 0 && delta.builds.is_empty()));
    sum.merge(marks);
    assert_eq!(sum.cells.len(), 1, "the very cell");
    let cell = sum.cells.values().next().unwrap();
    assert_eq!(cell.marks, MarkCounts([1, 1, 1, 0, 0, 0]));
    assert_eq!(cell.mismatching.requests(), 2, "/a mismatched twice, and raced once");
    // The other one of /a as well: it is none any more.
    fold.mark(&marking, &found);
    sum.merge(take(&mut fold));
    assert_eq!(sum.cells.values().next().unwrap().mismatching.requests(), 1);
}

#[test]
fn a_mark_in_the_batch_of_its_exchange_is_in_the_same_delta() {
    let mut fold = fold();
    let (marking, mut found) = added(&mut fold, &target(1, "/a"), &["/x", "/y"]);
    raced(&mut found, &["/y"]);
    fold.mark(&marking, &found);
    let batch = take(&mut fold);
    let cell = batch.cells.values().next().unwrap();
    assert_eq!((batch.cells.len(), cell.verdicts["mismatch"]), (1, 1));
    // One signature raced, the other is still there, and so is the exchange.
    assert_eq!((cell.marks, cell.mismatching.requests()), (MarkCounts([0, 1, 0, 0, 0, 0]), 1));
    let of = |path: &str| batch.signatures.values().find(|delta| delta.facts.path == path).unwrap();
    let (gone, still) = (of("/x"), of("/y"));
    assert_eq!((gone.count, gone.marks), (1, MarkCounts([0, 0, 1, 0, 0, 0])));
    assert_eq!((still.count, still.marks), (1, MarkCounts([0, 1, 0, 0, 0, 0])));
    assert_eq!(gone.agreed_after_ms, BTreeMap::from([(250, 1)]));
    assert!(still.agreed_after_ms.is_empty() && batch.signatures.len() == 2);
}

#[test]
fn what_nothing_was_found_of_changes_nothing() {
    let mut fold = fold();
    let (marking, found) = added(&mut fold, &target(1, "/a"), &["/x"]);
    take(&mut fold);
    fold.mark(&marking, &found);
    assert!(fold.is_empty());
}

#[test]
fn a_signature_that_found_no_place_gets_no_mark() {
    let mut fold = fold();
    for id in 0..10u128 {
        let paths: Vec<String> = (0..1_000).map(|n| format!("/m{}x", id * 1_000 + n)).collect();
        add(&mut fold, &target(id, "/a"), &mismatch(&paths.iter().map(String::as_str).collect::<Vec<_>>()));
    }
    let (marking, mut found) = added(&mut fold, &target(11, "/a"), &["/over"]);
    take(&mut fold);
    raced(&mut found, &["/over"]);
    fold.mark(&marking, &found);
    let batch = take(&mut fold);
    assert_eq!((batch.cells.len(), batch.signatures.len()), (1, 0));
}

#[test]
fn the_longest_delays_are_remembered_in_any_order() {
    let of = |ms: &[u64]| {
        let mut all = BTreeMap::new();
        ms.iter().for_each(|ms| SignatureDelta::add_agreed(&mut all, &BTreeMap::from([(*ms, 1)])));
        all
    };
    let (up, down): (Vec<u64>, Vec<u64>) = ((0..40).collect(), (0..40).rev().collect());
    assert_eq!(of(&up), of(&down));
    assert_eq!(of(&up).keys().copied().collect::<Vec<_>>(), (24..40).collect::<Vec<_>>());
}
