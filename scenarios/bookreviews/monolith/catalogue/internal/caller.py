"""Who asks: the `auth_user` metadata field, and the frame around every call: its code, its time."""
import contextlib
import functools
import logging
import time

import grpc
from django.db import OperationalError, close_old_connections, connection

from catalogue.models import User

log = logging.getLogger(__name__)

LARGEST_BATCH = 100
LARGEST_ID = 2**63 - 1
# For callers that set no deadline, or one that no answer is worth.
LONGEST_S = 10
# The database asks so often, counted in its own steps (some microseconds each), whether it is too late.
STEPS = 2_000


class Refused(Exception):
    """Ends a call with a status code."""

    def __init__(self, code, words):
        super().__init__(words)
        self.code = code
        self.words = words


def not_found(words):
    """What is asked for does not exist."""
    return Refused(grpc.StatusCode.NOT_FOUND, words)


def invalid(words):
    """What is asked for makes no sense."""
    return Refused(grpc.StatusCode.INVALID_ARGUMENT, words)


def caller_id(context):
    """The caller's user id, None for anonymous. Whoever does not say who asks is refused."""
    values = [value for key, value in context.invocation_metadata() if key == "auth_user"]
    if len(values) != 1:
        raise Refused(grpc.StatusCode.UNAUTHENTICATED, "one auth_user metadata field is needed")
    if values[0] == "anonymous":
        return None
    digits = values[0].isascii() and values[0].isdigit() and int(values[0]) <= LARGEST_ID
    if not digits or not User.objects.filter(pk=int(values[0]), is_active=True).exists():
        raise Refused(grpc.StatusCode.UNAUTHENTICATED, "auth_user names no active user")
    return int(values[0])


def batch(values):
    """The distinct values asked for, in their order; more than a batch holds is refused."""
    if len(values) > LARGEST_BATCH:
        raise invalid(f"at most {LARGEST_BATCH} in one call")
    return list(dict.fromkeys(values))


def limit_of(request):
    """How many are asked for at most; all of them is no number."""
    if not 1 <= request.limit <= LARGEST_BATCH:
        raise invalid(f"limit is 1 to {LARGEST_BATCH}")
    return request.limit


def slice_of(request):
    """Which of an ordered many: `limit` from `offset` on."""
    limit = limit_of(request)
    if not 0 <= request.offset <= LARGEST_ID - LARGEST_BATCH:
        raise invalid("offset is not negative")
    return slice(request.offset, request.offset + limit)


def ends_at(context):
    """When the answer is of no use any more, by this process's clock. Waiting for a thread counts."""
    left = context.time_remaining()
    return time.monotonic() + (LONGEST_S if left is None else min(left, LONGEST_S))


@contextlib.contextmanager
def interrupted_when(late):
    """Within it, this thread's queries fail once it is late."""
    connection.ensure_connection()
    database = connection.connection
    database.set_progress_handler(late, STEPS)
    try:
        yield
    finally:
        database.set_progress_handler(None, 0)


def call(handler):
    """Frames a handler `(self, request, caller)`: reads the caller, keeps the time, turns errors into codes."""

    @functools.wraps(handler)
    def framed(self, request, context):
        ends = ends_at(context)

        def late():
            return time.monotonic() >= ends

        if late():
            # It waited for this thread too long: nobody reads the answer, so the database is left in peace.
            context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "too late before it began")
        close_old_connections()
        try:
            with interrupted_when(late):
                return handler(self, request, caller_id(context))
        except Refused as refusal:
            context.abort(refusal.code, refusal.words)
        except Exception as error:
            if isinstance(error, OperationalError) and late():
                context.abort(grpc.StatusCode.DEADLINE_EXCEEDED, "too late")
            log.exception("%s failed", handler.__qualname__)
            context.abort(grpc.StatusCode.INTERNAL, "internal error")
        finally:
            close_old_connections()

    return framed
