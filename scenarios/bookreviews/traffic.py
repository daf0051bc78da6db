#!/usr/bin/env python3
"""Sends what front ends would send: seeded requests of several callers over kept-alive connections, at a steady pace.

First it walks the listings as a page would (books, their reviews, by following `next`), which tells it what there is; then
everybody logs in. Then comes a shuffled list in which every review and every reviewer appears at least once whatever the
seed, asked by nobody, by users, by staff and by browsers whose session counts for nothing, among repeats, misses, bad input,
queries, HEAD, and the routes that stay with the monolith. Prints a summary as one line of JSON.

With --admin, the tee's, it also writes: reviews and drafts are created, changed, deleted, users log out. Each of these waits
until no copy is on its way to the new API any more and is sent alone, so that both sides are asked about the same state.
"""
import argparse
import http.client
import json
import random
import sys
import time
import urllib.request
from collections import Counter
from urllib.parse import urlsplit

# No compiled files beside the sources.
sys.dont_write_bytecode = True

from driving import reads, writes

CONNECTIONS = 3
MOST_PAGES = 200
SETTLE_S = 60
PASSWORD = "correct horse"
# As the monolith's seed data has them (catalogue/seed.py).
EXPIRED_SESSION = "expiredexpiredexpiredexpired2020"
STAFF = "ada"
# Never chose a name to be shown, so that what stands in for it is seen.
UNNAMED = "babak"
OTHERS = ["chloé", "dmitri", "eun-ji", "faruk", "hana", "ivo", "quiet"]


class Caller:
    """Somebody with a browser: its kind, its user name if it logs in, its cookies."""

    def __init__(self, kind, username=None, cookies=None):
        self.kind = kind
        self.username = username
        self.cookies = dict(cookies or {})
        # A browser that was left open sends its session whatever it is told.
        self.stubborn = bool(cookies)

    def headers(self):
        """The cookies as a request carries them."""
        line = "; ".join(f"{name}={value}" for name, value in self.cookies.items())
        return {"Cookie": line} if line else {}

    def keep(self, answer):
        """Takes the cookies of an answer."""
        for line in [] if self.stubborn else answer.headers.get_all("Set-Cookie") or []:
            pair, _, rest = line.partition(";")
            name, _, value = pair.partition("=")
            if value.strip('"') and "max-age=0" not in rest.lower():
                self.cookies[name] = value
            else:
                self.cookies.pop(name, None)


class Client:
    """A few kept-alive connections to one address, used in turn at a steady pace."""

    def __init__(self, url, rate, admin=None):
        where = urlsplit(url)
        self.open = [http.client.HTTPConnection(where.hostname, where.port, timeout=30) for _ in range(CONNECTIONS)]
        self.host = where.netloc
        self.admin = admin
        self.pause = 1 / rate if rate else 0
        self.due = time.monotonic()
        self.sent = 0
        self.statuses = Counter()
        self.callers = Counter()
        self.writes = 0
        self.errors = []

    def ask(self, caller, method, target, body=None):
        """Sends one request; gives its status and body, or None when there was no whole answer."""
        time.sleep(max(0, self.due - time.monotonic()))
        self.due = max(self.due + self.pause, time.monotonic())
        connection = self.open[self.sent % len(self.open)]
        self.sent += 1
        self.callers[caller.kind] += 1
        headers = {"Accept": "application/json"} | caller.headers()
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            connection.request(method, target, body=body, headers=headers)
            answer = connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            connection.close()
            self.errors.append(f"{method} {target}: {error!r}")
            return None
        self.statuses[answer.status] += 1
        caller.keep(answer)
        return answer.status, content

    def alone(self, caller, method, target, wanted, document=None):
        """Changes something while no copy is on its way, and says so when the answer is not what is wanted."""
        self.settle()
        self.writes += 1
        body = "" if document is None else json.dumps(document)
        answered = self.ask(caller, method, target, body)
        if answered is None or answered[0] != wanted:
            self.errors.append(f"{method} {target} of {caller.kind}: {answered} instead of {wanted}")
        return answered

    def settle(self):
        """Waits until the tee has no copy on its way any more."""
        deadline = time.monotonic() + SETTLE_S
        while time.monotonic() < deadline:
            with urllib.request.urlopen(f"{self.admin}/api/ledger", timeout=10) as answer:
                if json.load(answer)["in_flight"] == 0:
                    return
            time.sleep(0.01)
        self.errors.append(f"after {SETTLE_S} s copies are still on their way")

    def log_in(self, caller):
        """A session for a caller."""
        body = json.dumps({"username": caller.username, "password": PASSWORD})
        answered = self.ask(caller, "POST", "/api/login", body)
        if answered is None or answered[0] != 200:
            self.errors.append(f"{caller.username} cannot log in: {answered}")

    def pages(self, caller, target):
        """Every result of a listing, by following its `next` links."""
        for _ in range(MOST_PAGES):
            answered = self.ask(caller, "GET", target)
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


