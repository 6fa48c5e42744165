"""Run the same work over many items, a bounded number at a time.

Guarantees: results come in the order of the items; an item that fails on purpose (`RoletuneError`) is a result like any
other; a bug stops everything at once and is raised; so does Ctrl-C. `concurrency` tasks exist however many items there
are, and items are taken from their iterator only when a worker is free.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from roletune.errors import RoletuneError

T = TypeVar("T")
R = TypeVar("R")


@dataclass(frozen=True)
class Outcome(Generic[T, R]):
    """What came of one item: its `value`, or the `error` that was raised on purpose."""

    item: T
    value: R | None = None
    error: RoletuneError | None = None

    @property
    def ok(self) -> bool:
        """Whether the work was done; `value` may still be None if the work returned that."""
        return self.error is None


async def run(
    items: Iterable[T],
    work: Callable[[T], Awaitable[R]],
    *,
    concurrency: int,
    on_done: Callable[[Outcome[T, R]], None] | None = None,
) -> list[Outcome[T, R]]:
    """`work(item)` for every item, at most `concurrency` at a time; `on_done` sees each outcome as it comes.

    Raises the first exception of `work`, `items` or `on_done` that is not a RoletuneError, after cancelling the rest.
    """
    outcomes: dict[int, Outcome[T, R]] = {}

    def keep(number: int, outcome: Outcome[T, R]) -> None:
        outcomes[number] = outcome
        if on_done:
            on_done(outcome)

    await each(items, work, keep, concurrency=concurrency)
    return [outcomes[number] for number in range(len(outcomes))]


async def each(
    items: Iterable[T],
    work: Callable[[T], Awaitable[R]],
    on_done: Callable[[int, Outcome[T, R]], None],
    *,
    concurrency: int,
) -> None:
    """The same, and nothing is kept: `on_done` is given every outcome with the number of its item, as it comes.

    For more items than fit into memory: what is held at a time does not grow with their number.
    """
    numbered = enumerate(items)

    async def worker() -> None:
        for number, item in numbered:
            on_done(number, await _one(item, work))
            # Work that never waits (a remembered reply) must still let Ctrl-C and the other workers in.
            await asyncio.sleep(0)

    await _all([worker() for _ in range(max(1, concurrency))])


async def _one(item: T, work: Callable[[T], Awaitable[R]]) -> Outcome[T, R]:
    try:
        return Outcome(item, value=await work(item))
    except RoletuneError as error:
        return Outcome(item, error=error)


async def _all(workers: list[Coroutine[Any, Any, None]]) -> None:
    """Run the workers to their end; of a group of failures only the first is raised, the rest follow from it."""
    try:
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(worker) for worker in workers]
    except BaseExceptionGroup as failures:
        raise failures.exceptions[0] from None
    # A task group takes a task that cancelled itself for finished; its item would be missing without a word.
    if any(task.cancelled() for task in tasks):
        raise asyncio.CancelledError("a piece of work cancelled itself")
