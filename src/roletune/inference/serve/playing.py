"""Characters come and go while others speak: a second engine starts beside the first, which plays to its end.

The embedded server can't load adapters at run time, so what is served is opened anew as a whole. Guarantees: a request
that has begun ends with the engine it began with; that engine is closed when its last request has ended; if the new one
does not open, everything stays as it was.
"""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, contextmanager
from dataclasses import dataclass, field
from types import TracebackType

from roletune.inference.serve.cast import Cast
from roletune.inference.serve.engine import Engine

Opening = Callable[[], AbstractAsyncContextManager[tuple[Cast, Engine]]]


@dataclass(eq=False)
class Playing:
    """A cast before its engine, and how many requests have begun with it and not ended."""

    cast: Cast
    engine: Engine
    listeners: int = 0
    _silent: asyncio.Event = field(default_factory=asyncio.Event)

    def enter(self) -> Callable[[], None]:
        """Count a request; what is returned ends it, once."""
        self.listeners += 1
        self._silent.clear()
        left = False

        def leave() -> None:
            nonlocal left
            if not left:
                left = True
                self.listeners -= 1
                if not self.listeners:
                    self._silent.set()

        return leave

    async def ended(self) -> None:
        """Wait until nobody listens any more."""
        if self.listeners:
            await self._silent.wait()


class Rotation:
    """What `opening` opens, opened anew by `change`; everything is closed at the end of an `async with` block."""

    def __init__(self, opening: Opening) -> None:
        self._opening = opening
        self._one_at_a_time = asyncio.Lock()
        self._closing: set[asyncio.Task[None]] = set()

    async def __aenter__(self) -> Rotation:
        self._open = self._opening()
        self.cast, self.engine = await self._open.__aenter__()
        return self

    async def change(self, put: Callable[[Cast, Engine], Playing]) -> None:
        """Open anew and `put` it on stage, then close what played before, in time. Raises what opening raises."""
        async with self._one_at_a_time:
            opened = self._opening()
            self.cast, self.engine = await opened.__aenter__()
            before, self._open = self._open, opened
            closing = asyncio.create_task(_close(put(self.cast, self.engine), before))
            self._closing.add(closing)
            closing.add_done_callback(self._closing.discard)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for closing in list(self._closing):  # the server has ended: nobody listens any more
            closing.cancel()
        await asyncio.gather(*self._closing, return_exceptions=True)
        await self._open.__aexit__(None, None, None)


async def _close(played: Playing, opened: AbstractAsyncContextManager[tuple[Cast, Engine]]) -> None:
    try:
        await played.ended()
    finally:
        await played.engine.close()
        await opened.__aexit__(None, None, None)


@contextmanager
def on_hangup(work: Callable[[], Awaitable[None]]) -> Iterator[None]:
    """Do `work` whenever SIGHUP comes, as long as the block lasts; where there is no such signal, never."""
    hangup = getattr(signal, "SIGHUP", None)
    if hangup is None:
        yield
        return
    loop, doing = asyncio.get_running_loop(), set[asyncio.Future[None]]()

    def begin() -> None:
        task = asyncio.ensure_future(work())
        doing.add(task)
        task.add_done_callback(doing.discard)

    loop.add_signal_handler(hangup, begin)
    try:
        yield
    finally:
        loop.remove_signal_handler(hangup)
