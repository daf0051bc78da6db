//! The service in front of a worker of the tests' own, which has what it is asked for and counts the calls.

mod callers;
mod calls;

use crate::internal::proto::*;
use crate::{App, Faults, internal, proxy, routes, sessions};
use axum::body::Body;
use http::{Request, header};
use http_body_util::BodyExt;
use std::sync::{Arc, Mutex, OnceLock};
use tonic::{Code, Response, Status};
use tower::ServiceExt;

#[allow(missing_docs, unreachable_pub, dead_code, reason = "generated")]
mod servers {
    include!(concat!(env!("OUT_DIR"), "/servers/bookreviews.v1.rs"));
}

/// Every call: its name, its `auth_user`, whether it had a deadline.
type Calls = Arc<Mutex<Vec<(&'static str, String, bool)>>>;

/// The one session of the monolith that is live: of user 4, who is not staff.
const LIVE: &str = "live-session-of-user-4";

/// A worker with as many reviews as are asked for. Review 40 is a draft, which
/// users 1 and 4 may read. User 1 is staff.
#[derive(Clone, Default)]
struct Worker {
    calls: Calls,
    refuses: Option<Code>,
}

impl Worker {
    fn note<T>(&self, name: &'static str, request: &tonic::Request<T>) -> Result<(), Status> {
        let metadata = request.metadata();
        let user = metadata.get("auth_user").and_then(|user| user.to_str().ok()).unwrap_or_default().to_owned();
        self.calls.lock().unwrap().push((name, user, metadata.contains_key("grpc-timeout")));
        self.refuses.map_or(Ok(()), |code| Err(Status::new(code, "as the test wants")))
    }
}

fn review(id: i64) -> Review {
    Review { id, isbn: format!("978000000{:04}", id % 7), reviewer_id: Some(id), draft: id == 40, ..Review::default() }
}

fn user(id: i64) -> User {
    User { id, username: format!("user{id}"), staff: id == 1, ..User::default() }
}

fn book(isbn: String) -> Book {
    Book { isbn, title: "A book".into(), ..Book::default() }
}

#[tonic::async_trait]
impl servers::reviews_server::Reviews for Worker {
    async fn get_review(&self, request: tonic::Request<GetReviewRequest>) -> Result<Response<Review>, Status> {
        self.note("GetReview", &request)?;
        let found = review(request.get_ref().id);
        let auth_user = request.metadata().get("auth_user").and_then(|user| user.to_str().ok()).unwrap_or_default();
        match auth_user {
            "anonymous" if found.draft => Err(Status::unauthenticated("log in")),
            user if found.draft && !["1", "4"].contains(&user) => Err(Status::permission_denied("not yours")),
            _ => Ok(Response::new(found)),
        }
    }
    async fn batch_get_reviews(
        &self,
        request: tonic::Request<BatchGetReviewsRequest>,
    ) -> Result<Response<BatchGetReviewsResponse>, Status> {
        self.note("BatchGetReviews", &request)?;
        Ok(Response::new(BatchGetReviewsResponse::default()))
    }
    async fn list_reviews(
        &self,
        request: tonic::Request<ListReviewsRequest>,
    ) -> Result<Response<ListReviewsResponse>, Status> {
        self.note("ListReviews", &request)?;
        let limit = i64::from(request.get_ref().limit);
        Ok(Response::new(ListReviewsResponse { reviews: (1..=limit).map(review).collect(), total: 100 }))
    }
    async fn rate_books(
        &self,
        request: tonic::Request<RateBooksRequest>,
    ) -> Result<Response<RateBooksResponse>, Status> {
        self.note("RateBooks", &request)?;
        let rating = |n| BookRating { isbn: format!("978-000000{n:04}"), stars: 10 + n, reviews: 3 };
        Ok(Response::new(RateBooksResponse { ratings: (0..i64::from(request.get_ref().limit)).map(rating).collect() }))
    }
}

#[tonic::async_trait]
impl servers::books_server::Books for Worker {
    async fn get_book(&self, request: tonic::Request<GetBookRequest>) -> Result<Response<Book>, Status> {
        self.note("GetBook", &request)?;
        Ok(Response::new(book(request.into_inner().isbn)))
    }
    async fn batch_get_books(
        &self,
        request: tonic::Request<BatchGetBooksRequest>,
    ) -> Result<Response<BatchGetBooksResponse>, Status> {
        self.note("BatchGetBooks", &request)?;
        let books = request.into_inner().isbns.into_iter().map(book).collect();
        Ok(Response::new(BatchGetBooksResponse { books }))
    }
    async fn list_books(
        &self,
        request: tonic::Request<ListBooksRequest>,
    ) -> Result<Response<ListBooksResponse>, Status> {
        self.note("ListBooks", &request)?;
        let books = (0..request.get_ref().limit).map(|n| book(format!("978000000{n:04}"))).collect();
        Ok(Response::new(ListBooksResponse { books, total: 100 }))
    }
}

#[tonic::async_trait]
impl servers::users_server::Users for Worker {
    async fn get_user(&self, request: tonic::Request<GetUserRequest>) -> Result<Response<User>, Status> {
        self.note("GetUser", &request)?;
        Ok(Response::new(user(request.get_ref().id)))
    }
    async fn batch_get_users(
        &self,
        request: tonic::Request<BatchGetUsersRequest>,
    ) -> Result<Response<BatchGetUsersResponse>, Status> {
        self.note("BatchGetUsers", &request)?;
        let users = request.into_inner().ids.into_iter().map(user).collect();
        Ok(Response::new(BatchGetUsersResponse { users }))
    }
    async fn authenticate(&self, request: tonic::Request<AuthenticateRequest>) -> Result<Response<User>, Status> {
        self.note("Authenticate", &request)?;
        match (request.get_ref().username.as_str(), request.get_ref().password.as_str()) {
            ("user1", "right") => Ok(Response::new(user(1))),
            ("user4", "right") => Ok(Response::new(user(4))),
            _ => Err(Status::unauthenticated("wrong user name or password")),
        }
    }
    async fn resolve_session(&self, request: tonic::Request<ResolveSessionRequest>) -> Result<Response<User>, Status> {
        self.note("ResolveSession", &request)?;
        match request.get_ref().session_key.as_str() {
            LIVE => Ok(Response::new(user(4))),
            _ => Err(Status::not_found("no such session is live")),
        }
    }
}

/// The service at a step of the move, in front of this worker, which lives as long as the test's runtime.
async fn api_at(step: u8, worker: Worker, faults: &[crate::faults::Fault]) -> Arc<App> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tonic::transport::Server::builder()
        .add_service(servers::reviews_server::ReviewsServer::new(worker.clone()))
        .add_service(servers::books_server::BooksServer::new(worker.clone()))
        .add_service(servers::users_server::UsersServer::new(worker))
        .serve_with_incoming(tonic::transport::server::TcpIncoming::from(listener));
    tokio::spawn(server);
    // Nobody listens there: what is passed on to the monolith is answered with 503.
    let monolith = "http://127.0.0.1:1".parse().unwrap();
    Arc::new(App {
        internal: internal::Internal::new(&url).unwrap(),
        proxy: proxy::Proxy::new(&monolith, proxy::Passed::All).unwrap(),
        build: http::HeaderValue::from_static("api-test"),
        step,
        sessions: sessions::Sessions::new(None).unwrap(),
        faults: Faults::new(faults),
        first_who_am_i: OnceLock::new(),
    })
}

async fn api(worker: Worker) -> Arc<App> {
    api_at(5, worker, &[]).await
}

async fn ask(app: &Arc<App>, request: Request<Body>) -> (http::response::Parts, serde_json::Value) {
    let (head, body) = routes::router(app.clone()).oneshot(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (head, serde_json::from_slice(&body).unwrap_or_default())
}

fn get(target: &str, cookies: &str) -> Request<Body> {
    Request::get(target).header(header::COOKIE, cookies).body(Body::empty()).unwrap()
}

fn post(target: &str, cookies: &str, body: &'static str) -> Request<Body> {
    Request::post(target).header(header::COOKIE, cookies).body(Body::from(body)).unwrap()
}

/// `NAME=VALUE` of the one cookie that an answer sets.
fn cookie_set(head: &http::response::Parts) -> Option<String> {
    let mut lines = head.headers.get_all(header::SET_COOKIE).iter();
    let line = lines.next()?.to_str().unwrap();
    assert!(lines.next().is_none(), "one cookie at a time: {head:?}");
    line.split(';').next().map(str::to_owned)
}
