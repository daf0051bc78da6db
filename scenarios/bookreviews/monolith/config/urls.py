"""Every address of the monolith: the front end's JSON API, pages, exports."""
from django.urls import path, re_path

from catalogue import accounts, api, pages, writing
from catalogue.moved import leaves_as

ISBN = r"(?P<isbn>[0-9Xx-]{10,20})"

urlpatterns = [
    # The JSON API of the front end. The first six move to the new API, one by one.
    path("api/review/<int:review_id>", leaves_as("review", api.review)),
    re_path(rf"^api/book/{ISBN}/reviews/$", leaves_as("reviews-by-book", api.reviews_by_book)),
    path("api/reviewer/<int:reviewer_id>/reviews/", leaves_as("reviews-by-reviewer", api.reviews_by_reviewer)),
    path("api/books/", leaves_as("books", api.books)),
    path("api/top-rated/", leaves_as("top-rated", api.top_rated)),
    path("api/whoami", leaves_as("whoami", accounts.whoami)),
    path("api/reviews/", writing.create),
    path("api/search/", api.search),
    path("api/login", accounts.log_in),
    path("api/logout", accounts.log_out),
    # Pages, rendered here.
    path("", pages.home, name="home"),
    path("app", pages.front_end),
    re_path(rf"^books/{ISBN}/reviews/$", pages.reviews_by_book, name="reviews-by-book"),
    path("reviewers/<int:reviewer_id>/reviews/", pages.reviews_by_reviewer, name="reviews-by-reviewer"),
    re_path(rf"^isbn/{ISBN}$", pages.permalink),
    re_path(rf"^covers/{ISBN}\.png$", pages.cover),
    path("feed.atom", pages.feed),
    path("export/reviews.csv", pages.export),
]
handler404 = "catalogue.pages.not_found"
