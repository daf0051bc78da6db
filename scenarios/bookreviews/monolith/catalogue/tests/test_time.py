"""A call's time: it ends with its deadline, in the queue and in the middle."""
import time

import grpc
from django.db import connection
from django.test import TransactionTestCase

from catalogue.internal import caller

ENDLESS = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"


class Aborted(Exception):
    """What `abort` raises."""


class Call:
    """A call's context with so many seconds left."""

    def __init__(self, left):
        self.left = left

    def time_remaining(self):
        """None without a deadline."""
        return self.left

    def invocation_metadata(self):
        """An anonymous caller."""
        return [("auth_user", "anonymous")]

    def abort(self, code, words):
        """Ends the call."""
        raise Aborted(code, words)


@caller.call
def endless(self, request, who):
    """A query that never ends by itself."""
    with connection.cursor() as cursor:
        cursor.execute(ENDLESS)


class Time(TransactionTestCase):
    """Deadlines."""

    def ended(self, left):
        """The code that the endless call ends with."""
        with self.assertRaises(Aborted) as caught:
            endless(None, None, Call(left))
        return caught.exception.args[0]

    def test_a_call_that_is_late_before_it_begins_touches_nothing(self):
        """It waited for a thread."""
        for left in (0, -1):
            with self.assertNumQueries(0):
                self.assertEqual(self.ended(left), grpc.StatusCode.DEADLINE_EXCEEDED)

    def test_a_call_ends_with_its_deadline(self):
        """In the middle of a query."""
        began = time.monotonic()
        self.assertEqual(self.ended(0.2), grpc.StatusCode.DEADLINE_EXCEEDED)
        self.assertLess(time.monotonic() - began, 5)

    def test_a_call_without_a_deadline_ends_too(self):
        """After the longest time that a call may take; a far deadline counts as none."""
        longest, caller.LONGEST_S = caller.LONGEST_S, 0.2
        try:
            for left in (None, 1e9):
                self.assertEqual(self.ended(left), grpc.StatusCode.DEADLINE_EXCEEDED)
        finally:
            caller.LONGEST_S = longest
