//! Pairs and what is told of them: noise is found and listed, and hides nothing that is not noise. Every property is asked
//! of many seeds.

use super::*;
use crate::compare::Difference;
use crate::evidence::{Suppression, suppress};
use crate::judge::{general_path, signature};
use fastrand::Rng;
use proptest::prelude::*;

const ROUTE: &str = "GET /x";

fn difference(path: &str, kind: Kind, shape: &str) -> Difference {
    let place = match kind {
        Kind::Status => Place::Status,
        Kind::Header => Place::Header,
        _ => Place::Body,
    };
    Difference {
        place,
        path: path.into(),
        beside: None,
        kind,
        detail: None,
        primary: None,
        candidate: None,
        severity: Severity::Medium,
        shape: shape.into(),
    }
}

fn number(path: &str) -> Difference {
    difference(path, Kind::Value, "number")
}

fn id(of: &Difference) -> SignatureId {
    signature(ROUTE, of)
}

fn judgement(differences: Vec<Difference>) -> Judgement {
    let verdict = if differences.is_empty() { Verdict::Match } else { Verdict::Mismatch };
    let total = differences.len() as u64;
    Judgement { differences, differences_total: total, ..Judgement::undecided(verdict) }
}

fn found(judgement: &Judgement) -> Option<Found> {
    Found::of(judgement, judgement.differences.iter().map(|one| (id(one), general_path(one))))
}

fn of(differences: &[Difference]) -> Found {
    found(&judgement(differences.to_vec())).expect("compared to an end")
}

fn builds(candidate: &str) -> Builds {
    Builds { primary: "m1".into(), candidate: candidate.into() }
}

fn key(candidate: &str) -> PairKey {
    PairKey { route: ROUTE.into(), builds: builds(candidate) }
}

fn told(delta: &PairDelta) -> Suppression {
    suppress([(&key("c1"), delta)])
}

fn is_suppressed(delta: &PairDelta, difference: &Difference) -> bool {
    told(delta).noise_of(id(difference), &BTreeMap::from([(builds("c1"), 1)])) == 1
}

/// Pairs of a place that differs at these rates.
fn noisy(seed: u64, pairs: u64, candidate: f64, secondary: f64) -> PairDelta {
    let (mut rng, mut delta) = (Rng::with_seed(seed), PairDelta::default());
    let (quiet, differing) = (of(&[]), of(&[number("/n")]));
    let mut side = |rate: f64| if rng.f64() < rate { differing.clone() } else { quiet.clone() };
    (0..pairs).for_each(|_| delta.count(&side(candidate), &side(secondary)));
    delta
}

#[test]
fn sixty_percent_hide_no_seventy() {
    let shown = (0..100).filter(|seed| !is_suppressed(&noisy(*seed, 1_000, 0.7, 0.6), &number("/n"))).count();
    assert!(shown >= 95, "{shown} of 100 runs");
}

#[test]
fn noise_is_listed_with_its_counts_and_its_exchanges() {
    let mut suppressed = 0;
    for seed in 0..40 {
        let mut delta = noisy(seed, 4_000, 0.4, 0.4);
        delta.count_mix(vec![id(&number("/n"))]);
        delta.count_mix(vec![id(&number("/n")), id(&number("/other"))]);
        let told = told(&delta);
        assert!(told.places.len() <= 1);
        let Some(place) = told.places.first() else { continue };
        suppressed += 1;
        assert_eq!((place.pairs, &*place.at.path, place.paired), (4_000, "/n", delta.groups[&place.at].paired));
        assert_eq!(place.signatures, BTreeSet::from([id(&number("/n"))]));
        assert_eq!(told.exchanges, 1, "an exchange with another difference is no noise");
    }
    assert!(suppressed >= 32, "{suppressed} of 40");
}

