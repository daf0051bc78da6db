"""Who asks: the `auth_user` metadata field, and the frame around every call."""
import functools
import logging

import grpc
from django.db import close_old_connections

from catalogue.models import User

log = logging.getLogger(__name__)

LARGEST_BATCH = 100
LARGEST_ID = 2**63 - 1


class Refused(Exception):
    """Ends a call with a status code."""

    def __init__(self, code, words):
        super().__init__(words)
        self.code = code
        self.words = words


def not_found(words):
    """What is asked for does not exist."""
    return Refused(grpc.StatusCode.NOT_FOUND, words)


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
        raise Refused(grpc.StatusCode.INVALID_ARGUMENT, f"at most {LARGEST_BATCH} in one call")
    return list(dict.fromkeys(values))


def call(handler):
    """Frames a handler `(self, request, caller)`: reads the caller, gives back connections, turns errors into codes."""

    @functools.wraps(handler)
    def framed(self, request, context):
        close_old_connections()
        try:
            return handler(self, request, caller_id(context))
        except Refused as refusal:
            context.abort(refusal.code, refusal.words)
        except Exception:
            log.exception("%s failed", handler.__qualname__)
            context.abort(grpc.StatusCode.INTERNAL, "internal error")
        finally:
            close_old_connections()

    return framed
