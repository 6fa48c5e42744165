"""How long to wait before an endpoint is asked again. Pure: no clock, no chance of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from email.utils import parsedate_to_datetime


@dataclass(frozen=True)
class Backoff:
    """Exponential waiting with jitter; what the endpoint itself asks for comes first. All times in seconds."""

    attempts: int = 6
    first: float = 0.5
    longest: float = 30.0
    patience: float = 120.0  # an endpoint that asks for more than this is reported, not waited for

    def delay(self, attempt: int, retry_after: float | None, roll: float, *, slower: bool = False) -> float | None:
        """Seconds to wait after attempt number `attempt` (from 1) failed; None to give up. `roll` is in [0, 1).

        Who is only asked to be `slower` has twice as many attempts: the endpoint is there, and others are let in.
        """
        attempt = (attempt + 1) // 2 if slower else attempt
        if attempt >= self.attempts or (retry_after or 0.0) > self.patience:
            return None
        # Half of the wait is chance, or many callers that failed together would come back together.
        grown = min(self.longest, self.first * 2 ** (attempt - 1)) * (0.5 + roll / 2)
        return grown if retry_after is None else retry_after + self.first * roll


def retry_after(headers: Mapping[str, str], now: datetime) -> float | None:
    """Seconds that `retry-after-ms` or `Retry-After` (seconds or an HTTP date, RFC 9110) ask for; `now` in UTC."""
    milliseconds = _number(headers.get("retry-after-ms"))
    if milliseconds is not None:
        return max(0.0, milliseconds / 1000)
    text = headers.get("retry-after")
    seconds = _number(text)
    if seconds is not None:
        return max(0.0, seconds)
    return None if text is None else _until(text, now)


def _number(text: str | None) -> float | None:
    try:
        return None if text is None else float(text)
    except ValueError:
        return None


def _until(date: str, now: datetime) -> float | None:
    try:
        then = parsedate_to_datetime(date)
    except ValueError:
        return None
    return max(0.0, (then.replace(tzinfo=then.tzinfo or now.tzinfo) - now).total_seconds())
