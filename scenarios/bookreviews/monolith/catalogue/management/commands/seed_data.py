"""`manage.py seed_data`: an empty database becomes the same books, users and reviews every time."""
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from catalogue import seed
from catalogue.models import Review


class Command(BaseCommand):
    """Makes the tables and fills them."""

    help = "Makes the tables and fills them with the example's data; refuses when there already is some."

    def handle(self, *args, **options):
        """All or nothing."""
        call_command("migrate", verbosity=0, interactive=False)
        if Review.objects.exists():
            raise CommandError("there already is data; remove the database file first")
        with transaction.atomic():
            seed.fill()
        self.stdout.write(f"{Review.objects.count()} reviews")
