"""Tells in the terminal how the example's API takes routes over, step by step, and what paritee says at each one.

Every figure comes from the programs that run: each step of the move is started, a few seeded requests of three readers
go through the tee, and paritee is asked. What the tour says it checks: a line with ✗ does not hold, and then the exit
code is 1.
"""
import json
import random
import sys
import time

from touring.screen import Screen
from touring.walk import Failed, Reader, figures, requests, running, walk

# Whoever is logged in reads the drafts of the others.
MISTAKE = "anothers-draft-visible"
# From which step on the new API answers what the readers ask for.
OWNED_FROM = {
    "log in": 2,
    "who am I": 3,
    "books": 4,
    "one review": 5,
    "a book's reviews": 5,
    "a reviewer's reviews": 5,
    "top rated": 5,
}
# What the monolith does not answer any more in the end.
MOVED = [kind for kind in OWNED_FROM if kind != "log in"]


def equal(row):
    """How many of a kind were found equal."""
    return row.get("match", 0) + row.get("normalised", 0)


def judge_step(screen, rows, step):
    """Holds the rows against what the new API owns at a step."""
    owned = [kind for kind, since in OWNED_FROM.items() if since <= step]
    others = [kind for kind in rows if kind not in owned]
    if owned:
        wrong = {kind: rows[kind] for kind in owned if equal(rows[kind]) != rows[kind]["sent"]}
        screen.claim(not wrong, f"judged, and equal every time: {', '.join(owned)}", wrong)
    wrong = {kind: rows[kind] for kind in others if equal(rows[kind]) or rows[kind].get("mismatch")}
    screen.claim(not wrong, f"nothing is claimed of: {', '.join(others)}", wrong)


def all_vacuous(screen, ledger):
    """Everything that was judged proves nothing, since the monolith answered itself."""
    judged, vacuous = ledger["judged"], ledger["vacuous"].get("proxied", 0)
    screen.claim(judged == vacuous > 0, f"{vacuous} of {judged} judged exchanges are vacuous (proxied)", ledger)


def nothing_to_report(screen, example, words):
    """Shows the report, which has no signature; gives it as JSON."""
    code = example.paritee(screen, "report", "--fail-on", "low")
    report = example.asked("report")
    screen.claim(code == 0 and not report["signatures"], f"{words} (exit code {code})", report["signatures"])
    return report


def naive(example, seed):
    """What a tester says who asks both sides and compares bytes: how many answers, and how many were equal."""
    sides = [Reader(example.info[side], host="localhost") for side in ("monolith", "api")]
    targets = [
        target
        for _, asked in requests(example.info["tee"], random.Random(seed))
        for _, method, target, _ in asked
        if method == "GET"
    ]
    answers = [[(status, body) for status, _, body in (side.ask("GET", target) for side in sides)] for target in targets]
    return len(answers), sum(monolith == api for monolith, api in answers)


def transparent_proxy(screen, options):
    """Step 1, where a naive tester is content."""
    screen.title("Step 1: the new API is a proxy")
    screen.say(
        "It stands there and owns nothing: whatever it is asked, it asks the monolith. Whoever compares the two compares "
        "the monolith with itself."
    )
    with running(options, "--step", "1") as example:
        asked, same = naive(example, options.seed)
        print(f"\na naive tester, {asked} requests to both sides: {same} equal, {100 * same // asked} %")
        judge_step(screen, walk(screen, example, options.seed), 1)
        screen.claim(same == asked, "the naive tester found no difference", f"{same} of {asked}")
        example.paritee(screen, "ledger")
        all_vacuous(screen, example.settled())
        screen.say(
            "Each copy carries a marker. The API passed it on, the tee knew its own request when it came back, and signed "
            "the answer on its way to the API. A job that asks whether the two are equal is told the truth:"
        )
        code = example.paritee(screen, "report", "--fail-on", "low")
        screen.claim(code == 4, f"exit code {code}: nothing was compared", code)


LOST_MARKERS = [
    (
        ["--tees", "2"],
        "Step 1 with two tees: clients come through one, the new API calls through the other",
        "They share a key, so that each knows the other's marker and signature.",
    ),
    (
        ["--forward", "cookies"],
        "Step 1, and the new API passes on cookies alone",
        "No marker comes back. But the monolith tells its build in every answer, and the new API tells another: an answer "
        "of the candidate with the primary's build is the primary's. Until the tee knows this of a route, what comes back "
        "is taken for a client's and copied once more.",
    ),
    (
        ["--past-tee"],
        "Step 1, and the new API calls the monolith past the tee",
        "The tee never sees that request. The build in the answer tells all the same.",
    ),
]


def without_markers(screen, options):
    """Step 1 where the marker takes another way, or none."""
    for words, title, why in LOST_MARKERS:
        screen.title(title)
        screen.say(why)
        with running(options, "--step", "1", *words) as example:
            walk(screen, example, options.seed)
            all_vacuous(screen, example.settled())


STEPS = {
    2: (
        "Step 2: the new API has sessions of its own",
        "Its log-in asks the Users service and answers with a JWT in a cookie. Of all that is not a read the tee mirrors "
        "the log-in alone, and keeps the candidate's cookie in memory: what this client asks next, the copy asks in its "
        "name.",
    ),
    3: (
        "Step 3: the user travels to the internal APIs",
        "Who am I is the first answer that depends on who asks, and the first such that is really compared: each side was "
        "asked with its own session.",
    ),
    4: (
        "Step 4: the internal APIs instead of the monolith's database",
        "The listing of books is asked over gRPC. Other routes are still passed on, and paritee goes on saying so.",
    ),
}


