//! Which claims are told as broken, in whatever order they come, and what is forgotten over the bounds.

use super::*;
use proptest::prelude::*;
use std::collections::BTreeSet;

const ROUTES: [&str; 3] = ["GET /a", "GET /b", "GET /c"];

/// One judgement: its route and session, and pairs of ids with a place each.
#[derive(Clone, Debug)]
struct Said {
    route: usize,
    session: Option<u128>,
    scope: IdScope,
    pairs: Vec<(u128, u128, u8)>,
}

fn claims(said: &Said) -> IdClaims {
    let claim = |(primary, candidate, place): &(u128, u128, u8)| IdClaim {
        space: "book".into(),
        scope: said.scope,
        primary: *primary,
        candidate: *candidate,
        path: format!("/list/{primary}/at{place}x"),
        values: [primary.to_string(), format!("\"{candidate}\"")],
    };
    IdClaims { kept: said.pairs.iter().map(claim).collect(), left_out: 0, unread: false }
}

fn at<'a>(route: &'a Arc<str>, said: &Said, ms: u64) -> At<'a> {
    At { route, inferred: false, received_at_ms: ms, session: said.session.map(SessionName) }
}

/// Route and general path of what is told, with how often, when first and when last.
type Told = BTreeMap<(String, String, String), (u64, u64, u64)>;

fn run(ids: &mut Ids, all: &[(u64, Said)]) -> Told {
    let mut told = Told::new();
    for (ms, said) in all {
        let route: Arc<str> = ROUTES[said.route].into();
        for broken in ids.add(at(&route, said, *ms), &claims(said)).into_iter().filter(|broken| broken.count > 0) {
            let key = (broken.route.to_string(), general_path(&broken.difference), broken.difference.shape.clone());
            let sum = told.entry(key).or_insert((0, u64::MAX, 0));
            sum.0 += broken.count;
            sum.1 = sum.1.min(broken.first_seen_ms);
            sum.2 = sum.2.max(broken.last_seen_ms);
        }
    }
    told
}

/// What must be told, worked out from all claims at once.
fn expected(all: &[(u64, Said)]) -> Told {
    type Edge = (Option<Option<u128>>, u128, u128);
    let edges: BTreeSet<Edge> =
        all.iter().flat_map(|(_, said)| said.pairs.iter().map(move |(p, c, _)| (book(said), *p, *c))).collect();
    let broken = |of: Option<Option<u128>>, p: u128, c: u128| {
        edges.iter().any(|(book, q, d)| *book == of && ((*q == p) != (*d == c)))
    };
    let mut told = Told::new();
    for (ms, said) in all {
        for (p, c, place) in &said.pairs {
            if broken(book(said), *p, *c) {
                let key = (ROUTES[said.route].into(), format!("/list/*/at{place}x"), shape_of(said.scope).into());
                let sum = told.entry(key).or_insert((0, u64::MAX, 0));
                *sum = (sum.0 + 1, sum.1.min(*ms), sum.2.max(*ms));
            }
        }
    }
    told
}

fn book(said: &Said) -> Option<Option<u128>> {
    (said.scope == IdScope::Session).then_some(said.session)
}

fn said() -> impl Strategy<Value = Said> {
    let pairs = proptest::collection::vec((0..6_u128, 0..6_u128, 0..3_u8), 1..4);
    let session = proptest::option::of(0..2_u128);
    (0..3_usize, session, any::<bool>(), pairs).prop_map(|(route, session, run, pairs)| {
        let scope = if run { IdScope::Run } else { IdScope::Session };
        Said { route, session, scope, pairs }
    })
}

/// Judgements, each with its time.
type All = Vec<(u64, Said)>;

fn in_two_orders() -> impl Strategy<Value = (All, All)> {
    proptest::collection::vec(said(), 1..12).prop_flat_map(|all| {
        let all: All = all.into_iter().enumerate().map(|(at, said)| (at as u64, said)).collect();
        (Just(all.clone()), Just(all).prop_shuffle())
    })
}

