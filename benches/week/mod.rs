//! A week of traffic, made quickly and the same in every run: exchanges with the judgements that they would get.
//!
//! Fifty routes, three classes of callers, four builds of the candidate one after the other, every hour of a week; each
//! route has many addresses of which a few are asked for most. One exchange of a hundred mismatches, in one of 2,000 ways.

use fastrand::Rng;
use http::header::{CONTENT_TYPE, HeaderName};
use http::{HeaderMap, HeaderValue, Method, StatusCode};
use paritee::compare::{Difference, Kind, Place, Severity};
use paritee::evidence::{
    CellKey, Counts, EvidenceBatch, Exemplar, Fold, Mark, MarkCounts, Session, SignatureDelta, SignatureFacts, Source,
    StoreBodies, StoredAnswer, StoredRequest,
};
use paritee::exchange::{
    Answer, Body, CandidateSession, Client, Exchange, ExchangeId, Outcome, Provenance, Request, Response, Route,
};
use paritee::judge::{Judgement, SignatureId, Verdict};
use paritee::redact::{RedactOptions, Redactor};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::sync::Arc;

/// Kinds of mismatch.
pub(crate) const KINDS: usize = 2_000;
pub(crate) const ROUTES: usize = 50;
/// One exchange of so many mismatches.
pub(crate) const EVERY: u64 = 100;
const WEEK_MS: u64 = 7 * 24 * 3_600_000;
/// 16 November 2026.
const START_MS: u64 = 1_794_787_200_000;
pub(crate) const END_MS: u64 = START_MS + WEEK_MS;
/// Exchanges of one batch at most: 50 ms of 20,000 a second.
const IN_A_BATCH: u64 = 1_000;
/// Store operations of one batch, as the tee has it.
const OPERATIONS: usize = 200;
/// Requests received and not at an end.
const IN_FLIGHT: u64 = 64;

/// The traffic and the fold that it goes into.
pub(crate) struct Week {
    total: u64,
    done: u64,
    made: u64,
    rng: Rng,
    routes: Vec<(Arc<str>, u64)>,
    classes: [Arc<str>; 3],
    kinds: Vec<Judgement>,
    matched: Judgement,
    exchange: Exchange,
    fold: Fold,
    redactor: Redactor,
    counts: Counts,
    sequence: u64,
}

/// A word that stands for a number and looks like no id.
fn word(mut n: usize) -> String {
    let mut word = String::from("field_");
    loop {
        word.push(char::from(b'a' + (n % 26) as u8));
        n /= 26;
        if n == 0 {
            return word;
        }
    }
}

fn mismatch(kind: usize) -> Judgement {
    let difference = Difference {
        place: Place::Body,
        path: format!("/results/0/{}", word(kind)),
        beside: None,
        kind: Kind::Value,
        detail: None,
        primary: Some("\"as it was\"".into()),
        candidate: Some("\"as it is now\"".into()),
        severity: if kind.is_multiple_of(7) { Severity::High } else { Severity::Medium },
        shape: "string→string".into(),
    };
    let mut judgement = Judgement::undecided(Verdict::Mismatch);
    (judgement.differences, judgement.differences_total, judgement.leaves_compared) = (vec![difference], 1, 24);
    judgement
}

fn answer(body: Body) -> Answer {
    let headers = HeaderMap::from_iter([
        (CONTENT_TYPE, HeaderValue::from_static("application/json")),
        (HeaderName::from_static("x-build"), HeaderValue::from_static("2026.11.1")),
    ]);
    Answer {
        outcome: Outcome::Answered(Response { status: StatusCode::OK, headers, body, trailers: None }),
        elapsed_us: 1,
    }
}

/// Some 600 bytes of JSON that do not compress well.
fn body(rng: &mut Rng, field: &str, value: &str) -> Body {
    let mut text = format!("{{\"results\":[{{\"{field}\":\"{value}\"");
    for n in 0..20 {
        let _ = write!(text, ",\"m{n}\":\"{:016x}\"", rng.u64(..));
    }
    text.push_str("}]}");
    Body::from(text.into_bytes())
}

