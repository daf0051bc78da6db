"""One running example, and a short seeded walk of three readers through its tee."""
import contextlib
import http.client
import json
import random
import shlex
import signal
import subprocess
import sys
import time
from http.cookies import SimpleCookie
from pathlib import Path
from urllib.parse import urlsplit

STACK = Path(__file__).resolve().parent.parent / "stack.py"
SETTLE_S = 30
PASSWORD = "correct horse"


class Failed(Exception):
    """The tour cannot go on; the words say why."""


class Reader:
    """One browser's worth of client: it keeps its cookies, and its connection."""

    def __init__(self, url, host=None):
        self.address = urlsplit(url).netloc
        self.host = host or self.address
        self.connection = http.client.HTTPConnection(self.address, timeout=30)
        self.cookies = SimpleCookie()

    def ask(self, method, target, body=None):
        """Sends one request; gives status, headers and body."""
        headers = {"Host": self.host, "Accept": "application/json"}
        if self.cookies:
            headers["Cookie"] = "; ".join(f"{name}={cookie.value}" for name, cookie in self.cookies.items())
        if body is not None:
            headers["Content-Type"] = "application/json"
        try:
            self.connection.request(method, target, body and json.dumps(body), headers)
            answer = self.connection.getresponse()
            content = answer.read()
        except (OSError, http.client.HTTPException) as error:
            raise Failed(f"{method} {target} at {self.address}: {error!r}") from error
        for line in answer.headers.get_all("Set-Cookie", []):
            self.cookies.load(line)
        return answer.status, answer.headers, content

    def log_in(self, name, password=PASSWORD):
        """What a log-in sends."""
        return self, "POST", "/api/login", {"username": name, "password": password}

    def get(self, target):
        """What a reader sends."""
        return self, "GET", target, None


class Example:
    """One running example, and what paritee says of it."""

    def __init__(self, options, *words):
        words = [sys.executable, str(STACK), "--profile", options.profile, *words]
        # The first start has built what there is to build.
        words += [] if options.build else ["--no-build"]
        options.build = False
        # Its own session: Ctrl-C reaches the tour alone, which then stops it.
        self.process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
        )
        self.info = {}

    def stop(self):
        """Ends it and everything that it started, and waits for that; Ctrl-C meanwhile is obeyed afterwards."""
        pressed = []
        numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        handlers = {number: signal.signal(number, lambda *_: pressed.append(True)) for number in numbers}
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        if self.process.poll() is None:
            self.process.terminate()
        self.process.wait()
        for number, handler in handlers.items():
            signal.signal(number, handler)
        if pressed:
            raise KeyboardInterrupt

    def told(self):
        """Reads where everything is."""
        line = self.process.stdout.readline()
        if not line:
            raise Failed("the example did not start")
        self.info = json.loads(line)

    def again(self, *mistakes):
        """The new API and the tee anew, with these mistakes and on data as they were at first."""
        print(json.dumps(mistakes), file=self.process.stdin, flush=True)
        self.told()

    def paritee(self, screen, *words):
        """Runs a query of paritee's and shows it; gives its exit code."""
        command = [self.info["paritee"], *words, "--admin", self.info["admin"]]
        return screen.run(command, shlex.join(["paritee", *words]) + " --admin $ADMIN")

    def asked(self, *words):
        """What the same query says as JSON."""
        command = [self.info["paritee"], *words, "--admin", self.info["admin"], "--format", "json"]
        done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
        if done.returncode:
            raise Failed(f"{shlex.join(words)} ended with {done.returncode}")
        return json.loads(done.stdout)

    def sessions(self):
        """For how many clients the tee has a session at the candidate, by its metrics."""
        text = Reader(self.info["admin"]).ask("GET", "/metrics")[2].decode()
        figures = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        return int(figures.get("paritee_sessions", 0))

    def settled(self):
        """The ledger, once every copy has been judged."""
        deadline = time.monotonic() + SETTLE_S
        reader = Reader(self.info["admin"])
        while time.monotonic() < deadline:
            ledger = json.loads(reader.ask("GET", "/api/ledger")[2])
            if ledger["in_flight"] == 0:
                return ledger
            time.sleep(0.01)
        raise Failed(f"after {SETTLE_S} s some requests are still in flight: {ledger}")


@contextlib.contextmanager
def running(options, *words):
    """An example that is stopped in the end."""
    example = Example(options, *words)
    try:
        example.told()
        yield example
    finally:
        example.stop()


def figures(before, after, sent):
    """What the ledger says of the requests between two moments."""
    found = {"sent": sent, "owned": after["not_mirrored"].get("owned", 0) - before["not_mirrored"].get("owned", 0)}
    others = [key for key in after["not_mirrored"] if key not in ("owned", "marked")]
    found["not mirrored"] = sum(after["not_mirrored"][key] - before["not_mirrored"].get(key, 0) for key in others)
    for key, number in after["judgements"].items():
        found[key] = number - before["judgements"][key]
    return {key: number for key, number in found.items() if number}


def requests(tee, chance):
    """What three readers ask for, by kind: each kind is sent when the one before is settled."""
    nobody, ada, babak = Reader(tee), Reader(tee), Reader(tee)
    yield "log in", [ada.log_in("ada"), babak.log_in("babak"), nobody.log_in("ada", "wrong")]
    everybody = [nobody, ada, babak]
    yield "who am I", [reader.get("/api/whoami") for reader in everybody]
    yield "books", [reader.get("/api/books/?page=2") for reader in everybody]
    # 22 is babak's own draft, 37 somebody else's; ada is of the staff.
    reviews = [22, 37, *chance.sample(range(1, 91), 3)]
    yield "one review", [reader.get(f"/api/review/{review}") for review in reviews for reader in everybody]
    isbns = ["978-1732102200", *chance.sample(["9780140437140", "978-0-06-088328-7", "080442957X"], 2)]
    yield "a book's reviews", [reader.get(f"/api/book/{isbn}/reviews/") for isbn in isbns for reader in everybody]
    users = [2, *chance.sample([1, 3, 4, 5, 6, 8, 9, 10], 2)]
    listings = [f"/api/reviewer/{user}/reviews/" for user in users]
    yield "a reviewer's reviews", [reader.get(listing) for listing in listings for reader in everybody]
    yield "top rated", [reader.get("/api/top-rated/") for reader in everybody]
    search = "/api/search/?q=" + chance.choice(["the", "sol", "o"])
    yield "search and pages", [babak.get(target) for target in (search, "/", "/app", "/feed.atom")]
    review = {"isbn": isbns[0], "stars": chance.randint(1, 5), "content": "Written on a tour, and read by nobody."}
    yield "write a review", [(babak, "POST", "/api/reviews/", review)]


def walk(screen, example, seed):
    """Sends all of it and shows what the ledger says of each kind; gives the same as rows."""
    before, rows = example.settled(), []
    for kind, asked in requests(example.info["tee"], random.Random(seed)):
        for reader, *request in asked:
            reader.ask(*request)
            # One at a time: nothing that is written meets a copy that is still under way.
            after = example.settled()
        rows.append((kind, figures(before, after, len(asked))))
        before = after
    screen.table(rows)
    return dict(rows)
