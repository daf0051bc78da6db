//! Which routes this service answers itself, and from which step of the move on. Everything else is the monolith's.

use crate::answer::{self, Refusal, not_allowed, refused};
use crate::callers::{self, Asker};
use crate::faults::Fault;
use crate::{App, accounts, books, reviews, sessions};
use axum::Router;
use axum::body::Body;
use axum::extract::rejection::PathRejection;
use axum::extract::{Path, State};
use axum::middleware::{Next, from_fn};
use axum::routing::{MethodRouter, any};
use http::request::Parts;
use http::{HeaderValue, Method, Request, Response, header};
use std::sync::Arc;

type Shared = State<Arc<App>>;
type Segment = Result<Path<String>, PathRejection>;

/// What is answered here, and from which step on. At step 1 nothing is: a transparent proxy. Step 6 adds no route: then
/// clients come with the monolith's session alone, see `callers`.
fn owned() -> [(u8, &'static str, MethodRouter<Arc<App>>); 13] {
    [
        (2, "/api/login", any(log_in)),
        (2, "/api/logout", any(log_out)),
        (2, "/internal/session", any(bridge)),
        (3, "/api/whoami", any(who_am_i)),
        (4, "/api/books/", any(all_books)),
        (4, "/api/books", any(slash)),
        (5, "/api/review/{review_id}", any(review)),
        (5, "/api/book/{isbn}/reviews/", any(by_book)),
        (5, "/api/book/{isbn}/reviews", any(by_book_slash)),
        (5, "/api/reviewer/{reviewer_id}/reviews/", any(by_reviewer)),
        (5, "/api/reviewer/{reviewer_id}/reviews", any(by_reviewer_slash)),
        (5, "/api/top-rated/", any(top_rated)),
        (5, "/api/top-rated", any(slash)),
    ]
}

/// The routes of the step that the service is at, and the proxy for the rest.
pub(crate) fn router(app: Arc<App>) -> Router {
    let mut routes = Router::new();
    for (step, path, answers) in owned() {
        if step <= app.step {
            routes = routes.route(path, answers);
        }
    }
    if app.step > 1 {
        routes = routes.route_layer(from_fn(as_sessions_vary));
    }
    routes.fallback(monolith).with_state(app)
}

/// A route that reads, with what its address says.
enum Read {
    Review(i64),
    ByBook(String),
    ByReviewer(String),
    Books,
    TopRated,
    WhoAmI,
}

impl Read {
    /// Whether the answer depends on who asks.
    fn varies(&self) -> bool {
        !matches!(self, Read::Books | Read::TopRated)
    }

    async fn answer(&self, app: &App, asker: Asker, head: &Parts) -> Result<Response<Body>, Refusal> {
        match self {
            Read::Review(id) => reviews::one(app, asker, *id).await,
            Read::ByBook(isbn) => reviews::by_book(app, asker, isbn, head).await,
            Read::ByReviewer(id) => reviews::by_reviewer(app, asker, id, head).await,
            Read::Books => books::all(app, asker, head).await,
            Read::TopRated => books::top_rated(app, asker).await,
            Read::WhoAmI => accounts::who_am_i(app, asker).await,
        }
    }
}

/// What the monolith's addresses do not spell is no address here either. It is not passed on: once a tee sends a whole route
/// here, it would send that back.
const NO_ADDRESS: Refusal = Refusal::NotFound("address");

/// Answers a route that reads.
async fn read(app: &App, request: Request<Body>, route: Option<Read>) -> Response<Body> {
    let Some(route) = route else {
        return refused(app, NO_ADDRESS);
    };
    match (&route, request.method()) {
        (_, &Method::GET) => {}
        // Writing stays with the monolith.
        (Read::Review(_), &Method::PATCH | &Method::DELETE) => return app.proxy.forward(app, request).await,
        (Read::Review(_), _) => return not_allowed(app, "GET, PATCH, DELETE"),
        _ => return not_allowed(app, "GET"),
    }
    let (head, _) = request.into_parts();
    let (asker, cookie) = match callers::asker(app, &head.headers).await {
        Ok(known) => known,
        Err(refusal) => return refused(app, refusal),
    };
    let mut answer = route.answer(app, asker, &head).await;
    if answer.as_ref().is_err_and(|refusal| *refusal == Refusal::Unauthenticated) && asker != Asker::ANONYMOUS {
        // The account has ended while its session lives: the monolith takes such a client for nobody.
        answer = route.answer(app, Asker::ANONYMOUS, &head).await;
    }
    let mut response = answer.unwrap_or_else(|refusal| refused(app, refusal));
    if route.varies() || cookie.is_some() {
        answer::vary_on_cookie(&mut response);
    }
    if let Some(cookie) = cookie {
        // An answer that carries somebody's session is kept by nobody.
        response.headers_mut().insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
    response
}

/// The monolith takes away a session cookie that is too short to be one, whatever is asked, so each answer depends on it.
async fn as_sessions_vary(request: Request<Body>, next: Next) -> Response<Body> {
    let key = sessions::cookie(request.headers(), sessions::MONOLITH_COOKIE);
    let too_short = key.is_some_and(|key| key.len() < sessions::SHORTEST_KEY);
    let mut response = next.run(request).await;
    if too_short {
        answer::vary_on_cookie(&mut response);
    }
    response
}

async fn monolith(State(app): Shared, request: Request<Body>) -> Response<Body> {
    app.proxy.forward(&app, request).await
}

async fn log_in(State(app): Shared, request: Request<Body>) -> Response<Body> {
    if request.method() != Method::POST {
        return not_allowed(&app, "POST");
    }
    accounts::log_in(&app, request).await.unwrap_or_else(|refusal| refused(&app, refusal))
}

async fn log_out(State(app): Shared, request: Request<Body>) -> Response<Body> {
    if request.method() == Method::POST { accounts::log_out(&app) } else { not_allowed(&app, "POST") }
}

async fn bridge(State(app): Shared, request: Request<Body>) -> Response<Body> {
    if request.method() != Method::POST {
        return not_allowed(&app, "POST");
    }
    let (head, _) = request.into_parts();
    accounts::bridge(&app, &head).await.unwrap_or_else(|refusal| refused(&app, refusal))
}

async fn who_am_i(State(app): Shared, request: Request<Body>) -> Response<Body> {
    read(&app, request, Some(Read::WhoAmI)).await
}

async fn all_books(State(app): Shared, request: Request<Body>) -> Response<Body> {
    read(&app, request, Some(Read::Books)).await
}

async fn top_rated(State(app): Shared, request: Request<Body>) -> Response<Body> {
    read(&app, request, Some(Read::TopRated)).await
}

async fn review(State(app): Shared, segment: Segment, request: Request<Body>) -> Response<Body> {
    read(&app, request, id(segment).map(|id| Read::Review(reviews::id_of(&id)))).await
}

async fn by_book(State(app): Shared, segment: Segment, request: Request<Body>) -> Response<Body> {
    read(&app, request, isbn(segment).map(Read::ByBook)).await
}

async fn by_reviewer(State(app): Shared, segment: Segment, request: Request<Body>) -> Response<Body> {
    read(&app, request, id(segment).map(Read::ByReviewer)).await
}

async fn slash(State(app): Shared, request: Request<Body>) -> Response<Body> {
    let path = format!("{}/", request.uri().path());
    with_slash(&app, request, Some(path)).await
}

async fn by_book_slash(State(app): Shared, segment: Segment, request: Request<Body>) -> Response<Body> {
    with_slash(&app, request, isbn(segment).map(|isbn| format!("/api/book/{isbn}/reviews/"))).await
}

async fn by_reviewer_slash(State(app): Shared, segment: Segment, request: Request<Body>) -> Response<Body> {
    with_slash(&app, request, id(segment).map(|id| format!("/api/reviewer/{id}/reviews/"))).await
}

/// Sends a client who forgot the slash to the address that has it, whatever the method, and with the query.
async fn with_slash(app: &App, request: Request<Body>, path: Option<String>) -> Response<Body> {
    let Some(path) = path else {
        return refused(app, NO_ADDRESS);
    };
    let host = if app.faults.on(Fault::RedirectWrongHost) { "http://api.internal" } else { "" };
    let query = request.uri().query().filter(|query| !query.is_empty()).map(|query| format!("?{query}"));
    answer::moved(app, &format!("{host}{path}{}", query.unwrap_or_default()))
}

/// An id as the monolith's addresses spell it; other texts are no address of ours.
fn id(segment: Segment) -> Option<String> {
    let Path(text) = segment.ok()?;
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then_some(text)
}

/// An ISBN as the monolith's addresses spell it, with or without dashes.
fn isbn(segment: Segment) -> Option<String> {
    let Path(text) = segment.ok()?;
    let spelled =
        matches!(text.len(), 10..=20) && text.bytes().all(|byte| byte.is_ascii_digit() || b"Xx-".contains(&byte));
    spelled.then_some(text)
}
