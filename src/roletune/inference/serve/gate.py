"""How much is let in: so many requests to the engine at a time, so many that wait, so many a minute from one address.

Guarantees: whoever is refused is told when to come again (429 and Retry-After); a place is given back once; what is
remembered of addresses is bounded.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import OrderedDict
from collections.abc import Callable

from roletune.inference.serve.refusal import Refusal

_ADDRESSES = 1024
_LONGEST_WAIT = 60  # seconds that a client is asked to wait at most


class Gate:
    """`slots` requests at a time and `queue` that wait for one."""

    def __init__(self, slots: int, queue: int, clock: Callable[[], float] = time.monotonic) -> None:
        self.active = 0
        self.waiting = 0
        self._slots = slots
        self._queue = queue
        self._free = asyncio.Semaphore(slots)
        self._clock = clock
        self._seconds = 1.0  # that a request takes, as lately measured

    async def enter(self) -> Callable[[], None]:
        """Wait for a place; what is returned gives it back, once. Raises Refusal if too many wait."""
        if self.waiting >= self._queue and self._free.locked():
            wait = self._seconds * (self.waiting + 1) / self._slots
            raise Refusal(
                429,
                "Too many requests are waiting. Ask again later, or serve with a longer --queue.",
                "engine_overloaded",
                retry_after=min(_LONGEST_WAIT, max(1, math.ceil(wait))),
            )
        self.waiting += 1
        try:
            await self._free.acquire()
        finally:
            self.waiting -= 1
        self.active += 1
        return self._leaving(self._clock())

    def _leaving(self, entered: float) -> Callable[[], None]:
        left = False

        def leave() -> None:
            nonlocal left
            if not left:
                left = True
                self.active -= 1
                self._seconds += 0.2 * (self._clock() - entered - self._seconds)
                self._free.release()

        return leave


class RateLimit:
    """`per_minute` requests from one address, all at once if it has been quiet; 0 is no limit."""

    def __init__(self, per_minute: int, clock: Callable[[], float] = time.monotonic) -> None:
        self._most = float(per_minute)
        self._clock = clock
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # address -> requests left, when counted

    def check(self, address: str) -> None:
        """Count one request. Raises Refusal if it is one too many."""
        if not self._most:
            return
        now = self._clock()
        left, then = self._left.pop(address, (self._most, now))
        left = min(self._most, left + (now - then) * self._most / 60)
        self._left[address] = (max(0.0, left - 1) if left >= 1 else left, now)
        while len(self._left) > _ADDRESSES:
            self._left.popitem(last=False)
        if left < 1:
            raise Refusal(
                429,
                f"More than {self._most:.0f} requests a minute. Ask more slowly, or serve with a higher --rate.",
                "rate_limit_exceeded",
                retry_after=max(1, math.ceil((1 - left) * 60 / self._most)),
            )
