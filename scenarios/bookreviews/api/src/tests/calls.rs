//! What a request costs in calls, what each code of the internal APIs becomes, and which step answers what.

use super::{Worker, api, api_at, ask, cookie_set, get, post};
use http::StatusCode;
use tonic::Code;

/// Every route that reads and is answered here.
const READS: [&str; 6] = [
    "/api/review/4",
    "/api/book/9780156027601/reviews/",
    "/api/reviewer/4/reviews/",
    "/api/books/",
    "/api/top-rated/",
    "/api/whoami",
];

/// The names of the calls that one request of a logged-in user costs, sorted.
async fn cost(target: &str) -> Vec<&'static str> {
    let worker = Worker::default();
    let app = api(worker.clone()).await;
    let login = r#"{"username":"user4","password":"right"}"#;
    let cookie = cookie_set(&ask(&app, post("/api/login", "", login)).await.0).expect("a session");
    let mut costs = Vec::new();
    for (cookies, auth_user) in [("", "anonymous"), (&*cookie, "4")] {
        worker.calls.lock().unwrap().clear();
        let (head, _) = ask(&app, get(target, cookies)).await;
        assert_eq!(head.status, StatusCode::OK, "{target}");
        let calls = worker.calls.lock().unwrap();
        assert!(calls.iter().all(|(_, user, deadline)| user == auth_user && *deadline), "{calls:?}");
        let mut names: Vec<_> = calls.iter().map(|(name, ..)| *name).collect();
        names.sort_unstable();
        costs.push(names);
    }
    let [nobody, somebody] = costs.try_into().expect("two callers");
    assert!(nobody == somebody || target == "/api/whoami" && nobody.is_empty(), "{target}: {nobody:?} {somebody:?}");
    somebody
}

#[tokio::test]
async fn the_calls_of_a_listing_do_not_grow_with_it() {
    for size in [1, 5, 50] {
        let of_a_book = cost(&format!("/api/book/9780156027601/reviews/?page_size={size}")).await;
        assert_eq!(of_a_book, ["BatchGetUsers", "GetBook", "ListReviews"], "{size} reviews");
        let of_a_user = cost(&format!("/api/reviewer/4/reviews/?page_size={size}")).await;
        assert_eq!(of_a_user, ["BatchGetBooks", "GetUser", "ListReviews"], "{size} reviews");
        assert_eq!(cost(&format!("/api/books/?page_size={size}")).await, ["ListBooks"], "{size} books");
    }
    assert_eq!(cost("/api/review/4").await, ["GetBook", "GetReview", "GetUser"]);
    assert_eq!(cost("/api/top-rated/").await, ["BatchGetBooks", "RateBooks"]);
    assert_eq!(cost("/api/whoami").await, ["GetUser"]);
}

#[tokio::test]
async fn each_code_of_the_internal_apis_has_its_status() {
    for (code, status) in [
        (Code::NotFound, 404),
        (Code::PermissionDenied, 403),
        (Code::Unauthenticated, 401),
        (Code::Unavailable, 503),
        (Code::DeadlineExceeded, 504),
        (Code::Internal, 500),
        (Code::InvalidArgument, 500),
        (Code::ResourceExhausted, 503),
    ] {
        let app = api(Worker { refuses: Some(code), ..Worker::default() }).await;
        for target in READS.iter().filter(|target| **target != "/api/whoami") {
            assert_eq!(ask(&app, get(target, "")).await.0.status, status, "{code:?} {target}");
        }
        // A log-in that cannot be checked is no wrong one.
        if ![Code::NotFound, Code::PermissionDenied].contains(&code) {
            let login = post("/api/login", "", r#"{"username":"user4","password":"right"}"#);
            assert_eq!(ask(&app, login).await.0.status, status, "{code:?}");
        }
    }
}

#[tokio::test]
async fn a_missing_slash_is_redirected_with_its_query() {
    let app = api(Worker::default()).await;
    for (asked, location) in [
        ("/api/books", "/api/books/"),
        ("/api/books?", "/api/books/"),
        ("/api/top-rated?a=%20b", "/api/top-rated/?a=%20b"),
        ("/api/book/978-1/reviews", ""),
        ("/api/book/978-1732102200/reviews?page=2", "/api/book/978-1732102200/reviews/?page=2"),
        ("/api/reviewer/007/reviews", "/api/reviewer/007/reviews/"),
        ("/api/reviewer/x/reviews", ""),
    ] {
        let (head, _) = ask(&app, get(asked, "")).await;
        let found = head.headers.get("location").map_or("", |location| location.to_str().unwrap());
        assert_eq!(found, location, "{asked}");
        assert_eq!(head.status, if location.is_empty() { 404 } else { 301 }, "{asked}");
    }
}

/// A tee that has handed a route over sends everything under it here: passed on to the monolith behind the tee it would
/// come back.
#[tokio::test]
async fn what_is_no_address_is_not_passed_on() {
    let app = api_at(6, Worker::default(), &[]).await;
    for target in ["review/abc", "review/+1", "book/abc/reviews/", "reviewer/-1/reviews/", "reviewer/%FF/reviews/"] {
        assert_eq!(ask(&app, get(&format!("/api/{target}"), "")).await.0.status, StatusCode::NOT_FOUND, "{target}");
    }
}

#[tokio::test]
async fn each_step_answers_more_by_itself() {
    let own = |step| async move {
        let app = api_at(step, Worker::default(), &[]).await;
        let mut answered = Vec::new();
        for target in READS {
            if ask(&app, get(target, "")).await.0.status == StatusCode::OK {
                answered.push(target);
            }
        }
        let login = ask(&app, post("/api/login", "", "{")).await.0.status;
        (login == StatusCode::BAD_REQUEST, answered)
    };
    assert_eq!(own(1).await, (false, vec![]));
    assert_eq!(own(2).await, (true, vec![]));
    assert_eq!(own(3).await, (true, vec!["/api/whoami"]));
    assert_eq!(own(4).await, (true, vec!["/api/books/", "/api/whoami"]));
    assert_eq!(own(5).await, (true, READS.to_vec()));
    assert_eq!(own(6).await, (true, READS.to_vec()));
}
