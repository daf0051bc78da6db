//! Mismatches asked again of both sides: the mark of each kind, within the budget, and nothing that must not be asked or kept.

use crate::support::origin::{Next, Origin, Seen};
use crate::support::tee::{Tee, adds_up, at_rest, number, sides};
use crate::support::until;
use serde_json::{Value, json};
use std::io::Write;
use std::net::TcpStream;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const OURS: &str = "Host: localhost\r\n";
/// Looks are one in a hundred requests.
const REQUESTS_A_LOOK: usize = 100;

fn send(stream: &mut TcpStream, build: &str, body: &str) -> Next {
    let head = format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Build: {build}\r\n");
    let sent = write!(stream, "{head}Content-Length: {}\r\n\r\n{body}", body.len());
    if sent.is_ok() { Next::Again } else { Next::Close }
}

/// A side, and what it was asked for but for what earns looks.
struct Side {
    origin: Origin,
    seen: Arc<Mutex<Vec<Seen>>>,
}

impl Side {
    fn asked(&self, target: &str) -> Vec<Seen> {
        self.seen.lock().unwrap().iter().filter(|one| one.target() == target).cloned().collect()
    }
}

/// A side that says a number, by what it is asked for and how often it has been asked for that.
fn side(build: &'static str, says: impl Fn(&str, usize) -> u64 + Send + Sync + 'static) -> Side {
    let asked: Arc<Mutex<Vec<Seen>>> = Arc::default();
    let seen = asked.clone();
    let origin = Origin::start(Arc::new(move |request, stream| {
        let target = request.target();
        let mut asked = asked.lock().unwrap();
        if !target.starts_with("/same") {
            asked.push(request.clone());
        }
        let times = asked.iter().filter(|one| one.target() == target).count();
        drop(asked);
        send(stream, build, &format!("{{\"n\":{}}}", says(target, times)))
    }));
    Side { origin, seen }
}

fn between(primary: &Side, candidate: &Side, config: &str) -> Tee {
    Tee::start(&primary.origin, &candidate.origin, config)
}

fn confirming(after: &str, more: &str) -> String {
    format!("[confirm]\nafter = {after}\nbudget = \"100/s\"\n{more}")
}

fn metric(tee: &Tee, outcome: &str) -> u64 {
    tee.metric(&format!("paritee_confirm_total{{outcome=\"{outcome}\"}}"))
}

fn report(tee: &Tee) -> Value {
    serde_json::from_slice(&tee.admin("GET", "/api/report", OURS).body).expect("JSON")
}

/// Earns so many looks, by requests on which both sides agree.
fn earn(tee: &Tee, looks: usize) {
    let mut client = tee.client();
    for n in 0..looks * REQUESTS_A_LOOK {
        assert_eq!(client.get(&format!("/same/{n}")).status, 200);
        if n % 50 == 0 {
            tee.settled();
        }
    }
    // What is asked for here is counted first.
    report(tee);
}

fn signature<'r>(report: &'r Value, route: &str) -> &'r Value {
    let all = report["signatures"].as_array().expect("signatures");
    all.iter().find(|one| one["route"] == route).unwrap_or_else(|| panic!("{route}: {report}"))
}

const KINDS: [&str; 5] = ["/persistent", "/race", "/lag", "/replica", "/views"];

fn primary_says(target: &str, times: usize) -> u64 {
    match target {
        // A write came between.
        "/race" if times == 1 => 17,
        "/views" => 1_000 + 13 * times as u64,
        _ => 29,
    }
}

fn candidate_says(target: &str, times: usize) -> u64 {
    match target {
        "/persistent" => 17,
        "/lag" if times <= 2 => 17,
        "/replica" if times == 1 => 17,
        "/views" => 2,
        _ => 29,
    }
}

