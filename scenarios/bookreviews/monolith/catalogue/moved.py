"""Routes whose answers come from another service by now."""
import functools

from django.conf import settings
from django.http import Http404


def leaves_as(name, view):
    """The view, without its answers to GET once BOOKREVIEWS_MOVED names it: then it is no address any more.

    Writing under the same address stays, and so does what Django says of other methods and of a missing slash.
    """
    if name not in settings.MOVED:
        return view

    @functools.wraps(view)
    def gone(request, *args, **kwargs):
        if request.method == "GET":
            raise Http404("no such address")
        return view(request, *args, **kwargs)

    return gone
