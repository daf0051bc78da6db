//! Ids that map one to one over a session or a run, through the real program: whole maps are silent, a broken one is told.

use crate::support::origin::{Next, Origin};
use crate::support::tee::{Tee, adds_up, number};
use serde_json::Value;
use std::io::Write;
use std::sync::Arc;

/// An upstream that answers each target, in each session, with a JSON text.
fn upstream(body: impl Fn(&str, &str) -> String + Send + Sync + 'static) -> Origin {
    Origin::start(Arc::new(move |seen, stream| {
        let cookie = seen.header("cookie").and_then(|line| line.strip_prefix("sessionid=")).unwrap_or("nobody");
        let body = body(seen.target(), cookie);
        let length = body.len();
        let text =
            format!("HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: {length}\r\n\r\n{body}");
        if stream.write_all(text.as_bytes()).is_ok() { Next::Again } else { Next::Close }
    }))
}

fn rule(scope: &str) -> String {
    format!("[[rule]]\nname = \"book\"\npath = \"$..id\"\nsame_id = {{ space = \"book\", scope = \"{scope}\" }}\n")
}

fn ask(tee: &Tee, session: &str, target: &str) {
    let headers = format!("Cookie: sessionid={session}\r\n");
    assert_eq!(tee.client().request("GET", target, &headers, b"").status, 200);
}

fn json(tee: &Tee, path: &str) -> Value {
    serde_json::from_slice(&tee.admin("GET", path, "Host: localhost\r\n").body).unwrap()
}

/// Route, path, detail-bearing shape, count and severity of every signature, sorted.
fn signatures(tee: &Tee) -> Vec<String> {
    let report = json(tee, "/api/report");
    let mut all: Vec<String> = report["signatures"]
        .as_array()
        .unwrap()
        .iter()
        .map(|s| {
            let text = |key: &str| s[key].as_str().unwrap_or_default().to_owned();
            let parts = ["route", "in", "path", "kind", "shape", "severity"].map(text);
            format!("{} {}", parts.join(" "), s["count"])
        })
        .collect();
    all.sort();
    all
}

fn metric(tee: &Tee, line: &str) -> u64 {
    let text = String::from_utf8(tee.admin("GET", "/metrics", "Host: localhost\r\n").body).unwrap();
    let value = text.lines().find_map(|found| found.strip_prefix(line)).unwrap_or_else(|| panic!("no {line}: {text}"));
    value.trim().parse().unwrap()
}

/// `/book/7` is `{"id":7}`, and `/shelf/7/8` is a list of such.
fn books(target: &str, id: impl Fn(&str) -> String) -> String {
    let mut parts = target.split('/').skip(1);
    let shelf = parts.next() == Some("shelf");
    let books: Vec<String> = parts.map(|n| format!("{{\"id\":{}}}", id(n))).collect();
    if shelf { format!("[{}]", books.join(",")) } else { books.concat() }
}

#[test]
fn ids_map_one_to_one_over_each_session_and_break_once() {
    let primary = upstream(|target, _| books(target, str::to_owned));
    // handles of each session; on one shelf ann's second book has the handle of her first
    let candidate = upstream(|target, session| {
        books(target, |n| format!("\"{session}-{}\"", if target == "/shelf/2/5/6" && n == "2" { "1" } else { n }))
    });
    let tee = Tee::start(&primary, &candidate, &rule("session"));
    for session in ["ann", "bob"] {
        for target in ["/book/1", "/book/2", "/shelf/1/3/4", "/book/1"] {
            ask(&tee, session, target);
        }
    }
    let ledger = tee.settled();
    adds_up(&ledger);
    assert_eq!(number(&ledger, "judgements.normalised"), 8, "{ledger}");
    assert_eq!(signatures(&tee), Vec::<String>::new());
    assert_eq!(metric(&tee, "paritee_id_sessions"), 2);

    ask(&tee, "ann", "/shelf/2/5/6");
    let ledger = tee.settled();
    adds_up(&ledger);
    // within its document the map is one to one: the judgement stays, and no count of it changes
    assert_eq!((number(&ledger, "judgements.normalised"), number(&ledger, "judged")), (9, 9), "{ledger}");
    assert_eq!(
        signatures(&tee),
        [
            // 1 twice and 2 once on their own pages, 1 on a shelf before, 2 on the shelf that broke the map
            "GET /book/{int} body /id value ids:session medium 3",
            "GET /shelf/{int}/{int}/{int} body /*/id value ids:session medium 2",
        ]
    );
    assert_eq!(metric(&tee, "paritee_id_claims_broken_total"), 5);

    // another session has the same names for other things, and is not told
    ask(&tee, "bob", "/book/9");
    tee.settled();
    assert_eq!(signatures(&tee).len(), 2);
    for signature in json(&tee, "/api/report")["signatures"].as_array().unwrap() {
        assert_eq!(signature["detail"], "same_id", "{signature}");
        let shown = json(&tee, &format!("/api/signatures/{}", signature["id"].as_str().unwrap()));
        let exemplars = shown["exemplars"].as_array().unwrap();
        assert_eq!(exemplars.len(), 1, "{shown}");
        let text = exemplars[0].to_string();
        assert!(text.contains("/shelf/2/5/6") && text.contains("ann-1") && text.contains("ann-2"), "{text}");
        assert!(text.contains("same_id (said by GET /book/{int})"), "{text}");
        assert!(!text.contains("sessionid=ann"), "{text}");
    }
}

#[test]
fn over_a_run_an_id_of_equal_bytes_stands_for_itself_whichever_came_first() {
    let primary = upstream(|target, _| books(target, str::to_owned));
    let candidate = upstream(|target, _| books(target, |n| if n == "8" { "7".to_owned() } else { n.to_owned() }));
    for order in [["/book/7", "/shelf/8"], ["/shelf/8", "/book/7"]] {
        let tee = Tee::start(&primary, &candidate, &rule("run"));
        for (at, target) in order.into_iter().enumerate() {
            ask(&tee, &format!("session{at}"), target);
            tee.settled();
        }
        let ledger = tee.settled();
        assert_eq!((number(&ledger, "judgements.match"), number(&ledger, "judgements.normalised")), (1, 1), "{ledger}");
        assert_eq!(
            signatures(&tee),
            ["GET /book/{int} body /id value ids:run medium 1", "GET /shelf/{int} body /*/id value ids:run medium 1"]
        );
    }
}
