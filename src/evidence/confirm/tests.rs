//! Each corner of the marks: answers of both sides, then and later, in; marks out.

use super::*;
use crate::exchange::{
    Body, CandidateSession, Client, Exchange, ExchangeId, Failure, FailureKind, Provenance, Request, Response, Route,
};
use crate::judge::{Context, judge};
use crate::rules::{NumberTolerance, Rewrite, RuleKind, RuleSet, RuleSpec, SideChoice};
use http::{HeaderMap, HeaderValue, Method, StatusCode, header};

/// `200 {…}`, `404 …`, or `-` for a side that gave no answer.
fn answer(text: &str) -> Answer {
    let Some((status, body)) = text.split_once(' ') else {
        let failure = Failure { kind: FailureKind::Timeout, status: None, message: String::new() };
        return Answer { outcome: Outcome::Failed(failure), elapsed_us: 0 };
    };
    let headers = HeaderMap::from_iter([(header::CONTENT_TYPE, HeaderValue::from_static("application/json"))]);
    let status = StatusCode::from_bytes(status.as_bytes()).unwrap();
    let response = Response { status, headers, body: Body::from(body.as_bytes().to_vec()), trailers: None };
    Answer { outcome: Outcome::Answered(response), elapsed_us: 0 }
}

fn exchange(primary: &Answer, candidate: &Answer) -> Exchange {
    Exchange {
        id: ExchangeId(0),
        received_at_ms: 0,
        route: Route::declared("GET /x"),
        principal: "anonymous".into(),
        subject: None,
        request: Request { method: Method::GET, target: "/x".into(), headers: HeaderMap::new(), body: Body::empty() },
        primary: primary.clone(),
        candidate: candidate.clone(),
        secondary: None,
        provenance: Provenance::Own,
        client: Client::Served,
        candidate_session: CandidateSession::Known,
    }
}

fn rules(all: &[(&str, RuleKind)]) -> RuleSet {
    let spec = |(path, kind): &(&str, RuleKind)| RuleSpec {
        name: format!("rule at {path}").into(),
        path: Some((*path).to_owned()),
        kind: kind.clone(),
        reason: None,
        until_day: None,
        of_route: false,
    };
    RuleSet::compile(&all.iter().map(spec).collect::<Vec<_>>()).unwrap()
}

/// What is found of these answers (primary, candidate), the first pair and those after 250 ms, 60 s, 1 h.
fn found_under(rules: &RuleSet, pairs: &[(&str, &str)]) -> Confirming {
    let pairs: Vec<(Answer, Answer)> = pairs.iter().map(|(p, c)| (answer(p), answer(c))).collect();
    let judged = |primary: &Answer, candidate: &Answer, under_rules: bool| {
        let none = RuleSet::default();
        judge(&exchange(primary, candidate), if under_rules { rules } else { &none }, &Context::default())
    };
    let (primary, candidate) = &pairs[0];
    let first = judged(primary, candidate, true);
    let route: Arc<str> = "GET /x".into();
    let ids: Vec<SignatureId> = first.differences.iter().map(|one| signature(&route, one)).collect();
    let mut confirming = Confirming::of(&route, &first, &ids).expect("a mismatch");
    for ((p, c), after_ms) in pairs[1..].iter().zip([250, 60_000, 3_600_000]) {
        let primary = Change::between(&route, primary, p, judged);
        let candidate = Change::between(&route, candidate, c, judged);
        confirming.look(after_ms, &judged(p, c, true), &primary, &candidate);
    }
    confirming
}

fn found(pairs: &[(&str, &str)]) -> Confirming {
    found_under(&RuleSet::default(), pairs)
}

/// The mark of an exchange of one signature, and after how long the sides agreed.
fn one(pairs: &[(&str, &str)]) -> (Option<Mark>, Option<u64>) {
    let found = found(pairs);
    let [marked] = found.signatures()[..] else { panic!("{:?}", found.signatures()) };
    assert_eq!(found.exchange(), marked.mark);
    (marked.mark, marked.agreed_after_ms)
}

const RIGHT: &str = r#"200 {"n":1}"#;
const WRONG: &str = r#"200 {"n":2}"#;
const FIRST: (&str, &str) = (RIGHT, WRONG);

