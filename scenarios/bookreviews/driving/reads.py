"""Requests that change nothing, as `(caller, method, target)` or with a body as the fourth."""
import json
from dataclasses import dataclass

QUERIES = [
    "page=0", "page=-1", "page=abc", "page=", "page=9999", "page=1&page=x", "page_size=0", "page_size=x", "page_size=1000",
    "page=1&utm_source=letter", "page=%31", "page=+1", "page=2&page_size=",
]  # fmt: skip


@dataclass
class Found:
    """What there is."""

    isbns: list
    reviews: set
    reviewers: set

    def unlisted(self):
        """Review ids that no listing shows to everybody: drafts, or none at all."""
        return [review for review in range(1, max(self.reviews) + 3) if review not in self.reviews]


def owned(found, callers, chance):
    """Requests to the routes that the new API owns."""
    yield from of_nobody(found, callers.nobody, chance)
    yield from misses(found, callers, chance)
    for caller in callers.logged_in():
        yield from of_a_user(found, caller, chance)
    for caller in callers.rejected:
        yield from of_the_rejected(found, caller, chance)
    for caller in callers.all():
        yield from missing_slashes(found, caller, chance)


def of_nobody(found, nobody, chance):
    """Every review, reviewer and book."""
    for review in range(1, max(found.reviews) + 3):
        yield nobody, "GET", f"/api/review/{review}"
    for reviewer in range(1, max(found.reviewers) + 3):
        yield nobody, "GET", f"/api/reviewer/{reviewer}/reviews/?page_size={chance.choice([2, 3, 50])}"
        yield nobody, "GET", f"/api/reviewer/{reviewer}/reviews/{chance.choice(['', '?page=2'])}"
    for isbn in found.isbns:
        plain = isbn.replace("-", "")
        yield nobody, "GET", f"/api/book/{isbn}/reviews/?page_size={chance.choice([3, 7, 50])}"
        yield nobody, "GET", f"/api/book/{plain.lower()}/reviews/?page=2&page_size={chance.choice([2, 4])}"
    for query in ["page=2", "page_size=50", f"page_size={chance.choice([1, 3, 7, 8])}", "page=2&page_size=3"]:
        yield nobody, "GET", f"/api/books/?{query}"
    for _ in range(3):
        yield nobody, "GET", "/api/whoami"
        yield nobody, "GET", "/api/top-rated/"


def misses(found, callers, chance):
    """What does not exist, and what makes no sense, asked by whomever."""

    def somebody():
        return chance.choice(callers.all())

    yield somebody(), "GET", f"/api/review/{chance.randrange(10_000, 10**6)}"
    yield somebody(), "GET", "/api/review/0"
    yield somebody(), "GET", "/api/review/99999999999999999999999"
    yield somebody(), "GET", "/api/review/007"
    yield somebody(), "GET", f"/api/reviewer/{chance.randrange(10_000, 10**6)}/reviews/"
    yield somebody(), "GET", f"/api/book/978{chance.randrange(10**9, 10**10)}/reviews/"
    yield somebody(), "GET", f"/api/book/978-{chance.randrange(10**9, 10**10)}/reviews/"
    for query in QUERIES:
        yield somebody(), "GET", f"/api/book/{chance.choice(found.isbns)}/reviews/?{query}"
        yield somebody(), "GET", f"/api/reviewer/{chance.choice(sorted(found.reviewers))}/reviews/?{query}"
    for query in ["page=9999", *chance.sample(QUERIES, 4)]:
        yield somebody(), "GET", f"/api/books/?{query}"
    yield somebody(), "GET", f"/api/top-rated/?page={chance.randrange(9)}"
    for target in ["review/1", f"book/{chance.choice(found.isbns)}/reviews/", "reviewer/4/reviews/", "books/", "top-rated/"]:
        yield somebody(), "HEAD", f"/api/{target}"


