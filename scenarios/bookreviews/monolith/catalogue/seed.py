"""The example's data: invented, the same every time, and awkward on purpose.

Ids are given here and not by the database, since the paths of the API are made of them. Each awkward value is one that
rewrites get wrong: empty against null, characters against bytes, numbers that JavaScript rounds, offsets, erased users.
"""
from datetime import date, datetime, timedelta, timezone
from decimal import Decimal
from random import Random

from django.contrib.auth import BACKEND_SESSION_KEY, HASH_SESSION_KEY, SESSION_KEY
from django.contrib.auth.hashers import make_password
from django.contrib.sessions.backends.db import SessionStore
from django.contrib.sessions.models import Session

from .models import Author, Book, Review, User, isbn_key

SEED = 20_261_123
PASSWORD = "correct horse"
ARCHIVE_BASE = 2**53 + 1
# A browser that was left open comes back with this one, years after it ended. Nobody may be logged in by it.
EXPIRED_SESSION = "expiredexpiredexpiredexpired2020"
EXPIRED_USER = 2

# (id, username, display name, active)
USERS = [
    (1, "ada", "Ada L.", True),
    (2, "babak", "", True),
    (3, "chloé", "Chloé 🌻", True),
    (4, "dmitri", "", True),
    (5, "eun-ji", "은지", True),
    (6, "faruk", "Faruk <b>the bold</b>", True),
    (7, "gone", "Was Here", False),
    (8, "hana", "", True),
    (9, "ivo", "Ivo & Co", True),
    (10, "quiet", "Never Wrote", True),
    (11, "left", "", False),
]

# (id, name, born)
AUTHORS = [
    (1, "Herman Melville", date(1819, 8, 1)),
    (2, "Murasaki Shikibu", None),
    (3, "Gabriel García Márquez", date(1927, 3, 6)),
    (4, "Ursula K. Le Guin", date(1929, 10, 21)),
    (5, "Nguyễn Du", date(1766, 1, 3)),
    (6, "Stanisław Lem", date(1921, 9, 12)),
    (7, "Anonymous", None),
]

# (id, isbn as the publisher spells it, title, published, price, author ids)
BOOKS = [
    (1, "978-1732102200", "Moby-Dick; or, The Whale", date(1851, 10, 18), "12.50", [1]),
    (2, "9780140437140", "源氏物語 (The Tale of Genji)", date(1021, 1, 1), "40.00", [2]),
    (3, "978-0-06-088328-7", "Cien años de soledad", date(1967, 5, 30), "9.99", [3]),
    (4, "080442957X", "The Left Hand of \"Darkness\"", date(1969, 3, 1), "0.00", [4]),
    (5, "978-604-1-00001-3", "Truyện Kiều", date(1820, 1, 1), "7.10", [5]),
    (6, "9780156027601", "Solaris \U0001f30a", date(1961, 1, 1), "15.00", [6]),
    (7, "0-8044-2958-X", "Good Omens & Others", date(1990, 5, 10), "1234.00", [4, 6, 7]),
    (8, "9780000000002", "A Book That Nobody Reviewed", date(2026, 2, 28), "5.05", []),
]

# Each is cut at the fiftieth character by the fallback; every one is a trap of its own.
CONTENTS = [
    # Shorter than fifty: the dots come all the same.
    "Short and good.",
    "x",
    # Exactly fifty, and fifty-one.
    "A" * 49 + "!",
    "B" * 50 + "?",
    # Bytes are not characters: two, three and four bytes each, the cut in the middle.
    "Über die Maßen schön, größer als nötig und völlig überflüssig, würde Jörg sagen.",
    "長い物語のはじまりはいつも静かで、読み終えるころには部屋の明かりが消えていることに気づくのです。もう一度読みたくなる本でした。",
    "I cried 😭 and then 😂 and then I cried again, so it is 10/10 👩‍👩‍👧‍👦 for the whole family 🐋🐋🐋🐋🐋🐋.",
    # A combining accent as the fifty-first character, so that the cut parts it from its letter.
    "C" * 49 + "e\u0301tait une fois, une histoire sans fin",
    # A family emoji across the cut: joiners are characters of their own.
    "D" * 47 + "👨\u200d👩\u200d👧 lived here, and here the story ends for now",
    # Right-to-left, quotes, backslashes, mark-up, line ends, a tab, what looks like a number.
    "كتاب جميل جدا، قرأته في ليلة واحدة ولم أستطع أن أتركه حتى الصفحة الأخيرة من القصة",
    'He said "call me \\ Ishmael" </script><b>bold</b> & that was that, for six hundred pages.',
    "First line.\nSecond line.\r\n\tThird line, with a tab in front of it, goes on for a while.",
    "0012345678901234567890123456789012345678901234567890",
    "    leading spaces, and trailing ones around the fiftieth place      ",
    "A calm book about the sea, a whale, and the work of people who do not come back the same as they went.",
    "I wanted to like it; the second half lost me, yet there are two chapters in it that I shall read again.",
]

