"""Who asks the JSON API."""


def caller_id(request):
    """The id of the user who asks; None for anonymous."""
    return request.user.pk if request.user.is_authenticated else None
