"""A worker of the tests' own, with the example's data behind it."""
from concurrent import futures

import books_pb2_grpc
import grpc
import reviews_pb2_grpc
import users_pb2_grpc
from django.test import TransactionTestCase

from catalogue import seed
from catalogue.management.commands.serve_grpc import services

ANONYMOUS = (("auth_user", "anonymous"),)


def user(key):
    """The metadata of a user's call."""
    return (("auth_user", str(key)),)


class WithWorker(TransactionTestCase):
    """Each test has the example's data and a worker."""

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