impl Week {
    /// So many exchanges over the week, each signature with so many exemplars at most.
    pub(crate) fn new(total: u64, exemplars: usize, seed: u64) -> Week {
        let route = |n: usize| {
            let name: Arc<str> = format!("GET /api/{}/{{id}}", word(n)).into();
            // from one address to forty thousand
            (name, [1, 20, 500, 5_000, 40_000][n % 5])
        };
        let exchange = Exchange {
            id: ExchangeId(0),
            received_at_ms: START_MS,
            route: Route::declared("GET /"),
            principal: "anonymous".into(),
            subject: None,
            request: Request {
                method: Method::GET,
                target: String::new(),
                headers: HeaderMap::new(),
                body: Body::empty(),
            },
            primary: answer(Body::empty()),
            candidate: answer(Body::empty()),
            secondary: None,
            provenance: Provenance::Own,
            client: Client::Served,
            candidate_session: CandidateSession::Known,
        };
        Week {
            total,
            done: 0,
            made: 0,
            rng: Rng::with_seed(seed),
            routes: (0..ROUTES).map(route).collect(),
            classes: ["anonymous".into(), "user".into(), "staff".into()],
            kinds: (0..KINDS).map(mismatch).collect(),
            matched: Judgement { leaves_compared: 24, ..Judgement::undecided(Verdict::Match) },
            exchange,
            fold: Fold::new(exemplars).with_request_key([7; 32]),
            redactor: Redactor::new(RedactOptions::default(), [9; 32]),
            counts: Counts::default(),
            sequence: 0,
        }
    }
    /// When the exchange that comes next is received.
    pub(crate) fn now_ms(&self) -> u64 {
        START_MS + (u128::from(self.done) * u128::from(WEEK_MS) / u128::from(self.total)) as u64
    }
    /// The number that the next batch has; a tee begins anew in each of its lives.
    pub(crate) fn begin(&mut self, at: u64) {
        (self.done, self.made) = (at, 0);
    }
    fn judged(&mut self) {
        let skewed = |rng: &mut Rng, n: u64| (rng.f64().powi(3) * n as f64) as u64;
        let mismatches = self.done.is_multiple_of(EVERY);
        let kind = if mismatches { skewed_kind(self.done, &mut self.rng) } else { 0 };
        let at = if mismatches { kind % ROUTES } else { skewed(&mut self.rng, ROUTES as u64) as usize };
        let now_ms = self.now_ms();
        let (route, addresses) = &self.routes[at];
        let exchange = &mut self.exchange;
        exchange.id = ExchangeId(self.rng.u128(..));
        exchange.received_at_ms = now_ms;
        exchange.route = Route::declared(route.clone());
        exchange.principal = self.classes[[0, 0, 0, 0, 0, 1, 1, 1, 1, 2][self.rng.usize(..10)]].clone();
        exchange.request.target.clear();
        let address = skewed(&mut self.rng, *addresses);
        let _ = write!(exchange.request.target, "/api/{at}/{address}?page={}", address % 3);
        exchange.primary.elapsed_us = 2_000 + skewed(&mut self.rng, 60_000);
        exchange.candidate.elapsed_us = 1_000 + skewed(&mut self.rng, 40_000);
        let builds = ["2026.11.1", "2026.11.2", "2026.11.3", "2026.11.4"];
        let build = builds[((now_ms - START_MS) * 4 / WEEK_MS).min(3) as usize];
        let judgement = match mismatches {
            true => {
                let field = word(kind);
                for (answer, value) in [(&mut exchange.primary, "as it was"), (&mut exchange.candidate, "as it is now")]
                {
                    if let Outcome::Answered(response) = &mut answer.outcome {
                        response.body = body(&mut self.rng, &field, value);
                    }
                }
                &self.kinds[kind]
            }
            false => &self.matched,
        };
        self.counts.count_verdict(judgement.verdict);
        let versions = (Some("monolith-7"), Some(build));
        self.fold.add(exchange, judgement, 11, versions, &self.redactor, StoreBodies::Full, Session::default());
        self.done += 1;
        self.made += 1;
    }
    /// The next batch, as the tee closes it; `None` after the last exchange.
    pub(crate) fn batch(&mut self, source: Source) -> Option<EvidenceBatch> {
        let from = self.done;
        while self.done < self.total && self.done - from < IN_A_BATCH && self.fold.operations() < OPERATIONS {
            self.judged();
        }
        if from == self.done {
            return None;
        }
        self.sequence += 1;
        let counts = std::mem::take(&mut self.counts);
        Some(self.fold.take(source, self.sequence, self.now_ms(), self.made + IN_FLIGHT, counts))
    }
}

