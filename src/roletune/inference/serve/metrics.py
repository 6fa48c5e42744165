"""What /metrics tells, in Prometheus' text format 0.0.4: counts and times, never a word that was said.

Labels are the names of served characters and status codes, so their number is bounded whatever clients send.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
_BUCKETS = (0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0)


class Histogram:
    """How many seconds things took."""

    def __init__(self) -> None:
        self.count = 0
        self.total = 0.0
        self._buckets = [0] * len(_BUCKETS)

    def add(self, seconds: float) -> None:
        """Count one."""
        self.count += 1
        self.total += seconds
        for i, bound in enumerate(_BUCKETS):
            self._buckets[i] += seconds <= bound

    def lines(self, name: str) -> Iterator[str]:
        """Its lines, buckets cumulative."""
        for bound, count in zip(_BUCKETS, self._buckets, strict=True):
            yield f'{name}_bucket{{le="{bound}"}} {count}'
        yield f'{name}_bucket{{le="+Inf"}} {self.count}'
        yield f"{name}_sum {self.total:.6f}"
        yield f"{name}_count {self.count}"


class Metrics:
    """Everything that is counted while the server runs."""

    def __init__(self) -> None:
        self.requests: Counter[tuple[str, int]] = Counter()  # by model and status
        self.tokens: Counter[tuple[str, str]] = Counter()  # by model and kind, prompt or completion
        self.abandoned = 0
        self.seconds = Histogram()
        self.first = Histogram()

    def used(self, model: str, usage: Mapping[str, int]) -> None:
        """Count the tokens of one reply."""
        for kind in ("prompt", "completion"):
            self.tokens[model, kind] += usage.get(f"{kind}_tokens", 0)

    def text(self, gauges: Mapping[str, int]) -> str:
        """The whole page; `gauges` are told as they stand."""
        return "\n".join([*self._counters(), *self._times(), *self._gauges(gauges)]) + "\n"

    def _counters(self) -> Iterator[str]:
        yield from _head("roletune_requests_total", "counter", "Answered requests by model and HTTP status.")
        for (model, status), count in sorted(self.requests.items()):
            yield f'roletune_requests_total{{model="{model}",status="{status}"}} {count}'
        yield from _head("roletune_tokens_total", "counter", "Tokens as the engine counts them.")
        for (model, kind), count in sorted(self.tokens.items()):
            yield f'roletune_tokens_total{{model="{model}",kind="{kind}"}} {count}'
        yield from _head("roletune_abandoned_total", "counter", "Requests whose client left before the end.")
        yield f"roletune_abandoned_total {self.abandoned}"

    def _times(self) -> Iterator[str]:
        for name, help_, times in (
            ("roletune_request_seconds", "Time of a reply, waiting included.", self.seconds),
            ("roletune_first_token_seconds", "Time to the first piece of a stream.", self.first),
        ):
            yield from _head(name, "histogram", help_)
            yield from times.lines(name)

    def _gauges(self, gauges: Mapping[str, int]) -> Iterator[str]:
        for name, value in gauges.items():
            yield from _head(f"roletune_{name}", "gauge", f"Requests {name}.")
            yield f"roletune_{name} {value}"


def _head(name: str, kind: str, help_: str) -> Iterator[str]:
    yield f"# HELP {name} {help_}"
    yield f"# TYPE {name} {kind}"
