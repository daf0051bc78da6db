//! Coverage, declared branches and roles, of a running tee and of its store at rest.

use crate::support::origin::{Next, Origin, Seen};
use crate::support::tee::{Tee, sides};
use crate::support::wire::Client;
use serde_json::{Value, json};
use std::io::Write;
use std::net::SocketAddr;
use std::path::Path;
use std::process::Command;
use std::sync::{Arc, OnceLock};

const CONFIG: &str = r#"
[[principal]]
class = "user"
when = { credential = "accepted" }

[[role]]
name = "http-api"
depends_on = ["users", "mail"]
[[role]]
name = "users"
depends_on = ["http-api"]

[[route]]
match = "GET /api/review/{id}"
role = "http-api"
[[route.branch]]
name = "summary fell back"
when = "$.summary ends with '...'"
min = 3

[[route]]
match = "GET /api/user/{id}"
role = "users"

[[route]]
match = "GET /api/books"
role = "books"
"#;

/// Reviews 10 and above have a summary of their own. To answer a review, the monolith asks for its user at the tee, in the same
/// trace.
fn monolith(tee: Arc<OnceLock<SocketAddr>>, build: &'static str) -> Origin {
    Origin::start(Arc::new(move |seen: &Seen, stream| {
        let path = seen.target().split('?').next().unwrap_or_default();
        let n: u64 = path.rsplit('/').next().and_then(|n| n.parse().ok()).unwrap_or_default();
        let trace = seen.header("traceparent").filter(|_| build == "m1" && path.starts_with("/api/review/"));
        if let (Some(tee), Some(trace)) = (tee.get(), trace) {
            let mut client = Client::connect(*tee);
            let head = format!("GET /api/user/{n} HTTP/1.1\r\nHost: localhost\r\ntraceparent: {trace}\r\n\r\n");
            client.send(head.as_bytes());
            client.answer(false).expect("an answer");
        }
        let (status, body) = match (n, build) {
            (404, _) => ("404 Not Found", "{\"error\":\"none\"}".to_owned()),
            (401, "m1") => ("401 Unauthorized", "{}".to_owned()),
            (0..10, _) => ("200 OK", format!("{{\"id\":{n},\"summary\":\"A long story...\",\"tags\":[]}}")),
            _ => ("200 OK", format!("{{\"id\":{n},\"summary\":null,\"tags\":[\"a\"]}}")),
        };
        let head = format!(
            "HTTP/1.1 {status}\r\nContent-Type: application/json\r\nX-Build: {build}\r\nContent-Length: {}\r\n\r\n",
            body.len()
        );
        if stream.write_all((head + &body).as_bytes()).is_ok() { Next::Again } else { Next::Close }
    }))
}

fn printed(arguments: &[&str]) -> (i32, Value) {
    let output = Command::new(env!("CARGO_BIN_EXE_paritee"))
        .args(arguments)
        .args(["--format", "json"])
        .output()
        .expect("it runs");
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    (output.status.code().expect("a code"), serde_json::from_slice(&output.stdout).unwrap_or(Value::String(told)))
}

fn running(tee: &Tee, command: &str, more: &[&str]) -> (i32, Value) {
    printed(&[&[command, "--admin", &format!("http://{}", tee.admin)][..], more].concat())
}

fn at_rest(dir: &Path, command: &str) -> (i32, Value) {
    let (config, store) = (dir.join("paritee.toml"), dir.join("store"));
    printed(&[command, "--config", config.to_str().expect("a path"), "--store", store.to_str().expect("a path")])
}

fn route<'v>(view: &'v Value, name: &str) -> &'v Value {
    let routes = view["routes"].as_array().unwrap_or_else(|| panic!("{view}"));
    routes.iter().find(|one| one["route"] == name).unwrap_or_else(|| panic!("{name} in {view}"))
}

const REVIEW: &str = "GET /api/review/{id}";

