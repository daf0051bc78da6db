#!/usr/bin/env python3
"""Starts the whole example on free loopback ports: database, monolith, its gRPC worker, the new API, the tee.

Prints one line of JSON (addresses, process ids, paths) once everything answers, then stays until its standard input
closes or SIGINT or SIGTERM arrives; then every process is stopped and the temporary folder removed. Two stacks at the
same time do not meet. Nothing but the standard library is needed here; the monolith gets its own virtual environment.
"""
import argparse
import contextlib
import ctypes
import fcntl
import hashlib
import json
import os
import random
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parent.parent
MONOLITH = HERE / "monolith"
PROTO = HERE / "proto"
READY_S = 30
STOP_S = 8
PREFIX = "bookreviews-"
PR_SET_PDEATHSIG = 1
LIBC = ctypes.CDLL(None, use_errno=True)


class Failed(Exception):
    """The stack cannot be started; the words say why and what to do."""


def say(words):
    """Progress goes to standard error: standard output carries the one line."""
    print(words, file=sys.stderr, flush=True)


def target_dir():
    """Where cargo puts what it builds."""
    return Path(os.environ.get("CARGO_TARGET_DIR") or ROOT / "target").resolve()


@contextlib.contextmanager
def locked(path):
    """One set-up at a time, also between two stacks that start together."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with open(path, "w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        yield


def run(words, what, **more):
    """Runs a command to its end; its output is shown only when it fails."""
    done = subprocess.run(words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, **more)
    if done.returncode:
        raise Failed(f"{what} failed ({' '.join(map(str, words))}):\n{done.stdout[-4000:]}")
    return done.stdout


def clear_left_over():
    """Removes the folders of stacks that were killed."""
    for lock in Path(tempfile.gettempdir()).glob(f"{PREFIX}*/lock"):
        with contextlib.suppress(OSError), open(lock) as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(lock.parent, ignore_errors=True)


def set_up():
    """The monolith's virtual environment and its gRPC stubs, made once per state of what they are made of."""
    if sys.version_info < (3, 11):
        raise Failed(f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}")
    folder = target_dir() / "bookreviews"
    wanted = hashlib.sha256(sys.version.encode())
    for file in [MONOLITH / "requirements.txt", *sorted(PROTO.glob("*.proto"))]:
        wanted.update(file.name.encode() + b"\0" + file.read_bytes())
    wanted = wanted.hexdigest()
    venv, stubs, stamp = folder / "venv", folder / "stubs", folder / "stamp"
    with locked(folder / "lock"):
        if not stamp.exists() or stamp.read_text() != wanted:
            say("setting up the monolith's Python (once) ...")
            shutil.rmtree(venv, ignore_errors=True)
            shutil.rmtree(stubs, ignore_errors=True)
            run([sys.executable, "-m", "venv", venv], "making the virtual environment")
            python = venv / "bin" / "python"
            pip = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
            run([*pip, "-r", MONOLITH / "requirements.txt"], "installing the monolith's packages")
            stubs.mkdir(parents=True)
            files = sorted(str(file) for file in PROTO.glob("*.proto"))
            protoc = [python, "-m", "grpc_tools.protoc", "-I", PROTO]
            run([*protoc, f"--python_out={stubs}", f"--grpc_python_out={stubs}", *files], "generating the gRPC stubs")
            stamp.write_text(wanted)
    return venv / "bin" / "python", stubs


