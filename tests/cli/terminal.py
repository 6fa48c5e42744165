"""The command line as a user has it: in this process where that is enough, and as a process of its own."""

import os
import signal
import sqlite3
import subprocess
import sys
from dataclasses import dataclass

from roletune.cli import main

# Makes packages as good as not installed: the finder of installed packages does not know them.
WITHOUT = """
import sys
from importlib.machinery import PathFinder

class Finder(PathFinder):
    @classmethod
    def find_spec(cls, name, path=None, target=None):
        return None if name.partition(".")[0] in {missing!r} else PathFinder.find_spec(name, path, target)

sys.meta_path[:] = [Finder if finder is PathFinder else finder for finder in sys.meta_path]
from roletune.cli import main
main()
"""


@dataclass
class Ended:
    """How a command ended, and what it said, each stream as one line."""

    code: int
    out: str
    err: str


def roletune(capsys, *args):
    """Run a command in this process."""
    before, sys.argv = sys.argv, ["roletune", *map(str, args)]
    try:
        main()
        code = 0
    except SystemExit as end:
        code = end.code or 0
    finally:
        sys.argv = before
    out, err = capsys.readouterr()
    return Ended(code, out, " ".join(err.split()))


def process(*args, code=None, **options):
    """Start a command as a process of its own; `code` is run in the place of roletune's own."""
    # Ctrl-C is ignored by what a shell runs in the background, these tests perhaps, and by what that starts.
    options.setdefault("preexec_fn", lambda: signal.signal(signal.SIGINT, signal.SIG_DFL))
    start = ["-c", code] if code else ["-m", "roletune"]
    return subprocess.Popen(
        [sys.executable, *start, *map(str, args)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "COLUMNS": "300"},
        **options,
    )


def ended(started, timeout=120):
    out, err = started.communicate(timeout=timeout)
    return Ended(started.returncode, out, " ".join(err.split()))


def without(missing, *args):
    """A command on a machine where some packages are not installed."""
    return ended(process(*args, code=WITHOUT.format(missing=set(missing))))


def remembered(folder):
    """The prompts whose replies are in the ledger."""
    with sqlite3.connect(folder / "journal" / "ledger.sqlite") as ledger:
        return [row[0] for row in ledger.execute("SELECT request FROM calls ORDER BY id")]


def left_behind(folder):
    """What should not be there after an error: records, and files that were begun."""
    files = [path for path in (folder / "build").rglob("*") if path.is_file()] if (folder / "build").exists() else []
    return [path.name for path in files if path.suffix in (".jsonl", ".tmp", ".new") or path.name.endswith(".json")]