def of_a_user(found, caller, chance):
    """Who is logged in reads their own, others' and everybody's; drafts among them."""
    for review in found.unlisted():
        yield caller, "GET", f"/api/review/{review}"
    for review in chance.sample(sorted(found.reviews), 3):
        yield caller, "GET", f"/api/review/{review}"
    for reviewer in chance.sample(sorted(found.reviewers), 3):
        yield caller, "GET", f"/api/reviewer/{reviewer}/reviews/?page_size=50"
    for isbn in chance.sample(found.isbns, 2):
        yield caller, "GET", f"/api/book/{isbn}/reviews/?page_size={chance.choice([5, 50])}"
    yield caller, "GET", "/api/whoami"
    yield caller, "GET", "/api/whoami"
    yield caller, "GET", chance.choice(["/api/books/", "/api/top-rated/"])


def of_the_rejected(found, caller, chance):
    """Who comes with a session that counts for nothing is nobody."""
    for review in [chance.choice(found.unlisted()), *chance.sample(sorted(found.reviews), 2)]:
        yield caller, "GET", f"/api/review/{review}"
    yield caller, "GET", f"/api/book/{chance.choice(found.isbns)}/reviews/"
    yield caller, "GET", f"/api/reviewer/{chance.choice(sorted(found.reviewers))}/reviews/"
    for target in ["whoami", "whoami", "books/", "top-rated/"]:
        yield caller, "GET", f"/api/{target}"
    yield caller, "HEAD", "/api/whoami"


def missing_slashes(found, caller, chance):
    """Who forgets the slash is sent on, and follows."""
    book, reviewer = chance.choice(found.isbns), chance.choice(sorted(found.reviewers))
    query = chance.choice(["", "?page=1", "?page_size=2&a=%20b"])
    for path in ["/api/books", "/api/top-rated", f"/api/book/{book}/reviews", f"/api/reviewer/{reviewer}/reviews"]:
        yield caller, "GET", path + query


def others(found, callers, chance):
    """Requests to what stays with the monolith, or to nothing at all."""
    isbn, reviewer = chance.choice(found.isbns), chance.choice(sorted(found.reviewers))
    for target in ["/", "/app", "/api/search/?q=the", "/api/search/?q=%E6%BA%90", "/feed.atom", "/export/reviews.csv",
                   f"/books/{isbn}/reviews/", f"/reviewers/{reviewer}/reviews/", f"/isbn/{isbn}", f"/covers/{isbn}.png",
                   "/api/nothing", "/nothing", "/api/review/abc", "/api/review/", "/api/books//"]:  # fmt: skip
        yield chance.choice(callers.all()), "GET", target
    yield callers.nobody, "HEAD", "/"
    yield callers.nobody, "HEAD", "/nothing"
    yield callers.nobody, "OPTIONS", "/api/books/"


def wrong_log_ins():
    """Bodies with which nobody logs in: wrong, of deleted accounts, and no credentials at all."""
    for username, password in [
        ("ada", "wrong"), ("babak", ""), ("nobody", "correct horse"), ("gone", "correct horse"), ("left", "correct horse"),
    ]:  # fmt: skip
        yield json.dumps({"username": username, "password": password})
    yield from ["{", "[]", json.dumps({"username": "ada"})]


def refused_writes(callers):
    """Requests that would change something if their senders might."""
    review = json.dumps({"isbn": "9780156027601", "stars": 5, "content": "anonymous"})
    for caller in [callers.nobody, *callers.rejected]:
        yield caller, "POST", "/api/reviews/", review
        yield caller, "DELETE", "/api/review/1", ""
    for caller in callers.logged_in():
        # The account that wrote it is gone, so it is nobody's of these.
        yield caller, "PATCH", "/api/review/7", json.dumps({"stars": 1})
        yield caller, "POST", "/api/reviews/", json.dumps({"isbn": "9780156027601", "stars": 9, "content": "x"})
