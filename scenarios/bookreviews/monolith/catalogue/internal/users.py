"""The Users service."""
import users_pb2
import users_pb2_grpc

from catalogue.models import User

from .caller import batch, call, not_found


def message(user):
    """A user; of a deleted account only that it was."""
    deleted = not user.is_active
    return users_pb2.User(
        id=user.pk,
        username="" if deleted else user.username,
        display_name="" if deleted else user.display_name,
        deleted=deleted,
        joined=user.date_joined.date().isoformat(),
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
