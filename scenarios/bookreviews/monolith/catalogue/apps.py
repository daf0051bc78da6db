"""The one Django app of the monolith: users, authors, books, reviews."""
from django.apps import AppConfig


class CatalogueConfig(AppConfig):
    """Users, authors, books, reviews."""

    name = "catalogue"
