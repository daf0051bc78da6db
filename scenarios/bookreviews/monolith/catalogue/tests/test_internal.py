"""The internal APIs over a real gRPC connection: who asks, which codes, batches, reflection."""
from concurrent import futures

import books_pb2
import books_pb2_grpc
import grpc
import reviews_pb2
import reviews_pb2_grpc
import users_pb2
import users_pb2_grpc
from django.test import TransactionTestCase
from grpc_reflection.v1alpha import reflection_pb2, reflection_pb2_grpc

from catalogue import seed
from catalogue.management.commands.serve_grpc import services
from catalogue.models import Review

ANONYMOUS = (("auth_user", "anonymous"),)


def user(key):
    """The metadata of a user's call."""
    return (("auth_user", str(key)),)


class InternalApis(TransactionTestCase):
    """Each test has the example's data and a worker of its own."""

    def setUp(self):
        """Data, server, stubs."""
        seed.fill()
        self.server = grpc.server(futures.ThreadPoolExecutor(max_workers=1))
        services(self.server)
        port = self.server.add_insecure_port("127.0.0.1:0")
        self.server.start()
        self.channel = grpc.insecure_channel(f"127.0.0.1:{port}")
        self.reviews = reviews_pb2_grpc.ReviewsStub(self.channel)
        self.books = books_pb2_grpc.BooksStub(self.channel)
        self.users = users_pb2_grpc.UsersStub(self.channel)

    def tearDown(self):
        """Nothing stays open."""
        self.channel.close()
        self.server.stop(grace=None).wait()

    def refused(self, code, call, message, metadata):
        """Asserts that a call ends with this code."""
        with self.assertRaises(grpc.RpcError) as caught:
            call(message, metadata=metadata, timeout=5)
        self.assertEqual(caught.exception.code(), code)

    def test_the_caller_must_be_named_once_and_exist(self):
        """Nobody, two, no number, an unknown and a deleted account are all refused, by every service."""
        calls = [
            (self.reviews.GetReview, reviews_pb2.GetReviewRequest(id=1)),
            (self.books.GetBook, books_pb2.GetBookRequest(isbn="9780156027601")),
            (self.users.GetUser, users_pb2.GetUserRequest(id=1)),
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

    def test_the_server_tells_its_services(self):
        """By reflection."""
        stub = reflection_pb2_grpc.ServerReflectionStub(self.channel)
        asked = reflection_pb2.ServerReflectionRequest(list_services="")
        answer = next(iter(stub.ServerReflectionInfo(iter([asked]), timeout=5)))
        names = {service.name for service in answer.list_services_response.service}
        self.assertLessEqual({f"bookreviews.v1.{name}" for name in ("Reviews", "Books", "Users")}, names)
