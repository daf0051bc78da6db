"""Says which build answered."""
from django.conf import settings


def build_header(get_response):
    """Adds `x-build` to every answer."""

    def middleware(request):
        response = get_response(request)
        response.headers["x-build"] = settings.BUILD
        return response

    return middleware
