"""Every finished call to a model, remembered: why running again is resuming, and what it cost.

Guarantees: a finished call is one committed row, whole or not at all, on the disk before anybody sees the reply; calls
that finish at the same moment share one commit, since a disk can do few of them a second.
Several processes may use one ledger at once. The first reply to a question is the one that counts from then on; a
second one (two processes asked at the same moment) stays in the bill. A file that is damaged or of a newer version is
refused, never replaced.
"""

from __future__ import annotations

import asyncio
import json
import sqlite3
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import Any
from weakref import WeakValueDictionary

from roletune.errors import ResourceError, RoletuneError, SourceError
from roletune.llm.bill import BillRow, StoredCall, Usual
from roletune.llm.ledger_file import BUSY_SECONDS, damaged, explain_failure, write_ahead
from roletune.llm.model import ChatModel
from roletune.llm.request import ChatReply, ChatRequest
from roletune.llm.together import Together
from roletune.llm.wire import clean

LEDGER_VERSION = 1

_SCHEMA = f"""
BEGIN IMMEDIATE;
CREATE TABLE IF NOT EXISTS calls (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL,
    stage TEXT NOT NULL,
    model TEXT NOT NULL,
    identity TEXT NOT NULL,
    request TEXT NOT NULL,
    reply TEXT NOT NULL,
    finish_reason TEXT NOT NULL,
    prompt_tokens INTEGER NOT NULL,
    completion_tokens INTEGER NOT NULL,
    seconds REAL NOT NULL,
    created TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS calls_by_key ON calls (key);
PRAGMA user_version = {LEDGER_VERSION};
COMMIT;
"""
_COLUMNS = (
    "id, key, stage, model, identity, request, reply, finish_reason, prompt_tokens, completion_tokens, seconds, created"
)
_INSERT = f"INSERT INTO calls ({_COLUMNS}) VALUES ({', '.join('?' * len(_COLUMNS.split(', ')))})"
_AS_JSON = json.JSONEncoder(ensure_ascii=False).encode
_REPLY = "reply, finish_reason, prompt_tokens, completion_tokens, seconds, key"


@dataclass(frozen=True)
class _Call:
    """A finished call on its way to the disk."""

    key: str
    request: ChatRequest
    reply: ChatReply
    stage: str
    model: ChatModel

    def row(self) -> tuple[Any, ...]:
        """In the order of `_COLUMNS`, without the id."""
        reply = self.reply
        return (
            *(self.key, self.stage, self.model.name, self.model.identity),
            clean(_AS_JSON(self.request.fields())),
            *(reply.text, reply.finish_reason, reply.prompt_tokens, reply.completion_tokens, reply.seconds),
            datetime.now(UTC).isoformat(timespec="milliseconds"),
        )


