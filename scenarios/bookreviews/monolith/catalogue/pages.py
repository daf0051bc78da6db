"""What is not JSON: pages, the feed, the export, covers, a permanent link, and what was not found."""
import csv
import io
import struct
import zlib
from xml.sax.saxutils import escape

from django.http import HttpResponse, HttpResponsePermanentRedirect, JsonResponse
from django.http import Http404
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_safe
from django.views.defaults import page_not_found

from .api import find_book
from .models import Book, Review, User, isbn_key


def not_found(request, exception):
    """Under /api/ in JSON, elsewhere Django's page."""
    if not request.path.startswith("/api/"):
        return page_not_found(request, exception)
    # A raised Http404 brings its own words; an address that no route has brings a table of all of them.
    words = exception.args[0] if exception.args and isinstance(exception.args[0], str) else "no such address"
    return JsonResponse({"detail": words}, status=404)


@require_safe
def home(request):
    """All books."""
    books = Book.objects.order_by("title", "pk").prefetch_related("authors")
    return render(request, "catalogue/home.html", {"books": books})


@require_safe
def reviews_by_book(request, isbn):
    """The reviews of a book as a page."""
    book = find_book(isbn)
    reviews = book.reviews.readable_by(None).newest_first().select_related("reviewer", "book")
    return render(request, "catalogue/reviews.html", {"heading": book.title, "reviews": reviews})


@require_safe
def reviews_by_reviewer(request, reviewer_id):
    """The reviews of a user as a page."""
    reviewer = User.objects.filter(pk=reviewer_id, is_active=True).first()
    if reviewer is None:
        raise Http404("reviewer not found")
    reviews = reviewer.reviews.readable_by(None).newest_first().select_related("reviewer", "book")
    return render(request, "catalogue/reviews.html", {"heading": reviewer.get_display_name(), "reviews": reviews})


@require_safe
def permalink(request, isbn):
    """A short address that stays."""
    return HttpResponsePermanentRedirect(reverse("reviews-by-book", args=[find_book(isbn).isbn]))


@require_safe
def cover(request, isbn):
    """A cover: one colour, drawn from the ISBN."""
    colour = zlib.crc32(isbn_key(find_book(isbn).isbn).encode()).to_bytes(4, "big")[:3]
    rows = b"".join(b"\0" + colour * 32 for _ in range(48))

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 32, 48, 8, 2, 0, 0, 0)
    image = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b"")
    return HttpResponse(image, content_type="image/png", headers={"Cache-Control": "public, max-age=86400"})


@require_safe
def feed(request):
    """The latest reviews as an Atom feed."""
    reviews = Review.objects.readable_by(None).newest_first().select_related("book")[:20]
    entries = "".join(
        f"<entry><id>tag:bookreviews.invalid,2026:review:{review.pk}</id>"
        f"<title>{escape(review.book.title)}</title><updated>{review.created_text()}</updated>"
        f"<summary>{escape(review.summary_text())}</summary></entry>"
        for review in reviews
    )
    body = (
        '<?xml version="1.0" encoding="utf-8"?><feed xmlns="http://www.w3.org/2005/Atom">'
        "<id>tag:bookreviews.invalid,2026:feed</id><title>Book reviews</title>"
        f"<updated>{reviews[0].created_text() if reviews else '1970-01-01T00:00:00+00:00'}</updated>{entries}</feed>"
    )
    return HttpResponse(body, content_type="application/atom+xml; charset=utf-8")


@require_safe
def export(request):
    """All published reviews as CSV."""
    text = io.StringIO()
    rows = csv.writer(text)
    rows.writerow(["id", "isbn", "stars", "helpful", "created_at", "summary"])
    for review in Review.objects.readable_by(None).order_by("pk").select_related("book"):
        rows.writerow(
            [review.pk, review.book.isbn, review.stars, review.helpful, review.created_text(), review.summary_text()]
        )
    return HttpResponse(
        text.getvalue(),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": 'attachment; filename="reviews.csv"'},
    )
