//! A second copy of the monolith: what it disagrees about with the first is noise and hides nothing else, and whatever it
//! does, nobody notices.

use crate::support::origin::{Fault, Next, Origin, Seen, plain};
use crate::support::tee::{Tee, adds_up, at_rest, number};
use crate::support::until;
use crate::support::wire::Answer;
use serde_json::{Value, json};
use std::io::Write;
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};

const OURS: &str = "Host: localhost\r\n";
const ROUTES: &str =
    "[[route]]\nmatch = \"GET /review/{id}\"\n[[route]]\nmatch = \"POST /review\"\nmirror = \"allow\"\n";

/// A side whose `views` is never the same twice, over all three; the rest of its answer is `of` the request.
fn counting(side: usize, of: impl Fn(&Seen) -> (u16, u32) + Send + Sync + 'static) -> Origin {
    let views = AtomicUsize::new(0);
    let build = if side == 1 { "api-1" } else { "monolith-1" };
    Origin::start(Arc::new(move |seen, stream| {
        let (status, stars) = of(seen);
        let body = format!("{{\"views\":{},\"stars\":{stars}}}", 3 * views.fetch_add(1, SeqCst) + side);
        let head = format!("HTTP/1.1 {status} OK\r\nContent-Type: application/json\r\nX-Build: {build}\r\n");
        let sent = write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len());
        if sent.is_ok() { Next::Again } else { Next::Close }
    }))
}

fn with_secondary(secondary: &Origin, max_in_flight: u64) -> String {
    let config = format!("[upstreams.secondary]\nurl = \"{}\"\nversion_header = \"x-build\"\n", secondary.url());
    format!("{config}[mirror]\nmax_in_flight = {max_in_flight}\n{ROUTES}")
}

/// How many mirrored exchanges came to this end as evidence of noise.
fn pairs(tee: &Tee, outcome: &str) -> u64 {
    let metrics = String::from_utf8(tee.admin("GET", "/metrics", OURS).body).expect("text");
    let name = format!("paritee_secondary_total{{outcome=\"{outcome}\"}} ");
    metrics.lines().find_map(|line| line.strip_prefix(&name)).expect(&metrics).parse().expect("a number")
}

/// So many reads, each mirrored: no more are on their way at once than may be.
fn read(tee: &Tee, requests: u64) -> Vec<Answer> {
    let mut client = tee.client();
    let mut answers = Vec::new();
    for n in 0..requests {
        if n % 50 == 0 {
            tee.settled();
        }
        let mut answer = client.request("GET", &format!("/review/{n}"), "Cookie: sessionid=s3\r\n", b"");
        assert_eq!(answer.status, 200);
        let date = answer.header("date").map(str::to_owned).unwrap_or_default();
        answer.head = answer.head.replace(&date, "now");
        answers.push(answer);
    }
    answers
}

fn running(tee: &Tee, path: &str) -> Value {
    serde_json::from_slice(&tee.admin("GET", path, OURS).body).expect("JSON")
}

/// The one signature of this place and kind.
fn at<'r>(report: &'r Value, place: &str, path: &str) -> &'r Value {
    let all = report["signatures"].as_array().expect("signatures");
    let found: Vec<&Value> = all.iter().filter(|one| one["in"] == place && one["path"] == path).collect();
    assert_eq!(found.len(), 1, "{place} {path}: {report}");
    found[0]
}

const REQUESTS: u64 = 150;
/// Of a hundred reads with a secondary that hangs so many find a place; the candidate's never fill up.
const AT_ONCE: u64 = 80;

#[test]
fn noise_is_listed_with_its_counts_and_hides_nothing_else() {
    let primary = counting(0, |_| (200, 4));
    let candidate = counting(1, |seen| match seen.target() {
        "/review/70" => (200, 5),
        "/review/71" => (404, 4),
        _ => (200, 4),
    });
    let secondary = counting(2, |_| (200, 4));
    let tee = Tee::start(&primary, &candidate, &with_secondary(&secondary, 1_000));
    read(&tee, REQUESTS);
    assert_eq!(tee.client().request("POST", "/review", "", b"{}").status, 200);
    // One is not comparable: the candidate's 404 says nothing of the body.
    until("every pair is counted", || (pairs(&tee, "counted") == REQUESTS - 1).then_some(()));
    assert_eq!((pairs(&tee, "not_compared"), pairs(&tee, "method")), (1, 1));
    check_requests(&primary, &secondary);

    let ledger = tee.settled();
    adds_up(&ledger);
    // The POST differs in its views too, and nobody knows whether that is noise: no secondary was asked.
    assert_eq!(number(&ledger, "judgements.mismatch"), REQUESTS + 1, "{ledger}");
    let report = running(&tee, "/api/report");
    check_report(&report);
    check_gate(&running(&tee, "/api/gate"));
    let dir = tee.stopped();
    let stored = at_rest(dir.path(), &["report"]);
    assert_eq!((&stored["signatures"], &stored["suppressed"]), (&report["signatures"], &report["suppressed"]));
    assert_eq!(stored["ledger"]["marks"], report["ledger"]["marks"]);
    check_faces(dir.path(), &stored);

    // What was learnt outlives a restart.
    let tee = Tee::again(dir);
    assert_eq!(running(&tee, "/api/report")["suppressed"], report["suppressed"]);
}

