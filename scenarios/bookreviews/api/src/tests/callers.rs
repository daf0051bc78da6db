//! Who is taken for whom: log-in, the exchange of sessions, and what proves nothing.

use super::{LIVE, Worker, api, api_at, ask, cookie_set, get, post};
use crate::App;
use crate::faults::Fault;
use http::StatusCode;
use serde_json::{Value, json};
use std::sync::Arc;

async fn log_in(app: &Arc<App>, name: &str) -> String {
    let body = json!({ "username": name, "password": "right" }).to_string();
    let (head, _) = ask(app, post("/api/login", "", body.leak())).await;
    assert_eq!(head.status, StatusCode::OK);
    cookie_set(&head).expect("a session")
}

/// The id that `whoami` gives to these cookies.
async fn who(app: &Arc<App>, cookies: &str) -> Value {
    ask(app, get("/api/whoami", cookies)).await.1["user"]["id"].clone()
}

async fn bridged(app: &Arc<App>, key: &str) -> Option<String> {
    let (head, _) = ask(app, post("/internal/session", &format!("sessionid={key}"), "")).await;
    let cookie = cookie_set(&head);
    assert_eq!(head.status, if cookie.is_some() { StatusCode::NO_CONTENT } else { StatusCode::UNAUTHORIZED });
    cookie
}

#[tokio::test]
async fn a_log_in_gives_a_session_of_two_weeks() {
    let app = api(Worker::default()).await;
    let login = r#"{"username":"user4","password":"right"}"#;
    let (head, body) = ask(&app, post("/api/login", "", login)).await;
    assert_eq!(body, json!({ "user": { "id": 4, "username": "user4", "display_name": "user4" } }));
    assert_eq!(head.headers["cache-control"], "no-store");
    assert_eq!(head.headers["vary"], "Cookie");
    let cookie = head.headers["set-cookie"].to_str().unwrap();
    let (value, rest) = cookie.split_once("; ").unwrap();
    assert_eq!(rest, "HttpOnly; Max-Age=1209600; Path=/; SameSite=Lax");
    assert_eq!(who(&app, value).await, 4);
    // Whatever session the monolith has beside it.
    assert_eq!(who(&app, &format!("sessionid=another; {value}")).await, 4);
}