#[test]
fn one_wrong_value_in_a_hundred_thousand_is_shown() {
    for seed in 0..20 {
        let mut delta = noisy(seed, 1_000, 1.0, 1.0);
        assert!(is_suppressed(&delta, &number("/n")));
        // The rest of the route is quiet but for one value, whichever request it comes with.
        let thousand = delta.clone();
        let wrong = Rng::with_seed(seed).u64(1..100);
        for batch in 1..100 {
            let mut next = thousand.clone();
            if batch == wrong {
                next.pairs -= 1;
                next.count(&of(&[number("/quiet")]), &of(&[]));
            }
            delta.merge(&next);
        }
        assert_eq!(delta.pairs, 100_000);
        assert!(is_suppressed(&delta, &number("/n")), "seed {seed}");
        assert!(!is_suppressed(&delta, &number("/quiet")), "seed {seed}");
    }
}

#[test]
fn a_noisy_place_does_not_hide_a_status() {
    let status = difference("", Kind::Status, "200→404");
    for seed in 0..20 {
        let mut rng = Rng::with_seed(seed);
        let (mut delta, mut pairs) = (PairDelta::default(), 0);
        for _ in 0..20_000 {
            let mut side = || if rng.f64() < 0.4 { vec![number("/n")] } else { Vec::new() };
            let (mut candidate, secondary) = (judgement(side()), of(&side()));
            if rng.f64() < 0.02 {
                candidate = judgement(vec![status.clone()]);
                assert!(mix(&candidate, &[id(&status)]).is_none(), "such an exchange is never noise");
            }
            match found(&candidate) {
                Some(candidate) => delta.count(&candidate, &secondary),
                None => pairs += 1,
            }
        }
        assert!(pairs > 0 && delta.pairs + pairs == 20_000, "an answer of another status says nothing of the body");
        assert!(!is_suppressed(&delta, &status), "seed {seed}");
    }
}

#[test]
fn what_the_monolith_never_shows_is_shown() {
    let empty = difference("/n", Kind::Value, "number→empty");
    for (rate_of_secondary, hidden) in [(0.0, false), (0.001, false), (0.3, true)] {
        let hides = (0..10)
            .filter(|seed| {
                let (mut rng, mut delta) = (Rng::with_seed(*seed), PairDelta::default());
                let (noise, emptied) = (of(&[number("/n")]), of(std::slice::from_ref(&empty)));
                for _ in 0..3_000 {
                    let secondary = if rng.f64() < rate_of_secondary { &emptied } else { &noise };
                    delta.count(if rng.f64() < 0.3 { &emptied } else { &noise }, secondary);
                }
                is_suppressed(&delta, &empty)
            })
            .count();
        assert!(if hidden { hides >= 6 } else { hides == 0 }, "{hides} of 10 at {rate_of_secondary}");
    }
    // Once is enough where the two copies never were.
    let mut delta = noisy(1, 1_000, 1.0, 1.0);
    delta.count(&of(std::slice::from_ref(&empty)), &of(&[number("/n")]));
    assert!(is_suppressed(&delta, &number("/n")) && !is_suppressed(&delta, &empty));
}

#[test]
fn critical_ones_and_header_fields_that_come_and_go_are_never_noise() {
    let critical = Difference { severity: Severity::Critical, ..number("/owner") };
    let gone = Difference { detail: Some("missing".into()), ..difference("etag", Kind::Header, "present→absent") };
    let other = difference("x-token", Kind::Header, "value");
    let member = difference("/a", Kind::Missing, "present→absent");
    let (all, mut delta) = (vec![critical, gone, other.clone(), member], PairDelta::default());
    (0..1_000).for_each(|_| delta.count(&of(&all), &of(&all)));
    let suppressed: Vec<bool> = all.iter().map(|one| is_suppressed(&delta, one)).collect();
    assert_eq!(suppressed, [false, false, true, false]);
    assert!(mix(&judgement(all.clone()), &all.iter().map(id).collect::<Vec<_>>()).is_none());
    assert!(mix(&judgement(vec![other.clone()]), &[id(&other)]).is_some());
}

#[test]
fn noise_under_one_build_says_nothing_of_the_next() {
    let (first, second) = (noisy(1, 1_000, 1.0, 1.0), noisy(2, 3, 1.0, 0.0));
    let told = suppress([(&key("c1"), &first), (&key("c2"), &second)]);
    let count = |builds: &[(Builds, u64)]| told.noise_of(id(&number("/n")), &builds.iter().cloned().collect());
    assert_eq!(count(&[(builds("c1"), 40), (builds("c2"), 2), (Builds::default(), 9)]), 40);
    let reverse = suppress([(&key("c2"), &second), (&key("c1"), &first)]);
    assert_eq!(told, reverse);
}

