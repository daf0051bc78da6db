//! The candidate has sessions of its own: how copies get them, and where its cookies must never be seen.

use crate::support::origin::{Next, Origin};
use crate::support::tee::{Tee, adds_up, at_rest, number};
use crate::support::until;
use crate::support::wire::Client;
use std::collections::BTreeSet;
use std::io::Write;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// What both sides believe; a session here is a name that is in the set.
#[derive(Default)]
struct World {
    live: Mutex<BTreeSet<String>>,
}

const SECRET: &str = "candidates-own-secret";
const BOTH: &str =
    "[mirror.session]\ncookie = \"sessionid\"\nestablish = [\"POST /login\"]\nbridge = \"POST /bridge\"\n";
const ESTABLISH: &str = "[mirror.session]\ncookie = \"sessionid\"\nestablish = [\"POST /login\"]\n";
const BRIDGE: &str = "[mirror.session]\ncookie = \"sessionid\"\nbridge = \"POST /bridge\"\n";
/// The sides set cookies of different names.
const RULE: &str = "[[rule]]\nname = \"session\"\nset_cookie = { primary = \"sessionid\", candidate = \"api\", cleared_by = \"primary\" }\n";

fn cookie<'s>(line: Option<&'s str>, name: &str) -> Option<&'s str> {
    line?.split("; ").find_map(|pair| pair.strip_prefix(name)?.strip_prefix('='))
}

fn answer(status: &str, headers: &str, body: &str) -> String {
    format!("HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\n\r\n{body}", body.len())
}

/// A monolith with a log-in, a log-out and one page that is for the logged in.
fn primary(world: &Arc<World>) -> Origin {
    let world = world.clone();
    Origin::start(Arc::new(move |seen, stream| {
        let session = cookie(seen.header("cookie"), "sessionid").map(str::to_owned);
        let mut live = world.live.lock().unwrap();
        let text = match seen.target() {
            "/login" => {
                let name = String::from_utf8_lossy(&seen.body).into_owned();
                live.insert(name.clone());
                answer("200 OK", &format!("Set-Cookie: sessionid={name}; HttpOnly; Path=/\r\n"), "in")
            }
            "/logout" => {
                session.iter().for_each(|session| _ = live.remove(session));
                answer("200 OK", "Set-Cookie: sessionid=; Max-Age=0; Path=/\r\n", "out")
            }
            _ if session.as_ref().is_some_and(|session| live.contains(session)) => answer("200 OK", "", "yours"),
            _ if session.is_some() => answer("401 Unauthorized", "Set-Cookie: sessionid=; Max-Age=0; Path=/\r\n", "no"),
            _ => answer("401 Unauthorized", "", "no"),
        };
        drop(live);
        if stream.write_all(text.as_bytes()).is_ok() { Next::Again } else { Next::Close }
    }))
}

/// A new API with a cookie of its own; its log-in and its bridge take a while.
fn candidate(world: &Arc<World>, slow: Duration) -> Origin {
    let world = world.clone();
    Origin::start(Arc::new(move |seen, stream| {
        let line = seen.header("cookie").map(str::to_owned);
        let session = cookie(line.as_deref(), "sessionid").map(str::to_owned);
        let sets = |name: &str| format!("Set-Cookie: api={SECRET}.{name}; HttpOnly; Path=/\r\n");
        let text = match seen.target() {
            "/login" => {
                std::thread::sleep(slow);
                answer("200 OK", &sets(&String::from_utf8_lossy(&seen.body)), "in")
            }
            "/bridge" => {
                std::thread::sleep(slow);
                let live = world.live.lock().unwrap();
                match session.filter(|session| live.contains(session)) {
                    Some(session) => answer("204 No Content", &sets(&session), ""),
                    None => answer("401 Unauthorized", "", ""),
                }
            }
            _ if cookie(line.as_deref(), "api").is_some_and(|api| api.starts_with(SECRET)) => {
                answer("200 OK", "", "yours")
            }
            _ => answer("401 Unauthorized", "", "no"),
        };
        let text = if text.starts_with("HTTP/1.1 204") { text.replace("Content-Length: 0\r\n", "") } else { text };
        if stream.write_all(text.as_bytes()).is_ok() { Next::Again } else { Next::Close }
    }))
}

fn log_in(client: &mut Client, name: &str) {
    let answer = client.request("POST", "/login", "", name.as_bytes());
    assert_eq!(
        (answer.status, answer.header("set-cookie")),
        (200, Some(&*format!("sessionid={name}; HttpOnly; Path=/")))
    );
}

fn ask(client: &mut Client, name: &str) -> u16 {
    client.request("GET", "/me", &format!("Cookie: theme=dark; sessionid={name}\r\n"), b"").status
}

