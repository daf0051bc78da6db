#!/usr/bin/env python3
"""Starts the whole example on free loopback ports: database, monolith, its gRPC worker, the new API, the tee.

Prints one line of JSON (addresses, process ids, paths) once everything answers, then stays until its standard input
closes or SIGINT or SIGTERM arrives; then every process is stopped and the temporary folder removed. A line of JSON on the
standard input, a list of mistakes, starts the new API and the tee anew with these, on a database as it was at first, and
prints another such line. Two stacks at the same time do not meet. Nothing but the standard library is needed here; the
monolith gets its own virtual environment.
"""
import argparse
import contextlib
import fcntl
import json
import os
import select
import shutil
import signal
import socket
import sqlite3
import sys
import tempfile
import time
from pathlib import Path

# No compiled files beside the sources.
sys.dont_write_bytecode = True

from running import config
from running.child import Child, Failed, free_port, say
from running.environment import HERE, MONOLITH, build, filled_database, locked, python_env, set_up, target_dir

STOP_S = 8
PREFIX = "bookreviews-"


def clear_left_over():
    """Removes the folders of stacks that were killed."""
    for lock in Path(tempfile.gettempdir()).glob(f"{PREFIX}*/lock"):
        with contextlib.suppress(OSError), open(lock) as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(lock.parent, ignore_errors=True)


