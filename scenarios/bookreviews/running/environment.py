"""What the example needs below cargo's target folder: Python with gRPC stubs, the filled database, the programs."""
import contextlib
import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

from .child import Failed, say

HERE = Path(__file__).resolve().parent.parent
ROOT = HERE.parent.parent
MONOLITH = HERE / "monolith"
PROTO = HERE / "proto"


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


def digest(files):
    """Of files, by name and content."""
    made_of = hashlib.sha256(sys.version.encode())
    for file in files:
        made_of.update(str(file.relative_to(HERE)).encode() + b"\0" + file.read_bytes() + b"\0")
    return made_of.hexdigest()


def set_up():
    """The monolith's virtual environment and its gRPC stubs, made once per state of what they are made of."""
    if sys.version_info < (3, 11):
        raise Failed(f"Python 3.11 or newer is needed, this is {sys.version.split()[0]}")
    folder = target_dir() / "bookreviews"
    wanted = digest([MONOLITH / "requirements.txt", *sorted(PROTO.glob("*.proto"))])
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


def python_env(stubs, **more):
    """The environment of the monolith's processes."""
    return os.environ | {
        "PYTHONPATH": str(stubs),
        "PYTHONUNBUFFERED": "1",
        # Compiled once, and beside no source, whatever the caller's own Python is told.
        "PYTHONPYCACHEPREFIX": str(target_dir() / "bookreviews" / "pycache"),
        "PYTHONDONTWRITEBYTECODE": "",
        **more,
    }


def filled_database(python, stubs, copy):
    """Copies a database as `seed_data` fills it, which is made once per state of the monolith's code."""
    folder = target_dir() / "bookreviews"
    code = [file for file in sorted(MONOLITH.rglob("*.py")) if "tests" not in file.parts]
    database = folder / f"filled-{digest([MONOLITH / 'requirements.txt', *code])[:16]}.sqlite3"
    with locked(folder / "lock"):
        if not database.exists():
            for old in folder.glob("filled-*"):
                old.unlink()
            unfinished = folder / "unfinished.sqlite3"
            unfinished.unlink(missing_ok=True)
            env = python_env(stubs, BOOKREVIEWS_DB=str(unfinished))
            run([python, MONOLITH / "manage.py", "seed_data"], "filling the database", env=env)
            unfinished.rename(database)
        # Within the lock: a stack of other code removes this one.
        shutil.copyfile(database, copy)


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