/// How often the candidate saw this target.
fn times(origin: &Origin, target: &str) -> usize {
    origin.seen().iter().filter(|seen| seen.target() == target).count()
}

fn metric(tee: &Tee, line: &str) -> u64 {
    let text = String::from_utf8(tee.admin("GET", "/metrics", "Host: localhost\r\n").body).unwrap();
    let value = text.lines().find_map(|found| found.strip_prefix(line)).unwrap_or_else(|| panic!("no {line}: {text}"));
    value.trim().parse().unwrap()
}

#[test]
fn a_copy_waits_for_the_log_in_that_it_would_overtake() {
    let world = Arc::new(World::default());
    let (primary, candidate) = (primary(&world), candidate(&world, Duration::from_millis(300)));
    let tee = Tee::start(&primary, &candidate, &format!("{ESTABLISH}{RULE}"));
    let mut others: Vec<Client> = (0..4).map(|_| tee.client()).collect();
    log_in(&mut tee.client(), "ann");
    // At once, on connections of other threads: the candidate is still at the log-in.
    others.iter_mut().for_each(|client| assert_eq!(ask(client, "ann"), 200));
    let ledger = tee.settled();
    adds_up(&ledger);
    let n = |path| number(&ledger, path);
    assert_eq!(
        (n("received"), n("mirrored"), n("judgements.match"), n("judgements.normalised")),
        (5, 5, 4, 1),
        "{ledger}"
    );
    assert_eq!(metric(&tee, "paritee_session_outcomes_total{outcome=\"established\"}"), 1);
    let copies = candidate.seen();
    let copy = copies.iter().find(|seen| seen.target() == "/me").unwrap();
    assert_eq!(copy.header("cookie"), Some(&*format!("theme=dark; sessionid=ann; api={SECRET}.ann")));
}

#[test]
fn a_session_crosses_the_bridge_once_however_many_ask() {
    let world = Arc::new(World::default());
    world.live.lock().unwrap().extend(["old".to_owned(), "older".to_owned()]);
    let (primary, candidate) = (primary(&world), candidate(&world, Duration::from_millis(100)));
    let tee = Tee::start(&primary, &candidate, BRIDGE);
    let mut clients: Vec<Client> = (0..10).map(|_| tee.client()).collect();
    for round in 0..3 {
        let name = if round == 1 { "older" } else { "old" };
        clients.iter_mut().for_each(|client| assert_eq!(ask(client, name), 200));
    }
    let ledger = tee.settled();
    assert_eq!((number(&ledger, "judgements.match"), times(&candidate, "/bridge")), (30, 2), "{ledger}");
    let bridge = candidate.seen().into_iter().find(|seen| seen.target() == "/bridge").unwrap();
    assert_eq!(bridge.header("cookie"), Some("sessionid=old"), "the primary's session and nothing else");
    assert!(bridge.head.starts_with("POST ") && bridge.header("x-shadow-request") == Some("1"), "{}", bridge.head);
    assert_eq!(number(&ledger, "received"), 30, "an exchange of the tee's own is no request of a client's");
}

#[test]
fn a_dead_session_is_a_rejected_credential_on_both_sides() {
    let world = Arc::new(World::default());
    let (primary, candidate) = (primary(&world), candidate(&world, Duration::ZERO));
    let tee = Tee::start(&primary, &candidate, &format!("{BOTH}{RULE}"));
    let mut client = tee.client();
    (0..3).for_each(|_| assert_eq!(ask(&mut client, "expired"), 401));
    let ledger = tee.settled();
    assert_eq!(number(&ledger, "judgements.mismatch") + number(&ledger, "judgements.inconclusive"), 0, "{ledger}");
    assert_eq!(times(&candidate, "/bridge"), 0, "the primary has said that it is dead");
}

#[test]
fn a_log_out_ends_the_candidates_session_too() {
    let world = Arc::new(World::default());
    let (primary, candidate) = (primary(&world), candidate(&world, Duration::ZERO));
    let tee = Tee::start(&primary, &candidate, &format!("{BOTH}{RULE}"));
    let mut client = tee.client();
    log_in(&mut client, "ann");
    assert_eq!(ask(&mut client, "ann"), 200);
    tee.settled();
    // Not mirrored, and noted all the same.
    let out = client.request("POST", "/logout", "Cookie: sessionid=ann\r\n", b"x");
    assert_eq!((out.status, metric(&tee, "paritee_sessions")), (200, 0));
    assert_eq!(ask(&mut client, "ann"), 401);
    let ledger = tee.settled();
    assert_eq!(number(&ledger, "judgements.mismatch"), 0, "{ledger}");
    let last = candidate.seen().pop().unwrap();
    assert!(!last.header("cookie").unwrap().contains(SECRET), "{}", last.head);
}

