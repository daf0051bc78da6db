"""Writing, changing and deleting one's own reviews."""
import json
from datetime import datetime, timezone

from django.db import transaction
from django.db.models import Max
from django.http import Http404, HttpResponse, JsonResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from .callers import caller_id
from .models import Book, Review, isbn_key

LONGEST = 20_000


class Bad(Exception):
    """What was sent cannot be a review; the words say why."""


def given(request):
    """The JSON object that was sent."""
    try:
        document = json.loads(request.body)
    except ValueError:
        raise Bad("a JSON object is needed") from None
    if not isinstance(document, dict):
        raise Bad("a JSON object is needed")
    return document


def fields(document):
    """The checked fields among those that may be written."""
    checked = {}
    if "content" in document:
        if not isinstance(document["content"], str) or not 1 <= len(document["content"]) <= LONGEST:
            raise Bad(f"content is a text of 1 to {LONGEST} characters")
        checked["content"] = document["content"]
    if "summary" in document:
        if document["summary"] is not None and not isinstance(document["summary"], str):
            raise Bad("summary is a text or null")
        checked["summary"] = document["summary"]
    if "stars" in document:
        if type(document["stars"]) is not int or not 1 <= document["stars"] <= 5:
            raise Bad("stars are 1 to 5")
        checked["stars"] = document["stars"]
    if "draft" in document:
        if not isinstance(document["draft"], bool):
            raise Bad("draft is true or false")
        checked["is_draft"] = document["draft"]
    return checked


def refused(status, words):
    """An error in JSON."""
    return JsonResponse({"detail": words}, status=status)


@csrf_exempt
@require_POST
def create(request):
    """A new review by the caller: `isbn`, `content`, `stars`, and perhaps `summary` and `draft`."""
    caller = caller_id(request)
    if caller is None:
        return refused(401, "log in to write")
    try:
        document = given(request)
        checked = fields(document)
        book = Book.objects.filter(isbn_key=isbn_key(str(document.get("isbn", "")))).first()
        if book is None:
            raise Bad("isbn names no book")
        if not {"content", "stars"} <= checked.keys():
            raise Bad("content and stars are needed")
    except Bad as bad:
        return refused(400, str(bad))
    with transaction.atomic():
        # The archive numbers on.
        last = Review.objects.aggregate(last=Max("archive_id"))["last"]
        review = Review.objects.create(
            book=book,
            reviewer_id=caller,
            archive_id=(last or 2**53) + 2,
            helpful=0,
            created_at=datetime.now(timezone.utc).replace(microsecond=0),
            **checked,
        )
    return JsonResponse({"id": review.pk}, status=201, headers={"Location": f"/api/review/{review.pk}"})


def own_review(request, review_id):
    """`(review, None)` or `(None, refusal)`."""
    caller = caller_id(request)
    if caller is None:
        return None, refused(401, "log in to write")
    review = Review.objects.filter(pk=review_id).first()
    if review is None:
        raise Http404("review not found")
    if review.reviewer_id != caller:
        return None, refused(403, "this review is not yours")
    return review, None


def change(request, review_id):
    """Changes what is given of one's own review."""
    review, refusal = own_review(request, review_id)
    if refusal:
        return refusal
    try:
        checked = fields(given(request))
    except Bad as bad:
        return refused(400, str(bad))
    for name, value in checked.items():
        setattr(review, name, value)
    review.save(update_fields=list(checked))
    return JsonResponse({"id": review.pk})


def delete(request, review_id):
    """Deletes one's own review."""
    review, refusal = own_review(request, review_id)
    if refusal:
        return refusal
    review.delete()
    return HttpResponse(status=204)
