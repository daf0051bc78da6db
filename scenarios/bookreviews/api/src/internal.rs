//! The monolith's internal APIs: Reviews, Books and Users over gRPC, with the caller as `auth_user` metadata and a deadline
//! on every call.

#[allow(missing_docs, unreachable_pub, reason = "generated")]
pub(crate) mod proto {
    tonic::include_proto!("bookreviews.v1");
}

pub(crate) use proto::list_reviews_request::Of;
pub(crate) use proto::{Book, BookRating, ListBooksResponse, ListReviewsResponse, Review, User};

use crate::answer::Refusal;
use anyhow::Context;
use proto::books_client::BooksClient;
use proto::reviews_client::ReviewsClient;
use proto::users_client::UsersClient;
use std::future::Future;
use std::time::Duration;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Response, Status};

/// For one internal call; an owned route makes three rounds of them at most.
const DEADLINE: Duration = Duration::from_secs(4);
const CONNECT: Duration = Duration::from_secs(1);

/// Who asks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Caller {
    /// Nobody who is logged in.
    Anonymous,
    /// The user of this id.
    User(i64),
}

impl Caller {
    fn auth_user(self) -> tonic::metadata::MetadataValue<tonic::metadata::Ascii> {
        match self {
            Caller::Anonymous => tonic::metadata::MetadataValue::from_static("anonymous"),
            Caller::User(id) => id.into(),
        }
    }
}

/// Clients of the internal APIs; they share one connection.
pub(crate) struct Internal {
    channel: Channel,
}

impl Internal {
    /// Clients of the worker at this URL; it is connected to at the first call.
    pub(crate) fn new(url: &str) -> anyhow::Result<Internal> {
        let endpoint = Endpoint::from_shared(url.to_owned()).with_context(|| format!("--grpc {url} is no URL"))?;
        Ok(Internal { channel: endpoint.connect_timeout(CONNECT).tcp_nodelay(true).connect_lazy() })
    }

    /// One review.
    pub(crate) async fn review(&self, caller: Caller, id: i64) -> Result<Review, Refusal> {
        let mut client = ReviewsClient::new(self.channel.clone());
        call(client.get_review(request(caller, proto::GetReviewRequest { id })), "review").await
    }

    /// A slice of the reviews of a book or of a reviewer.
    pub(crate) async fn reviews(
        &self,
        caller: Caller,
        of: Of,
        offset: i64,
        limit: i32,
    ) -> Result<ListReviewsResponse, Refusal> {
        let mut client = ReviewsClient::new(self.channel.clone());
        let message = proto::ListReviewsRequest { of: Some(of), offset, limit };
        call(client.list_reviews(request(caller, message)), "reviews").await
    }

    /// The best rated books, of those with so many reviews or more.
    pub(crate) async fn ratings(
        &self,
        caller: Caller,
        min_reviews: i32,
        limit: i32,
    ) -> Result<Vec<BookRating>, Refusal> {
        let mut client = ReviewsClient::new(self.channel.clone());
        let message = proto::RateBooksRequest { min_reviews, limit };
        Ok(call(client.rate_books(request(caller, message)), "ratings").await?.ratings)
    }

    /// A slice of all books.
    pub(crate) async fn list_books(
        &self,
        caller: Caller,
        offset: i64,
        limit: i32,
    ) -> Result<ListBooksResponse, Refusal> {
        let mut client = BooksClient::new(self.channel.clone());
        let message = proto::ListBooksRequest { offset, limit };
        call(client.list_books(request(caller, message)), "books").await
    }

    /// One book.
    pub(crate) async fn book(&self, caller: Caller, isbn: String) -> Result<Book, Refusal> {
        let mut client = BooksClient::new(self.channel.clone());
        call(client.get_book(request(caller, proto::GetBookRequest { isbn })), "book").await
    }

    /// Several books in one call; unknown ones are left out.
    pub(crate) async fn books(&self, caller: Caller, isbns: Vec<String>) -> Result<Vec<Book>, Refusal> {
        if isbns.is_empty() {
            return Ok(Vec::new());
        }
        let mut client = BooksClient::new(self.channel.clone());
        let message = proto::BatchGetBooksRequest { isbns };
        Ok(call(client.batch_get_books(request(caller, message)), "books").await?.books)
    }

    /// One user.
    pub(crate) async fn user(&self, caller: Caller, id: i64) -> Result<User, Refusal> {
        let mut client = UsersClient::new(self.channel.clone());
        call(client.get_user(request(caller, proto::GetUserRequest { id })), "reviewer").await
    }

    /// The user of these credentials; `Unauthenticated` when they are wrong. Nobody is logged in yet who could ask.
    pub(crate) async fn authenticate(&self, username: String, password: String) -> Result<User, Refusal> {
        let mut client = UsersClient::new(self.channel.clone());
        let message = proto::AuthenticateRequest { username, password };
        call(client.authenticate(request(Caller::Anonymous, message)), "user").await
    }

    /// The user of a session of the monolith; `None` when it is not live.
    pub(crate) async fn resolve(&self, session_key: String) -> Result<Option<User>, Refusal> {
        let mut client = UsersClient::new(self.channel.clone());
        let message = proto::ResolveSessionRequest { session_key };
        match call(client.resolve_session(request(Caller::Anonymous, message)), "session").await {
            Err(Refusal::NotFound(_)) => Ok(None),
            resolved => resolved.map(Some),
        }
    }

    /// Several users in one call; unknown ones are left out.
    pub(crate) async fn users(&self, caller: Caller, ids: Vec<i64>) -> Result<Vec<User>, Refusal> {
        if ids.is_empty() {
            return Ok(Vec::new());
        }
        let mut client = UsersClient::new(self.channel.clone());
        let message = proto::BatchGetUsersRequest { ids };
        Ok(call(client.batch_get_users(request(caller, message)), "users").await?.users)
    }
}

/// A call's request with the caller and the deadline, which the worker is told too.
fn request<T>(caller: Caller, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("auth_user", caller.auth_user());
    request.set_timeout(DEADLINE);
    request
}

/// Waits for a call within its deadline, and says in HTTP's words why there is no answer.
async fn call<T>(call: impl Future<Output = Result<Response<T>, Status>>, what: &'static str) -> Result<T, Refusal> {
    let status = match tokio::time::timeout(DEADLINE, call).await {
        Ok(Ok(response)) => return Ok(response.into_inner()),
        Ok(Err(status)) => status,
        Err(_) => Status::deadline_exceeded("no answer in time"),
    };
    Err(match status.code() {
        Code::NotFound => Refusal::NotFound(what),
        Code::PermissionDenied => Refusal::Forbidden,
        Code::Unauthenticated => Refusal::Unauthenticated,
        Code::Unavailable | Code::ResourceExhausted => Refusal::Unavailable,
        Code::DeadlineExceeded | Code::Cancelled => Refusal::TooLate,
        code => {
            tracing::error!(%code, what, message = status.message(), "an internal call failed");
            Refusal::Internal
        }
    })
}