/// A candidate that answers half of the requests without the object that holds the place differs there no less often.
#[test]
fn what_the_candidate_hides_does_not_make_it_look_quiet() {
    for seed in 0..20 {
        let (mut rng, mut delta) = (Rng::with_seed(seed), PairDelta::default());
        for _ in 0..5_000 {
            let mut differs = |rate: f64| if rng.f64() < rate { vec![number("/a/n")] } else { Vec::new() };
            let (mut candidate, secondary) = (differs(0.6), differs(0.4));
            if rng.f64() < 0.5 {
                candidate = vec![difference("/a", Kind::Missing, "present→absent")];
            }
            delta.count(&of(&candidate), &of(&secondary));
        }
        assert!(!is_suppressed(&delta, &number("/a/n")), "seed {seed}");
    }
    let above = of(&[difference("/a", Kind::Type, "object→null")]);
    let at = |path: &str| NoisePlace { place: Place::Body, path: path.into(), kind: Kind::Value };
    assert!(above.hides(&at("/a/n")) && above.hides(&at("/a")) && !above.hides(&at("/ab")));
    let whole = of(&[difference("", Kind::Body, "bytes")]);
    assert!(whole.hides(&at("/ab")) && !whole.hides(&NoisePlace { place: Place::Header, ..at("etag") }));
}

#[test]
fn comparisons_that_were_cut_are_no_evidence() {
    let cut = Judgement { differences_total: 2_000, ..judgement(vec![number("/n")]) };
    let undecided = Judgement::undecided(Verdict::Inconclusive(crate::judge::Inconclusive::Truncated));
    let failed = judgement(vec![difference("", Kind::Failure, "document→unparseable")]);
    for none in [&cut, &undecided, &failed] {
        assert!(found(none).is_none(), "{none:?}");
    }
    assert!(mix(&cut, &[id(&number("/n"))]).is_none());
    assert!(found(&judgement(Vec::new())).is_some());
}

/// Deltas of few and of many places, kinds of value and mixes: some are beyond the bounds.
fn delta() -> impl Strategy<Value = PairDelta> {
    let one = (0u8..100, 0u8..12, any::<bool>(), any::<bool>());
    proptest::collection::vec(one, 0..120).prop_map(|all| {
        let mut delta = PairDelta::default();
        for (path, shape, candidate, secondary) in all {
            let differing = of(&[difference(&format!("/m{path:02}x"), Kind::Value, &format!("s{shape}"))]);
            let side = |differs| if differs { differing.clone() } else { of(&[]) };
            delta.count(&side(candidate), &side(secondary));
            delta.count_mix(vec![SignatureId(u64::from(path)), SignatureId(100 + u64::from(shape))]);
            delta.last_ms += u64::from(path);
        }
        delta
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]
    #[test]
    fn merging_knows_no_order_and_loses_no_count(parts in proptest::collection::vec(delta(), 3)) {
        let merged = |order: [usize; 3]| {
            let mut sum = PairDelta::default();
            order.iter().for_each(|at| sum.merge(&parts[*at]));
            sum
        };
        let forward = merged([0, 1, 2]);
        prop_assert_eq!(&forward, &merged([2, 0, 1]));
        let mut tail = parts[1].clone();
        tail.merge(&parts[2]);
        let mut grouped = parts[0].clone();
        grouped.merge(&tail);
        prop_assert_eq!(&forward, &grouped);
        prop_assert!(forward.groups.len() <= PairDelta::GROUPS && forward.mixes.len() <= PairDelta::MIXES);
        let all = |delta: &PairDelta| {
            delta.left_out
                + delta.groups.values().map(|group| seen(&group.paired)).sum::<u64>()
                + delta.mixes.values().sum::<u64>()
        };
        prop_assert_eq!(all(&forward), parts.iter().map(all).sum::<u64>());
    }
}
