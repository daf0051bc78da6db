//! The owned routes: ask the internal APIs, as much at once as possible and never once per review, and compose.

use crate::App;
use crate::answer::{self, Refusal};
use crate::document;
use crate::faults::{Fault, Faults};
use crate::internal::{Caller, ListReviewsResponse, Of, Review};
use crate::paging::{self, Page};
use axum::body::{Body, Bytes};
use futures::{StreamExt, stream};
use http::request::Parts;
use http::{HeaderValue, Response, header};
use http_body_util::BodyExt;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

/// Longer than a client waits.
const SLOW: Duration = Duration::from_secs(6);

/// A user who is staff, for the fault that asks as one.
const STAFF: i64 = 1;

type Answer = Result<Response<Body>, Refusal>;

/// One review: the review, then its book and its reviewer at once.
pub(crate) async fn one(app: &App, id: i64) -> Answer {
    let caller = if app.faults.on(Fault::DraftLeaked) { Caller::User(STAFF) } else { Caller::Anonymous };
    let review = app.internal.review(caller, id).await?;
    let (book, reviewer) =
        tokio::try_join!(async { known(app.internal.book(caller, review.isbn.clone()).await) }, async {
            match review.reviewer_id {
                Some(id) => known(app.internal.user(caller, id).await),
                None => Ok(None),
            }
        },)?;
    let document = document::whole_review(&review, book.as_ref(), reviewer.as_ref(), app.faults);
    let response = answer::found(app, &document, "private, max-age=60");
    if id % 9 == 0 { Ok(troubled(response, app.faults).await) } else { Ok(response) }
}

/// A page of the reviews of a book: the book and the reviews at once, then all their reviewers in one call.
pub(crate) async fn by_book(app: &App, isbn: String, head: &Parts) -> Answer {
    let caller = Caller::Anonymous;
    let path = format!("/api/book/{isbn}/reviews/");
    // Which of two refusals counts is the monolith's order: the book, then the page.
    let page = Page::of(&head.uri);
    let slice = page.unwrap_or_default();
    let (book, listing) = tokio::try_join!(
        app.internal.book(caller, isbn.clone()),
        app.internal.reviews(caller, Of::Isbn(isbn), slice.offset(), slice.size()),
    )?;
    let page = page?;
    let ids: BTreeSet<i64> = listing.reviews.iter().filter_map(|review| review.reviewer_id).collect();
    let users = app.internal.users(caller, ids.into_iter().collect()).await?;
    let users: BTreeMap<i64, _> = users.into_iter().map(|user| (user.id, user)).collect();
    let results = page_of(&listing, page, app.faults, |review| {
        let reviewer = review.reviewer_id.and_then(|id| users.get(&id));
        document::listed_review(review, Some(&book), reviewer, app.faults)
    });
    let address = paging::address(&head.headers, &path, app.faults);
    let mut document = page.members(listing.total, &address, app.faults)?;
    document.insert("book".into(), document::book(&book));
    document.insert("results".into(), results);
    let mut response = answer::found(app, &Value::Object(document), "public, max-age=30");
    if app.faults.on(Fault::WrongContentType) {
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    }
    Ok(response)
}

/// A page of the reviews of a user: the user and the reviews at once, then all their books in one call.
pub(crate) async fn by_reviewer(app: &App, segment: &str, id: i64, head: &Parts) -> Answer {
    let caller = Caller::Anonymous;
    let path = format!("/api/reviewer/{segment}/reviews/");
    let page = Page::of(&head.uri);
    let slice = page.unwrap_or_default();
    let (reviewer, listing) = tokio::try_join!(
        app.internal.user(caller, id),
        app.internal.reviews(caller, Of::ReviewerId(id), slice.offset(), slice.size()),
    )?;
    if reviewer.deleted {
        return Err(Refusal::NotFound("reviewer"));
    }
    let page = page?;
    let isbns: BTreeSet<String> = listing.reviews.iter().map(|review| review.isbn.clone()).collect();
    let books = app.internal.books(caller, isbns.into_iter().collect()).await?;
    let books: BTreeMap<String, _> = books.into_iter().map(|book| (book.isbn.clone(), book)).collect();
    let results = page_of(&listing, page, app.faults, |review| {
        document::listed_review(review, books.get(&review.isbn), Some(&reviewer), app.faults)
    });
    let address = paging::address(&head.headers, &path, app.faults);
    let mut document: Map<String, Value> = page.members(listing.total, &address, app.faults)?;
    document.insert("reviewer".into(), document::reviewer(&reviewer, app.faults));
    document.insert("results".into(), results);
    let mut response = answer::found(app, &Value::Object(document), "no-store");
    if app.faults.on(Fault::NoStoreLost) {
        response.headers_mut().remove(header::CACHE_CONTROL);
    }
    Ok(response)
}

/// What is linked may be gone: then it is not named.
fn known<T>(asked: Result<T, Refusal>) -> Result<Option<T>, Refusal> {
    match asked {
        Ok(found) => Ok(Some(found)),
        Err(Refusal::NotFound(_)) => Ok(None),
        Err(refusal) => Err(refusal),
    }
}

/// The reviews of a page in their order.
fn page_of(listing: &ListReviewsResponse, page: Page, faults: Faults, shape: impl Fn(&Review) -> Value) -> Value {
    let mut results: Vec<Value> = listing.reviews.iter().map(shape).collect();
    if faults.on(Fault::PageShortByOne) && results.len() == page.size() as usize {
        results.pop();
    }
    if faults.on(Fault::ListReversed) {
        results.reverse();
    }
    if faults.on(Fault::DuplicateInList)
        && let Some(first) = results.first().cloned()
    {
        results.push(first);
    }
    Value::Array(results)
}

/// An answer that comes late, or only half.
async fn troubled(response: Response<Body>, faults: Faults) -> Response<Body> {
    if faults.on(Fault::Slow) {
        tokio::time::sleep(SLOW).await;
    }
    let (hang, reset) = (faults.on(Fault::HangInBody), faults.on(Fault::ResetInBody));
    if !hang && !reset {
        return response;
    }
    let (mut head, body) = response.into_parts();
    // The body is in memory already: collecting it cannot fail.
    let whole = body.collect().await.map(|body| body.to_bytes()).unwrap_or_default();
    head.headers.insert(header::CONTENT_LENGTH, whole.len().into());
    let half = stream::iter([Ok::<Bytes, std::io::Error>(whole.slice(..whole.len() / 2))]);
    let body = if hang {
        Body::from_stream(half.chain(stream::pending()))
    } else {
        // The half must be on its way before the connection goes.
        let rest = stream::once(async {
            tokio::time::sleep(Duration::from_millis(20)).await;
            Err(std::io::Error::from(std::io::ErrorKind::ConnectionReset))
        });
        Body::from_stream(half.chain(rest))
    };
    Response::from_parts(head, body)
}
