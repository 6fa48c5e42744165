"""Batches that were handed to a provider, and what came back: `journal/batches.sqlite`.

Guarantees: a batch is written down before it is handed over, with the keys of its requests, and its results are stored
all or none. So a run that is killed at any moment knows afterwards what is paid for and under way.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

from roletune.llm.ledger_file import BUSY_SECONDS, explain_failure

_SCHEMA = """
CREATE TABLE IF NOT EXISTS batches (
    name TEXT PRIMARY KEY, identity TEXT NOT NULL, id TEXT NOT NULL, status TEXT NOT NULL, created TEXT NOT NULL
);
CREATE TABLE IF NOT EXISTS calls (
    batch TEXT NOT NULL, key TEXT NOT NULL, answered INTEGER NOT NULL DEFAULT 0, result TEXT,
    PRIMARY KEY (batch, key)
);
CREATE INDEX IF NOT EXISTS calls_by_key ON calls (key);
"""
UNDER_WAY = "under way"


@dataclass(frozen=True)
class Batch:
    """One batch: `name` is ours, `id` the provider's ("" until it has told), `status` the provider's word once ended.

    `answered` of its `requests` have a reply; `created` is ISO 8601, UTC.
    """

    name: str
    identity: str
    id: str
    status: str
    created: str
    requests: int
    answered: int = 0

    @property
    def open(self) -> bool:
        """Whether its results are still to come."""
        return self.status == UNDER_WAY


class BatchJournal:
    """The file; it is made when the first batch is begun."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._connection: sqlite3.Connection | None = None

    def begin(self, name: str, identity: str, keys: Iterable[str]) -> Batch:
        """Write down a batch that is about to be handed over."""
        created = datetime.now(UTC).isoformat(timespec="seconds")
        calls = [(name, key) for key in keys]
        with self._database() as database:
            database.execute("INSERT INTO batches VALUES (?, ?, ?, ?, ?)", (name, identity, "", UNDER_WAY, created))
            database.executemany("INSERT INTO calls (batch, key) VALUES (?, ?)", calls)
        return Batch(name, identity, "", UNDER_WAY, created, len(calls))

    def handed_over(self, batch: Batch, id: str) -> Batch:
        """The provider has it, under this id."""
        with self._database() as database:
            database.execute("UPDATE batches SET id = ? WHERE name = ?", (id, batch.name))
        return replace(batch, id=id)

    def finish(self, batch: Batch, status: str, results: Mapping[str, str], answered: Iterable[str]) -> None:
        """Store its results, a line of JSON by key; those of `answered` are replies."""
        good = set(answered)
        with self._database() as database:
            database.execute("UPDATE batches SET status = ? WHERE name = ?", (status, batch.name))
            rows = [(line, key in good, batch.name, key) for key, line in results.items()]
            database.executemany("UPDATE calls SET result = ?, answered = ? WHERE batch = ? AND key = ?", rows)

    def forget(self, batch: Batch) -> None:
        """It never reached the provider."""
        with self._database() as database:
            database.execute("DELETE FROM batches WHERE name = ?", (batch.name,))
            database.execute("DELETE FROM calls WHERE batch = ?", (batch.name,))

    def batches(self, identity: str = "") -> list[Batch]:
        """Every batch, of one model only if it is named, oldest first."""
        if not self.path.is_file():
            return []
        with self._database() as database:
            rows = database.execute(
                "SELECT name, identity, id, status, created, count(key), sum(answered) FROM batches "
                "JOIN calls ON batch = name GROUP BY name ORDER BY created, name"
            ).fetchall()
        return [Batch(*row) for row in rows if identity in ("", row[1])]

    def keys(self, batch: Batch) -> list[str]:
        """The keys of its requests."""
        with self._database() as database:
            return [key for (key,) in database.execute("SELECT key FROM calls WHERE batch = ?", (batch.name,))]

    def result(self, key: str) -> str | None:
        """The line with the reply to a request, if a batch brought one."""
        if not self.path.is_file():
            return None
        with self._database() as database:
            row = database.execute("SELECT result FROM calls WHERE key = ? AND answered LIMIT 1", (key,)).fetchone()
        return row[0] if row else None

    def close(self) -> None:
        """Let go of the file."""
        connection, self._connection = self._connection, None
        if connection:
            connection.close()

    @contextmanager
    def _database(self) -> Iterator[sqlite3.Connection]:
        """One transaction."""
        try:
            if self._connection is None:
                self.path.parent.mkdir(parents=True, exist_ok=True)
                self._connection = sqlite3.connect(self.path, timeout=BUSY_SECONDS)
                self._connection.executescript(_SCHEMA)
            with self._connection:
                yield self._connection
        except sqlite3.DatabaseError as error:
            raise explain_failure(self.path, error) from error
