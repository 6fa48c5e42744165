"""An event loop in a thread of its own: lets plain Python wait for coroutines, in a notebook with its own loop too.

Guarantees: whatever is awaited here is awaited on one loop in one thread, as SQLite and connection pools want it; who
stops waiting (Ctrl-C, a generator that is closed) cancels the work; the thread never keeps the program from ending.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import AsyncIterator, Coroutine, Iterator
from concurrent.futures import Future
from typing import Any, TypeVar

T = TypeVar("T")

_END_SECONDS = 15.0


class OwnLoop:
    """Starts with the first thing that is asked of it; `close` ends it."""

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None
        self._lock = threading.Lock()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """Wait for `work` from outside of any loop, and return or raise what it does."""
        future = self._submit(work)
        try:
            return future.result()
        finally:
            future.cancel()  # nothing happens to a finished one

    async def wait(self, work: Coroutine[Any, Any, T]) -> T:
        """The same from within another loop, which goes on meanwhile."""
        return await asyncio.wrap_future(self._submit(work))

    def iterate(self, pieces: AsyncIterator[T]) -> Iterator[T]:
        """The pieces of an async iterator, one after the other."""
        try:
            while (piece := self.run(_next(pieces))) is not None:
                yield piece[0]
        finally:
            self.run(_close(pieces))

    async def stream(self, pieces: AsyncIterator[T]) -> AsyncIterator[T]:
        """The same within another loop."""
        try:
            while (piece := await self.wait(_next(pieces))) is not None:
                yield piece[0]
        finally:
            await self.wait(_close(pieces))

    def close(self) -> None:
        """End the thread; nothing to do if it never began."""
        with self._lock:
            loop, thread = self._loop, self._thread
            self._loop = self._thread = None
        if loop and thread:
            loop.call_soon_threadsafe(loop.stop)
            thread.join(_END_SECONDS)

    def _submit(self, work: Coroutine[Any, Any, T]) -> Future[T]:
        with self._lock:
            if self._loop is None:
                self._loop = asyncio.new_event_loop()
                self._thread = threading.Thread(target=_live, args=(self._loop,), name="character", daemon=True)
                self._thread.start()
            return asyncio.run_coroutine_threadsafe(work, self._loop)


def _live(loop: asyncio.AbstractEventLoop) -> None:
    try:
        loop.run_forever()
        loop.run_until_complete(loop.shutdown_asyncgens())
    finally:
        loop.close()


async def _next(pieces: AsyncIterator[T]) -> tuple[T] | None:
    """The next piece in a tuple, since a piece may be anything; None at the end."""
    async for piece in pieces:
        return (piece,)
    return None


async def _close(pieces: AsyncIterator[Any]) -> None:
    if hasattr(pieces, "aclose"):
        await pieces.aclose()