/// Every kind is seen often enough to fill its exemplars, and some far more often.
fn skewed_kind(n: u64, rng: &mut Rng) -> usize {
    let n = n / EVERY;
    if n.is_multiple_of(3) { (n / 3) as usize % KINDS } else { (rng.f64().powi(2) * KINDS as f64) as usize }
}

/// Signatures that a batch of records adds to, and how many exchanges it adds to each.
const AT_ONCE: (u64, u64) = (38, 4);

/// Batches of so many records of 2 KiB, all of which stay: each signature is new and sees no more exchanges than it keeps.
pub(crate) fn records(source: Source, records: u64, exemplars: u64) -> Vec<EvidenceBatch> {
    let mut rng = Rng::with_seed(3);
    let signatures: Vec<u64> = (0..records / exemplars).collect();
    let (mut batches, mut made) = (Vec::new(), 0);
    for group in signatures.chunks(AT_ONCE.0 as usize) {
        for _ in 0..exemplars / AT_ONCE.1 {
            let mut batch = EvidenceBatch::empty(source, batches.len() as u64 + 1);
            for signature in group {
                (0..AT_ONCE.1).for_each(|_| add_record(&mut batch, *signature, &mut rng));
            }
            made += batch.counts.judged();
            batch.received_so_far = made + IN_FLIGHT;
            batch.closed_at_ms = START_MS + batch.sequence * 50;
            batches.push(batch);
        }
    }
    batches
}

fn add_record(batch: &mut EvidenceBatch, signature: u64, rng: &mut Rng) {
    let Judgement { differences, .. } = mismatch(signature as usize);
    let [difference] = &differences[..] else { return };
    let (id, route) = (SignatureId(signature << 32), format!("GET /api/{}/{{id}}", word(signature as usize % ROUTES)));
    let at = START_MS + batch.sequence * 50;
    let answer = |rng: &mut Rng| StoredAnswer {
        status: Some(200),
        failure: None,
        headers: vec![("content-type".into(), "application/json".into()), ("x-build".into(), "2026.11.1".into())],
        body: Some((0..44).map(|_| format!("{:016x}", rng.u64(..))).collect()),
        partial: true,
        body_length: 9_000,
        elapsed_us: 900,
    };
    let exemplar = Exemplar {
        exchange: ExchangeId(rng.u128(..)),
        received_at_ms: at,
        route: route.clone(),
        principal: "anonymous".into(),
        subject: None,
        request: StoredRequest {
            method: "GET".into(),
            target: format!("/api/{signature}/{}", rng.u16(..)),
            headers: vec![("accept".into(), "application/json".into())],
            body: None,
            body_length: 0,
        },
        session_requests: Vec::new(),
        primary: answer(rng),
        candidate: answer(rng),
        differences: Vec::new(),
        differences_total: 1,
        rules: Vec::new(),
        rule_set: 11,
        primary_version: None,
        candidate_version: Some("2026.11.1".into()),
    };
    let key = CellKey {
        route: route.clone(),
        inferred: false,
        primary_version: String::new(),
        candidate_version: "2026.11.1".into(),
        rule_set: 11,
        comparator: 1,
        principal: "anonymous".into(),
        hour: (at / 3_600_000) as u32,
    };
    let facts = SignatureFacts {
        route,
        inferred: false,
        place: difference.place,
        path: difference.path.clone(),
        kind: difference.kind,
        detail: None,
        shape: difference.shape.clone(),
        severity: difference.severity,
    };
    let fresh = SignatureDelta {
        facts,
        count: 0,
        marks: MarkCounts::default(),
        first_seen_ms: at,
        last_seen_ms: at,
        candidate_versions: ["2026.11.1".into()].into(),
        builds: BTreeMap::new(),
        agreed_after_ms: BTreeMap::new(),
    };
    let delta = batch.signatures.entry(id).or_insert(fresh);
    delta.count += 1;
    delta.marks.count(Mark::Unconfirmed);
    let cell = batch.cells.entry(key).or_default();
    *cell.verdicts.entry("mismatch".into()).or_default() += 1;
    cell.marks.count(Mark::Unconfirmed);
    cell.distinct.insert(rng.u64(..));
    batch.counts.count_verdict(Verdict::Mismatch);
    batch.exemplars.push((id, exemplar));
}
