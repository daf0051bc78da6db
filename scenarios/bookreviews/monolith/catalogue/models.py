"""The entities. A User writes reviews; an Author writes books; nobody is both by design."""
from datetime import timedelta, timezone

from django.contrib.auth.models import AbstractUser
from django.db import models
from django.db.models import Q


def isbn_key(isbn):
    """The spelling that all spellings of an ISBN share: no dashes, capital X."""
    return isbn.replace("-", "").upper()


class User(AbstractUser):
    """Django's user with the name that others see. `is_active = False` is a deleted account whose reviews stay."""

    display_name = models.CharField(max_length=80, blank=True)

    def get_display_name(self):
        """The chosen name, or the user name; never a name of a deleted account."""
        if not self.is_active:
            return "deleted user"
        return self.display_name or self.username


class Author(models.Model):
    """Who wrote a book."""

    name = models.CharField(max_length=120)
    born = models.DateField(null=True)


class Book(models.Model):
    """A book, known by its ISBN as the publisher spells it."""

    isbn = models.CharField(max_length=20, unique=True)
    isbn_key = models.CharField(max_length=13, unique=True)
    title = models.CharField(max_length=200)
    published = models.DateField()
    price = models.DecimalField(max_digits=8, decimal_places=2)
    authors = models.ManyToManyField(Author, related_name="books")


class ReviewQuerySet(models.QuerySet):
    """What may be read, and in which order."""

    def readable_by(self, user_id):
        """Published reviews, and the drafts of this user (None: nobody)."""
        published = Q(is_draft=False)
        return self.filter(published if user_id is None else published | Q(reviewer_id=user_id))

    def newest_first(self):
        """A total order: the time of writing may repeat."""
        return self.order_by("-created_at", "-id")


class Review(models.Model):
    """A review of a book by a user."""

    book = models.ForeignKey(Book, on_delete=models.CASCADE, related_name="reviews")
    # Null once the account was erased.
    reviewer = models.ForeignKey(User, null=True, on_delete=models.SET_NULL, related_name="reviews")
    content = models.TextField()
    summary = models.TextField(null=True, blank=True)
    stars = models.PositiveSmallIntegerField()
    # Larger than 2^53: not a number for JavaScript.
    archive_id = models.BigIntegerField(unique=True)
    helpful = models.DecimalField(max_digits=5, decimal_places=4)
    created_at = models.DateTimeField()
    # The database keeps UTC; where the writer sat is data too.
    created_offset_min = models.SmallIntegerField(default=0)
    is_draft = models.BooleanField(default=False)

    objects = ReviewQuerySet.as_manager()

    class Meta:
        """Listings go by book or reviewer, newest first."""

        indexes = [
            models.Index(fields=["book", "-created_at", "-id"]),
            models.Index(fields=["reviewer", "-created_at", "-id"]),
        ]

    def may_be_read_by(self, user_id):
        """Anybody reads what is published; a draft is for its writer and for staff."""
        if not self.is_draft:
            return True
        if user_id is None:
            return False
        return self.reviewer_id == user_id or User.objects.filter(pk=user_id, is_staff=True).exists()

    def created_text(self):
        """RFC 3339 in the writer's own offset."""
        zone = timezone(timedelta(minutes=self.created_offset_min))
        return self.created_at.astimezone(zone).isoformat()

    def summary_text(self):
        """The summary, or the beginning of the review."""
        return self.summary or self.content[0:50] + "..."
