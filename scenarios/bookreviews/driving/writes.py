"""Rounds of writing, each request of which is sent while nothing is on its way, with what a front end reads after it."""
import json

CONTENTS = [
    "Read in one night, with the light of the telephone.",
    "Ein Buch wie ein Löffel Honig – süß, klebrig, und am Ende will man doch noch einen. 🍯",
    "Short.",
    "第一章はよかった。第二章もよかった。それから先は、読者の想像にまかされているのだと思うことにした。けれども最後の一行は忘れられない。",
]


def a_round(client, callers, found, chance):
    """One user writes, changes and deletes a review and a draft, another logs out and in again; nothing of it stays."""
    writer, leaver = chance.sample(callers.users, 2)
    kept = write(client, callers, writer, found, chance, draft=False)
    draft = write(client, callers, writer, found, chance, draft=True)
    change(client, callers, writer, draft, {"draft": False, "summary": chance.choice([None, "", "Published."])})
    change(client, callers, writer, kept, {"draft": True, "content": chance.choice(CONTENTS)})
    leave(client, leaver)
    for review in (kept, draft):
        client.alone(writer, "DELETE", f"/api/review/{review.id}", 204)
        read(client, callers, writer, review)


class Written:
    """A review that a round wrote."""

    def __init__(self, number, isbn):
        self.id = number
        self.isbn = isbn


def write(client, callers, writer, found, chance, draft):
    """A new review or draft, and what is read of it."""
    isbn = chance.choice(found.isbns)
    document = {"isbn": isbn, "content": chance.choice(CONTENTS), "stars": chance.randrange(1, 6), "draft": draft}
    answered = client.alone(writer, "POST", "/api/reviews/", 201, document)
    review = Written(json.loads(answered[1])["id"] if answered and answered[0] == 201 else 0, isbn)
    read(client, callers, writer, review)
    return review


def change(client, callers, writer, review, document):
    """Changes a review, and reads it again."""
    client.alone(writer, "PATCH", f"/api/review/{review.id}", 200, document)
    read(client, callers, writer, review)


def read(client, callers, writer, review):
    """What a front end shows of a review, to its writer, to another user, to staff, to nobody."""
    another = next(caller for caller in callers.users if caller is not writer)
    for caller in (writer, another, callers.staff, callers.nobody):
        client.ask(caller, "GET", f"/api/review/{review.id}")
    for caller in (writer, callers.nobody):
        client.ask(caller, "GET", f"/api/book/{review.isbn}/reviews/")
    client.ask(writer, "GET", "/api/top-rated/")


def leave(client, leaver):
    """Logs out, comes back once with the session that ended, and logs in again."""
    before = dict(leaver.cookies)
    client.alone(leaver, "POST", "/api/logout", 200)
    after, leaver.cookies = leaver.cookies, before
    client.ask(leaver, "GET", "/api/whoami")
    client.ask(leaver, "GET", "/api/books/")
    leaver.cookies = after
    client.ask(leaver, "GET", "/api/whoami")
    client.log_in(leaver)
    client.ask(leaver, "GET", "/api/whoami")
