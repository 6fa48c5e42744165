"""The ledger as a file: opened for several processes at once, and what its failures mean."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

from roletune.errors import ResourceError, RoletuneError, SourceError

BUSY_SECONDS = 60.0


def write_ahead(database: sqlite3.Connection) -> None:
    """Readers don't wait for writers. Two processes that switch a new file at once collide without waiting."""
    deadline = time.monotonic() + BUSY_SECONDS
    while True:
        try:
            database.execute("PRAGMA journal_mode = WAL")
        except sqlite3.OperationalError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.05)
        else:
            return


def explain_failure(path: Path, error: sqlite3.DatabaseError) -> RoletuneError:
    """What is wrong with a ledger, in words that say what to do."""
    code = getattr(error, "sqlite_errorcode", 0) & 0xFF
    if code in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
        return damaged(path, str(error))
    if code == sqlite3.SQLITE_BUSY:
        cure = "Another process holds it for long: end that one, or wait."
    elif code in (sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR):
        cure = "The disk (or your quota) is probably full: free some space and run the command again."
    else:
        cure = "Check that the folder exists and that you may write there."
    return ResourceError(f"The ledger {path} can't be used: {error}. {cure}")


def damaged(path: Path, told: str) -> SourceError:
    """The error about a file that lost something."""
    return SourceError(
        f"The ledger {path} is damaged ({' '.join(told.split())}). Nothing was changed. Bring back a copy, or save "
        f"what can be read with `sqlite3 {path.name} .recover | sqlite3 saved.sqlite`; or move it away, and every "
        "call is made again."
    )