def build(profile, packages):
    """Builds the programs; cargo's progress stays visible."""
    if not shutil.which("cargo"):
        raise Failed("cargo is not on the PATH: install Rust (https://rustup.rs)")
    words = ["cargo", "build", "--quiet" if not sys.stderr.isatty() else "--color=auto"]
    words += [word for package in packages for word in ("-p", package)]
    words += ["--release"] if profile == "release" else []
    say(f"building {' and '.join(packages)} (the first time takes minutes) ...")
    if subprocess.run(words, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=sys.stderr).returncode:
        raise Failed(f"{' '.join(words)} failed")


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
            time.sleep(0.02)
        return self.fail(f"is not ready after {READY_S} s: {what}")

    def said(self, mark):
        """Waits for a line of output that begins with this; gives the rest of the line."""

        def found():
            for line in self.log.read_text(errors="replace").splitlines(keepends=True):
                if line.startswith(mark) and line.endswith("\n"):
                    return line[len(mark) :].strip()
            return None

        return self.wait_for(found, f"says {mark!r}")

    def answers(self, address):
        """Waits until a connection is taken."""

        def connects():
            with contextlib.suppress(OSError):
                socket.create_connection(address, timeout=1).close()
                return True
            return False

        self.wait_for(connects, f"{address[0]}:{address[1]} takes connections")

    def stop(self, deadline):
        """SIGTERM, then by force."""
        if self.process.poll() is None:
            self.process.terminate()
            try:
                self.process.wait(max(0.1, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()


class Stack:
    """Everything that runs, and where."""

    def __init__(self, options):
        self.options = options
        self.children = []
        # One start at a time: a folder whose lock is not yet held would look left over to another one.
        with locked(Path(tempfile.gettempdir()) / f"{PREFIX}starting.lock"):
            clear_left_over()
            self.folder = Path(tempfile.mkdtemp(prefix=PREFIX))
            # Held as long as this process lives: whoever can lock it knows that the folder is left over.
            self.lock = open(self.folder / "lock", "w")
            fcntl.flock(self.lock, fcntl.LOCK_EX)
        self.info = {"folder": str(self.folder), "pids": {"stack": os.getpid()}}
        self.info |= {"monolith_build": options.monolith_build, "api_build": options.api_build}

    def start_child(self, name, words, **more):
        """Starts a process that is stopped with the stack."""
        child = Child(name, words, self.folder, **more)
        self.children.append(child)
        self.info["pids"][name] = child.process.pid
        return child

    def forget(self, child):
        """Stops a process that is to be started again elsewhere."""
        child.stop(time.monotonic() + STOP_S)
        self.children.remove(child)

    def start(self):
        """All of it, in the order in which each needs the one before."""
        options = self.options
        python, stubs = set_up()
        packages = ["bookreviews-api"] + ([] if options.no_tee else ["paritee"])
        binaries = target_dir() / options.profile
        if options.build or not all((binaries / package).exists() for package in packages):
            build(options.profile, packages)
        self.python_env = os.environ | {
            "PYTHONPATH": str(stubs),
            "PYTHONUNBUFFERED": "1",
            "PYTHONDONTWRITEBYTECODE": "1",
            "BOOKREVIEWS_DB": str(self.folder / "bookreviews.sqlite3"),
            "BOOKREVIEWS_BUILD": options.monolith_build,
        }
        manage = [python, MONOLITH / "manage.py"]
        run([*manage, "seed_data"], "filling the database", env=self.python_env)
        worker = self.start_child("grpc", [*manage, "serve_grpc"], env=self.python_env)
        monolith = self.start_monolith(python)
        self.info["grpc"] = "http://" + worker.said("grpc listening on ")
        for attempt in range(5):
            try:
                self.start_pair(binaries, monolith)
                break
            except Failed:
                # Somebody else may have taken the tee's port in between; any other reason shows again.
                if options.no_tee or attempt == 4 or not self.port_taken():
                    raise
                for child in [child for child in self.children if child.name in ("api", "tee")]:
                    self.forget(child)
        return self.info

    def port_taken(self):
        """Whether the tee ended for want of its port."""
        log = self.folder / "tee.log"
        return log.exists() and "in use" in log.read_text(errors="replace")

    def start_monolith(self, python):
        """gunicorn on a socket that is opened here: no port is guessed."""
        with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
            port = listener.getsockname()[1]
            words = [python, "-m", "gunicorn", "config.wsgi", "--bind", f"fd://{listener.fileno()}"]
            words += ["--worker-class", "gthread", "--workers", "1", "--threads", "16", "--keep-alive", "75"]
            words += ["--worker-tmp-dir", self.folder, "--graceful-timeout", "2", "--no-control-socket"]
            child = self.start_child(
                "monolith", words, env=self.python_env, pass_fds=(listener.fileno(),), cwd=MONOLITH
            )
            self.info["monolith"] = f"http://127.0.0.1:{port}"
        child.wait_for(lambda: "Booting worker" in child.log.read_text(errors="replace"), "boots a worker")
        child.answers(("127.0.0.1", port))
        return self.info["monolith"]

    def start_pair(self, binaries, monolith):
        """The new API and the tee, which each need the other's address."""
        options = self.options
        tee_port, admin_port = free_port(), free_port()
        behind = monolith if options.no_tee else f"http://127.0.0.1:{tee_port}"
        words = [binaries / "bookreviews-api", "--grpc", self.info["grpc"], "--monolith", behind]
        words += ["--build", options.api_build, "--step", options.step]
        words += [word for fault in options.fault for word in ("--fault", fault)]
        api = self.start_child("api", words)
        self.info["api"] = "http://" + api.said("api listening on ")
        if options.no_tee:
            return
        store = self.folder / "store"
        words = [binaries / "paritee", "serve", "--config", options.config, "--store", store]
        words += ["--listen", f"127.0.0.1:{tee_port}", "--admin", f"127.0.0.1:{admin_port}"]
        words += ["--primary", monolith, "--candidate", self.info["api"]]
        tee = self.start_child("tee", words)
        tee.answers(("127.0.0.1", admin_port))
        tee.answers(("127.0.0.1", tee_port))
        self.info |= {
            "tee": f"http://127.0.0.1:{tee_port}",
            "admin": f"http://127.0.0.1:{admin_port}",
            "store": str(store),
            "config": str(options.config),
            "paritee": str(binaries / "paritee"),
        }

    def stop(self):
        """The last started first; then nothing is left."""
        deadline = time.monotonic() + STOP_S
        for child in reversed(self.children):
            child.stop(deadline)
        shutil.rmtree(self.folder, ignore_errors=True)

    def wait(self):
        """Until the standard input closes, or a process ends by itself; a signal raises."""
        watched = [] if self.options.ignore_stdin else [sys.stdin]
        while True:
            ready, _, _ = select.select(watched, [], [], 0.5)
            if ready and not os.read(sys.stdin.fileno(), 4096):
                return 0
            for child in self.children:
                if child.process.poll() is not None:
                    say(f"{child.name} ended with {child.process.returncode}")
                    say(child.log.read_text(errors="replace")[-3000:])
                    return 1


def arguments():
    """What may be chosen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fault", action="append", default=[], metavar="NAME", help="a mistake of the new API; repeatable")
    parser.add_argument("--step", choices=["1", "2", "3", "4", "5"], default="5", help="how far the move has come")
    parser.add_argument("--no-tee", action="store_true", help="the new API in front of the monolith, no tee")
    parser.add_argument("--config", type=Path, default=HERE / "paritee.toml", help="the tee's configuration")
    parser.add_argument("--profile", choices=["debug", "release"], default="debug")
    parser.add_argument("--no-build", dest="build", action="store_false", help="build only what is missing")
    parser.add_argument("--setup-only", action="store_true", help="make the Python environment and end")
    parser.add_argument("--monolith-build", default="monolith-2026.11.1", help="the monolith's x-build")
    parser.add_argument("--api-build", default="api-0.1.0", help="the new API's x-build")
    parser.add_argument("--ignore-stdin", action="store_true", help="stay when the standard input closes")
    options = parser.parse_args()
    options.config = options.config.resolve()
    return options


def main():
    """Starts, says where, waits, stops."""
    options = arguments()
    if options.setup_only:
        try:
            set_up()
        except Failed as failure:
            say(f"stack: {failure}")
            return 3
        return 0
    stack = Stack(options)

    def interrupted(*_):
        raise KeyboardInterrupt

    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, interrupted)
    code = 0
    try:
        print(json.dumps(stack.start()), flush=True)
        code = stack.wait()
    except Failed as failure:
        say(f"stack: {failure}")
        code = 3
    except KeyboardInterrupt:
        pass
    finally:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, signal.SIG_IGN)
        stack.stop()
    return code


if __name__ == "__main__":
    sys.exit(main())
