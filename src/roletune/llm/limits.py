"""How fast one endpoint may be asked: calls at a time, calls and tokens a minute, and what its 429s teach.

Guarantees: never more than `concurrency` calls at a time; calls begin evenly spread, so no minute holds more than the
limits allow; after a 429 the calls at a time are halved (once for all calls that were under way together) and come back
one by one with success; while a Retry-After lasts nobody asks. First come, first served. The clock and the waiting are
given, so none of this needs real time to be tested.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field


@dataclass
class Pace:
    """An even flow of at most `per_minute` units (0: as much as you like), reckoned by the time when it is free again.

    A cost that was guessed too high or too low is corrected afterwards with `spend` (which may be negative).
    """

    per_minute: float
    _free_at: float = 0.0  # seconds of the clock

    def wait(self, now: float) -> float:
        """Seconds until the next may begin."""
        return max(0.0, self._free_at - now) if self.per_minute else 0.0

    def spend(self, units: float, now: float) -> None:
        """Count `units`: what comes next waits until they have flown off."""
        if self.per_minute:
            # Time in which nothing was asked is not saved up: a burst after a rest is what providers refuse.
            start = max(self._free_at, now) if units > 0 else self._free_at
            self._free_at = start + units * 60.0 / self.per_minute


@dataclass
class Slots:
    """How many calls may run at a time: halved by a 429, one more after as many successes as there are slots."""

    most: int
    allowed: int = 0
    running: int = 0
    _successes: int = 0
    _begun: int = 0
    _halved_at: int = 0  # number of calls begun when it was last halved

    def __post_init__(self) -> None:
        self.allowed = self.most = max(1, self.most)

    @property
    def free(self) -> bool:
        """Whether one more may begin."""
        return self.running < self.allowed

    def begin(self) -> int:
        """Take a slot; the number of the call."""
        self.running += 1
        self._begun += 1
        return self._begun

    def end(self) -> None:
        """Give it back."""
        self.running -= 1

    def succeeded(self) -> None:
        """A call went well."""
        self._successes += 1
        if self._successes >= self.allowed and self.allowed < self.most:
            self.allowed += 1
            self._successes = 0

    def refused(self, number: int) -> None:
        """Call `number` met a 429. Those that were under way when it was halved tell nothing new."""
        if number > self._halved_at:
            self.allowed = max(1, self.allowed // 2)
            self._halved_at = self._begun
        self._successes = 0


@dataclass
class Turn:
    """One call that was let in: what it learns from its end goes back to the limits."""

    limits: Limits
    number: int
    guessed: int

    def succeeded(self, tokens: int) -> None:
        """It took `tokens` of prompt and reply; 0 if the endpoint does not tell."""
        self.limits.slots.succeeded()
        if tokens:
            self.limits.tokens.spend(tokens - self.guessed, self.limits.clock())

    def refused(self, retry_after: float | None) -> None:
        """It met a 429; for `retry_after` seconds nobody asks."""
        self.limits.slots.refused(self.number)
        self.limits.hold(retry_after or 0.0)


@dataclass
class Limits:
    """The gate before one endpoint. Use it within one event loop."""

    concurrency: int = 8
    requests_per_minute: float = 0
    tokens_per_minute: float = 0
    clock: Callable[[], float] = time.monotonic
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    slots: Slots = field(init=False)
    tokens: Pace = field(init=False)

    def __post_init__(self) -> None:
        self.slots = Slots(self.concurrency)
        self.tokens = Pace(self.tokens_per_minute)
        self._requests = Pace(self.requests_per_minute)
        self._held_until = 0.0
        self._door = asyncio.Lock()  # one at a time stands in it, the others queue in the order they came
        self._given_back = asyncio.Event()

    @asynccontextmanager
    async def turn(self, tokens: int) -> AsyncIterator[Turn]:
        """Wait until a call of about `tokens` may begin, and hold its slot for the length of the block."""
        async with self._door:
            while not await self._may_begin():
                pass
            now = self.clock()
            self._requests.spend(1, now)
            self.tokens.spend(tokens, now)
            number = self.slots.begin()
        try:
            yield Turn(self, number, tokens)
        finally:
            self.slots.end()
            self._given_back.set()

    def hold(self, seconds: float) -> None:
        """Nobody begins for so long."""
        self._held_until = max(self._held_until, self.clock() + seconds)

    async def _may_begin(self) -> bool:
        """Whether the next may begin now; if not, wait for what stands in the way, and look again."""
        now = self.clock()
        wait = max(self._held_until - now, self._requests.wait(now), self.tokens.wait(now))
        if wait > 0:
            await self.sleep(min(wait, _LOOK_AGAIN))  # meanwhile a guess may be corrected
        elif not self.slots.free:
            self._given_back.clear()
            await self._given_back.wait()
        else:
            return True
        return False


_LOOK_AGAIN = 1.0  # seconds


def guess_tokens(text: str) -> int:
    """About how many tokens `text` has: a quarter of its letters, or its characters where words have no spaces."""
    wide = sum(1 for character in text if character > "\u2e7f")
    return (len(text) - wide + 3) // 4 + wide
