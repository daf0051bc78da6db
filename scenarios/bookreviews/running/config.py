"""The tee's configuration as a step of the move or a second tee needs it: the committed one with a line or two more."""
import os
import secrets

from .child import Failed

# What the last step hands over, by the monolith's names for it (BOOKREVIEWS_MOVED).
MOVED = {
    "review": "GET /api/review/{review_id}",
    "reviews-by-book": "GET /api/book/{isbn}/reviews/",
    "reviews-by-reviewer": "GET /api/reviewer/{reviewer_id}/reviews/",
    "books": "GET /api/books/",
    "top-rated": "GET /api/top-rated/",
    "whoami": "GET /api/whoami",
}


def handed_over(text):
    """The same configuration in which the moved routes belong to the candidate."""
    for route in MOVED.values():
        line = f'match = "{route}"\n'
        if text.count(line) != 1:
            raise Failed(f"the configuration has no line {line!r} to hand that route over")
        text = text.replace(line, f'{line}owner = "candidate"\n')
    return text


def shared_key(text, folder):
    """The same configuration with a key that several tees share."""
    file = folder / "redact.key"
    with open(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as key:
        key.write(secrets.token_bytes(32))
    line = f'key_file = "{file}"\n'
    section = "[redact]\n"
    return text.replace(section, section + line) if section in text else f"{text}\n{section}{line}"


def written(options, folder):
    """The configuration to start a tee with: the committed file itself where nothing is to be added."""
    text = options.config.read_text()
    if options.step == "6":
        text = handed_over(text)
    if options.tees == 2:
        text = shared_key(text, folder)
    if text == options.config.read_text():
        return options.config
    file = folder / "paritee.toml"
    file.write_text(text)
    return file
