//! What a fold counts, what it keeps, and that no secret gets into a batch.

use super::*;
use crate::compare::{Kind, Place, Severity};
use crate::evidence::{Builds, PairKey};
use crate::exchange::{
    Answer, Body, CandidateSession, Client, ExchangeId, Failure, FailureKind, Outcome, Provenance, Request, Response,
    Route,
};
use crate::judge::Context;
use crate::judge::{RuleUse, Vacuous};
use crate::redact::RedactOptions;
use crate::rules::RuleSet;
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use xxhash_rust::xxh3::xxh3_64;

mod broken;
mod marks;

const SOURCE: Source = Source { tee: 1, incarnation: 2 };
const NAMING: Naming = Naming {
    signature: |route, d| SignatureId(xxh3_64(format!("{route} {} {}", d.place, d.path).as_bytes())),
    general_path: |d| d.path.clone(),
};

fn redactor() -> Redactor {
    Redactor::new(RedactOptions::default(), [1; 32])
}

fn answer(status: u16, body: &str) -> Answer {
    let mut headers = HeaderMap::new();
    headers.insert("content-type", HeaderValue::from_static("application/json"));
    headers.append("set-cookie", HeaderValue::from_static("sid=S3CRET; Path=/"));
    let status = StatusCode::from_u16(status).unwrap();
    let response = Response { status, headers, body: body.as_bytes().to_vec().into(), trailers: None };
    Answer { outcome: Outcome::Answered(response), elapsed_us: 1_000 }
}

fn exchange(id: u128, target: &str, primary: Answer, candidate: Answer) -> Exchange {
    let mut headers = HeaderMap::new();
    headers.insert("authorization", HeaderValue::from_static("Bearer S3CRET"));
    Exchange {
        id: ExchangeId(id),
        received_at_ms: 7_200_000 + id as u64,
        route: Route::declared("GET /a/{id}"),
        principal: "user".into(),
        subject: None,
        request: Request {
            method: Method::POST,
            target: target.into(),
            headers,
            body: b"{\"password\":\"S3CRET\"}".to_vec().into(),
        },
        primary,
        candidate,
        secondary: None,
        provenance: Provenance::Own,
        client: Client::Served,
        candidate_session: CandidateSession::Known,
    }
}

fn difference(path: &str) -> Difference {
    Difference {
        place: Place::Body,
        path: path.into(),
        beside: None,
        kind: Kind::Value,
        detail: None,
        primary: Some("\"S3CRET\"".into()),
        candidate: Some("\"S3CRET2\"".into()),
        severity: Severity::Medium,
        shape: "string".into(),
    }
}

fn mismatch(paths: &[&str]) -> Judgement {
    let mut judgement = Judgement::undecided(Verdict::Mismatch);
    judgement.differences = paths.iter().map(|path| difference(path)).collect();
    judgement.differences_total = paths.len() as u64;
    judgement
}

fn fold() -> Fold {
    Fold::with_naming(5, NAMING)
}

fn add(fold: &mut Fold, exchange: &Exchange, judgement: &Judgement) {
    let versions = (Some("m1"), Some("c1"));
    fold.add(exchange, judgement, 9, versions, &redactor(), StoreBodies::Differences, Session::default());
}

fn take(fold: &mut Fold) -> EvidenceBatch {
    fold.take(SOURCE, 1, 5, 6, Counts::default())
}

#[test]
fn cells_count_verdicts_statuses_and_distinct_requests() {
    let mut fold = fold();
    let matched = Judgement {
        leaves_compared: 3,
        rules: vec![RuleUse { name: "r".into(), hits: 2, hidden_leaves: 1 }],
        ..Judgement::undecided(Verdict::Match)
    };
    for id in 0..10 {
        let target = format!("/a/{}", id % 4);
        add(&mut fold, &exchange(id, &target, answer(200, "1"), answer(200, "1")), &matched);
    }
    add(&mut fold, &exchange(11, "/a/1", answer(200, "1"), answer(200, "2")), &mismatch(&[""]));
    let failed = Outcome::Failed(Failure { kind: FailureKind::Timeout, status: None, message: String::new() });
    let failed = Answer { outcome: failed, elapsed_us: 5 };
    let vacuous = Judgement::undecided(Verdict::Vacuous(Vacuous::BothFailed));
    add(&mut fold, &exchange(12, "/a/9", failed.clone(), failed), &vacuous);
    let batch = take(&mut fold);
    assert_eq!(batch.cells.len(), 1);
    let (key, cell) = batch.cells.first_key_value().unwrap();
    assert_eq!((key.hour, key.rule_set, key.primary_version.as_str(), key.principal.as_str()), (2, 9, "m1", "user"));
    let verdicts: Vec<(&str, u64)> = cell.verdicts.iter().map(|(word, n)| (word.as_str(), *n)).collect();
    assert_eq!(verdicts, [("match", 10), ("mismatch", 1), ("vacuous", 1)]);
    assert_eq!((cell.distinct.estimate(), cell.mismatching.requests()), (4, 1));
    assert_eq!(cell.statuses, BTreeMap::from([((200, 200), 11), ((0, 0), 1)]));
    assert_eq!((cell.primary_us.count(), cell.leaves, cell.rules["r"]), (12, 30, (20, 10)));
    assert_eq!(cell.marks.0[Mark::Unconfirmed as usize], 1);
    assert!(fold.is_empty() && take(&mut fold).cells.is_empty());
}