#[test]
fn without_a_way_to_know_the_session_nothing_is_called_a_mismatch() {
    let world = Arc::new(World::default());
    world.live.lock().unwrap().insert("before".to_owned());
    let (primary, candidate) = (primary(&world), candidate(&world, Duration::ZERO));
    let tee = Tee::start(&primary, &candidate, ESTABLISH);
    assert_eq!(ask(&mut tee.client(), "before"), 200);
    assert_eq!(tee.client().get("/me").status, 401, "anonymous callers are compared as ever");
    let ledger = tee.settled();
    adds_up(&ledger);
    let n = |path| number(&ledger, path);
    assert_eq!((n("inconclusive.no_session"), n("judgements.match"), n("judgements.mismatch")), (1, 1, 0), "{ledger}");
}

#[test]
fn a_bridge_that_fails_is_not_asked_all_the_time() {
    let world = Arc::new(World::default());
    world.live.lock().unwrap().insert("ann".to_owned());
    let (primary, candidate) = (primary(&world), Origin::answering(answer("404 Not Found", "", "what bridge?").into()));
    let tee = Tee::start(&primary, &candidate, BRIDGE);
    let mut client = tee.client();
    (0..20).for_each(|_| assert_eq!(ask(&mut client, "ann"), 200));
    let ledger = tee.settled();
    assert_eq!(number(&ledger, "inconclusive.no_session"), 20, "{ledger}");
    let asked = times(&candidate, "/bridge");
    assert!((1..=3).contains(&asked), "asked {asked} times in a moment");
}

#[test]
fn the_candidates_cookies_are_seen_by_nobody_else() {
    let world = Arc::new(World::default());
    let (primary, candidate) = (primary(&world), candidate(&world, Duration::ZERO));
    // Without the rule the log-in is a mismatch, so that exemplars of it are stored.
    let tee = Tee::start(&primary, &candidate, &format!("{BOTH}[redact]\nstore_bodies = \"full\"\n"));
    let mut client = tee.client();
    log_in(&mut client, "ann");
    let answers = [client.request("GET", "/me", "Cookie: sessionid=ann\r\n", b""), client.get("/me")];
    assert!(answers.iter().all(|answer| !answer.head.contains(SECRET)), "{answers:?}");
    let ledger = tee.settled();
    assert_eq!(number(&ledger, "judgements.mismatch"), 1, "{ledger}");
    assert!(primary.seen().iter().all(|seen| !seen.head.contains(SECRET)));
    assert!(!tee.said(SECRET));
    let dir = tee.stopped();
    let report = at_rest(dir.path(), &["report"]);
    assert_eq!(report["signatures"].as_array().map(Vec::len), Some(2), "{report}");
    for entry in std::fs::read_dir(dir.path().join("store")).unwrap().flatten() {
        let bytes = std::fs::read(entry.path()).unwrap_or_default();
        let found = bytes.windows(SECRET.len()).any(|window| window == SECRET.as_bytes());
        assert!(!found, "the candidate's cookie is in {}", entry.path().display());
    }
}

#[test]
fn sessions_are_bounded_and_counted() {
    let world = Arc::new(World::default());
    let (primary, candidate) = (primary(&world), candidate(&world, Duration::ZERO));
    let tee =
        Tee::start(&primary, &candidate, &BRIDGE.replace("[mirror.session]", "[mirror.session]\nmax_sessions = 5"));
    let mut client = tee.client();
    for n in 0..50 {
        world.live.lock().unwrap().insert(format!("s{n}"));
        assert_eq!(ask(&mut client, &format!("s{n}")), 200);
    }
    let ledger = tee.settled();
    assert_eq!(number(&ledger, "judgements.match"), 50, "{ledger}");
    assert_eq!(metric(&tee, "paritee_sessions"), 5);
    assert_eq!(metric(&tee, "paritee_session_outcomes_total{outcome=\"evicted\"}"), 45);
    assert_eq!(metric(&tee, "paritee_session_outcomes_total{outcome=\"bridged\"}"), 50);
}

#[test]
fn a_log_in_is_mirrored_at_any_percentage_and_by_no_method_of_its_own() {
    let world = Arc::new(World::default());
    let (primary, candidate) = (primary(&world), candidate(&world, Duration::ZERO));
    let tee = Tee::start(&primary, &candidate, &format!("[mirror]\npercent = 1\n{ESTABLISH}{RULE}"));
    let mut client = tee.client();
    (0..10).for_each(|n| log_in(&mut client, &format!("s{n}")));
    let other = client.request("POST", "/other", "", b"x");
    assert_eq!(other.status, 401);
    let ledger = tee.settled();
    assert_eq!((number(&ledger, "mirrored"), number(&ledger, "not_mirrored.method")), (10, 1), "{ledger}");
}