#[test]
fn what_was_seen_is_told_and_a_branch_is_missed_until_it_was_taken_often_enough() {
    let at = Arc::new(OnceLock::new());
    let (primary, candidate) = (monolith(at.clone(), "m1"), monolith(at, "c1"));
    let mut config = sides(&primary.url(), &candidate.url(), &CONFIG.replace("role = \"books\"\n", ""));
    config += "[[gate]]\nname = \"g\"\nmismatch_rate_below = 0.2\n";
    let tee = Tee::with(0, &config);
    let mut client = tee.client();
    let mut ask = |target: &str| {
        client.get(target);
        tee.settled();
    };
    (20..80).for_each(|n| ask(&format!("/api/review/{n}?page=1")));
    let branch = |(code, view): (i32, Value)| {
        let reasons = route(&view, REVIEW)["reasons"].clone();
        let missing = reasons.as_array().expect("reasons").iter().any(|reason| {
            let reason = reason.as_str().expect("text");
            reason.starts_with("branch: ") && reason.contains("summary fell back")
        });
        (code, missing)
    };
    let gate = || branch(running(&tee, "gate", &["--route", REVIEW]));
    assert_eq!(gate(), (4, true), "no review fell back");
    // The same one again and again is one.
    (0..5).for_each(|_| ask("/api/review/1"));
    ask("/api/review/2");
    assert_eq!(gate(), (4, true), "two of three");
    ask("/api/review/3");
    assert_eq!(gate(), (0, false));

    ask("/api/review/404");
    ask("/api/review/401");
    let (code, view) = running(&tee, "coverage", &[]);
    assert_eq!(code, 0, "{view}");
    let seen = route(&view, REVIEW);
    assert_eq!((&seen["exchanges"], &seen["distinct"], &seen["sampled"]), (&json!(69), &json!(65), &json!(69)));
    assert_eq!(seen["fields"]["/summary"], json!({"null": 60, "string": 7}));
    assert_eq!(seen["fields"]["/tags/*"], json!({"string": 60}));
    assert_eq!(seen["parameters"], json!({"page": 60}));
    assert_eq!(seen["branches"], json!([{"name": "summary fell back", "seen": 3, "min": 3}]));
    let statuses = seen["principals"].as_object().expect("classes").values().next().expect("a class");
    let leak = json!({"primary": 401, "candidate": 200, "count": 1, "critical": true});
    assert_eq!(
        statuses,
        &json!([
            {"primary": 200, "candidate": 200, "count": 67},
            leak,
            {"primary": 404, "candidate": 404, "count": 1},
        ])
    );
    assert_eq!(route(&view, "GET /api/books")["exchanges"], 0);
    // What the candidate gives away stands against the route, whatever the rate.
    let (code, gate) = running(&tee, "gate", &["--route", REVIEW]);
    assert_eq!((code, &route(&gate, REVIEW)["verdict"]), (1, &json!("not_ready")), "{gate}");
    assert!(gate.to_string().contains("critical: "), "{gate}");

    let (code, one) = running(&tee, "coverage", &["--route", REVIEW]);
    assert_eq!((code, one["routes"].as_array().map(Vec::len)), (0, Some(1)));
    assert_eq!(running(&tee, "coverage", &["--route", "GET /x"]).0, 2);
    let spec = tee.file("openapi.yaml");
    let text = "openapi: 3.0.0\npaths:\n  /api/review/{review}:\n    get: {responses: {200: {}, 404: {}, 410: {}}}\n    delete: {}\n";
    std::fs::write(&spec, text).unwrap();
    let (code, held) = running(&tee, "coverage", &["--openapi", spec.to_str().unwrap()]);
    assert_eq!((code, &held["openapi"]["never_seen"]), (0, &json!(["DELETE /api/review/{review}"])), "{held}");
    assert_eq!(held["openapi"]["statuses_never_seen"], json!({"GET /api/review/{review}": ["410"]}));
    assert_eq!(running(&tee, "coverage", &["--openapi", "/nowhere"]).0, 2);
    let dir = tee.stopped();
    assert_eq!(at_rest(dir.path(), "coverage"), (0, view), "a store at rest says the same");
}

#[test]
fn roles_are_listed_from_the_outside_in_and_held_against_the_calls_that_were_seen() {
    let at = Arc::new(OnceLock::new());
    let (primary, candidate) = (monolith(at.clone(), "m1"), monolith(at.clone(), "c1"));
    let config = CONFIG
        .replace("role = \"books\"", "role = \"users\"")
        .replace("depends_on = [\"users\", \"mail\"]", "depends_on = [\"mail\"]");
    let tee = Tee::with(0, &sides(&primary.url(), &candidate.url(), &config));
    at.set(tee.live).expect("once");
    let mut client = tee.client();
    for n in 0..20 {
        let trace = format!("00-{:032x}-{:016x}-01", n + 1, n + 1);
        client.send(
            format!("GET /api/review/{n} HTTP/1.1\r\nHost: localhost\r\ntraceparent: {trace}\r\n\r\n").as_bytes(),
        );
        assert_eq!(client.answer(false).expect("an answer").status, 200);
        tee.settled();
    }
    let (code, view) = running(&tee, "roles", &[]);
    assert_eq!(code, 0, "{view}");
    let roles = view["roles"].as_array().expect("roles");
    let role =
        |name: &str| roles.iter().find(|role| role["role"] == name).unwrap_or_else(|| panic!("{name} in {view}"));
    let api = role("http-api");
    assert_eq!(
        api["depends_on"],
        json!([
            {"role": "mail", "declared": true, "seen": 0},
            {"role": "users", "declared": false, "seen": 20},
        ])
    );
    assert_eq!(role("users")["dependants"], json!(["http-api"]));
    assert_eq!(role("users")["depends_on"], json!([{"role": "http-api", "declared": true, "seen": 0}]));
    assert_eq!((&role("mail")["undeclared"], &role("mail")["routes"]), (&json!(true), &json!([])));
    assert_eq!(view["cycles"], json!([["http-api", "users", "http-api"]]));
    assert_eq!(api["routes"], json!([{"route": REVIEW, "verdict": "not_enough_evidence"}]));
    let dir = tee.stopped();
    assert_eq!(at_rest(dir.path(), "roles"), (0, view), "a store at rest says the same");
}