proptest! {
    #[test]
    fn the_order_of_judgements_changes_nothing((all, shuffled) in in_two_orders()) {
        let first = run(&mut Ids::new(Bounds::default()), &all);
        prop_assert_eq!(&first, &run(&mut Ids::new(Bounds::default()), &shuffled));
        prop_assert_eq!(first, expected(&all));
    }

    #[test]
    fn a_one_to_one_map_tells_nothing(all in proptest::collection::vec(said(), 1..30), shift in 1..100_u128) {
        let mut all = all;
        for said in &mut all {
            said.pairs.iter_mut().for_each(|pair| pair.1 = pair.0 * 7 + shift);
        }
        let all: Vec<(u64, Said)> = all.into_iter().map(|said| (0, said)).collect();
        prop_assert_eq!(run(&mut Ids::new(Bounds::default()), &all), Told::new());
    }

    #[test]
    fn one_broken_pair_among_many_is_always_told(at_last in 0..200_usize, other in 0..200_u128) {
        let pair = |p: u128, c: u128, place: u8| Said { route: 0, session: None, scope: IdScope::Run, pairs: vec![(p, c, place)] };
        let mut all: Vec<(u64, Said)> = (0..200).map(|p| (1, pair(p, p + 1_000, 0))).collect();
        all.insert(at_last, (2, pair(5_000, other + 1_000, 1)));
        let told = run(&mut Ids::new(Bounds::default()), &all);
        prop_assert_eq!(told.len(), 2);
        prop_assert!(told.values().all(|(count, ..)| *count == 1));
    }

    #[test]
    fn over_the_bounds_a_break_may_be_missed_but_none_is_invented(all in proptest::collection::vec(said(), 1..60)) {
        let all: Vec<(u64, Said)> = all.into_iter().map(|said| (0, said)).collect();
        let bounds = Bounds { of_run: 4, of_sessions: 6, of_session: 3, sessions: 2, places: 3, places_of_pair: 1 };
        let (mut ids, every) = (Ids::new(bounds), expected(&all));
        let told = run(&mut ids, &all);
        for (place, (count, ..)) in &told {
            prop_assert!(every.get(place).is_some_and(|(all, ..)| count <= all), "{:?}", place);
        }
        let counts = ids.counts();
        prop_assert!(counts.known <= 10 && counts.sessions <= 2);
        if told != every {
            prop_assert!(counts.ids_forgotten + counts.sessions_forgotten > 0, "{:?}", counts);
        }
    }
}

#[test]
fn both_places_are_named_and_the_other_pair_is_shown() {
    let pair = |route, p, c| Said { route, session: None, scope: IdScope::Run, pairs: vec![(p, c, 0)] };
    let mut ids = Ids::new(Bounds::default());
    let routes = ROUTES.map(Arc::<str>::from);
    let mut add = |said: &Said, ms| ids.add(at(&routes[said.route], said, ms), &claims(said));
    assert_eq!(add(&pair(0, 7, 70), 1), []);
    assert_eq!(add(&pair(0, 7, 70), 2), []);
    let told = add(&pair(1, 8, 70), 3);
    let seen = |broken: &Broken| {
        let values = [&broken.difference.primary, &broken.difference.candidate].map(|v| v.clone().unwrap_or_default());
        (broken.route.to_string(), values, broken.count, broken.first_seen_ms, broken.last_seen_ms)
    };
    let values = |p: &str, c: &str| [p.to_owned(), format!("\"{c}\"")];
    assert_eq!(
        told.iter().map(seen).collect::<Vec<_>>(),
        [("GET /b".into(), values("8", "70"), 1, 3, 3), ("GET /a".into(), values("7", "70"), 2, 1, 2)]
    );
    // told again, with what it contradicts beside it
    let told = add(&pair(1, 8, 70), 4);
    assert_eq!(
        told.iter().map(seen).collect::<Vec<_>>(),
        [("GET /b".into(), values("8", "70"), 1, 4, 4), ("GET /a".into(), values("7", "70"), 0, 4, 4)]
    );
    assert_eq!(ids.counts().broken, 4);
}

#[test]
fn the_least_recently_used_session_is_forgotten_first() {
    let bounds = Bounds { sessions: 2, ..Bounds::default() };
    let mut ids = Ids::new(bounds);
    let route: Arc<str> = "GET /a".into();
    let mut say = |session: u128, p, c| {
        let said = Said { route: 0, session: Some(session), scope: IdScope::Session, pairs: vec![(p, c, 0)] };
        ids.add(at(&route, &said, 0), &claims(&said)).len()
    };
    assert_eq!((say(1, 7, 70), say(2, 7, 71), say(1, 8, 80), say(3, 7, 72)), (0, 0, 0, 0));
    assert_eq!(say(1, 7, 79), 2, "used again, and so remembered");
    assert_eq!(say(2, 7, 99), 0, "forgotten");
    let counts = ids.counts();
    assert_eq!((counts.sessions, counts.sessions_forgotten, counts.broken), (2, 2, 2));
}