class Ledger:
    """An SQLite file of calls; use it in a `with` block, or close it."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._store = Together(self._commit)
        self._recall = Together(self._find)
        with self._explained():
            path.parent.mkdir(parents=True, exist_ok=True)
            self._database = sqlite3.connect(path, timeout=BUSY_SECONDS, isolation_level=None)
            self._open()

    def get(self, key: str) -> ChatReply | None:
        """The remembered reply, marked as `cached`."""
        return self._find([key])[0]

    def put(self, request: ChatRequest, reply: ChatReply, *, stage: str, model: ChatModel) -> ChatReply:
        """Remember a call; returns the reply that counts: this one, or one that another process stored before.

        It is remembered under what `model` says that it is, even if another model inside it gave the reply.
        """
        return self._commit([_Call(request.key(model.identity), request, reply, stage, model)])[0]

    async def store(self, request: ChatRequest, reply: ChatReply, *, stage: str, model: ChatModel) -> ChatReply:
        """As `put`, in one commit with whatever else is ready now; returns, too, once it is on the disk.

        Who is cancelled while waiting still has the call remembered: it is paid for.
        """
        return await self._store(_Call(request.key(model.identity), request, reply, stage, model))

    async def recall(self, key: str) -> ChatReply | None:
        """As `get`, in one question with whatever else is asked now."""
        return await self._recall(key)

    def _find(self, keys: Sequence[str]) -> list[ChatReply | None]:
        first = f"SELECT min(id) FROM calls WHERE key IN ({_marks(keys)}) GROUP BY key"
        with self._explained():
            rows = self._database.execute(f"SELECT {_REPLY} FROM calls WHERE id IN ({first})", keys).fetchall()
        found = {reply.key: reply for reply in map(_reply, rows)}
        return [found.get(key) for key in keys]

    def _commit(self, calls: Sequence[_Call]) -> list[ChatReply]:
        """One transaction; the replies that count."""
        with self._explained():
            self._database.execute("BEGIN IMMEDIATE")
            try:
                last = self._database.execute("SELECT coalesce(max(id), 0) FROM calls").fetchone()[0]
                rows = range(last + 1, last + 1 + len(calls))  # nobody else can write now
                values = ((row, *call.row()) for row, call in zip(rows, calls, strict=True))
                self._database.executemany(_INSERT, values)
                self._database.execute("COMMIT")
            except BaseException:
                if self._database.in_transaction:
                    self._database.execute("ROLLBACK")
                raise
            keys = [call.key for call in calls]
            query = f"SELECT min(id) FROM calls WHERE key IN ({_marks(keys)}) GROUP BY key"
            first = {row for (row,) in self._database.execute(query, keys)}
        replies = [(call.reply, call.key) for call in calls]
        own = [reply if reply.key == key else replace(reply, key=key) for reply, key in replies]
        return [mine if row in first else (self.get(mine.key) or mine) for mine, row in zip(own, rows, strict=True)]

    def bill(self) -> list[BillRow]:
        """Calls, tokens and seconds by stage and model; replies that were remembered cost nothing and do not count."""
        sums = "count(*), sum(prompt_tokens), sum(completion_tokens), sum(seconds)"
        with self._explained():
            rows = self._database.execute(
                f"SELECT stage, model, {sums}, identity FROM calls GROUP BY stage, model, identity ORDER BY min(id)"
            ).fetchall()
        return [BillRow(*row) for row in rows]

    def find(self, key: str) -> StoredCall | None:
        """The whole call whose reply counts under a key."""
        columns = "stage, model, identity, request, created"
        with self._explained():
            row = self._database.execute(
                f"SELECT {columns} FROM calls WHERE key = ? ORDER BY id LIMIT 1", (key,)
            ).fetchone()
        reply = self.get(key)
        if row is None or reply is None:
            return None
        stage, model, identity, request, created = row
        return StoredCall(stage, model, identity, json.loads(request), reply, created)

    def usual(self, identity: str, stage: str) -> Usual:
        """What a model's calls took until now; replies by stage, since stages ask for more or less."""
        with self._explained():
            prompts = self._database.execute(
                "SELECT sum(prompt_tokens) * 1.0 / sum(length(request)) FROM calls "
                "WHERE identity = ? AND prompt_tokens > 0",
                (identity,),
            ).fetchone()[0]
            replies = self._database.execute(
                "SELECT avg(completion_tokens) FROM calls WHERE identity = ? AND stage = ? AND completion_tokens > 0",
                (identity, stage),
            ).fetchone()[0]
        return Usual(prompts, replies)

    def close(self) -> None:
        """Let go of the file, with what waits to be stored in it."""
        self._store.flush()
        self._database.close()

    def __enter__(self) -> Ledger:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _open(self) -> None:
        version = self._database.execute("PRAGMA user_version").fetchone()[0]
        if version > LEDGER_VERSION:
            raise SourceError(
                f"{self.path} was written by a newer roletune (ledger version {version}, this one reads "
                f"{LEDGER_VERSION}). Update roletune."
            )
        write_ahead(self._database)
        # Up to 32 MB wait beside the file: keys come in no order, so one page of the index is written again and again.
        self._database.execute("PRAGMA wal_autocheckpoint = 8000")
        if version < LEDGER_VERSION:
            self._database.executescript(_SCHEMA)
        self._refuse_torn()

    def _refuse_torn(self) -> None:
        """Look at the structure of the whole file: a file that lost its end may still answer some questions."""
        told = self._database.execute("PRAGMA quick_check(1)").fetchone()[0]
        if told != "ok":
            raise damaged(self.path, told)

    @contextmanager
    def _explained(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.DatabaseError as error:
            raise explain_failure(self.path, error) from error
        except OSError as error:
            if isinstance(error, RoletuneError):
                raise
            raise ResourceError(f"{self.path} can't be opened: {error.strerror}. Check the folder.") from error


class RememberedModel:
    """A ChatModel that asks the ledger first, and stores what is new under `stage`.

    Requests that are the same and made at the same time are asked once; if the one who asks fails or is cancelled, the
    next one asks.
    """

    def __init__(self, model: ChatModel, ledger: Ledger, stage: str) -> None:
        self._model = model
        self._ledger = ledger
        self._stage = stage
        self._asking: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    @property
    def identity(self) -> str:
        """That of the model."""
        return self._model.identity

    @property
    def name(self) -> str:
        """That of the model."""
        return self._model.name

    async def complete(self, request: ChatRequest) -> ChatReply:
        """The remembered reply, or a new one that is remembered from now on."""
        key = request.key(self.identity)
        async with self._turn(key):
            remembered = await self._ledger.recall(key)
            if remembered is not None:
                return remembered
            return await self._store(request, await self._model.complete(request))

    async def stream(
        self, request: ChatRequest, on_end: Callable[[ChatReply], None] | None = None
    ) -> AsyncIterator[str]:
        """The remembered reply in one piece, or a new one as it comes; who leaves early leaves no memory of it."""
        reply = self._ledger.get(request.key(self.identity))
        if reply is not None:
            yield reply.text
        else:
            ended: list[ChatReply] = []
            async for piece in self._model.stream(request, ended.append):
                yield piece
            reply = await self._store(request, ended[0])
        if on_end:
            on_end(reply)

    async def _store(self, request: ChatRequest, reply: ChatReply) -> ChatReply:
        return await self._ledger.store(request, reply, stage=self._stage, model=self._model)

    def _turn(self, key: str) -> asyncio.Lock:
        lock = self._asking.get(key)
        if lock is None:
            self._asking[key] = lock = asyncio.Lock()
        return lock


def _marks(values: Sequence[str]) -> str:
    return ", ".join("?" * len(values))


def _reply(row: tuple[str, str, int, int, float, str]) -> ChatReply:
    return ChatReply(*row, cached=True)
