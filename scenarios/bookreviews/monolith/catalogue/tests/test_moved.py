"""Routes that have moved: no longer an address for reading, still one for writing."""
from django.conf import settings
from django.test import TestCase, override_settings
from django.urls import clear_url_caches

from catalogue import seed

READS = {
    "review": "/api/review/1",
    "reviews-by-book": "/api/book/9780156027601/reviews/",
    "reviews-by-reviewer": "/api/reviewer/1/reviews/",
    "books": "/api/books/",
    "top-rated": "/api/top-rated/",
    "whoami": "/api/whoami",
}


class Moved(TestCase):
    """Each name switches its own route off."""

    def setUp(self):
        """The example's data."""
        seed.fill()
        self.addCleanup(self.addresses)

    def addresses(self):
        """The addresses are read anew from the settings."""
        import importlib

        from config import urls

        clear_url_caches()
        importlib.reload(urls)

    def test_a_moved_route_answers_as_no_address_does(self):
        """The others stay, and so does writing."""
        self.assertEqual(READS.keys(), settings.MOVABLE)
        for moved in READS:
            with override_settings(MOVED={moved}):
                self.addresses()
                nothing = self.client.get("/api/nothing")
                for name, address in READS.items():
                    answer = self.client.get(address)
                    self.assertEqual(answer.status_code, 404 if name == moved else 200, (moved, address))
                    if name == moved:
                        self.assertEqual(answer.content, nothing.content)
                        self.assertEqual(answer.headers, nothing.headers)
                self.assertEqual(self.client.delete("/api/review/1").status_code, 401)
                self.assertEqual(self.client.get("/api/books").status_code, 301)