#[test]
fn each_kind_gets_its_mark_and_only_what_may_count_counts() {
    let (primary, candidate) = (side("m1", primary_says), side("c1", candidate_says));
    let routes = KINDS.map(|path| format!("[[route]]\nmatch = \"GET {path}\"\n")).concat();
    let gates = "[[gate]]\nname = \"cutover\"\n";
    let tee = between(&primary, &candidate, &confirming("[\"60ms\", \"200ms\"]", &(routes + gates)));
    earn(&tee, 2 * KINDS.len());
    let mine = "Cookie: sessionid=s3; theme=dark\r\nAuthorization: Bearer t0k\r\nX-Mine: yes\r\n";
    for path in KINDS {
        assert_eq!(tee.client().request("GET", path, mine, b"").status, 200);
    }
    until("each is told", || (metric(&tee, "candidate_unstable") == 1).then_some(()));
    until("nothing waits", || (tee.metric("paritee_confirm_waiting") == 0).then_some(()));
    let ledger = tee.settled();
    adds_up(&ledger);
    let marks = json!({"persistent": 1, "race": 2, "primary_unstable": 1, "candidate_unstable": 1});
    assert_eq!(ledger["marks"], marks, "{ledger}");
    for (outcome, n) in [("persistent", 1), ("race", 2), ("primary_unstable", 1), ("candidate_unstable", 1)] {
        assert_eq!(metric(&tee, outcome), n, "{outcome}");
    }
    assert_eq!(tee.metric("paritee_confirm_looks_total"), 2 * KINDS.len() as u64);

    let told = report(&tee);
    for (path, mark, agreed) in [
        ("/persistent", "persistent", None),
        ("/race", "race", Some("60")),
        ("/lag", "race", Some("200")),
        ("/replica", "candidate_unstable", Some("60")),
        ("/views", "primary_unstable", None),
    ] {
        let one = signature(&told, &format!("GET {path}"));
        assert_eq!((&one["count"], &one["mark_counts"]), (&json!(1), &json!({ mark: 1 })), "{one}");
        let delays = agreed.map_or(Value::Null, |ms| json!({ ms: 1 }));
        assert_eq!(one.get("agreed_after_ms").cloned().unwrap_or_default(), delays, "{path}");
        check_copies(&primary, &candidate, path);
    }
    let dir = tee.stopped();
    let rest = at_rest(dir.path(), &["report"]);
    assert_eq!((&rest["signatures"], &rest["ledger"]["marks"]), (&told["signatures"], &marks), "at rest too");
    check_gate(dir.path());
    let shown = at_rest(dir.path(), &["show", signature(&rest, "GET /lag")["id"].as_str().unwrap()]);
    assert_eq!(shown["agreed_after_ms"], json!({"200": 1}), "{shown}");
}

/// Of what either side was asked on this path: the first request and two that are its like.
fn check_copies(primary: &Side, candidate: &Side, path: &str) {
    for (seen, is_primary) in [(primary.asked(path), true), (candidate.asked(path), false)] {
        assert_eq!(seen.len(), 3, "{path}");
        for again in &seen[1..] {
            for field in ["host", "cookie", "authorization", "x-mine", "x-forwarded-for", "x-forwarded-proto"] {
                assert_eq!(again.header(field), seen[0].header(field), "{path}: {field}");
            }
            assert_eq!(again.header("cookie"), Some("sessionid=s3; theme=dark"));
            assert_eq!(again.header("x-shadow-request"), Some("1"));
            assert!(again.header("x-paritee-exchange").is_some() && again.head.starts_with("GET "));
            assert_eq!(again.header("x-paritee-hop").is_some(), is_primary);
        }
        assert_eq!(seen[0].header("x-shadow-request").is_some(), !is_primary);
    }
}