#[tokio::test]
async fn a_log_in_that_is_wrong_gives_none() {
    let app = api(Worker::default()).await;
    for (body, status, detail) in [
        (r#"{"username":"user4","password":"wrong"}"#, 401, "wrong user name or password"),
        (r#"{"username":"nobody","password":"right"}"#, 401, "wrong user name or password"),
        (r#"{"username":"user4"}"#, 400, "username and password are needed"),
        ("{", 400, "username and password are needed"),
    ] {
        let (head, answer) = ask(&app, post("/api/login", "", body)).await;
        assert_eq!(head.status, status, "{body}");
        assert_eq!(answer, json!({ "detail": detail }), "{body}");
        assert!(cookie_set(&head).is_none() && !head.headers.contains_key("vary"), "{body}");
    }
    assert_eq!(ask(&app, get("/api/login", "")).await.0.status, StatusCode::METHOD_NOT_ALLOWED);
}

#[tokio::test]
async fn a_log_out_takes_the_cookie_away() {
    let app = api(Worker::default()).await;
    let (head, body) = ask(&app, post("/api/logout", &log_in(&app, "user4").await, "")).await;
    assert_eq!(body, json!({ "user": null }));
    assert_eq!(cookie_set(&head).as_deref(), Some("api_session=\"\""));
    assert!(head.headers["set-cookie"].to_str().unwrap().contains("Max-Age=0"));
}

#[tokio::test]
async fn a_live_session_of_the_monolith_is_exchanged_for_one_that_is_bound_to_it() {
    let app = api(Worker::default()).await;
    let cookie = bridged(&app, LIVE).await.expect("a session");
    assert!(!cookie.contains(LIVE));
    assert_eq!(who(&app, &format!("sessionid={LIVE}; {cookie}")).await, 4);
    for beside in ["", "sessionid=another; ", "sessionid=; "] {
        assert_eq!(who(&app, &format!("{beside}{cookie}")).await, Value::Null, "{beside}");
    }
    for dead in ["", "dead", "live-session-of-user-"] {
        assert_eq!(bridged(&app, dead).await, None, "{dead}");
    }
    assert_eq!(ask(&app, post("/internal/session", "", "")).await.0.status, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn what_proves_nothing_is_nobody() {
    let app = api(Worker::default()).await;
    let cookie = log_in(&app, "user4").await;
    let (body, _) = cookie.rsplit_once('.').unwrap();
    let another_service = log_in(&api(Worker::default()).await, "user1").await;
    for cookies in ["api_session=", "api_session=garbage", &format!("{body}.AAAA"), &another_service] {
        assert_eq!(who(&app, cookies).await, Value::Null, "{cookies}");
    }
    // Up to step 5 the monolith's session is the monolith's business.
    assert_eq!(who(&app, &format!("sessionid={LIVE}")).await, Value::Null);
}

#[tokio::test]
async fn at_the_last_step_the_monoliths_session_is_enough() {
    let app = api_at(6, Worker::default(), &[]).await;
    for target in ["/api/whoami", "/api/books/", "/api/review/40"] {
        let (head, _) = ask(&app, get(target, &format!("sessionid={LIVE}"))).await;
        assert_eq!(head.status, StatusCode::OK, "{target}");
        let cookie = cookie_set(&head).expect("a session of its own");
        assert_eq!(head.headers["cache-control"], "no-store", "{target}");
        assert_eq!(head.headers["vary"], "Cookie", "{target}");
        let (head, body) = ask(&app, get("/api/whoami", &format!("sessionid={LIVE}; {cookie}"))).await;
        assert_eq!((body["user"]["id"].clone(), cookie_set(&head)), (json!(4), None), "given once");
        // Another log-in at the monolith takes effect at once, and so does log-out.
        for now in ["sessionid=another; ", ""] {
            assert_eq!(who(&app, &format!("{now}{cookie}")).await, Value::Null, "{now}");
        }
    }
    let (head, body) = ask(&app, get("/api/whoami", "sessionid=dead")).await;
    assert_eq!((body, cookie_set(&head)), (json!({ "user": null }), None));
    assert_eq!(who(&app, &log_in(&app, "user1").await).await, 1, "a log-in here counts alone");
}

#[tokio::test]
async fn drafts_are_for_those_whom_the_internal_api_lets_read_them() {
    let app = api(Worker::default()).await;
    let draft = |cookies: String| {
        let app = app.clone();
        async move { ask(&app, get("/api/review/40", &cookies)).await.0.status }
    };
    assert_eq!(draft(String::new()).await, StatusCode::UNAUTHORIZED);
    assert_eq!(draft(log_in(&app, "user4").await).await, StatusCode::OK);
    assert_eq!(draft(log_in(&app, "user1").await).await, StatusCode::OK);
}

#[tokio::test]
async fn mistakes_about_callers_change_what_they_name() {
    for (fault, by_nobody, by_user, by_staff) in [
        (None, 401, 200, 200),
        (Some(Fault::DraftLeaked), 200, 200, 200),
        (Some(Fault::CallerForgotten), 401, 401, 401),
        (Some(Fault::StaffNotKnown), 401, 200, 403),
    ] {
        let app = api_at(5, Worker::default(), fault.as_slice()).await;
        let cookies = [String::new(), log_in(&app, "user4").await, log_in(&app, "user1").await];
        let mut found = Vec::new();
        for cookies in &cookies {
            found.push(ask(&app, get("/api/review/40", cookies)).await.0.status.as_u16());
        }
        // User 4 did not write review 40 here, but the worker lets them read it.
        assert_eq!(found, [by_nobody, by_user, by_staff], "{fault:?}");
    }
    let app = api_at(5, Worker::default(), &[Fault::AnswerCachedForAnother]).await;
    let (first, second) = (log_in(&app, "user4").await, log_in(&app, "user1").await);
    assert_eq!((who(&app, &first).await, who(&app, &second).await), (json!(4), json!(4)));
    assert_eq!(who(&app, "").await, Value::Null);
}
