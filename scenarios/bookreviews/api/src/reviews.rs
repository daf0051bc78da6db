//! The owned routes: ask the internal APIs, as much at once as possible and never once per review, and compose.

use crate::App;
use crate::answer::{self, Refusal};
use crate::callers::Asker;
use crate::document;
use crate::faults::{Fault, Faults};
use crate::internal::{Caller, Of, Review};
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
const SLOW: Duration = Duration::from_secs(8);

/// One review in so many is the one that comes late or half, where such a fault is on.
const TROUBLED: i64 = 18;

/// A user who is staff, for the mistakes that ask as one.
const STAFF: i64 = 1;

type Answer = Result<Response<Body>, Refusal>;

/// One review: the review, then its book and its reviewer at once.
pub(crate) async fn one(app: &App, asker: Asker, id: i64) -> Answer {
    let caller = mistaken(asker.caller, app.faults);
    let review = app.internal.review(caller, id).await?;
    if app.faults.on(Fault::StaffNotKnown) && asker.staff && is_draft_of_another(&review, asker.caller) {
        return Err(Refusal::Forbidden);
    }
    let (book, reviewer) =
        tokio::try_join!(async { known(app.internal.book(caller, review.isbn.clone()).await) }, async {
            match review.reviewer_id {
                Some(id) => known(app.internal.user(caller, id).await),
                None => Ok(None),
            }
        },)?;
    let document = document::whole_review(&review, book.as_ref(), reviewer.as_ref(), app.faults);
    let response = answer::found(app, &document, "private, max-age=60");
    if id % TROUBLED == 0 { Ok(troubled(response, app.faults).await) } else { Ok(response) }
}

/// The caller as the internal APIs are told, unless a mistake is switched on.
fn mistaken(caller: Caller, faults: Faults) -> Caller {
    let somebody = matches!(caller, Caller::User(_));
    if faults.on(Fault::DraftLeaked) || somebody && faults.on(Fault::AnothersDraftVisible) {
        Caller::User(STAFF)
    } else if faults.on(Fault::CallerForgotten) {
        Caller::Anonymous
    } else {
        caller
    }
}

fn is_draft_of_another(review: &Review, caller: Caller) -> bool {
    review.draft && review.reviewer_id.map(Caller::User) != Some(caller)
}

/// A page of the reviews of a book: the book and the reviews at once, then all their reviewers in one call.
pub(crate) async fn by_book(app: &App, asker: Asker, isbn: &str, head: &Parts) -> Answer {
    let caller = asker.caller;
    let path = format!("/api/book/{isbn}/reviews/");
    // Which of two refusals counts is the monolith's order: the book, then the page.
    let page = Page::of(&head.uri);
    let slice = page.unwrap_or_default();
    let (book, listing) = tokio::try_join!(
        app.internal.book(caller, isbn.into()),
        app.internal.reviews(caller, Of::Isbn(isbn.into()), slice.offset(), slice.size()),
    )?;
    let page = page?;
    let ids: BTreeSet<i64> = listing.reviews.iter().filter_map(|review| review.reviewer_id).collect();
    let users = app.internal.users(caller, ids.into_iter().collect()).await?;
    let users: BTreeMap<i64, _> = users.into_iter().map(|user| (user.id, user)).collect();
    let shape = |review: &Review| {
        let reviewer = review.reviewer_id.and_then(|id| users.get(&id));
        document::listed_review(review, Some(&book), reviewer, app.faults)
    };
    let address = paging::address(&head.headers, &path, app.faults);
    let mut document = page.members(listing.total, &address, app.faults)?;
    document.insert("book".into(), document::book(&book));
    document.insert("results".into(), page.results(listing.reviews.iter().map(shape).collect(), app.faults));
    let mut response = answer::found(app, &Value::Object(document), "public, max-age=30");
    if app.faults.on(Fault::WrongContentType) {
        response.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    }
    Ok(response)
}

/// A page of the reviews of a user: the user and the reviews at once, then all their books in one call.
pub(crate) async fn by_reviewer(app: &App, asker: Asker, segment: &str, head: &Parts) -> Answer {
    let caller = asker.caller;
    let id = id_of(segment);
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
    let shape = |review: &Review| document::listed_review(review, books.get(&review.isbn), Some(&reviewer), app.faults);
    let address = paging::address(&head.headers, &path, app.faults);
    let mut document: Map<String, Value> = page.members(listing.total, &address, app.faults)?;
    document.insert("reviewer".into(), document::reviewer(&reviewer, app.faults));
    document.insert("results".into(), page.results(listing.reviews.iter().map(shape).collect(), app.faults));
    let mut response = answer::found(app, &Value::Object(document), "no-store");
    if app.faults.on(Fault::NoStoreLost) {
        response.headers_mut().remove(header::CACHE_CONTROL);
    }
    Ok(response)
}

/// An id as the monolith's addresses spell it: digits. Nothing has the largest id, so it stands for all that are too large.
pub(crate) fn id_of(digits: &str) -> i64 {
    digits.parse().unwrap_or(i64::MAX)
}

/// What is linked may be gone: then it is not named.
fn known<T>(asked: Result<T, Refusal>) -> Result<Option<T>, Refusal> {
    match asked {
        Ok(found) => Ok(Some(found)),
        Err(Refusal::NotFound(_)) => Ok(None),
        Err(refusal) => Err(refusal),
    }
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
