"""The Reviews service."""
import grpc
import reviews_pb2
import reviews_pb2_grpc
from django.db.models import Avg, Count, Sum

from catalogue.models import Review, isbn_key

from .caller import Refused, batch, call, limit_of, not_found, slice_of


def message(review):
    """A review without any presentation."""
    return reviews_pb2.Review(
        id=review.pk,
        archive_id=review.archive_id,
        isbn=review.book.isbn,
        reviewer_id=review.reviewer_id,
        content=review.content,
        summary=review.summary,
        stars=review.stars,
        helpful=str(review.helpful),
        created_at=review.created_text(),
        draft=review.is_draft,
    )


class Reviews(reviews_pb2_grpc.ReviewsServicer):
    """Reviews as data; drafts for their writer and for staff, in listings for their writer alone."""

    @call
    def GetReview(self, request, caller):
        """One review."""
        review = Review.objects.select_related("book").filter(pk=request.id).first()
        if review is None:
            raise not_found("review not found")
        readable = review.may_be_read_by(caller)
        if not readable and caller is None:
            raise Refused(grpc.StatusCode.UNAUTHENTICATED, "log in to read this draft")
        if not readable:
            raise Refused(grpc.StatusCode.PERMISSION_DENIED, "this draft is not yours")
        return message(review)

    @call
    def BatchGetReviews(self, request, caller):
        """Several reviews, in the order asked."""
        ids = batch(request.ids)
        readable = Review.objects.readable_by(caller).select_related("book")
        found = {review.pk: review for review in readable.filter(pk__in=ids)}
        return reviews_pb2.BatchGetReviewsResponse(reviews=[message(found[key]) for key in ids if key in found])

    @call
    def ListReviews(self, request, caller):
        """A slice of the reviews of a book or of a reviewer."""
        reviews = Review.objects.readable_by(caller).newest_first().select_related("book")
        match request.WhichOneof("of"):
            case "isbn":
                reviews = reviews.filter(book__isbn_key=isbn_key(request.isbn))
            case "reviewer_id":
                reviews = reviews.filter(reviewer_id=request.reviewer_id)
            case _:
                raise Refused(grpc.StatusCode.INVALID_ARGUMENT, "a book or a reviewer is needed")
        items = reviews[slice_of(request)]
        return reviews_pb2.ListReviewsResponse(reviews=[message(item) for item in items], total=reviews.count())

    @call
    def RateBooks(self, request, caller):
        """The best rated books; drafts do not count, whoever asks."""
        limit = limit_of(request)
        rated = (
            Review.objects.readable_by(None)
            .values("book_id", "book__isbn")
            .annotate(total=Sum("stars"), number=Count("pk"), average=Avg("stars"))
            .filter(number__gte=request.min_reviews)
            .order_by("-average", "book_id")[:limit]
        )
        ratings = [
            reviews_pb2.BookRating(isbn=row["book__isbn"], stars=row["total"], reviews=row["number"]) for row in rated
        ]
        return reviews_pb2.RateBooksResponse(ratings=ratings)