#[test]
fn a_signature_counts_once_an_exchange() {
    let mut fold = fold();
    for id in 0..20 {
        add(&mut fold, &exchange(id, "/a", answer(200, "1"), answer(200, "2")), &mismatch(&["/x", "/y", "/x"]));
    }
    let batch = take(&mut fold);
    assert_eq!(batch.signatures.len(), 2);
    for delta in batch.signatures.values() {
        assert_eq!((delta.count, delta.marks.0[0]), (20, 20));
        assert_eq!((delta.first_seen_ms, delta.last_seen_ms), (7_200_000, 7_200_019));
        assert_eq!(delta.candidate_versions, BTreeSet::from(["c1".to_owned()]));
    }
}

#[test]
fn exemplars_are_the_lowest_ranks_whatever_the_order_and_the_batches() {
    let kept = |ids: Vec<u128>, every: usize| {
        let mut fold = fold();
        let mut sum = EvidenceBatch::empty(SOURCE, 0);
        for (at, id) in ids.into_iter().enumerate() {
            add(&mut fold, &exchange(id, "/a", answer(200, "1"), answer(200, "2")), &mismatch(&["/x"]));
            if at % every == 0 {
                sum.merge(take(&mut fold));
            }
        }
        sum.merge(take(&mut fold));
        sum.trim(5);
        // beside them at most the latest that entered
        assert!(sum.exemplars.len() <= 6);
        sum.exemplars.iter().map(|(_, e)| e.exchange).take(5).collect::<Vec<_>>()
    };
    let mut expected: Vec<ExchangeId> = (0..200).map(ExchangeId).collect();
    expected.sort_by_key(|id| exemplar_rank(*id));
    assert_eq!(kept((0..200).collect(), 7), expected[..5]);
    assert_eq!(kept((0..200).rev().collect(), 1_000), expected[..5]);
}

#[test]
fn an_exemplar_that_cannot_enter_is_not_built() {
    let mut fold = fold();
    for id in 0..2_000 {
        add(&mut fold, &exchange(id, "/a", answer(200, "1"), answer(200, "2")), &mismatch(&["/x"]));
    }
    // Of n in random order about k·ln(n/k) enter the lowest k; far from n.
    let built = fold.exemplars.len();
    assert!((5..100).contains(&built), "{built}");
    assert!((5..7).contains(&take(&mut fold).exemplars.len()));
}

#[test]
fn what_is_seen_today_has_an_exemplar_of_today_and_not_one_for_each_request() {
    let mut fold = fold();
    let at = |id: u128, received_at_ms: u64| {
        let exchange = exchange(id, "/a", answer(200, "1"), answer(200, "2"));
        Exchange { received_at_ms, ..exchange }
    };
    // the lowest of all ranks come first, so that none after them enters by its own
    let mut ids: Vec<u128> = (0..2_000).collect();
    ids.sort_by_key(|id| exemplar_rank(ExchangeId(*id)));
    let start = 1_000_000;
    for id in &ids[..5] {
        add(&mut fold, &at(*id, start), &mismatch(&["/x"]));
    }
    take(&mut fold);
    let mut entered = Vec::new();
    for (n, id) in (0..).zip(&ids[5..]) {
        add(&mut fold, &at(*id, start + n * 60_000), &mismatch(&["/x"]));
        entered.extend(take(&mut fold).exemplars.into_iter().map(|(_, e)| (e.received_at_ms - start) / 60_000));
    }
    let wanted: Vec<u64> = (1..200).map(|n| n * 10).collect();
    assert_eq!(entered, wanted, "one in ten minutes");
}

#[test]
fn too_many_signatures_are_counted_not_lost() {
    let mut fold = fold();
    for id in 0..11u128 {
        let paths: Vec<String> = (0..1_000).map(|n| format!("/{}", id * 1_000 + n)).collect();
        let paths: Vec<&str> = paths.iter().map(String::as_str).collect();
        add(&mut fold, &exchange(id, "/a", answer(200, "1"), answer(200, "2")), &mismatch(&paths));
    }
    assert_eq!(fold.overflow(), 1_000);
    let batch = take(&mut fold);
    assert_eq!(batch.signatures.len(), 10_000);
    assert_eq!(batch.cells.first_key_value().unwrap().1.verdicts["mismatch"], 11);
    assert!(batch.exemplars.len() <= 11 * EXEMPLARS_OF_ONE);
}