/// A principal is a label from a token that the client sends, or from the candidate's credential; never a value.
#[test]
fn callers_are_classed_and_somebody_elses_data_is_critical() {
    let token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIyIiwicm9sZSI6InN0YWZmIn0.c2ln"; // {"sub":"2","role":"staff"}
    let json = |body: &str| answer("200 OK", "Content-Type: application/json\r\n", body).into_bytes();
    let (primary, candidate) =
        (Origin::answering(json(r#"{"user":{"id":2}}"#)), Origin::answering(json(r#"{"user":{"id":3}}"#)));
    let classes = "[[principal]]\nclass = \"staff\"\nwhen = { claim = \"role\", equals = \"staff\" }\n\
                   subject = { claim = \"sub\" }\nowner_paths = [\"$.user.id\"]\n\
                   [[principal]]\nclass = \"anonymous\"\nwhen = { credential = \"none\" }\n";
    let tee = Tee::start(&primary, &candidate, classes);
    tee.client().request("GET", "/me", &format!("Authorization: Bearer {token}\r\n"), b"");
    tee.settled();
    let report = String::from_utf8(tee.admin("GET", "/api/report", "Host: localhost\r\n").body).unwrap();
    let report: serde_json::Value = serde_json::from_str(&report).unwrap();
    let signature = &report["signatures"][0];
    assert_eq!((&signature["severity"], &signature["path"]), (&"critical".into(), &"/user/id".into()), "{report}");
    let path = format!("/api/signatures/{}", signature["id"].as_str().unwrap());
    let shown = String::from_utf8(tee.admin("GET", &path, "Host: localhost\r\n").body).unwrap();
    assert!(shown.contains("\"principal\":\"staff\"") && !shown.contains(token), "{shown}");
}

#[test]
fn an_owned_route_is_served_by_the_candidate_and_dated() {
    let live = || answer("200 OK", "Set-Cookie: api=x; Path=/\r\n", "new").into_bytes();
    let (primary, candidate) = (Origin::answering(answer("200 OK", "", "old").into()), Origin::answering(live()));
    let owned = "[[route]]\nmatch = \"GET /api/a\"\nowner = \"candidate\"\n";
    let tee = Tee::start(&primary, &candidate, owned);
    let answer = tee.client().request("GET", "/api/a", "Cookie: sessionid=1; api=y\r\n", b"");
    assert_eq!((&*answer.body, answer.header("set-cookie")), (&b"new"[..], Some("api=x; Path=/")));
    let copy = candidate.seen().pop().unwrap();
    assert_eq!(
        (copy.header("cookie"), copy.header("x-shadow-request")),
        (Some("sessionid=1; api=y"), None),
        "it is no copy"
    );
    assert_eq!(&*tee.client().get("/api/b").body, b"old");
    let ledger = tee.settled();
    assert_eq!(
        (number(&ledger, "not_mirrored.owned"), number(&ledger, "mirrored"), primary.count()),
        (1, 1, 1),
        "{ledger}"
    );
    let since = |dir: &std::path::Path| at_rest(dir, &["report"])["owned"][0].clone();
    let dir = tee.stopped();
    let first = since(dir.path());
    assert_eq!(first["route"], "GET /api/a", "{first}");
    // A restart keeps the date; the way back removes it.
    let tee = Tee::again(dir);
    until("a batch", || Some(()).filter(|()| tee.ledger()["durable_seq"].as_u64() > Some(0)));
    let dir = tee.stopped();
    assert_eq!(since(dir.path()), first);
    let config = std::fs::read_to_string(dir.path().join("paritee.toml")).unwrap();
    std::fs::write(dir.path().join("paritee.toml"), config.replace("owner = \"candidate\"", "owner = \"primary\""))
        .unwrap();
    let dir = Tee::again(dir).stopped();
    assert_eq!(since(dir.path()), serde_json::Value::Null);
}

#[test]
fn a_candidate_that_owns_a_route_and_is_gone_is_named() {
    let (primary, candidate) =
        (Origin::answering(answer("200 OK", "", "old").into()), Origin::failing(crate::support::origin::Fault::Closed));
    let tee = Tee::start(&primary, &candidate, "[[route]]\nmatch = \"GET /api/a\"\nowner = \"candidate\"\n");
    let answer = tee.client().get("/api/a");
    assert_eq!((answer.status, &*answer.body), (502, &b"paritee: the candidate cannot be reached\n"[..]));
    assert_eq!(primary.count(), 0, "nobody else answers in its name");
}
