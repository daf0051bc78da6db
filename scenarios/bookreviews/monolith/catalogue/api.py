"""The JSON API of the single-page front end. What of it moves to the new API is marked in config/urls.py."""
from django.db.models import Avg, Count, Q
from django.http import Http404, JsonResponse
from django.urls import reverse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_http_methods

from . import writing
from .callers import caller_id
from .models import Book, Review, User, isbn_key
from .paging import page_of


def answer(document, cache_control):
    """A JSON answer that says how long it may be kept."""
    return JsonResponse(document, headers={"Cache-Control": cache_control})


def reviewer_members(reviewer):
    """How an answer names a reviewer; null once the account was erased."""
    if reviewer is None:
        return None
    return {
        "display_name": reviewer.get_display_name(),
        "path": reverse("reviews-by-reviewer", args=[reviewer.pk]),
    }


def listed_review(review):
    """A review as a member of a listing."""
    return {
        "id": review.pk,
        "archive_id": review.archive_id,
        "summary": review.summary_text(),
        "stars": review.stars,
        "helpful": str(review.helpful),
        "created_at": review.created_text(),
        "book": {"path": reverse("reviews-by-book", args=[review.book.isbn])},
        "reviewer": reviewer_members(review.reviewer),
    }


def book_members(book):
    """A book with its authors."""
    return {
        "isbn": book.isbn,
        "title": book.title,
        "published": book.published.isoformat(),
        "price": str(book.price),
        "authors": [
            {"name": author.name, "born": author.born and author.born.isoformat()}
            for author in sorted(book.authors.all(), key=lambda author: author.pk)
        ],
    }


def find_book(isbn):
    """The book of any spelling of its ISBN, or 404."""
    try:
        return Book.objects.prefetch_related("authors").get(isbn_key=isbn_key(isbn))
    except Book.DoesNotExist:
        raise Http404("book not found") from None


@csrf_exempt
@require_http_methods(["GET", "PATCH", "DELETE"])
def review(request, review_id):
    """One review: read, changed or deleted. The front end sends JSON from the same site; the session cookie is Lax."""
    return {"GET": read_review, "PATCH": writing.change, "DELETE": writing.delete}[request.method](request, review_id)


def read_review(request, review_id):
    """One review. A draft is for its writer and for staff."""
    caller = caller_id(request)
    try:
        review = Review.objects.select_related("reviewer", "book").get(pk=review_id)
    except Review.DoesNotExist:
        raise Http404("review not found") from None
    readable = review.may_be_read_by(caller)
    if not readable and caller is None:
        return JsonResponse({"detail": "log in to read this draft"}, status=401)
    if not readable:
        return JsonResponse({"detail": "this draft is not yours"}, status=403)
    document = listed_review(review) | {"content": review.content}
    return answer(document, "private, max-age=60")


@require_GET
def reviews_by_book(request, isbn):
    """A page of the reviews of a book, newest first."""
    caller = caller_id(request)
    book = find_book(isbn)
    reviews = book.reviews.readable_by(caller).newest_first().select_related("reviewer", "book")
    members, items = page_of(request, reviews)
    document = {"book": book_members(book)} | members | {"results": [listed_review(item) for item in items]}
    return answer(document, "public, max-age=30")


@require_GET
def reviews_by_reviewer(request, reviewer_id):
    """A page of the reviews of a user, newest first. A deleted account has none to show."""
    caller = caller_id(request)
    try:
        reviewer = User.objects.get(pk=reviewer_id, is_active=True)
    except User.DoesNotExist:
        raise Http404("reviewer not found") from None
    reviews = reviewer.reviews.readable_by(caller).newest_first().select_related("reviewer", "book")
    members, items = page_of(request, reviews)
    who = {
        "id": reviewer.pk,
        "display_name": reviewer.get_display_name(),
        "joined": reviewer.date_joined.date().isoformat(),
    }
    document = {"reviewer": who} | members | {"results": [listed_review(item) for item in items]}
    return answer(document, "no-store")


@require_GET
def books(request):
    """A page of all books, by title."""
    members, items = page_of(request, Book.objects.order_by("title", "pk").prefetch_related("authors"))
    return answer(members | {"results": [book_members(book) for book in items]}, "public, max-age=30")


@require_GET
def top_rated(request):
    """The ten books with the best average, of those with at least three published reviews."""
    published = Q(reviews__is_draft=False)
    rated = (
        Book.objects.annotate(
            average=Avg("reviews__stars", filter=published), number=Count("reviews", filter=published)
        )
        .filter(number__gte=3)
        .order_by("-average", "pk")[:10]
    )
    results = [
        {
            "id": book.pk,
            "isbn": book.isbn,
            "title": book.title,
            "average": f"{book.average:.2f}",
            "reviews": book.number,
        }
        for book in rated
    ]
    return answer({"results": results}, "public, max-age=30")


@require_GET
def search(request):
    """Books whose title contains `?q=`."""
    words = request.GET.get("q", "").strip()
    found = Book.objects.filter(title__icontains=words).order_by("title", "pk") if words else Book.objects.none()
    members, items = page_of(request, found.prefetch_related("authors"))
    return answer(members | {"results": [book_members(book) for book in items]}, "no-store")