#[test]
fn too_many_builds_are_pooled() {
    let mut fold = fold();
    let matched = Judgement::undecided(Verdict::Match);
    let exchange = exchange(1, "/a", answer(200, "1"), answer(200, "1"));
    for n in 0..CELLS + 100 {
        let version = format!("v{n}");
        fold.add(&exchange, &matched, 0, (None, Some(&version)), &redactor(), StoreBodies::None, Session::default());
    }
    let batch = take(&mut fold);
    assert_eq!(batch.cells.len(), CELLS + 1);
    let pooled = batch.cells.iter().find(|(key, _)| key.candidate_version == POOLED).unwrap();
    assert_eq!(pooled.1.verdicts["match"], 100);
}

#[test]
fn no_secret_gets_into_a_batch() {
    let body = r#"{"user":{"password":"S3CRET","title":"x"},"note":"token=S3CRET"}"#;
    let other = body.replace("\"x\"", "\"y\"");
    for store in [StoreBodies::None, StoreBodies::Differences, StoreBodies::Full] {
        let mut fold = fold();
        let session = [super::super::stored_request(
            &exchange(0, "/?token=S3CRET", answer(200, ""), answer(200, "")).request,
            &redactor(),
            store,
        )];
        let exchange = exchange(1, "/a?token=S3CRET", answer(200, body), answer(200, &other));
        let mut judgement = mismatch(&["/user/password", "/user/password/deep"]);
        judgement.differences.push(Difference {
            primary: Some("\"x\"".into()),
            candidate: Some("\"y\"".into()),
            ..difference("/user/title")
        });
        let header = Some("\"sid=S3CRET\"".to_owned());
        judgement.differences.push(Difference {
            place: Place::Header,
            primary: header.clone(),
            candidate: header,
            ..difference("set-cookie")
        });
        fold.add(
            &exchange,
            &judgement,
            9,
            (None, None),
            &redactor(),
            store,
            Session { name: None, requests: &session },
        );
        let batch = take(&mut fold);
        let written = format!("{batch:?}");
        assert!(!written.contains("S3CRET"), "{store:?}: {written}");
        let exemplar = &batch.exemplars[0].1;
        assert_eq!(exemplar.differences.len(), 4);
        assert_eq!(exemplar.differences[2].candidate.as_deref(), Some("\"y\""));
        let (kept, partial) = (exemplar.candidate.body.as_deref(), exemplar.candidate.partial);
        match store {
            StoreBodies::None => assert_eq!((kept, partial), (None, true)),
            StoreBodies::Differences => {
                assert!(kept.unwrap().starts_with("[excerpt]") && kept.unwrap().contains("\"title\":\"y\"") && partial);
            }
            StoreBodies::Full => assert!(kept.unwrap().contains("note") && !partial),
        }
    }
}

#[test]
fn a_page_gives_away_what_its_values_are() {
    let page = |token: &str, pad: usize| {
        let body = format!("<input name=csrf_token value={token}>{}", " ".repeat(pad));
        let mut answer = answer(200, &body);
        if let Outcome::Answered(response) = &mut answer.outcome {
            response.headers.insert("content-type", http::HeaderValue::from_static("text/html"));
        }
        answer
    };
    for pad in [0, 2 << 20] {
        let exchange = exchange(1, "/a", page("S3CRET-A", pad), page("S3CRET-B", pad));
        let judgement = crate::judge::judge(&exchange, &RuleSet::default(), &Context::default());
        assert_eq!(judgement.differences[0].path, "/0/input@value");
        let mut fold = fold();
        fold.add(&exchange, &judgement, 9, (None, None), &redactor(), StoreBodies::Differences, Session::default());
        let batch = take(&mut fold);
        assert!(!format!("{batch:?}").contains("S3CRET"), "{batch:?}");
        let told = &batch.exemplars[0].1.differences[0];
        assert!(told.primary.is_some() && (pad > 0 || told.primary != told.candidate));
    }
}

#[test]
fn values_headers_and_bodies_are_capped() {
    let large = "x".repeat(300_000);
    let mut exchange = exchange(1, &format!("/{large}"), answer(200, &format!("\"{large}\"")), answer(200, "1"));
    for n in 0..200u32 {
        let name: http::HeaderName = format!("x-{n}").parse().unwrap();
        exchange.request.headers.insert(name, HeaderValue::from_str(&large[..20_000]).unwrap());
    }
    let mut judgement = mismatch(&[""; 1_000]);
    judgement.differences[0].primary = Some(format!("\"{large}\""));
    let mut fold = fold();
    fold.add(&exchange, &judgement, 9, (None, None), &redactor(), StoreBodies::Full, Session::default());
    let batch = take(&mut fold);
    let exemplar = &batch.exemplars[0].1;
    assert!(exemplar.size() < 300_000, "{}", exemplar.size());
    assert!(exemplar.primary.partial);
    assert!(exemplar.differences[0].primary.as_ref().unwrap().ends_with("…[cut:len=300002]"));
    assert_eq!((exemplar.differences.len(), exemplar.differences_total), (100, 1_000));
}