class Callers:
    """Who there is, and in which state."""

    def __init__(self, chance):
        self.nobody = Caller("anonymous")
        self.staff = Caller("staff", STAFF)
        self.users = [Caller("user", name) for name in [UNNAMED, *chance.sample(OTHERS, 2)]]
        garbage = "".join(chance.choices("abcdefghijklmnopqrstuvwxyz0123456789", k=chance.choice([3, 12, 32])))
        self.rejected = [
            Caller("expired", cookies={"sessionid": EXPIRED_SESSION}),
            Caller("garbage", cookies={"sessionid": garbage}),
        ]

    def logged_in(self):
        """Those who have a session."""
        return [self.staff, *self.users]

    def all(self):
        """Everybody."""
        return [self.nobody, *self.logged_in(), *self.rejected]


def number_in(path):
    """The id in a reviewer's path."""
    return int(path.strip("/").split("/")[-2])


def discover(client, nobody):
    """What the listings show: ISBNs, review ids and reviewer ids."""
    found = reads.Found([], set(), set())
    for book in client.pages(nobody, "/api/books/"):
        found.isbns.append(book["isbn"])
    for isbn in found.isbns:
        for review in client.pages(nobody, f"/api/book/{isbn}/reviews/"):
            found.reviews.add(review["id"])
            if review["reviewer"]:
                found.reviewers.add(number_in(review["reviewer"]["path"]))
    return found


def from_before(url, username):
    """A user whose session began before the tee stood in front of the monolith: by a log-in at the monolith itself."""
    caller = Caller("user", username)
    Client(url, 0).log_in(caller)
    return caller


def run(options):
    """Discovers, logs in, shuffles, sends, writes in between; gives the client."""
    chance = random.Random(options.seed)
    client = Client(options.url, options.rate, options.admin)
    callers = Callers(chance)
    found = discover(client, callers.nobody)
    if not (found.isbns and found.reviews and found.reviewers):
        client.errors.append("the listings are empty")
        return client
    for body in reads.wrong_log_ins():
        client.ask(callers.nobody, "POST", "/api/login", body)
    for caller in callers.logged_in():
        client.log_in(caller)
    if options.monolith:
        known = [caller.username for caller in callers.users]
        callers.users.append(from_before(options.monolith, next(name for name in OTHERS if name not in known)))
    own = list(reads.owned(found, callers, chance))
    requests = [*own, *reads.others(found, callers, chance), *reads.refused_writes(callers)]
    while client.sent + len(requests) < options.requests:
        requests.append(chance.choice(own))
    chance.shuffle(requests)
    rounds = max(2, len(requests) // 500) if options.admin else 1
    for part in range(rounds):
        for request in requests[part::rounds]:
            client.ask(*request)
        if options.admin:
            writes.a_round(client, callers, found, chance)
    return client


def main():
    """Sends and sums up."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("url", help="the tee, or any side")
    parser.add_argument("--seed", type=int, default=1, help="another seed, another order and other repeats")
    parser.add_argument("--requests", type=int, default=400, help="about so many; never fewer than cover everything")
    parser.add_argument("--rate", type=float, default=80, help="requests a second, 0 for as fast as it goes")
    parser.add_argument("--admin", metavar="URL", help="the tee's: writes too, each while nothing is on its way")
    parser.add_argument("--monolith", metavar="URL", help="one more user comes with a session that began there")
    options = parser.parse_args()
    client = run(options)
    summary = {
        "sent": client.sent,
        "seed": options.seed,
        "writes": client.writes,
        "callers": dict(sorted(client.callers.items())),
        "statuses": dict(sorted(client.statuses.items())),
        "errors": client.errors[:20],
        "error_count": len(client.errors),
    }
    print(json.dumps(summary))
    return 1 if client.errors else 0


if __name__ == "__main__":
    sys.exit(main())
