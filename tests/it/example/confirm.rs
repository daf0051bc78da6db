//! A write between the two answers, on the real example, is told from a mistake: both are mismatches until they are asked again.

use super::stack::{Stack, available};
use crate::support::until;
use crate::support::wire::{Answer, Client};
use serde_json::{Value, json};
use std::process::Command;

const REVIEW: &str = "GET /api/review/{review_id}";
const PASSWORD: &str = "correct horse";

fn client(url: &str) -> Client {
    Client::connect(url.strip_prefix("http://").expect("an address").parse().expect("an address"))
}

/// Asks under a name that Django answers to.
fn ask(client: &mut Client, method: &str, path: &str, cookie: &str, body: &Value) -> Answer {
    let body = if body.is_null() { String::new() } else { body.to_string() };
    let length = if body.is_empty() { String::new() } else { format!("Content-Length: {}\r\n", body.len()) };
    let fields = format!("Host: localhost\r\n{cookie}Content-Type: application/json\r\n{length}");
    client.send(format!("{method} {path} HTTP/1.1\r\n{fields}\r\n{body}").as_bytes());
    client.answer(false).expect("an answer")
}

/// A user's line of cookies, and a review of hers that nobody else knows; both at the monolith alone.
fn review(monolith: &str) -> (String, u64) {
    let mut client = client(monolith);
    let user = json!({"username": "ada", "password": PASSWORD});
    let answer = ask(&mut client, "POST", "/api/login", "", &user);
    assert_eq!(answer.status, 200, "{}", answer.head);
    let session = answer.header("set-cookie").and_then(|set| set.split(';').next()).expect("a session");
    let cookie = format!("Cookie: {session}\r\n");
    let books = ask(&mut client, "GET", "/api/books/", "", &Value::Null);
    let books: Value = serde_json::from_slice(&books.body).expect("books");
    let new =
        json!({"isbn": books["results"][0]["isbn"], "content": "As it was at first.", "stars": 4, "draft": false});
    let answer = ask(&mut client, "POST", "/api/reviews/", &cookie, &new);
    assert_eq!(answer.status, 201, "{}", String::from_utf8_lossy(&answer.body));
    let review: Value = serde_json::from_slice(&answer.body).expect("a review");
    (cookie, review["id"].as_u64().expect("its id"))
}

/// What two looks take, by requests on which the sides agree.
fn earn(stack: &Stack) {
    let mut client = client(stack.get("tee"));
    for n in 0..210 {
        assert_eq!(ask(&mut client, "GET", "/api/whoami", "", &Value::Null).status, 200);
        if n % 50 == 0 {
            stack.settled_ledger();
        }
    }
    stack.report();
}

fn signal(stack: &Stack, name: &str) {
    let pid = stack.pid("api").to_string();
    assert!(Command::new("kill").args([name, &pid]).status().expect("kill").success());
}

/// The ledger's marks once they are these.
fn marked(stack: &Stack, marks: &Value) {
    until("the marks of the looks", || (stack.settled_ledger()["marks"] == *marks).then_some(()));
}

/// The one signature, with its marks.
fn only(stack: &Stack) -> Value {
    let report = stack.report();
    let signatures = report["signatures"].as_array().expect("signatures");
    assert_eq!(signatures.len(), 1, "{report}");
    assert_eq!(signatures[0]["route"], REVIEW, "{report}");
    signatures[0].clone()
}

#[test]
fn a_write_in_between_is_a_race_and_a_mistake_stays_one() {
    if !available() {
        return;
    }
    let mut stack = Stack::start(&[]);
    let (cookie, id) = review(stack.get("monolith"));
    let path = format!("/api/review/{id}");
    earn(&stack);
    // The new API holds its breath while the monolith answers, and its author changes the stars.
    signal(&stack, "-STOP");
    let answer = ask(&mut client(stack.get("tee")), "GET", &path, "", &Value::Null);
    assert_eq!(answer.status, 200, "{}", answer.head);
    let changed = ask(&mut client(stack.get("monolith")), "PATCH", &path, &cookie, &json!({"stars": 2}));
    assert_eq!(changed.status, 200, "{}", String::from_utf8_lossy(&changed.body));
    signal(&stack, "-CONT");
    marked(&stack, &json!({"race": 1}));
    let one = only(&stack);
    assert_eq!((&one["path"], &one["mark_counts"]), (&json!("/stars"), &json!({"race": 1})), "{one}");
    assert_eq!(one["agreed_after_ms"], json!({"100": 1}), "{one}");

    // The same place, wrong for good.
    stack.again(&["stars-as-string"]);
    earn(&stack);
    assert_eq!(ask(&mut client(stack.get("tee")), "GET", "/api/review/1", "", &Value::Null).status, 200);
    marked(&stack, &json!({"persistent": 1}));
    let one = only(&stack);
    assert_eq!((&one["path"], &one["mark_counts"]), (&json!("/stars"), &json!({"persistent": 1})), "{one}");
    assert!(one.get("agreed_after_ms").is_none(), "{one}");
    stack.stop();
}