#[test]
fn the_request_hash_ignores_frames_and_sees_all_else() {
    let of = |target: &str, parts: &[&'static [u8]], principal: &str| {
        let mut exchange = exchange(1, target, answer(200, "1"), answer(200, "1"));
        exchange.principal = principal.into();
        let mut chunks = crate::exchange::Chunks::new();
        parts.iter().for_each(|part| chunks.push(bytes::Bytes::from_static(part)));
        exchange.request.body = Body::Complete(chunks);
        Namer::new([7; 32]).name(&exchange)
    };
    assert_eq!(of("/a", &[b"xy"], "u"), of("/a", &[b"x", b"y"], "u"));
    const LONG: &[u8] = &[b'x'; 4_000];
    assert_eq!(of("/a", &[LONG], "u"), of("/a", &[&LONG[..1], &LONG[1..3_000], &LONG[3_000..]], "u"));
    let all = [
        of("/a", &[b"xy"], "u"),
        of("/b", &[b"xy"], "u"),
        of("/a", &[b"xz"], "u"),
        of("/a", &[], "u"),
        of("/a", &[b"xy"], "v"),
        of("/a", &[LONG], "u"),
        of("/a", &[&LONG[1..], b"y"], "u"),
        of("/a", &[b"y", &LONG[1..]], "u"),
    ];
    assert_eq!(all.iter().collect::<BTreeSet<_>>().len(), all.len());
}

#[test]
fn requests_are_named_under_the_key() {
    let exchange = exchange(1, "/reset?token=1234", answer(200, "1"), answer(200, "1"));
    let cells = |key: Option<&[u8; 32]>| {
        let mut fold = fold();
        if let Some(key) = key {
            fold = fold.with_request_key(request_key(key));
        }
        add(&mut fold, &exchange, &Judgement::undecided(Verdict::Match));
        take(&mut fold).cells.into_values().next().unwrap().distinct
    };
    assert_eq!(cells(Some(&[1; 32])), cells(Some(&[1; 32])), "one key, one name, over restarts");
    assert_ne!(cells(Some(&[1; 32])), cells(Some(&[2; 32])));
    assert_ne!(cells(Some(&[1; 32])), cells(None));
}

#[test]
fn a_pair_is_counted_under_its_builds_and_without_secrets() {
    let exchange = exchange(1, "/a/1", answer(200, "1"), answer(200, "2"));
    let secret = "/a/sk_live_token=S3CRET";
    let (both, mine) = (mismatch(&["/n", secret]), mismatch(&["/n"]));
    let count = |mut fold: Fold| {
        add(&mut fold, &exchange, &both);
        let (candidate, second) =
            (fold.found("GET /a/{id}", &both, &redactor()), fold.found("GET /a/{id}", &mine, &redactor()));
        fold.add_pair(&exchange, (Some("m1"), None), &candidate.unwrap(), &second.unwrap());
        assert!(!fold.is_empty());
        take(&mut fold)
    };
    assert!(count(fold()).pairs.is_empty(), "nothing is counted where there is no secondary");
    let mut with_pairs = fold();
    with_pairs.count_pairs(true);
    let batch = count(with_pairs);
    assert!(!format!("{:?}", batch.pairs).contains("S3CRET"), "{:?}", batch.pairs);
    let key = |candidate: &str| PairKey {
        route: "GET /a/{id}".into(),
        builds: Builds { primary: "m1".into(), candidate: candidate.into() },
    };
    let (judged, pair) = (&batch.pairs[&key("c1")], &batch.pairs[&key("")]);
    assert_eq!((judged.pairs, judged.mixes.values().sum::<u64>()), (0, 1));
    assert_eq!((pair.pairs, pair.groups.len(), pair.last_ms), (1, 2, exchange.received_at_ms));
    let counts: Vec<_> = pair.groups.values().map(|group| (group.paired.candidate_only, group.paired.both)).collect();
    assert_eq!(counts, [(1, 0), (0, 1)]);
    assert!(batch.signatures.values().all(|delta| delta.builds == BTreeMap::from([(key("c1").builds, 1)])));
    let paths: BTreeSet<_> = batch.signatures.values().map(|delta| delta.facts.path.clone()).collect();
    assert_eq!(paths, pair.groups.keys().map(|at| at.path.clone()).collect(), "a place has one name");
}