#[test]
fn what_is_still_there_is_persistent() {
    assert_eq!(one(&[FIRST, FIRST, FIRST]), (Some(Mark::Persistent), None));
    // Another wrong value of the same class is the same signature.
    assert_eq!(one(&[FIRST, (RIGHT, r#"200 {"n":3}"#)]), (Some(Mark::Persistent), None));
    // What a later look could not tell does not take it away.
    assert_eq!(one(&[FIRST, FIRST, ("503 {}", WRONG)]), (Some(Mark::Persistent), None));
    assert_eq!(one(&[FIRST, FIRST, (RIGHT, "404 {}")]), (Some(Mark::Persistent), None));
}

#[test]
fn sides_that_agree_after_a_lag_or_a_write_raced() {
    // The candidate gave its old answer once more, and then the primary's.
    assert_eq!(one(&[FIRST, FIRST, (RIGHT, RIGHT)]), (Some(Mark::Race), Some(60_000)));
    // The primary was asked before a write, the candidate after it.
    assert_eq!(one(&[FIRST, (WRONG, WRONG), (WRONG, WRONG)]), (Some(Mark::Race), Some(250)));
    let later = r#"200 {"n":9}"#;
    assert_eq!(one(&[FIRST, (later, later)]), (Some(Mark::Race), Some(250)), "both have moved");
    assert_eq!(one(&[("404 {}", RIGHT), (RIGHT, RIGHT)]), (Some(Mark::Race), Some(250)));
    // That it agrees in this place is enough: what else differs by then is another mismatch.
    let more = (r#"200 {"n":2,"m":1}"#, r#"200 {"n":2,"m":2}"#);
    assert_eq!(one(&[FIRST, more]), (Some(Mark::Race), Some(250)));
}

#[test]
fn a_candidate_that_changes_its_answer_alone_counts() {
    // One replica of ten: at once right, and right again.
    assert_eq!(one(&[FIRST, (RIGHT, RIGHT), (RIGHT, RIGHT)]), (Some(Mark::CandidateUnstable), Some(250)));
    // Right, and wrong again, whatever came between.
    assert_eq!(one(&[FIRST, (RIGHT, RIGHT), FIRST]), (Some(Mark::CandidateUnstable), None));
    assert_eq!(one(&[FIRST, FIRST, (RIGHT, RIGHT), FIRST]), (Some(Mark::CandidateUnstable), None));
    assert_eq!(one(&[FIRST, (RIGHT, RIGHT), FIRST, (RIGHT, RIGHT)]), (Some(Mark::CandidateUnstable), Some(3_600_000)));
    // Wrong in another way each time.
    assert_eq!(one(&[FIRST, (RIGHT, "500 {}")]), (Some(Mark::CandidateUnstable), None));
    assert_eq!(one(&[FIRST, (RIGHT, r#"200 {"n":"x"}"#), (RIGHT, "-")]), (Some(Mark::CandidateUnstable), None));
    assert_eq!(one(&[(RIGHT, "-"), (RIGHT, RIGHT)]), (Some(Mark::CandidateUnstable), Some(250)), "it timed out");
}

#[test]
fn a_primary_that_differs_from_itself_in_the_same_way_is_unstable() {
    let views = |n: u32| format!(r#"200 {{"n":{n}}}"#);
    let [a, b, c] = [views(14), views(27), views(33)];
    assert_eq!(one(&[(&a, WRONG), (&b, WRONG), (&c, WRONG)]), (Some(Mark::PrimaryUnstable), None));
    // It differed from itself once and not the other time: the candidate is wrong.
    assert_eq!(one(&[(&a, WRONG), (&b, WRONG), (&a, WRONG)]), (Some(Mark::Persistent), None));
    // In another way: the candidate is wrong whatever the primary counts.
    let null = r#"200 {"n":null}"#;
    assert_eq!(one(&[(&a, null), (&b, null)]), (Some(Mark::Persistent), None));
    // One replica of the monolith.
    assert_eq!(one(&[FIRST, (WRONG, WRONG), FIRST]), (Some(Mark::PrimaryUnstable), None));
    // What is gone or of another status is never its own instability.
    let gone = "404 {}";
    assert_eq!(one(&[(RIGHT, gone), (gone, gone), (RIGHT, gone)]), (Some(Mark::Persistent), None));
    let without = "200 {}";
    assert_eq!(one(&[(RIGHT, without), (without, without), (RIGHT, without)]), (Some(Mark::Persistent), None));
}

#[test]
fn what_no_look_tells_stays_as_it_was() {
    assert_eq!(found(&[FIRST]).exchange(), None);
    for failed in ["-", "429 {}", "503 {}"] {
        assert_eq!(one(&[FIRST, (failed, WRONG)]), (None, None), "{failed}");
    }
    // Both have changed, and still differ in another way.
    assert_eq!(one(&[FIRST, (r#"200 {"n":"x"}"#, r#"200 {"n":null}"#)]), (None, None));
    // The place is not reached any more, since the primary answers otherwise.
    assert_eq!(one(&[FIRST, ("404 {}", WRONG)]), (None, None));
    // One that agreed and that nobody could ask about again stays what it was shown to be.
    assert_eq!(one(&[FIRST, (WRONG, WRONG), ("503 {}", WRONG)]), (Some(Mark::Race), Some(250)));
}

#[test]
fn an_exchange_counts_while_one_of_its_signatures_does() {
    let first = (r#"200 {"a":1,"b":"x"}"#, r#"200 {"a":2,"b":null}"#);
    let marks = |looks: &[(&str, &str)]| {
        let found = found(&[&[first], looks].concat());
        let of = found.signatures().into_iter().map(|marked| marked.mark).collect::<Vec<_>>();
        (of, found.exchange())
    };
    let raced = (r#"200 {"a":2,"b":"x"}"#, r#"200 {"a":2,"b":null}"#);
    assert_eq!(marks(&[raced]), (vec![Some(Mark::Race), Some(Mark::Persistent)], Some(Mark::Persistent)));
    let both = (r#"200 {"a":2,"b":null}"#, r#"200 {"a":2,"b":null}"#);
    assert_eq!(marks(&[both]), (vec![Some(Mark::Race); 2], Some(Mark::Race)));
    let unclear = (r#"200 {"a":2,"b":7}"#, r#"200 {"a":2,"b":true}"#);
    assert_eq!(marks(&[unclear]), (vec![Some(Mark::Race), None], None));
}

#[test]
fn the_same_signature_in_many_places_is_one_and_elements_may_move() {
    let first = (r#"200 [{"id":1,"n":1},{"id":2,"n":1}]"#, r#"200 [{"id":1,"n":2},{"id":2,"n":2}]"#);
    assert_eq!(one(&[first, first]).0, Some(Mark::Persistent));
    // One of the two is left: it is still there.
    let left = (r#"200 [{"id":1,"n":1},{"id":2,"n":1}]"#, r#"200 [{"id":1,"n":1},{"id":2,"n":2}]"#);
    assert_eq!(one(&[first, left]).0, Some(Mark::Persistent));
    let agreed = r#"200 [{"id":3,"n":2},{"id":1,"n":2},{"id":2,"n":2}]"#;
    assert_eq!(one(&[first, (agreed, agreed)]), (Some(Mark::Race), Some(250)));
}

#[test]
fn rules_hide_what_they_hide_and_make_no_change_of_their_own() {
    // What is within the tolerance is no change of the primary: the candidate alone came round.
    let near = RuleKind::Number(NumberTolerance { abs: Some("5".into()), ..NumberTolerance::default() });
    let found = found_under(
        &rules(&[("$.n", near)]),
        &[(r#"200 {"n":100,"v":1}"#, r#"200 {"n":150,"v":1}"#), (r#"200 {"n":102,"v":2}"#, r#"200 {"n":103,"v":2}"#)],
    );
    assert_eq!(found.exchange(), Some(Mark::CandidateUnstable));
    // A rule for the candidate alone: held against itself the candidate has no element in common, and has not changed.
    let strip = Rewrite { pattern: "^urn:".into(), with: String::new(), side: SideChoice::Candidate };
    let keyed = rules(&[("$.list", RuleKind::Key(vec!["$.id".into()])), ("$.list[*].id", RuleKind::Rewrite(strip))]);
    let primary = |n: u32, t: u32| format!(r#"200 {{"list":[{{"id":"1","n":{n},"t":{t}}}]}}"#);
    let candidate = |t: u32| format!(r#"200 {{"list":[{{"id":"urn:1","n":29,"t":{t}}}]}}"#);
    let found = found_under(
        &keyed,
        &[(&primary(17, 1), &candidate(1)), (&primary(29, 2), &candidate(2)), (&primary(17, 2), &candidate(2))],
    );
    assert_eq!(found.exchange(), Some(Mark::PrimaryUnstable), "{:?}", found.signatures());
}

#[test]
fn what_is_critical_is_never_taken_back() {
    let (refused, given) = ("403 {}", RIGHT);
    assert_eq!(one(&[(refused, given), (refused, given)]).0, Some(Mark::Persistent));
    assert_eq!(one(&[(refused, given), (refused, refused)]).0, Some(Mark::CandidateUnstable));
    assert_eq!(
        one(&[(refused, given), (refused, given), (refused, refused)]).0,
        None,
        "a lag of a right that was lost"
    );
    assert_eq!(one(&[(refused, given), (given, given)]).0, None);
}

#[test]
fn only_a_whole_list_of_differences_can_be_followed() {
    let route: Arc<str> = "GET /x".into();
    let judged = judge(&exchange(&answer(RIGHT), &answer(WRONG)), &RuleSet::default(), &Context::default());
    let id = signature(&route, &judged.differences[0]);
    assert!(Confirming::of(&route, &judged, &[id]).is_some());
    let cut = Judgement { differences_total: 2, ..judged.clone() };
    assert!(Confirming::of(&route, &cut, &[id]).is_none());
    assert!(Confirming::of(&route, &Judgement::undecided(Verdict::Match), &[]).is_none());
    // Nor does a later list that was cut show that anything is gone.
    let mut confirming = Confirming::of(&route, &judged, &[id]).unwrap();
    let elsewhere = Judgement { differences: Vec::new(), ..cut };
    let moved = Change { whole: true, ..Change::default() };
    assert!(confirming.look(250, &elsewhere, &moved, &moved));
    assert_eq!(confirming.exchange(), None);
}
