"""How passwords are kept here."""
from django.contrib.auth.hashers import PBKDF2PasswordHasher


class ExampleHasher(PBKDF2PasswordHasher):
    """Django's own, with few iterations: a real one takes a tenth of a second of CPU for each log-in, and the example logs in
    thousands of times with a password that is in the repository. Not for any other use."""

    algorithm = "pbkdf2_sha256_example"
    iterations = 1_000
