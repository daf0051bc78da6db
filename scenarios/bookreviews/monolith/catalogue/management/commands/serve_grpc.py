"""`manage.py serve_grpc`: the internal API worker, another process of the same code."""
import signal
import threading
from concurrent import futures

import books_pb2
import books_pb2_grpc
import grpc
import reviews_pb2
import reviews_pb2_grpc
import users_pb2
import users_pb2_grpc
from django.core.management.base import BaseCommand, CommandError
from grpc_reflection.v1alpha import reflection

from catalogue.internal.books import Books
from catalogue.internal.reviews import Reviews
from catalogue.internal.users import Users


def services(server):
    """Adds the three services and reflection to a server."""
    reviews_pb2_grpc.add_ReviewsServicer_to_server(Reviews(), server)
    books_pb2_grpc.add_BooksServicer_to_server(Books(), server)
    users_pb2_grpc.add_UsersServicer_to_server(Users(), server)
    files = (reviews_pb2, books_pb2, users_pb2)
    names = [service.full_name for file in files for service in file.DESCRIPTOR.services_by_name.values()]
    reflection.enable_server_reflection([*names, reflection.SERVICE_NAME], server)


class Command(BaseCommand):
    """Serves Reviews, Books and Users until SIGTERM."""

    help = "Serves the internal gRPC APIs; prints the address once it listens."
    requires_system_checks = []

    def add_arguments(self, parser):
        """--listen and --threads."""
        parser.add_argument("--listen", default="127.0.0.1:0", help="address; port 0 takes a free one")
        parser.add_argument("--threads", type=int, default=8)

    def handle(self, *args, **options):
        """Listens, says where, waits for a signal, finishes what runs."""
        # so_reuseport off: a second worker on the same port must fail, not share it.
        server = grpc.server(
            futures.ThreadPoolExecutor(max_workers=options["threads"]), options=[("grpc.so_reuseport", 0)]
        )
        services(server)
        host = options["listen"].rpartition(":")[0]
        try:
            port = server.add_insecure_port(options["listen"])
        except RuntimeError as error:
            raise CommandError(f"cannot listen on {options['listen']}: {error}") from None
        server.start()
        self.stdout.write(f"grpc listening on {host}:{port}")
        self.stdout.flush()
        stop = threading.Event()
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: stop.set())
        stop.wait()
        server.stop(grace=2).wait()
