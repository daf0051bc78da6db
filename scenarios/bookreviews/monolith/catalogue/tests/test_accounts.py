"""Who is who: credentials, sessions, staff, as the internal APIs tell it."""
from unittest import mock

import grpc
import users_pb2
from django.test import Client

from catalogue import seed
from catalogue.models import User

from .worker import ANONYMOUS, WithWorker


class Accounts(WithWorker):
    """Credentials and sessions."""

    def authenticate(self, name, password):
        """The call's arguments."""
        wanted = users_pb2.AuthenticateRequest(username=name, password=password)
        return self.users.Authenticate, wanted, ANONYMOUS

    def resolve(self, key):
        """The call's arguments."""
        return self.users.ResolveSession, users_pb2.ResolveSessionRequest(session_key=key), ANONYMOUS

    def test_credentials_name_their_user(self):
        """Staff among them; and checking writes nothing."""
        before = list(User.objects.order_by("pk").values_list("password", "last_login"))
        for key, name, staff in [(1, "ada", True), (3, "chloé", False)]:
            call, wanted, metadata = self.authenticate(name, seed.PASSWORD)
            found = call(wanted, metadata=metadata, timeout=5)
            self.assertEqual((found.id, found.username, found.staff), (key, name, staff))
        self.assertEqual(list(User.objects.order_by("pk").values_list("password", "last_login")), before)

    def test_wrong_credentials_are_all_refused_alike(self):
        """A wrong password, an unknown name, nothing at all, another case, a deleted account with the right password."""
        for name, password in [
            ("ada", "wrong"), ("nobody", seed.PASSWORD), ("", ""), ("ada", ""), ("ADA", seed.PASSWORD),
            ("gone", seed.PASSWORD),
        ]:  # fmt: skip
            with self.subTest(name=name, password=password):
                self.refused(grpc.StatusCode.UNAUTHENTICATED, *self.authenticate(name, password))

    def test_an_unknown_name_costs_a_hash_too(self):
        """Otherwise the time tells which names there are."""
        hasher = "catalogue.hashers.ExampleHasher.encode"
        for name in ("ada", "nobody", "gone"):
            with mock.patch(hasher, return_value="no hash") as encode:
                self.refused(grpc.StatusCode.UNAUTHENTICATED, *self.authenticate(name, "wrong"))
                self.assertEqual(encode.call_count, 1, name)

    def test_a_live_session_names_its_user_until_it_ends(self):
        """By log-out, by another password, by the end of the account."""
        for key, end in [
            (2, lambda client, user: client.post("/api/logout")),
            (3, lambda client, user: (user.set_password("another"), user.save())),
            (4, lambda client, user: User.objects.filter(pk=user.pk).update(is_active=False)),
        ]:
            client, user = Client(), User.objects.get(pk=key)
            body = {"username": user.username, "password": seed.PASSWORD}
            self.assertEqual(client.post("/api/login", body, content_type="application/json").status_code, 200)
            call, wanted, metadata = self.resolve(client.cookies["sessionid"].value)
            self.assertEqual(call(wanted, metadata=metadata, timeout=5).id, key)
            end(client, user)
            self.refused(grpc.StatusCode.NOT_FOUND, call, wanted, metadata)

    def test_no_other_session_is_live(self):
        """An expired one, none, a short one, one that never was, one that nobody is logged in by."""
        for key in (seed.EXPIRED_SESSION, "", "x", "a" * 32, "\0" * 32, "a" * 10_000):
            self.refused(grpc.StatusCode.NOT_FOUND, *self.resolve(key))
