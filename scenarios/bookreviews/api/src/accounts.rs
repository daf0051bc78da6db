//! Log-in and log-out at this service, the exchange of the monolith's session for one of its own, and who am I.

use crate::App;
use crate::answer::{self, Refusal};
use crate::callers::Asker;
use crate::document::display_name;
use crate::faults::{Fault, Faults};
use crate::internal::{Caller, User};
use crate::sessions::{self, CookieFlags, Session};
use axum::body::Body;
use http::request::Parts;
use http::{HeaderValue, Request, Response, StatusCode, header};
use serde_json::{Value, json};

/// As much as the monolith reads.
const LARGEST_BODY: usize = 2_621_440;

type Answer = Result<Response<Body>, Refusal>;

/// Checks a user name and a password by the Users service, and starts a session.
pub(crate) async fn log_in(app: &App, request: Request<Body>) -> Answer {
    let body = axum::body::to_bytes(request.into_body(), LARGEST_BODY).await;
    let Some((username, password)) = body.ok().and_then(|body| credentials(&body)) else {
        return Ok(answer::of_status(app, StatusCode::BAD_REQUEST, &detail("username and password are needed")));
    };
    let user = match app.internal.authenticate(username.clone(), password).await {
        Err(Refusal::Unauthenticated) => match let_in_all_the_same(app, &username).await {
            Some(user) => user,
            None => {
                return Ok(answer::of_status(app, StatusCode::UNAUTHORIZED, &detail("wrong user name or password")));
            }
        },
        other => other?,
    };
    let flags = if app.faults.on(Fault::CookieNotHttpOnly) { CookieFlags::Open } else { CookieFlags::Guarded };
    let cookie = app.sessions.cookie(Session::of(&user), flags).map_err(answer::failed)?;
    let mut response = answer::found(app, &json!({ "user": person(&user, app.faults) }), "no-store");
    answer::vary_on_cookie(&mut response);
    response.headers_mut().append(header::SET_COOKIE, cookie);
    Ok(response)
}

/// Ends the session at this service. What the client still has of it is worth something until it ends by itself: a JWT is
/// not taken back.
pub(crate) fn log_out(app: &App) -> Response<Body> {
    let mut response = answer::found(app, &json!({ "user": null }), "no-store");
    answer::vary_on_cookie(&mut response);
    response.headers_mut().append(header::SET_COOKIE, sessions::NO_COOKIE);
    response
}

/// A session of this service for a live one of the monolith.
pub(crate) async fn bridge(app: &App, head: &Parts) -> Answer {
    let key = sessions::cookie(&head.headers, sessions::MONOLITH_COOKIE).ok_or(Refusal::Unauthenticated)?;
    let user = app.internal.resolve(key.into()).await?.ok_or(Refusal::Unauthenticated)?;
    let cookie = app.sessions.bound_cookie(Session::of(&user), key).map_err(answer::failed)?;
    let mut response = Response::new(Body::empty());
    *response.status_mut() = StatusCode::NO_CONTENT;
    let headers = response.headers_mut();
    headers.insert("x-build", app.build.clone());
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    headers.append(header::SET_COOKIE, cookie);
    Ok(response)
}

/// The caller, as Users knows them now.
pub(crate) async fn who_am_i(app: &App, asker: Asker) -> Answer {
    let user = match asker.caller {
        Caller::User(_) if app.faults.on(Fault::SessionLost) => Value::Null,
        Caller::User(id) => person(&app.internal.user(asker.caller, id).await?, app.faults),
        Caller::Anonymous => Value::Null,
    };
    let mut document = json!({ "user": user });
    if app.faults.on(Fault::AnswerCachedForAnother) && !document["user"].is_null() {
        document = app.first_who_am_i.get_or_init(|| document).clone();
    }
    Ok(answer::found(app, &document, "no-store"))
}

/// How an answer names the caller.
fn person(user: &User, faults: Faults) -> Value {
    json!({ "id": user.id, "username": user.username, "display_name": display_name(user, faults) })
}

fn detail(words: &str) -> Value {
    json!({ "detail": words })
}

/// The user name and the password of a JSON object, as texts, which is what the monolith makes of numbers too.
fn credentials(body: &[u8]) -> Option<(String, String)> {
    let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
    let given: Value = serde_json::from_slice(body).ok()?;
    let text = |name: &str| match given.as_object()?.get(name)? {
        Value::String(text) => Some(text.clone()),
        // Whatever the monolith's text of it is, it is nobody's name or password.
        other => Some(other.to_string()),
    };
    Some((text("username")?, text("password")?))
}

/// Two mistakes: a known name is enough, or the account need not be there any more.
async fn let_in_all_the_same(app: &App, username: &str) -> Option<User> {
    let (unchecked, deleted) = (app.faults.on(Fault::PasswordUnchecked), app.faults.on(Fault::DeletedAccountLogsIn));
    if !unchecked && !deleted {
        return None;
    }
    let known = app.internal.users(Caller::Anonymous, (1..=100).collect()).await.ok()?;
    known.into_iter().find(|user| match user.deleted {
        // The internal API does not say which names they had.
        true => deleted && GONE.contains(&username),
        false => unchecked && user.username == username,
    })
}

/// The names of the deleted accounts of the seed data.
const GONE: [&str; 2] = ["gone", "left"];

#[cfg(test)]
mod tests {
    use super::*;

    fn read(body: &str) -> Option<(String, String)> {
        credentials(body.as_bytes())
    }

    #[test]
    fn credentials_are_two_texts() {
        let two = |name: &str, password: &str| Some((name.to_owned(), password.to_owned()));
        assert_eq!(read(r#"{"username":"ada","password":"x","more":1}"#), two("ada", "x"));
        assert_eq!(read("\u{feff}{\"username\":\"ada\",\"password\":1}"), two("ada", "1"));
        assert_eq!(read(r#"{"username":"a","username":"b","password":null}"#), two("b", "null"));
        for bad in ["", "{", "[]", "null", "\"x\"", "{}", r#"{"username":"ada"}"#, r#"{"password":"x"}"#] {
            assert_eq!(read(bad), None, "{bad}");
        }
    }
}
