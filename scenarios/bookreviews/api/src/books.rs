//! The routes about books: the listing of all, and the best rated.

use crate::App;
use crate::answer::{self, Refusal};
use crate::callers::Asker;
use crate::document;
use crate::faults::Fault;
use crate::internal::BookRating;
use crate::paging::{self, Page};
use axum::body::Body;
use http::Response;
use http::request::Parts;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// Fewer reviews than these are no rating.
const ENOUGH_REVIEWS: i32 = 3;
const TOP: i32 = 10;

type Answer = Result<Response<Body>, Refusal>;

/// A page of all books: one call.
pub(crate) async fn all(app: &App, asker: Asker, head: &Parts) -> Answer {
    let page = Page::of(&head.uri)?;
    let listing = app.internal.list_books(asker.caller, page.offset(), page.size()).await?;
    let address = paging::address(&head.headers, "/api/books/", app.faults);
    let mut document = page.members(listing.total, &address, app.faults)?;
    let results = listing.books.iter().map(document::book).collect();
    document.insert("results".into(), page.results(results, app.faults));
    Ok(answer::found(app, &Value::Object(document), "public, max-age=30"))
}

/// The books with the best average: the ratings, then all their titles in one call.
pub(crate) async fn top_rated(app: &App, asker: Asker) -> Answer {
    let ratings = app.internal.ratings(asker.caller, ENOUGH_REVIEWS, TOP).await?;
    let isbns = ratings.iter().map(|rating| rating.isbn.clone()).collect();
    let books = app.internal.books(asker.caller, isbns).await?;
    let books: BTreeMap<&str, _> = books.iter().map(|book| (book.isbn.as_str(), book)).collect();
    // A book that went between the two calls is not named.
    let rated = ratings.iter().filter_map(|rating| Some((rating, books.get(rating.isbn.as_str())?)));
    let mut results: Vec<Value> = rated
        .map(|(rating, book)| {
            json!({
                "id": urn(&rating.isbn),
                "isbn": rating.isbn,
                "title": book.title,
                "average": average(rating),
                "reviews": rating.reviews,
            })
        })
        .collect();
    if app.faults.on(Fault::UrnOfAnotherBook)
        && let [first, second, ..] = results.as_mut_slice()
    {
        second["id"] = first["id"].clone();
    }
    Ok(answer::found(app, &json!({ "results": results }), "public, max-age=30"))
}

/// What names a book outside the monolith, whose numbers nobody else knows.
fn urn(isbn: &str) -> String {
    format!("urn:isbn:{isbn}")
}

/// Two decimals of the mean, an exact half to the even neighbour, as the monolith's language rounds.
fn average(rating: &BookRating) -> String {
    format!("{:.2}", rating.stars as f64 / rating.reviews as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_average_is_rounded_as_the_monolith_rounds() {
        for (stars, reviews, shown) in [
            (17, 8, "2.12"),
            (19, 8, "2.38"),
            (21, 8, "2.62"),
            (23, 8, "2.88"),
            (10, 3, "3.33"),
            (11, 3, "3.67"),
            (4, 1, "4.00"),
        ] {
            assert_eq!(average(&BookRating { stars, reviews, ..BookRating::default() }), shown, "{stars}/{reviews}");
        }
    }
}
