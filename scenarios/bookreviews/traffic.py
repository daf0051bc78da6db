#!/usr/bin/env python3
"""Sends what a front end would send: a few hundred seeded requests over kept-alive connections, at a steady pace.

First it walks the listings as a page would (books, their reviews, by following `next`), which tells it what there is. Then
comes a shuffled list in which every review and every reviewer appears at least once whatever the seed, among repeats,
misses, bad input, queries, HEAD, and the routes that stay with the monolith. Prints a summary as one line of JSON.
"""
import argparse
import http.client
import json
import random
import sys
import time
from collections import Counter
from urllib.parse import urlsplit

CONNECTIONS = 3
MOST_PAGES = 200


class Client:
    """A few kept-alive connections to one address, used in turn at a steady pace."""

    def __init__(self, url, rate):
        where = urlsplit(url)
        self.open = [http.client.HTTPConnection(where.hostname, where.port, timeout=30) for _ in range(CONNECTIONS)]
        self.host = where.netloc
        self.pause = 1 / rate if rate else 0
        self.due = time.monotonic()
        self.sent = 0
        self.statuses = Counter()
        self.errors = []

    def ask(self, method, target, body=None, headers=None):
        """Sends one request; gives its status and body, or None when there was no whole answer."""
        time.sleep(max(0, self.due - time.monotonic()))
        self.due = max(self.due + self.pause, time.monotonic())
        connection = self.open[self.sent % len(self.open)]
        self.sent += 1
        try:
            connection.request(method, target, body=body, headers={"Accept": "application/json"} | (headers or {}))
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            self.errors.append(f"{method} {target}: {error!r}")
            return None
        self.statuses[answer.status] += 1
        return answer.status, content

    def pages(self, target):
        """Every result of a listing, by following its `next` links."""
        for _ in range(MOST_PAGES):
            answered = self.ask("GET", target)
            if answered is None or answered[0] != 200:
                return
            document = json.loads(answered[1])
            yield from document["results"]
            if document["next"] is None:
                return
            link = urlsplit(document["next"])
            if link.netloc != self.host:
                self.errors.append(f"{target}: next leads to {link.netloc}")
                return
            target = f"{link.path}?{link.query}"


def number_in(path):
    """The id in a reviewer's path."""
    return int(path.strip("/").split("/")[-2])


def discover(client):
    """The ISBNs, the review ids and the reviewer ids that the listings show."""
    isbns, reviews, reviewers = [], set(), set()
    for book in client.pages("/api/books/"):
        isbns.append(book["isbn"])
    for isbn in isbns:
        for review in client.pages(f"/api/book/{isbn}/reviews/"):
            reviews.add(review["id"])
            if review["reviewer"]:
                reviewers.add(number_in(review["reviewer"]["path"]))
    return isbns, sorted(reviews), sorted(reviewers)


def owned(isbns, reviews, reviewers, random):
    """Requests to the routes that the new API owns."""
    # Ids that no listing shows are drafts, or do not exist.
    last = max(reviews, default=0) + 3
    for review in range(1, last + 1):
        yield "GET", f"/api/review/{review}"
    for reviewer in range(1, max(reviewers, default=0) + 4):
        yield "GET", f"/api/reviewer/{reviewer}/reviews/"
        yield "GET", f"/api/reviewer/{reviewer}/reviews/?page=2"
        yield "GET", f"/api/reviewer/{reviewer}/reviews/?page_size={random.choice([2, 3, 50])}"
    for isbn in isbns:
        plain = isbn.replace("-", "")
        yield "GET", f"/api/book/{plain}/reviews/"
        yield "GET", f"/api/book/{isbn}/reviews/?page_size={random.choice([3, 7, 50])}"
        yield "GET", f"/api/book/{plain.lower()}/reviews/?page=2&page_size={random.choice([2, 4])}"
    # Misses and bad input.
    yield "GET", f"/api/review/{random.randrange(10_000, 10**6)}"
    yield "GET", "/api/review/0"
    yield "GET", "/api/review/99999999999999999999999"
    yield "GET", "/api/review/007"
    yield "GET", f"/api/reviewer/{random.randrange(10_000, 10**6)}/reviews/"
    yield "GET", f"/api/book/978{random.randrange(10**9, 10**10)}/reviews/"
    yield "GET", f"/api/book/978-{random.randrange(10**9, 10**10)}/reviews/"
    for query in ["page=0", "page=-1", "page=abc", "page=", "page=9999", "page=1&page=x", "page_size=0", "page_size=x",
                  "page_size=1000", "page=1&utm_source=letter", "page=%31", "page=+1", "page=2&page_size="]:
        yield "GET", f"/api/book/{random.choice(isbns)}/reviews/?{query}"
        yield "GET", f"/api/reviewer/{random.choice(reviewers)}/reviews/?{query}"
    for target in [f"/api/review/{random.choice(reviews)}", f"/api/book/{random.choice(isbns)}/reviews/"]:
        yield "HEAD", target


def others(isbns, reviewers, random):
    """Requests to what stays with the monolith, or to nothing at all."""
    isbn = random.choice(isbns)
    for target in ["/", "/api/books/", "/api/books/?page=2", "/api/whoami", "/api/top-rated/", "/api/search/?q=the",
                   "/api/search/?q=%E6%BA%90", "/feed.atom", "/export/reviews.csv", f"/books/{isbn}/reviews/",
                   f"/reviewers/{random.choice(reviewers)}/reviews/", f"/isbn/{isbn}", f"/covers/{isbn}.png",
                   "/api/nothing", "/nothing", "/api/review/abc", f"/api/book/{isbn}/reviews", "/api/review/"]:
        yield "GET", target
    yield "HEAD", "/"
    yield "HEAD", "/nothing"
    yield "OPTIONS", "/api/books/"


def writes():
    """Requests that change something; a tee does not mirror them."""
    as_json = {"Content-Type": "application/json"}
    yield "POST", "/api/login", json.dumps({"username": "ada", "password": "wrong"}), as_json
    yield "POST", "/api/login", "{", as_json
    yield "POST", "/api/logout", "", as_json


def main():
    """Discovers, shuffles, sends, sums up."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="the tee, or any side")
    parser.add_argument("--seed", type=int, default=1, help="another seed, another order and other repeats")
    parser.add_argument("--requests", type=int, default=400, help="about so many; never fewer than cover everything")
    parser.add_argument("--rate", type=float, default=80, help="requests a second, 0 for as fast as it goes")
    options = parser.parse_args()

    chance = random.Random(options.seed)
    client = Client(options.url, options.rate)
    isbns, reviews, reviewers = discover(client)
    if not (isbns and reviews and reviewers):
        print(json.dumps({"sent": client.sent, "errors": client.errors or ["the listings are empty"]}))
        return 1
    requests = [*owned(isbns, reviews, reviewers, chance), *others(isbns, reviewers, chance), *writes()]
    while client.sent + len(requests) < options.requests:
        requests.append(("GET", f"/api/review/{chance.choice(reviews)}"))
    chance.shuffle(requests)
    for request in requests:
        client.ask(*request)
    summary = {
        "sent": client.sent,
        "seed": options.seed,
        "statuses": dict(sorted(client.statuses.items())),
        "errors": client.errors[:20],
        "error_count": len(client.errors),
    }
    print(json.dumps(summary))
    return 1 if client.errors else 0


if __name__ == "__main__":
    sys.exit(main())