SUMMARIES = ["Worth it.", "Nein, danke – très peu pour moi 🙃", " ", "0", "A whale of a book", "..."]
OFFSETS = [0, 60, 330, -210, 120, 765, -480, 345]


def fill():
    """Writes everything into empty tables."""
    # One hash for all: the password is in this file. Of a shorter salt Django would make another at the first log-in.
    password = make_password(PASSWORD, salt="bookreviewsbookreviews")
    User.objects.bulk_create(
        User(
            id=key,
            username=name,
            display_name=shown,
            is_active=active,
            password=password,
            is_staff=key == 1,
            date_joined=datetime(2020, 1, key, 12, 0, tzinfo=timezone.utc),
        )
        for key, name, shown, active in USERS
    )
    Author.objects.bulk_create(Author(id=key, name=name, born=born) for key, name, born in AUTHORS)
    for key, isbn, title, published, price, authors in BOOKS:
        book = Book.objects.create(
            id=key, isbn=isbn, isbn_key=isbn_key(isbn), title=title, published=published, price=Decimal(price)
        )
        book.authors.set(authors)
    Review.objects.bulk_create(reviews())
    expired_session()


def expired_session():
    """A session as log-in made it once, whose time is over."""
    user = User.objects.get(pk=EXPIRED_USER)
    data = {
        SESSION_KEY: str(user.pk),
        BACKEND_SESSION_KEY: "django.contrib.auth.backends.ModelBackend",
        HASH_SESSION_KEY: user.get_session_auth_hash(),
    }
    Session.objects.create(
        session_key=EXPIRED_SESSION,
        session_data=SessionStore().encode(data),
        expire_date=datetime(2020, 6, 1, 12, 0, tzinfo=timezone.utc),
    )


def reviews():
    """Ninety reviews: every content with a missing, an empty and a written summary; drafts, erased and deleted users."""
    random = Random(SEED)
    for key in range(1, 91):
        content = CONTENTS[key % len(CONTENTS)]
        summary = (None, "", SUMMARIES[key % len(SUMMARIES)])[(key // len(CONTENTS)) % 3]
        reviewer = random.choice([1, 2, 3, 4, 5, 6, 7, 8, 9, None]) if key > 9 else key
        created = datetime(2026, 1, 1, 9, 30, tzinfo=timezone.utc) - timedelta(hours=random.randrange(60_000))
        if key % 30 == 1:
            # Letters to the editor, typed in later.
            created = datetime(1969, 7, 20, 20, 17, 40, tzinfo=timezone.utc) - timedelta(days=key)
        if key % 7 == 0:
            created += timedelta(microseconds=random.randrange(1, 1_000_000))
        if key in (41, 42):
            # Two of one book at the same instant: the id decides.
            created = datetime(2025, 6, 1, 12, 0, tzinfo=timezone.utc)
        draft = key % 15 == 7
        yield Review(
            id=key,
            # Seven books have reviews, the eighth none.
            book_id=1 if key in (41, 42) else random.randrange(1, 8),
            reviewer_id=(reviewer or 4) if draft else reviewer,
            content=content,
            summary=summary,
            stars=random.randrange(1, 6),
            # Odd above 2^53: never exact as a double.
            archive_id=ARCHIVE_BASE + 2 * random.randrange(10**9) + (key << 32),
            helpful=Decimal(random.randrange(0, 10_001)) / 10_000,
            created_at=created,
            created_offset_min=OFFSETS[key % len(OFFSETS)],
            is_draft=draft,
        )