/// What the three sides got: writes never reach the secondary, and reads reach it as they reached the primary.
fn check_requests(primary: &Origin, secondary: &Origin) {
    let (mine, theirs) = (primary.seen(), secondary.seen());
    assert_eq!((mine.len(), theirs.len()), (REQUESTS as usize + 1, REQUESTS as usize));
    for copy in &theirs {
        assert!(copy.head.starts_with("GET "), "{}", copy.head);
        let live = mine.iter().find(|live| live.target() == copy.target()).expect("it was asked live");
        for field in ["host", "cookie", "x-forwarded-for", "x-forwarded-host", "x-paritee-hop"] {
            assert_eq!(copy.header(field), live.header(field), "{field}");
        }
        assert_eq!(copy.header("cookie"), Some("sessionid=s3"));
        assert!(copy.header("x-paritee-exchange").is_some() && copy.header("x-shadow-request") == Some("1"));
        assert!(live.header("x-paritee-exchange").is_none());
    }
}

fn check_report(report: &Value) {
    let views = at_route(report, "GET /review/{id}", "/views");
    let compared = REQUESTS - 1;
    assert_eq!(views["count"], compared, "{views}");
    assert_eq!(views["mark_counts"], json!({"noise": compared}), "all of its exchanges");
    let suppressed = json!([{
        "route": "GET /review/{id}", "in": "body", "path": "/views", "kind": "value",
        "versions": {"primary": "monolith-1", "candidate": "api-1"},
        "pairs": compared, "candidate_only": 0, "secondary_only": 0, "both": compared, "signatures": [views["id"]],
    }]);
    assert_eq!(report["suppressed"], suppressed);
    for shown in [at(report, "body", "/stars"), at(report, "status", ""), at_route(report, "POST /review", "/views")] {
        assert_eq!((&shown["count"], &shown["mark_counts"]), (&json!(1), &json!({"unconfirmed": 1})), "{shown}");
    }
    // An exchange is noise where all that differs is.
    assert_eq!(report["ledger"]["marks"], json!({"noise": compared - 1, "unconfirmed": 3}));
}

/// What is noise does not count as a mismatch of its request; what else differs does.
fn check_gate(gate: &Value) {
    let routes = gate["routes"].as_array().expect("routes");
    let route = routes.iter().find(|one| one["route"] == "GET /review/{id}").unwrap_or_else(|| panic!("{gate}"));
    assert_eq!((&route["distinct"], &route["mismatches"]), (&json!(REQUESTS), &json!(2)), "{route}");
    let told = format!("{} distinct requests differ where the monolith disagrees with itself", REQUESTS - 2);
    assert!(route["notes"].to_string().contains(&told), "{route}");
}

fn at_route<'r>(report: &'r Value, route: &str, path: &str) -> &'r Value {
    let all = report["signatures"].as_array().expect("signatures");
    all.iter().find(|one| one["route"] == route && one["path"] == path).unwrap_or_else(|| panic!("{route}: {report}"))
}

/// What people read, and what a pipeline does of it.
fn check_faces(dir: &std::path::Path, report: &Value) {
    let store = dir.join("store");
    let paritee = |args: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_paritee"));
        let output = command.args(args).arg("--store").arg(&store).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let id = at_route(report, "GET /review/{id}", "/views")["id"].as_str().expect("an id");
    let told = "the monolith disagreed with itself in 149 of 149, the candidate in 149";
    for format in ["table", "markdown", "html"] {
        let (_, text) = paritee(&["report", "--format", format]);
        let lines: Vec<&str> = text.lines().filter(|line| line.contains(id)).collect();
        assert!(lines.len() == 1 && lines[0].contains(told), "{format}: {text}");
        assert!(lines[0].contains("monolith-1") && lines[0].contains("api-1"), "{format}: {text}");
    }
    let (_, lines) = paritee(&["report", "--format", "jsonl"]);
    assert_eq!(lines.lines().filter(|line| line.contains("\"suppressed\":{")).count(), 1, "{lines}");
    let (_, shown) = paritee(&["show", id]);
    assert!(shown.contains(told), "{shown}");
    let code = |query: &str| paritee(&["report", query, "--fail-on", "low"]).0;
    assert_eq!(code("path:$.stars"), Some(1));
    assert_eq!(code(&format!("id:{id}")), Some(0), "what is noise fails nothing");
}

