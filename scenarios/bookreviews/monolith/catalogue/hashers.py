"""How passwords are kept here."""
from django.contrib.auth.hashers import PBKDF2PasswordHasher


class ExampleHasher(PBKDF2PasswordHasher):
    """Django's own, with few iterations. Not for any other use.

    With as many as there should be, a log-in takes a tenth of a second of CPU, and the example logs in thousands of times
    with a password that is in the repository.
    """

    algorithm = "pbkdf2_sha256_example"
    iterations = 1_000
