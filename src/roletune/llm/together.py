"""What tasks ask for in one turn of the event loop, done in one go: a hundred small commits cost as much as their disk.

Guarantees: everybody gets the result of its own item, or the error that stopped its batch; an item is worked on even if
who asked for it was cancelled meanwhile.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

from roletune.errors import RoletuneError

T = TypeVar("T")
R = TypeVar("R")


class Together(Generic[T, R]):
    """Calls `work` with the items of those who wait, at most `most` at a time; it returns their results in order."""

    def __init__(self, work: Callable[[Sequence[T]], Sequence[R]], most: int = 500) -> None:
        self._work = work
        self._most = most
        self._waiting: list[tuple[T, asyncio.Future[R]]] = []

    async def __call__(self, item: T) -> R:
        """The result for `item`, once its batch is done."""
        loop = asyncio.get_running_loop()
        done: asyncio.Future[R] = loop.create_future()
        self._waiting.append((item, done))
        if len(self._waiting) == 1:
            loop.call_soon(self.flush)  # after the tasks that are ready now: what they ask for comes along
        return await done

    def flush(self) -> None:
        """Do now what waits to be done."""
        while self._waiting:
            batch, self._waiting = self._waiting[: self._most], self._waiting[self._most :]
            try:
                results = self._work([item for item, _ in batch])
            except RoletuneError as error:
                for _, done in batch:
                    if not done.done():
                        done.set_exception(error)
                continue
            for (_, done), result in zip(batch, results, strict=True):
                if not done.done():
                    done.set_result(result)