/// The same traffic, whatever becomes of the secondary: the same answers, account and report.
#[test]
fn whatever_the_secondary_does_changes_nothing_else() {
    let primary = Origin::answering(plain(b"the monolith's answer"));
    let candidate = Origin::answering(plain(b"the candidate's answer"));
    let requests = 100;
    let outcome = |config: &str| {
        let tee = Tee::start(&primary, &candidate, config);
        let answers = read(&tee, requests);
        let mut ledger = tee.settled();
        adds_up(&ledger);
        ledger.as_object_mut().expect("an object").remove("durable_seq");
        let mut signatures = running(&tee, "/api/report")["signatures"].take();
        for one in signatures.as_array_mut().expect("signatures") {
            ["first_seen", "last_seen"].iter().for_each(|time| drop(one[time].take()));
        }
        (tee, answers, ledger, signatures)
    };
    let (_tee, answers, ledger, signatures) = outcome(&format!("[mirror]\nmax_in_flight = {AT_ONCE}\n{ROUTES}"));
    assert_eq!(number(&ledger, "marks.unconfirmed"), requests, "{ledger}");
    for fault in [Fault::Closed, Fault::HangBeforeHead, Fault::HangInBody, Fault::Reset, Fault::Garbage] {
        let secondary = Origin::failing(fault);
        let (tee, live, account, report) = outcome(&with_secondary(&secondary, AT_ONCE));
        assert!(live == answers, "{fault:?}");
        assert_eq!(account, ledger, "{fault:?}");
        assert_eq!(report, signatures, "{fault:?}");
        assert_eq!(pairs(&tee, "counted"), 0, "{fault:?}");
        if let Fault::HangBeforeHead | Fault::HangInBody = fault {
            // As many as may be in flight hang; each of the others has been refused at once.
            assert_eq!((pairs(&tee, "failed"), pairs(&tee, "in_flight")), (0, requests - AT_ONCE), "{fault:?}");
            let started = std::time::Instant::now();
            tee.stopped();
            assert!(started.elapsed().as_secs() < 3, "a stop does not wait for it");
        } else {
            until("each is counted", || (pairs(&tee, "failed") + pairs(&tee, "in_flight") == requests).then_some(()));
        }
    }
}

#[test]
fn another_build_of_the_monolith_is_no_evidence_of_noise() {
    let (primary, candidate) = (counting(0, |_| (200, 4)), counting(1, |_| (200, 4)));
    // It calls itself by the candidate's build, and differs everywhere.
    let secondary = counting(1, |_| (200, 4));
    let tee = Tee::start(&primary, &candidate, &with_secondary(&secondary, 1_000));
    read(&tee, REQUESTS);
    until("each is counted", || (pairs(&tee, "other_build") == REQUESTS).then_some(()));
    assert_eq!(running(&tee, "/api/report")["suppressed"], json!([]));
    assert_eq!(number(&tee.settled(), "marks.unconfirmed"), REQUESTS);
}

/// A secondary that leads back to the tee is the monolith asked again: answered, and not copied once more.
#[test]
fn a_secondary_that_comes_back_here_is_no_loop() {
    let (primary, candidate) = (Origin::answering(plain(b"same")), Origin::answering(plain(b"same")));
    // A port that is free now and the tee's in a moment.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let config = format!("[upstreams.secondary]\nurl = \"http://127.0.0.1:{port}\"\n");
    let tee = Tee::at(port, &primary.url(), &candidate.url(), &config);
    assert_eq!(tee.client().get("/a").status, 200);
    until("the pair is counted", || (pairs(&tee, "counted") == 1).then_some(()));
    let ledger = tee.settled();
    adds_up(&ledger);
    let n = |path| number(&ledger, path);
    assert_eq!((n("received"), n("not_mirrored.marked"), n("judgements.match")), (2, 1, 1), "{ledger}");
    assert_eq!((primary.count(), candidate.count()), (2, 1));
}
