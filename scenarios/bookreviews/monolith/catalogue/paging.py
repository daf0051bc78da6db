"""Pages of a listing: `?page=` and `?page_size=`, absolute links to the next and the previous page."""
import re
from urllib.parse import urlencode

from django.http import Http404

DEFAULT_SIZE = 5
LARGEST_SIZE = 50
NUMBER = re.compile(r"[1-9][0-9]{0,8}", re.ASCII)


def page_of(request, queryset):
    """`(members, items)`: count and links, and the slice. A page that is no number or past the end is not found."""
    page_text = request.GET.get("page", "1")
    size_text = request.GET.get("page_size", "")
    if not NUMBER.fullmatch(page_text):
        raise Http404("invalid page")
    page = int(page_text)
    # A size that is no number is as good as none.
    chosen = min(int(size_text), LARGEST_SIZE) if NUMBER.fullmatch(size_text) else None
    size = chosen or DEFAULT_SIZE
    total = queryset.count()
    start = (page - 1) * size
    if page > 1 and start >= total:
        raise Http404("invalid page")

    def link(number):
        query = {"page": number} | ({"page_size": chosen} if chosen else {})
        return request.build_absolute_uri(request.path) + "?" + urlencode(query)

    members = {
        "count": total,
        "next": link(page + 1) if start + size < total else None,
        "previous": link(page - 1) if page > 1 else None,
    }
    return members, queryset[start : start + size]