/// A request that raced, or that the primary answers otherwise each time, is no mismatch of its route any more.
fn check_gate(dir: &Path) {
    let output = Command::new(env!("CARGO_BIN_EXE_paritee"))
        .args(["gate", "--format", "json", "--config"])
        .arg(dir.join("paritee.toml"))
        .arg("--store")
        .arg(dir.join("store"))
        .output()
        .unwrap();
    let view: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    for (path, mismatches) in [("/persistent", 1), ("/race", 0), ("/lag", 0), ("/replica", 1), ("/views", 0)] {
        let routes = view["routes"].as_array().unwrap();
        let route = routes.iter().find(|one| one["route"] == format!("GET {path}")).unwrap();
        assert_eq!((&route["distinct"], &route["mismatches"]), (&json!(1), &json!(mismatches)), "{route}");
    }
}

#[test]
fn the_primary_is_asked_within_the_budget_and_for_one_in_a_hundred_requests() {
    let times: Arc<Mutex<Vec<Instant>>> = Arc::default();
    let at = times.clone();
    let primary = Origin::start(Arc::new(move |seen: &Seen, stream| {
        if seen.header("x-shadow-request").is_some() {
            at.lock().unwrap().push(Instant::now());
        }
        // A member of its own each time, so that each mismatch is a signature of its own and wanted.
        let member = seen.target().trim_start_matches("/kind/");
        send(stream, "m1", &format!("{{\"m{member}x\":1}}"))
    }));
    let candidate = Origin::start(Arc::new(|_: &Seen, stream| send(stream, "c1", "{}")));
    let config = "[confirm]\nafter = [\"10ms\", \"20ms\"]\nbudget = \"3/s\"\n";
    let tee = Tee::start(&primary, &candidate, config);
    let (mut client, started) = (tee.client(), Instant::now());
    let (mut live, letters) =
        (0_u64, |n: u64| n.to_string().bytes().map(|b| (b - b'0' + b'a') as char).collect::<String>());
    // More than the budget gives, by requests and by time.
    while started.elapsed() < Duration::from_secs(3) || live < 1_500 {
        assert_eq!(client.get(&format!("/kind/{}", letters(live))).status, 200);
        live += 1;
        if live.is_multiple_of(50) {
            tee.settled();
        }
        assert!(times.lock().unwrap().len() as u64 * 100 <= live, "never above one in a hundred");
    }
    until("nothing waits", || (tee.metric("paritee_confirm_waiting") == 0).then_some(()));
    let asked = times.lock().unwrap().clone();
    assert!(asked.len() >= 4 && metric(&tee, "budget") + metric(&tee, "share") > 0, "{} asked", asked.len());
    assert_eq!(asked.len() as u64, tee.metric("paritee_confirm_looks_total"));
    for (at, from) in asked.iter().enumerate() {
        for (n, to) in asked[at..].iter().enumerate() {
            // A timer may be late, so that two looks come nearer to one another than they were due.
            let span = (*to - *from).as_secs_f64() + 0.25;
            assert!((n + 1) as f64 <= 3.0 + 3.0 * span, "{} within {span} s", n + 1);
        }
    }
    adds_up(&tee.settled());
}

#[test]
fn a_write_is_never_asked_again() {
    let (primary, candidate) = (side("m1", |_, _| 1), side("c1", |target, _| if target == "/a" { 2 } else { 1 }));
    let route = "[[route]]\nmatch = \"POST /a\"\nmirror = \"allow\"\n";
    let tee = between(&primary, &candidate, &confirming("[\"10ms\"]", route));
    earn(&tee, 3);
    for method in ["POST", "GET", "HEAD"] {
        assert_eq!(tee.client().request(method, "/a", "", b"").status, 200);
    }
    until("the GET is told", || (metric(&tee, "persistent") == 1).then_some(()));
    assert_eq!(metric(&tee, "method"), 1);
    let seen = primary.asked("/a");
    let methods: Vec<&str> = seen.iter().map(|one| one.head.split(' ').next().unwrap()).collect();
    assert_eq!(methods.iter().filter(|method| **method == "POST").count(), 1, "{methods:?}");
    assert_eq!(methods.iter().filter(|method| **method == "GET").count(), 2, "{methods:?}");
    assert_eq!(number(&tee.settled(), "marks.unconfirmed"), 1);
}

