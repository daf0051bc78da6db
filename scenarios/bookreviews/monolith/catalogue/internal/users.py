"""The Users service."""
import grpc
import users_pb2
import users_pb2_grpc
from django.contrib.auth import authenticate, get_user
from django.contrib.sessions.backends.db import SessionStore
from django.http import HttpRequest

from catalogue.models import User

from .caller import Refused, batch, call, not_found


def message(user):
    """A user; of a deleted account only that it was."""
    deleted = not user.is_active
    return users_pb2.User(
        id=user.pk,
        username="" if deleted else user.username,
        display_name="" if deleted else user.display_name,
        deleted=deleted,
        joined=user.date_joined.date().isoformat(),
        staff=user.is_staff and not deleted,
    )


class Users(users_pb2_grpc.UsersServicer):
    """Users as data."""

    @call
    def GetUser(self, request, caller):
        """One user."""
        user = User.objects.filter(pk=request.id).first()
        if user is None:
            raise not_found("user not found")
        return message(user)

    @call
    def BatchGetUsers(self, request, caller):
        """Several users, in the order asked."""
        ids = batch(request.ids)
        found = {user.pk: user for user in User.objects.filter(pk__in=ids)}
        return users_pb2.BatchGetUsersResponse(users=[message(found[key]) for key in ids if key in found])

    @call
    def Authenticate(self, request, caller):
        """The user of these credentials, checked by the code that the monolith's own log-in calls."""
        # It hashes a password for an unknown name too: how long it takes tells nothing.
        user = authenticate(username=request.username, password=request.password)
        if user is None:
            raise Refused(grpc.StatusCode.UNAUTHENTICATED, "wrong user name or password")
        return message(user)

    @call
    def ResolveSession(self, request, caller):
        """The user of a live session: not expired, of the password that is still valid, of an active account."""
        asked = HttpRequest()
        asked.session = SessionStore(request.session_key)
        user = get_user(asked)
        if not user.is_authenticated:
            raise not_found("no such session is live")
        return message(user)