class Stack:
    """Everything that runs, and where."""

    def __init__(self, options):
        self.options = options
        self.children = []
        self.binaries = self.config = None
        # One start at a time: a folder whose lock is not yet held would look left over to another one.
        with locked(Path(tempfile.gettempdir()) / f"{PREFIX}starting.lock"):
            clear_left_over()
            self.folder = Path(tempfile.mkdtemp(prefix=PREFIX))
            # Held as long as this process lives: whoever can lock it knows that the folder is left over.
            self.lock = open(self.folder / "lock", "w")
            fcntl.flock(self.lock, fcntl.LOCK_EX)
        # As it was at first, and as it is.
        self.filled, self.database = self.folder / "filled.sqlite3", self.folder / "bookreviews.sqlite3"
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
        self.binaries = target_dir() / options.profile
        if options.build or not all((self.binaries / package).exists() for package in packages):
            build(options.profile, packages)
        filled_database(python, stubs, self.filled)
        shutil.copyfile(self.filled, self.database)
        moved = ",".join(config.MOVED) if options.step == "6" else ""
        env = python_env(
            stubs,
            BOOKREVIEWS_DB=str(self.database),
            BOOKREVIEWS_BUILD=options.monolith_build,
            BOOKREVIEWS_MOVED=moved,
        )
        self.config = config.written(options, self.folder)
        worker = self.start_child("grpc", [python, MONOLITH / "manage.py", "serve_grpc"], env=env)
        monolith = self.start_monolith(python, env)
        self.info["grpc"] = "http://" + worker.said("grpc listening on ")
        self.start_pair(options.fault)
        # By now it has long begun to load.
        monolith.answers(self.info["monolith"] + "/api/whoami")
        return self.info

    def again(self, faults):
        """The new API and the tee anew with these mistakes, and the data as it was at first."""
        for child in self.pair():
            self.forget(child)
        for store in self.folder.glob("store*"):
            shutil.rmtree(store)
        with contextlib.closing(sqlite3.connect(self.filled)) as filled:
            with contextlib.closing(sqlite3.connect(self.database, timeout=STOP_S)) as database:
                filled.backup(database)
        self.start_pair(faults)
        return self.info

    def pair(self):
        """What is started anew, the last started first."""
        return [child for child in reversed(self.children) if child.name in ("api", "tee", "tee2")]

    def start_monolith(self, python, env):
        """gunicorn on a socket that is opened here: no port is guessed."""
        with socket.create_server(("127.0.0.1", 0), backlog=512) as listener:
            port = listener.getsockname()[1]
            words = [python, "-m", "gunicorn", "config.wsgi", "--bind", f"fd://{listener.fileno()}"]
            words += ["--worker-class", "gthread", "--workers", "1", "--threads", "16", "--keep-alive", "75"]
            words += ["--worker-tmp-dir", self.folder, "--graceful-timeout", "2", "--no-control-socket"]
            child = self.start_child("monolith", words, env=env, pass_fds=(listener.fileno(),), cwd=MONOLITH)
            self.info["monolith"] = f"http://127.0.0.1:{port}"
        return child

    def start_pair(self, faults):
        """The new API and the tee, on ports that are tried again when somebody else took them in between."""
        for attempt in range(5):
            try:
                return self.try_pair(faults)
            except Failed:
                # Any other reason shows again.
                if self.options.no_tee or attempt == 4 or not self.port_taken():
                    raise
                for child in self.pair():
                    self.forget(child)

    def port_taken(self):
        """Whether a tee ended for want of its port."""
        return any("in use" in log.read_text(errors="replace") for log in self.folder.glob("tee*.log"))

    def try_pair(self, faults):
        """The API and the tee each need the other's address: the tee's is chosen first."""
        options = self.options
        tees = {} if options.no_tee else {name: (free_port(), free_port()) for name in ("tee", "tee2")[: options.tees]}
        # With two tees the API calls the monolith through the other one.
        behind = None if options.past_tee or not tees else list(tees.values())[-1][0]
        words = [self.binaries / "bookreviews-api", "--grpc", self.info["grpc"]]
        words += ["--monolith", f"http://127.0.0.1:{behind}" if behind else self.info["monolith"]]
        words += ["--build", options.api_build, "--step", options.step, "--forward", options.forward]
        words += [word for fault in faults for word in ("--fault", fault)]
        api = self.start_child("api", words)
        self.info["api"] = "http://" + api.said("api listening on ")
        started = [self.start_tee(name, *ports) for name, ports in tees.items()]
        for child, (listen, admin) in zip(started, tees.values()):
            child.takes_connections(("127.0.0.1", admin))
            child.takes_connections(("127.0.0.1", listen))
        if tees:
            self.info |= {"config": str(self.config), "paritee": str(self.binaries / "paritee")}

    def start_tee(self, name, listen, admin):
        """One tee in front of both sides."""
        number = name.removeprefix("tee")
        store = self.folder / f"store{number}"
        words = [self.binaries / "paritee", "serve", "--config", self.config, "--store", store]
        words += ["--listen", f"127.0.0.1:{listen}", "--admin", f"127.0.0.1:{admin}"]
        words += ["--primary", self.info["monolith"], "--candidate", self.info["api"]]
        self.info |= {
            name: f"http://127.0.0.1:{listen}",
            f"admin{number}": f"http://127.0.0.1:{admin}",
            f"store{number}": str(store),
        }
        return self.start_child(name, words)

    def stop(self):
        """The last started first; then nothing is left."""
        deadline = time.monotonic() + STOP_S
        for child in reversed(self.children):
            child.stop(deadline)
        shutil.rmtree(self.folder, ignore_errors=True)

    def wait(self):
        """Until the standard input closes, or a process ends by itself; a signal raises."""
        watched = [] if self.options.ignore_stdin else [sys.stdin]
        given = b""
        while True:
            ready, _, _ = select.select(watched, [], [], 0.5)
            if ready:
                read = os.read(sys.stdin.fileno(), 4096)
                if not read:
                    return 0
                *lines, given = (given + read).split(b"\n")
                for line in filter(bytes.strip, lines):
                    print(json.dumps(self.again(json.loads(line))), flush=True)
            for child in self.children:
                if child.process.poll() is not None:
                    say(f"{child.name} ended with {child.process.returncode}")
                    say(child.log.read_text(errors="replace")[-3000:])
                    return 1


def arguments():
    """What may be chosen."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--fault", action="append", default=[], metavar="NAME", help="a mistake of the new API; repeatable")
    parser.add_argument("--step", choices=list("123456"), default="5", help="how far the move has come")
    parser.add_argument("--forward", choices=["all", "cookies"], default="all", help="headers that the new API passes on")
    parser.add_argument("--past-tee", action="store_true", help="what the new API passes on goes to the monolith itself")
    parser.add_argument("--tees", type=int, choices=[1, 2], default=1, help="2: the new API calls through a second tee")
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