#[test]
fn nothing_is_asked_while_the_mirror_rests() {
    let differs = |target: &str, _: usize| if target.starts_with("/d") { 2 } else { 1 };
    let (primary, candidate) = (side("m1", |_, _| 1), side("c1", differs));
    let tee = between(&primary, &candidate, &confirming("[\"300ms\"]", ""));
    earn(&tee, 4);
    let take_up = |path: &str| {
        assert_eq!(tee.client().get(path).status, 200);
        until("it waits", || (tee.metric("paritee_confirm_waiting") == 1).then_some(()));
    };
    take_up("/d1");
    assert_eq!(tee.admin("POST", "/api/mirror/off", OURS).status, 200);
    until("it was let go", || (metric(&tee, "off") == 1).then_some(()));
    assert_eq!(tee.admin("POST", "/api/mirror/on", OURS).status, 200);

    let under = |after: &str| {
        tee.rewrite(&sides(&primary.origin.url(), &candidate.origin.url(), &confirming(after, "")));
        assert_eq!(tee.reload().status, 200);
    };
    under("[\"1h\"]");
    take_up("/d2");
    under("[\"300ms\"]");
    until("it was let go", || (metric(&tee, "reload") == 1).then_some(()));
    assert_eq!(tee.metric("paritee_confirm_waiting"), 0);

    // Under the next config things go on, and in its own budget.
    take_up("/d3");
    until("it was asked", || (metric(&tee, "persistent") == 1).then_some(()));
    assert_eq!([1, 1, 2], ["/d1", "/d2", "/d3"].map(|path| primary.asked(path).len()));
    assert_eq!(tee.settled()["marks"], json!({"unconfirmed": 2, "persistent": 1}));
    // Without the section nothing is.
    tee.rewrite(&sides(&primary.origin.url(), &candidate.origin.url(), ""));
    assert_eq!(tee.reload().status, 200);
    tee.client().get("/d4");
    assert_eq!(tee.settled()["marks"], json!({"unconfirmed": 3, "persistent": 1}));
    assert!(!String::from_utf8(tee.admin("GET", "/metrics", OURS).body).unwrap().contains("paritee_confirm"));
}

#[test]
fn a_candidate_that_the_breaker_keeps_from_is_not_asked_and_nor_is_the_primary() {
    let primary = side("m1", |_, _| 1);
    let candidate = Origin::start(Arc::new(|seen: &Seen, stream| match seen.target() {
        "/down" => Next::Close,
        "/d" => send(stream, "c1", "{\"n\":2}"),
        _ => send(stream, "c1", "{\"n\":1}"),
    }));
    let breaker = "[mirror]\nbreaker = { failures = 3, window = \"10s\", cooldown = \"60s\" }\n";
    let tee = Tee::start(&primary.origin, &candidate, &confirming("[\"300ms\"]", breaker));
    earn(&tee, 1);
    assert_eq!(tee.client().get("/d").status, 200);
    until("it waits", || (tee.metric("paritee_confirm_waiting") == 1).then_some(()));
    (0..3).for_each(|_| assert_eq!(tee.client().get("/down").status, 200));
    until("it was let go", || (metric(&tee, "breaker") >= 1).then_some(()));
    until("nothing waits", || (tee.metric("paritee_confirm_waiting") == 0).then_some(()));
    assert_eq!(primary.asked("/d").len(), 1);
    assert_eq!(tee.metric("paritee_confirm_looks_total"), 0);
}

