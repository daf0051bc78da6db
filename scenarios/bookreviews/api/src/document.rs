//! The shape of a review in an answer: fallbacks and links, which the internal APIs know nothing of.

use crate::faults::{Fault, Faults};
use crate::internal::{Book, Review, User};
use serde_json::{Map, Value, json};

/// Characters of the review that stand in for a summary.
const SUMMARY_CHARS: usize = 50;

/// A review as a member of a listing.
pub(crate) fn listed_review(review: &Review, book: Option<&Book>, reviewer: Option<&User>, faults: Faults) -> Value {
    let mut members = Map::new();
    members.insert("id".into(), review.id.into());
    members.insert("archive_id".into(), archive_id(review.archive_id, faults).into());
    members.insert("summary".into(), summary(review, faults).into());
    let stars = if faults.on(Fault::StarsAsString) { review.stars.to_string().into() } else { review.stars.into() };
    members.insert("stars".into(), stars);
    if !faults.on(Fault::FieldDropped) {
        members.insert("helpful".into(), review.helpful.clone().into());
    }
    members.insert("created_at".into(), created_at(&review.created_at, faults).into());
    members.insert("book".into(), book_link(&review.isbn, book, faults));
    members.insert("reviewer".into(), reviewer_link(reviewer, faults));
    Value::Object(members)
}

/// A review on its own: with its content.
pub(crate) fn whole_review(review: &Review, book: Option<&Book>, reviewer: Option<&User>, faults: Faults) -> Value {
    let mut document = listed_review(review, book, reviewer, faults);
    document["content"] = review.content.clone().into();
    document
}

/// A book with its authors, as the head of its listing.
pub(crate) fn book(book: &Book) -> Value {
    let authors: Vec<_> =
        book.authors.iter().map(|author| json!({ "name": author.name, "born": author.born })).collect();
    json!({
        "isbn": book.isbn,
        "title": book.title,
        "published": book.published,
        "price": book.price,
        "authors": authors,
    })
}

/// A reviewer, as the head of their listing.
pub(crate) fn reviewer(user: &User, faults: Faults) -> Value {
    json!({ "id": user.id, "display_name": display_name(user, faults), "joined": user.joined })
}

/// The summary, or the beginning of the review.
fn summary(review: &Review, faults: Faults) -> String {
    match review.summary.as_deref() {
        Some("") if faults.on(Fault::SummaryOnlyNull) => String::new(),
        Some("") | None => {
            let start: String = if faults.on(Fault::SummaryByBytes) {
                let end = review.content.floor_char_boundary(SUMMARY_CHARS);
                review.content[..end].into()
            } else {
                review.content.chars().take(SUMMARY_CHARS).collect()
            };
            if faults.on(Fault::SummaryNoDots) { start } else { start + "..." }
        }
        Some(written) => written.into(),
    }
}

/// The chosen name, or the user name; no name of a deleted account.
pub(crate) fn display_name(user: &User, faults: Faults) -> &str {
    if user.deleted {
        "deleted user"
    } else if user.display_name.is_empty() && !faults.on(Fault::NameNoFallback) {
        &user.username
    } else {
        &user.display_name
    }
}

fn archive_id(id: i64, faults: Faults) -> i64 {
    if faults.on(Fault::ArchiveIdAsDouble) { id as f64 as i64 } else { id }
}

fn created_at(text: &str, faults: Faults) -> String {
    match text.rfind(['+', '-']) {
        Some(offset) if faults.on(Fault::OffsetLost) => format!("{}Z", &text[..offset]),
        _ => text.into(),
    }
}

/// A book as a review names it: its title, and where its reviews are listed by this API.
fn book_link(isbn: &str, book: Option<&Book>, faults: Faults) -> Value {
    let isbn = if faults.on(Fault::LinkLosesDashes) { isbn.replace('-', "") } else { isbn.into() };
    json!({ "title": book.map(|book| &book.title), "path": format!("/api/book/{isbn}/reviews/") })
}

/// A reviewer as a review names them; null once the account was erased.
fn reviewer_link(user: Option<&User>, faults: Faults) -> Value {
    match user {
        Some(user) => {
            json!({ "display_name": display_name(user, faults), "path": format!("/api/reviewer/{}/reviews/", user.id) })
        }
        None if faults.on(Fault::ErasedReviewerAsObject) => json!({ "display_name": "", "path": null }),
        None => Value::Null,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn review(content: &str, summary: Option<&str>) -> Review {
        Review { content: content.into(), summary: summary.map(str::to_owned), ..Review::default() }
    }

    fn shown(content: &str, written: Option<&str>, faults: &[Fault]) -> String {
        summary(&review(content, written), Faults::new(faults))
    }

    #[test]
    fn the_summary_falls_back_to_fifty_characters_and_dots() {
        let long = "é".repeat(60);
        assert_eq!(shown(&long, None, &[]), "é".repeat(50) + "...");
        assert_eq!(shown(&long, Some(""), &[]), "é".repeat(50) + "...");
        assert_eq!(shown("short", None, &[]), "short...");
        assert_eq!(shown("short", Some(" "), &[]), " ");
    }

    #[test]
    fn the_cut_parts_a_letter_from_its_accent_as_python_does() {
        let content = "C".repeat(49) + "e\u{301}tait";
        assert_eq!(shown(&content, None, &[]), "C".repeat(49) + "e...");
    }

    #[test]
    fn mistakes_change_what_they_name_and_nothing_else() {
        assert_eq!(shown("short", Some(""), &[Fault::SummaryOnlyNull]), "");
        assert_eq!(shown("short", None, &[Fault::SummaryOnlyNull]), "short...");
        assert_eq!(shown(&"é".repeat(60), None, &[Fault::SummaryByBytes]), "é".repeat(25) + "...");
        assert_eq!(created_at("2025-08-29T02:00:00-03:30", Faults::new(&[Fault::OffsetLost])), "2025-08-29T02:00:00Z");
        assert_eq!(created_at("2025-08-29T02:00:00-03:30", Faults::default()), "2025-08-29T02:00:00-03:30");
    }

    #[test]
    fn a_deleted_account_shows_no_name() {
        let user = |display_name: &str, deleted| User {
            username: "ada".into(),
            display_name: display_name.into(),
            deleted,
            ..User::default()
        };
        assert_eq!(display_name(&user("Ada", false), Faults::default()), "Ada");
        assert_eq!(display_name(&user("", false), Faults::default()), "ada");
        assert_eq!(display_name(&user("Ada", true), Faults::default()), "deleted user");
    }
}