def sessions_and_data(screen, options):
    """Steps 2 to 4: one kind after the other is judged."""
    for step, (title, why) in STEPS.items():
        screen.title(title)
        screen.say(why)
        with running(options, "--step", str(step)) as example:
            judge_step(screen, walk(screen, example, options.seed), step)
            if step == 2:
                known = example.sessions()
                screen.claim(known == 2, f"{known} users logged in, and the tee has the candidate's session of each", known)
            if step == 3:
                came_before(screen, example)
            nothing_to_report(screen, example, "nothing to report")


def came_before(screen, example):
    """A client whose session is older than the tee."""
    before = example.settled()
    early = Reader(example.info["monolith"])
    early.ask(*early.log_in("eun-ji")[1:])
    late = Reader(example.info["tee"])
    late.cookies = early.cookies
    name = json.loads(late.ask("GET", "/api/whoami")[2])["user"]["username"]
    row = figures(before, example.settled(), 1)
    words = f"{name} logged in past the tee; her session was exchanged for one of the candidate's, and she is judged"
    screen.claim(equal(row) == 1, words, row)


def composed(screen, options):
    """Step 5, with a mistake and without."""
    screen.title(f"Step 5: everything that reads is composed, with a mistake in it ({MISTAKE})")
    screen.say(
        "A review, its book and its reviewer are asked at once and put together, lists by batches. Somebody forgot whose "
        "a draft is: whoever is logged in reads it."
    )
    with running(options, "--step", "5", "--fault", MISTAKE) as example:
        walk(screen, example, options.seed)
        code = example.paritee(screen, "report", "--fail-on", "critical")
        signatures = example.asked("report")["signatures"]
        worst = signatures[0] if signatures else {}
        critical = code == 1 and worst.get("severity") == "critical"
        screen.claim(critical, f"critical (exit code {code}): the monolith refuses, the new API does not", worst)
        if worst:
            example.paritee(screen, "show", worst["id"], "--exemplar", "1")
        screen.title("Step 5 without the mistake")
        example.again()
        judge_step(screen, walk(screen, example, options.seed), 5)
        nothing_to_report(screen, example, "nothing to report")
        screen.say(
            "Normalised are answers that differ only where that was agreed upon: rules with a name and a reason in "
            "paritee.toml."
        )


def cut_over(screen, options):
    """Step 6: the monolith's view is off, and clients do not notice."""
    screen.title("Step 6: cut over")
    screen.say(
        'The monolith does not answer these routes any more, and the tee\'s configuration says owner = "candidate" for '
        "them. To compare with a 404 would prove nothing: they are served by the new API and counted as owned."
    )
    with running(options, "--step", "6") as example:
        rows = walk(screen, example, options.seed)
        wrong = {kind: rows[kind] for kind in MOVED if rows[kind].get("owned") != rows[kind]["sent"]}
        screen.claim(not wrong, f"owned, and not compared: {', '.join(MOVED)}", wrong)
        status = Reader(example.info["monolith"]).ask("GET", "/api/review/22")[0]
        screen.claim(status == 404, f"the monolith's own answer to GET /api/review/22: {status}", status)
        clients_are_served(screen, example)
        routes = nothing_to_report(screen, example, "nothing is called a mismatch").get("owned", [])
        screen.claim(len(routes) == len(MOVED), f"{len(routes)} routes are listed with the day of their cut-over", routes)


def clients_are_served(screen, example):
    """Those who are logged in too, and they have logged in at the monolith."""
    reader = Reader(example.info["tee"])
    reader.ask(*reader.log_in("babak")[1:])
    status, headers, _ = reader.ask("GET", "/api/review/22")
    build = headers["x-build"]
    served = (status, build) == (200, example.info["api_build"])
    screen.claim(served, f"through the tee babak reads that draft of his: {status} by {build}", (status, build))
    status, _, body = reader.ask("GET", "/api/whoami")
    user = json.loads(body).get("user") if status == 200 else None
    name = (user or {}).get("username")
    screen.claim(name == "babak", f"he logged in at the monolith, and to the new API he is {name}", body)


SCENES = [transparent_proxy, without_markers, sessions_and_data, composed, cut_over]


def tell(options):
    """The whole tour; gives an exit code."""
    screen, started = Screen(), time.monotonic()
    screen.say(
        "A book-review site, a Django monolith, is taken apart into a new API in six steps. paritee stands in front: "
        "clients get the monolith's answers, the new API gets a copy of each request, and the two answers are compared."
    )
    try:
        for scene in SCENES:
            scene(screen, options)
    except Failed as failure:
        print(f"tour: {failure}", file=sys.stderr)
        return 3
    screen.title(f"The end, after {time.monotonic() - started:.0f} s")
    if screen.broken:
        screen.say(f"{len(screen.broken)} of the tour's claims did not hold: {'; '.join(screen.broken)}")
        return 1
    screen.say("Every claim held. ./scenarios/demo --keep leaves step 5 running with three other mistakes, to look around.")
    return 0
