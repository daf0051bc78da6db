"""The internal APIs over a real gRPC connection: who asks, which codes, batches, slices, reflection."""
import books_pb2
import grpc
import reviews_pb2
import users_pb2
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from catalogue.models import Book, Review

from .worker import ANONYMOUS, WithWorker, user


class InternalApis(WithWorker):
    """What they give and refuse."""

    def test_the_caller_must_be_named_once_and_exist(self):
        """Nobody, two, no number, an unknown and a deleted account are all refused, by every service."""
        calls = [
            (self.reviews.GetReview, reviews_pb2.GetReviewRequest(id=1)),
            (self.books.GetBook, books_pb2.GetBookRequest(isbn="9780156027601")),
            (self.books.ListBooks, books_pb2.ListBooksRequest(limit=1)),
            (self.reviews.RateBooks, reviews_pb2.RateBooksRequest(limit=1)),
            (self.users.GetUser, users_pb2.GetUserRequest(id=1)),
            (self.users.ResolveSession, users_pb2.ResolveSessionRequest(session_key="x")),
            (self.users.Authenticate, users_pb2.AuthenticateRequest(username="ada", password="x")),
        ]
        for metadata in [(), user(1) + user(2), user("ada"), user(""), user("-1"), user(999), user(7), user(10**30)]:
            for call, message in calls:
                with self.subTest(metadata=metadata, message=type(message).__name__):
                    self.refused(grpc.StatusCode.UNAUTHENTICATED, call, message, metadata)

    def test_a_draft_is_for_its_writer_and_for_staff(self):
        """Anonymous is told to log in, others that it is not theirs."""
        draft = Review.objects.filter(is_draft=True, reviewer__is_active=True).exclude(reviewer_id=1).first()
        other = next(key for key in (2, 3, 4) if key != draft.reviewer_id)
        wanted = reviews_pb2.GetReviewRequest(id=draft.pk)
        self.refused(grpc.StatusCode.UNAUTHENTICATED, self.reviews.GetReview, wanted, ANONYMOUS)
        self.refused(grpc.StatusCode.PERMISSION_DENIED, self.reviews.GetReview, wanted, user(other))
        for reader in (draft.reviewer_id, 1):
            self.assertTrue(self.reviews.GetReview(wanted, metadata=user(reader), timeout=5).draft)
        batch = reviews_pb2.BatchGetReviewsRequest(ids=[draft.pk])
        self.assertEqual(len(self.reviews.BatchGetReviews(batch, metadata=user(other), timeout=5).reviews), 0)

    def test_what_does_not_exist_is_not_found(self):
        """In all three services."""
        missing = grpc.StatusCode.NOT_FOUND
        self.refused(missing, self.reviews.GetReview, reviews_pb2.GetReviewRequest(id=9999), ANONYMOUS)
        self.refused(missing, self.books.GetBook, books_pb2.GetBookRequest(isbn="9789999999999"), ANONYMOUS)
        self.refused(missing, self.users.GetUser, users_pb2.GetUserRequest(id=9999), ANONYMOUS)

    def test_batches_keep_their_order_and_have_a_limit(self):
        """Unknown ones are left out, repeated ones come once, and a hundred is the most."""
        wanted = users_pb2.BatchGetUsersRequest(ids=[5, 999, 2, 5])
        found = self.users.BatchGetUsers(wanted, metadata=ANONYMOUS, timeout=5).users
        self.assertEqual([one.id for one in found], [5, 2])
        wanted = users_pb2.BatchGetUsersRequest(ids=range(101))
        self.refused(grpc.StatusCode.INVALID_ARGUMENT, self.users.BatchGetUsers, wanted, ANONYMOUS)
        wanted = reviews_pb2.ListReviewsRequest(reviewer_id=2, limit=101)
        self.refused(grpc.StatusCode.INVALID_ARGUMENT, self.reviews.ListReviews, wanted, ANONYMOUS)

    def test_books_come_by_title_in_slices(self):
        """All of them once, in the order of the monolith's own listing."""
        pages = [
            self.books.ListBooks(books_pb2.ListBooksRequest(offset=at, limit=3), metadata=ANONYMOUS, timeout=5)
            for at in (0, 3, 6, 9)
        ]
        self.assertEqual({page.total for page in pages}, {8})
        listed = [book.isbn for page in pages for book in page.books]
        self.assertEqual(listed, list(Book.objects.order_by("title", "pk").values_list("isbn", flat=True)))
        for offset, limit in [(-1, 1), (0, 0), (0, 101), (2**63 - 1, 1)]:
            wanted = books_pb2.ListBooksRequest(offset=offset, limit=limit)
            self.refused(grpc.StatusCode.INVALID_ARGUMENT, self.books.ListBooks, wanted, ANONYMOUS)

    def test_ratings_leave_out_drafts_and_books_with_few_reviews(self):
        """Best average first, of equal ones the older entry; the same for whoever asks."""
        wanted = reviews_pb2.RateBooksRequest(min_reviews=3, limit=100)
        for metadata in (ANONYMOUS, user(1), user(4)):
            found = self.reviews.RateBooks(wanted, metadata=metadata, timeout=5).ratings
            self.assertEqual(len(found), 7)
            order = []
            for rating in found:
                book = Book.objects.get(isbn=rating.isbn)
                published = [review.stars for review in book.reviews.all() if not review.is_draft]
                self.assertEqual((rating.stars, rating.reviews), (sum(published), len(published)))
                order.append((-rating.stars / rating.reviews, book.pk))
            self.assertEqual(order, sorted(order))
        first = reviews_pb2.RateBooksRequest(min_reviews=3, limit=1)
        self.assertEqual(self.reviews.RateBooks(first, metadata=ANONYMOUS, timeout=5).ratings[0], found[0])
        most = max(rating.reviews for rating in found)
        few = reviews_pb2.RateBooksRequest(min_reviews=most + 1, limit=100)
        self.assertEqual(len(self.reviews.RateBooks(few, metadata=ANONYMOUS, timeout=5).ratings), 0)
        none = reviews_pb2.RateBooksRequest(min_reviews=3, limit=0)
        self.refused(grpc.StatusCode.INVALID_ARGUMENT, self.reviews.RateBooks, none, ANONYMOUS)

    def test_the_server_tells_its_services(self):
        """By reflection."""
        stub = reflection_pb2_grpc.ServerReflectionStub(self.channel)
        asked = reflection_pb2.ServerReflectionRequest(list_services="")
        answer = next(iter(stub.ServerReflectionInfo(iter([asked]), timeout=5)))
        names = {service.name for service in answer.list_services_response.service}
        self.assertLessEqual({f"bookreviews.v1.{name}" for name in ("Reviews", "Books", "Users")}, names)
