"""Settings of the monolith. What differs between runs comes from the environment (BOOKREVIEWS_*)."""
import os
from pathlib import Path

from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent

# An example on loopback with invented data: the default key protects nothing.
SECRET_KEY = os.environ.get("BOOKREVIEWS_SECRET_KEY", "an-example-on-loopback-has-no-secrets-to-keep")
DEBUG = False
ALLOWED_HOSTS = ["127.0.0.1", "localhost", "[::1]"]

# Told in every answer, so that whoever compares answers knows which build gave them.
BUILD = os.environ.get("BOOKREVIEWS_BUILD", "monolith-dev")

# The routes of the JSON API that another service answers by now; config/urls.py says which addresses they are.
MOVABLE = {"review", "reviews-by-book", "reviews-by-reviewer", "books", "top-rated", "whoami"}
MOVED = set(filter(None, os.environ.get("BOOKREVIEWS_MOVED", "").split(",")))
if not MOVED <= MOVABLE:
    raise ImproperlyConfigured(f"BOOKREVIEWS_MOVED names {MOVED - MOVABLE}; known are {sorted(MOVABLE)}")

INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "catalogue",
]
MIDDLEWARE = [
    "config.middleware.build_header",
    "django.middleware.security.SecurityMiddleware",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "config.urls"
WSGI_APPLICATION = "config.wsgi.application"
TEMPLATES = [{"BACKEND": "django.template.backends.django.DjangoTemplates", "APP_DIRS": True}]

DATABASES = {
    "default": {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("BOOKREVIEWS_DB", str(BASE_DIR / "bookreviews.sqlite3")),
        # Two processes share the file: readers must not wait for a writer.
        "OPTIONS": {"init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL;", "timeout": 10},
    }
}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
AUTH_USER_MODEL = "catalogue.User"
# The only one, for seed data and log-in alike: a hash of another would be made anew at the first log-in, which is a write.
PASSWORD_HASHERS = ["catalogue.hashers.ExampleHasher"]

LANGUAGE_CODE = "en"
USE_I18N = False
USE_TZ = True
TIME_ZONE = "UTC"

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    # 4xx are ordinary answers here.
    "loggers": {"django.request": {"handlers": ["console"], "level": "ERROR", "propagate": False}},
}
