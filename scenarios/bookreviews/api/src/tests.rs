//! What the owned routes ask of the internal APIs, counted by a worker of the tests' own: the calls of a listing do not grow
//! with the listing, everybody is named in `auth_user`, and each code has its status.

use crate::internal::proto::*;
use crate::{App, Faults, internal, proxy, routes};
use axum::body::Body;
use http::{Request, StatusCode};
use http_body_util::BodyExt;
use std::sync::{Arc, Mutex};
use tonic::{Code, Response, Status};
use tower::ServiceExt;

#[allow(missing_docs, unreachable_pub, dead_code, reason = "generated")]
mod servers {
    include!(concat!(env!("OUT_DIR"), "/servers/bookreviews.v1.rs"));
}

/// Every call: its name, its `auth_user`, whether it had a deadline.
type Calls = Arc<Mutex<Vec<(&'static str, String, bool)>>>;

/// A worker with as many reviews as are asked for.
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
    Review { id, isbn: format!("978000000{:04}", id % 7), reviewer_id: Some(id), ..Review::default() }
}

fn user(id: i64) -> User {
    User { id, username: format!("user{id}"), ..User::default() }
}

fn book(isbn: String) -> Book {
    Book { isbn, title: "A book".into(), ..Book::default() }
}

#[tonic::async_trait]
impl servers::reviews_server::Reviews for Worker {
    async fn get_review(&self, request: tonic::Request<GetReviewRequest>) -> Result<Response<Review>, Status> {
        self.note("GetReview", &request)?;
        Ok(Response::new(review(request.get_ref().id)))
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
}

/// The API in front of this worker; the worker lives as long as the test's runtime.
async fn api(worker: Worker) -> Arc<App> {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    let server = tonic::transport::Server::builder()
        .add_service(servers::reviews_server::ReviewsServer::new(worker.clone()))
        .add_service(servers::books_server::BooksServer::new(worker.clone()))
        .add_service(servers::users_server::UsersServer::new(worker))
        .serve_with_incoming(tonic::transport::server::TcpIncoming::from(listener));
    tokio::spawn(server);
    Arc::new(App {
        internal: internal::Internal::new(&url).unwrap(),
        proxy: proxy::Proxy::new(&"http://127.0.0.1:1".parse().unwrap()).unwrap(),
        build: http::HeaderValue::from_static("api-test"),
        faults: Faults::default(),
    })
}

async fn ask(app: &Arc<App>, request: Request<Body>) -> (http::response::Parts, serde_json::Value) {
    let (head, body) = routes::router(app.clone(), 5).oneshot(request).await.unwrap().into_parts();
    let body = body.collect().await.unwrap().to_bytes();
    (head, serde_json::from_slice(&body).unwrap_or_default())
}

fn get(target: &str) -> Request<Body> {
    Request::get(target).body(Body::empty()).unwrap()
}

/// The names of the calls that one request costs, sorted.
async fn cost(target: &str) -> Vec<&'static str> {
    let worker = Worker::default();
    let app = api(worker.clone()).await;
    let (head, _) = ask(&app, get(target)).await;
    assert_eq!(head.status, StatusCode::OK, "{target}");
    let calls = worker.calls.lock().unwrap();
    assert!(calls.iter().all(|(_, user, deadline)| user == "anonymous" && *deadline), "{calls:?}");
    let mut names: Vec<_> = calls.iter().map(|(name, ..)| *name).collect();
    names.sort_unstable();
    names
}

#[tokio::test]
async fn the_calls_of_a_listing_do_not_grow_with_it() {
    for size in [1, 5, 50] {
        let of_a_book = cost(&format!("/api/book/9780156027601/reviews/?page_size={size}")).await;
        assert_eq!(of_a_book, ["BatchGetUsers", "GetBook", "ListReviews"], "{size} reviews");
        let of_a_user = cost(&format!("/api/reviewer/4/reviews/?page_size={size}")).await;
        assert_eq!(of_a_user, ["BatchGetBooks", "GetUser", "ListReviews"], "{size} reviews");
    }
    assert_eq!(cost("/api/review/4").await, ["GetBook", "GetReview", "GetUser"]);
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
    ] {
        let app = api(Worker { refuses: Some(code), ..Worker::default() }).await;
        for target in ["/api/review/4", "/api/book/9780156027601/reviews/", "/api/reviewer/4/reviews/"] {
            assert_eq!(ask(&app, get(target)).await.0.status, status, "{code:?} {target}");
        }
    }
}
