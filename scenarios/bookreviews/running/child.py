"""One process of the example: started, waited for, stopped."""
import contextlib
import ctypes
import os
import random
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request

READY_S = 30
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)


class Failed(Exception):
    """The stack cannot be started; the words say why and what to do."""


def say(words):
    """Progress goes to standard error: standard output carries the one line."""
    print(words, file=sys.stderr, flush=True)


def free_port():
    """A port that is free now, outside the range from which outgoing connections take theirs."""
    while True:
        port = random.SystemRandom().randrange(20_000, 32_000)
        with socket.socket() as probe:
            with contextlib.suppress(OSError):
                probe.bind(("127.0.0.1", port))
                return port


class Child:
    """One process of the stack."""

    def __init__(self, name, words, log_dir, env=None, pass_fds=(), cwd=None):
        self.name = name
        self.log = log_dir / f"{name}.log"
        parent = os.getpid()

        def tie_to_parent():
            # However this script ends, its children end too.
            LIBC.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
            if os.getppid() != parent:
                os._exit(1)

        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(
                [str(word) for word in words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env=env,
                cwd=cwd,
                pass_fds=pass_fds,
                # Ctrl-C is for this script, which stops the others in order.
                start_new_session=True,
                preexec_fn=tie_to_parent,
            )

    def fail(self, words):
        """Says what went wrong with the end of the log."""
        tail = self.log.read_text(errors="replace")[-3000:]
        raise Failed(f"{self.name} {words}; {self.log.name}:\n{tail}")

    def wait_for(self, found, what):
        """Waits until `found()` gives something."""
        deadline = time.monotonic() + READY_S
        while time.monotonic() < deadline:
            value = found()
            if value:
                return value
            if self.process.poll() is not None:
                self.fail(f"ended with {self.process.returncode}")
            time.sleep(0.01)
        return self.fail(f"is not ready after {READY_S} s: {what}")

    def said(self, mark):
        """Waits for a line of output that begins with this; gives the rest of the line."""

        def found():
            for line in self.log.read_text(errors="replace").splitlines(keepends=True):
                if line.startswith(mark) and line.endswith("\n"):
                    return line[len(mark) :].strip()
            return None

        return self.wait_for(found, f"says {mark!r}")

    def takes_connections(self, address):
        """Waits until a connection is taken."""

        def connects():
            with contextlib.suppress(OSError):
                socket.create_connection(address, timeout=1).close()
                return True
            return False

        self.wait_for(connects, f"{address[0]}:{address[1]} takes connections")

    def answers(self, url):
        """Waits until an HTTP request is answered, whatever the status."""

        def answered():
            with contextlib.suppress(OSError):
                try:
                    urllib.request.urlopen(url, timeout=READY_S).close()
                except urllib.error.HTTPError:
                    pass
                return True
            return False

        self.wait_for(answered, f"answers {url}")

    def stop(self, deadline):
        """SIGTERM, then by force."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