#[test]
fn a_primary_that_does_not_answer_again_leaves_it_unconfirmed() {
    let first: Mutex<bool> = Mutex::new(true);
    let primary = Origin::start(Arc::new(move |seen: &Seen, stream| {
        let again = seen.target() == "/d" && !std::mem::replace(&mut *first.lock().unwrap(), seen.target() != "/d");
        if again { Next::Close } else { send(stream, "m1", "{\"n\":1}") }
    }));
    let candidate = side("c1", |target, _| if target == "/d" { 2 } else { 1 });
    let tee = Tee::start(&primary, &candidate.origin, &confirming("[\"10ms\"]", ""));
    earn(&tee, 1);
    assert_eq!(tee.client().get("/d").status, 200);
    until("it was told", || (metric(&tee, "failed") == 1).then_some(()));
    assert_eq!(tee.settled()["marks"], json!({"unconfirmed": 1}));
}

#[test]
fn a_build_that_was_put_in_meanwhile_is_no_answer_to_the_mismatch() {
    let primary = side("m1", |_, _| 1);
    let builds: Mutex<std::vec::IntoIter<&str>> = Mutex::new(vec!["c1", "c2"].into_iter());
    let candidate = Origin::start(Arc::new(move |seen: &Seen, stream| match seen.target() {
        "/d" => {
            let build = builds.lock().unwrap().next().unwrap();
            send(stream, build, if build == "c1" { "{\"n\":2}" } else { "{\"n\":1}" })
        }
        _ => send(stream, "c1", "{\"n\":1}"),
    }));
    let tee = Tee::start(&primary.origin, &candidate, &confirming("[\"10ms\"]", ""));
    earn(&tee, 1);
    assert_eq!(tee.client().get("/d").status, 200);
    until("it was told", || (metric(&tee, "other_build") == 1).then_some(()));
    assert_eq!(tee.settled()["marks"], json!({"unconfirmed": 1}));
}

/// Every file below this folder that holds one of these.
fn holding(dir: &Path, secrets: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(dir).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            found.extend(holding(&path, secrets));
        } else if let Ok(bytes) = std::fs::read(&path) {
            let has = |secret: &&str| bytes.windows(secret.len()).any(|window| window == secret.as_bytes());
            found.extend(secrets.iter().copied().filter(has).map(|secret| format!("{secret} in {}", path.display())));
        }
    }
    found
}

#[test]
fn credentials_stay_in_memory_and_what_waits_is_gone_with_the_process() {
    let differs = |target: &str, _: usize| if target.starts_with("/d") { 2 } else { 1 };
    let (primary, candidate) = (side("m1", |_, _| 1), side("c1", differs));
    let tee = between(&primary, &candidate, &confirming("[\"20ms\", \"1h\"]", ""));
    earn(&tee, 4);
    let secrets = ["S3CRETSESSION", "S3CRETBEARER"];
    let mine = format!("Cookie: sessionid={}\r\nAuthorization: Bearer {}\r\n", secrets[0], secrets[1]);
    for path in ["/d1", "/d2"] {
        assert_eq!(tee.client().request("GET", path, &mine, b"").status, 200);
    }
    until("both were asked once", || (tee.metric("paritee_confirm_looks_total") == 2).then_some(()));
    assert_eq!(tee.metric("paritee_confirm_waiting"), 2);
    report(&tee);
    assert_eq!(holding(tee.file("store").as_path(), &secrets), Vec::<String>::new());
    assert_eq!(primary.asked("/d1")[1].header("authorization"), Some("Bearer S3CRETBEARER"));
    // A kill, and a stop.
    let started = Instant::now();
    let tee = Tee::again(tee.killed());
    let dir = tee.stopped();
    assert!(started.elapsed() < Duration::from_secs(10), "a stop does not wait for what waits");
    assert_eq!(holding(dir.path(), &secrets), Vec::<String>::new());
    assert_eq!(at_rest(dir.path(), &["ledger"])["marks"], json!({"unconfirmed": 2}));
    let tee = Tee::again(dir);
    assert_eq!(tee.settled()["marks"], json!({"unconfirmed": 2}));
    assert_eq!(primary.asked("/d1").len(), 2, "nobody asks for them any more");
}
