"""Memories on the disk: `journal/memory.sqlite` of a character, for each person it talks with.

Guarantees: what is forgotten is gone from the file, and is not noticed again when it stands in an old chat: only a hash
of its words stays, so that it is known as forgotten. Every change is on the disk when the call returns.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Literal

from roletune.errors import ProjectError, ResourceError, SourceError
from roletune.inference.recall.memory import LONGEST, fact_key
from roletune.records import Memory

_SCHEMA = """
CREATE TABLE IF NOT EXISTS memory (id INTEGER PRIMARY KEY AUTOINCREMENT, user TEXT NOT NULL, key TEXT NOT NULL,
    text TEXT NOT NULL, origin TEXT NOT NULL, made TEXT NOT NULL, UNIQUE (user, key));
CREATE TABLE IF NOT EXISTS forgotten (user TEXT NOT NULL, key TEXT NOT NULL, PRIMARY KEY (user, key));
CREATE TABLE IF NOT EXISTS summary (user TEXT NOT NULL, key TEXT NOT NULL, text TEXT NOT NULL, PRIMARY KEY (user, key));
"""
_VERSION = 1


class MemoryFile:
    """Memories of one character. Nothing is written before there is something to remember.

    Raises ResourceError or SourceError for a file that can't be used.
    """

    def __init__(self, path: Path) -> None:
        self.path = path

    def all(self, user: str = "") -> list[Memory]:
        """What is remembered of `user`, or of everybody, the oldest first."""
        where, values = ("WHERE user = ?", (user,)) if user else ("", ())
        rows = self._read(f"SELECT id, user, text, origin, made FROM memory {where} ORDER BY id", values)
        return [Memory(id=row[0], user=row[1], text=row[2], origin=row[3], made=row[4]) for row in rows]

    def forgotten(self, user: str) -> frozenset[str]:
        """The keys (`fact_key`) of what `user` wants forgotten."""
        return frozenset(row[0] for row in self._read("SELECT key FROM forgotten WHERE user = ?", (user,)))

    def remember(self, user: str, text: str, origin: Literal["told", "noted"] = "told") -> bool:
        """Keep `text`; False if it is known already or was to be forgotten. What is noted by hand is always kept."""
        text = " ".join(text.split())[:LONGEST]
        key = fact_key(text)
        if not text or (origin == "told" and key in self.forgotten(user)):
            return False
        made = datetime.now(UTC).isoformat(timespec="seconds")
        with self._writing() as database:
            database.execute("DELETE FROM forgotten WHERE user = ? AND key = ?", (user, key))
            added = database.execute(
                "INSERT OR IGNORE INTO memory (user, key, text, origin, made) VALUES (?, ?, ?, ?, ?)",
                (user, key, text, origin, made),
            )
            return added.rowcount > 0

    def edit(self, number: int, text: str) -> Memory:
        """Say a memory in other words; the old ones are forgotten. Raises ProjectError if there is none of `number`."""
        old = self._one(number)
        self.forget([old])
        self.remember(old.user, text, "noted")
        key = fact_key(" ".join(text.split())[:LONGEST])
        return next(memory for memory in self.all(old.user) if fact_key(memory.text) == key)

    def find(self, user: str, words: str) -> list[Memory]:
        """The memories of `user` that are meant by a number, by words that they all hold, or by `all`."""
        known = self.all(user)
        if words.strip().casefold() == "all":
            return known
        if words.strip().isdigit():
            return [memory for memory in known if memory.id == int(words)]
        wanted = words.casefold().split()
        return [memory for memory in known if wanted and all(word in memory.text.casefold() for word in wanted)]

    def forget(self, memories: list[Memory]) -> None:
        """Remove them, and every summary of the same people: it may tell the same."""
        with self._writing() as database:
            for memory in memories:
                database.execute("DELETE FROM memory WHERE id = ?", (memory.id,))
                self._bury(database, memory.user, memory.text)

    def forget_words(self, user: str, text: str) -> None:
        """Never recall a sentence of an earlier turn again."""
        with self._writing() as database:
            self._bury(database, user, text)

    def summaries(self, user: str) -> dict[str, str]:
        """The summaries of chats with `user`, by what they are a summary of."""
        return dict(self._read("SELECT key, text FROM summary WHERE user = ?", (user,)))

    def keep_summary(self, user: str, key: str, text: str) -> None:
        """Keep a summary under what it is a summary of."""
        with self._writing() as database:
            database.execute("INSERT OR REPLACE INTO summary (user, key, text) VALUES (?, ?, ?)", (user, key, text))

    def _bury(self, database: sqlite3.Connection, user: str, text: str) -> None:
        database.execute("INSERT OR IGNORE INTO forgotten (user, key) VALUES (?, ?)", (user, fact_key(text)))
        database.execute("DELETE FROM summary WHERE user = ?", (user,))

    def _one(self, number: int) -> Memory:
        found = [memory for memory in self.all() if memory.id == number]
        if not found:
            raise ProjectError(f"There is no memory {number}. The list shows their numbers.")
        return found[0]

    def _read(self, query: str, values: tuple[object, ...] = ()) -> list[tuple[Any, ...]]:
        if not self.path.is_file():
            return []
        with self._open() as database:
            return database.execute(query, values).fetchall()

    @contextmanager
    def _writing(self) -> Iterator[sqlite3.Connection]:
        with self._open() as database, database:
            yield database

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        """Opened for each use: a chat in the terminal and one in a browser may remember at the same time."""
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=30)) as database:
                if database.execute("PRAGMA user_version").fetchone()[0] == 0:
                    self.path.chmod(0o600)
                    database.executescript(f"PRAGMA secure_delete = ON; {_SCHEMA} PRAGMA user_version = {_VERSION};")
                database.execute("PRAGMA secure_delete = ON")  # what is forgotten is overwritten, not only unlinked
                yield database
        except sqlite3.DatabaseError as error:
            if getattr(error, "sqlite_errorcode", 0) & 0xFF in (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB):
                raise SourceError(f"{self.path} is damaged ({error}). Move it away; memories begin anew.") from error
            raise ResourceError(f"{self.path} can't be used: {error}. Check the disk and the folder.") from error
        except OSError as error:
            raise ResourceError(
                f"{self.path} can't be used: {error.strerror}. Check the disk and the folder."
            ) from error
