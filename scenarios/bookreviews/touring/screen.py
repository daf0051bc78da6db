"""What a reader of the tour sees: as wide as the terminal, in colour on a terminal alone."""
import os
import shutil
import subprocess
import sys
import textwrap

MOST_SEEN = 300
COLUMNS = ["sent", "not mirrored", "owned", "match", "normalised", "mismatch", "inconclusive", "vacuous"]


class Screen:
    """What the reader sees: as wide as the terminal, in colour on a terminal alone."""

    def __init__(self):
        # Where the terminal knows no ✓, something else stands in its place.
        sys.stdout.reconfigure(errors="replace")
        self.colour = sys.stdout.isatty() and not os.environ.get("NO_COLOR")
        self.width = min(shutil.get_terminal_size().columns, 110)
        self.broken = []

    def paint(self, code, words):
        """Words in a colour, where there is one."""
        return f"\033[{code}m{words}\033[0m" if self.colour else words

    def wrapped(self, words, width):
        """Lines of at most so many columns; names with dashes stay whole."""
        return textwrap.wrap(words, width, break_on_hyphens=False)

    def title(self, words):
        """A heading."""
        print("\n" + self.paint(1, "\n   ".join(self.wrapped(f"== {words}", self.width - 3))), flush=True)

    def say(self, words):
        """A paragraph."""
        print("\n".join(self.wrapped(words, self.width)), flush=True)

    def run(self, words, shown):
        """Shows a command with its output; gives its exit code."""
        print("\n" + self.paint(36, f"$ {shown}"), flush=True)
        code = subprocess.run(words, stdin=subprocess.DEVNULL).returncode
        print(flush=True)
        return code

    def claim(self, holds, words, seen=""):
        """Says what is to be seen, and whether it is."""
        if not holds:
            self.broken.append(words)
            words = f"{words} (seen: {textwrap.shorten(str(seen), MOST_SEEN)})"
        lines = self.wrapped(words, self.width - 2)
        print(self.paint(32, "✓") if holds else self.paint(31, "✗"), "\n  ".join(lines), flush=True)

    def table(self, rows):
        """Names and figures: a column for each figure that is not zero everywhere, or lines where that is too wide."""
        keys = sorted({key for _, figures in rows for key in figures}, key=COLUMNS.index)
        names = max(len(name) for name, _ in rows)
        head = " " * names + "".join(f"  {key}" for key in keys)
        print()
        if len(head) > self.width:
            for name, figures in rows:
                self.say(f"{name}: " + ", ".join(f"{figures[key]} {key}" for key in keys if key in figures))
        else:
            print(self.paint(2, head))
            for name, figures in rows:
                print(name.ljust(names) + "".join(f"  {figures.get(key, ''):>{len(key)}}" for key in keys).rstrip())
        print(flush=True)
