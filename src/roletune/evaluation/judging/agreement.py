"""How well two columns of scores agree: Pearson, Spearman, quadratically weighted kappa, and a bootstrap of means.

Correlations are None where a column does not vary: a judge that always says 4 agrees with nobody and contradicts
nobody. Plain arithmetic in our own code; the tests compare it with scipy and with tables worked out by hand.
"""

from __future__ import annotations

import math
import random
from collections.abc import Callable, Sequence
from typing import TypeVar

from roletune.evaluation.bootstrap import Interval, quantile
from roletune.evaluation.judging.rubrics import HIGHEST, LOWEST

T = TypeVar("T")


def pearson(xs: Sequence[float], ys: Sequence[float]) -> float | None:
    """The correlation, -1 to 1; None if a column is constant or there are fewer than two rows."""
    if len(xs) < 2:
        return None
    mean_x, mean_y = mean(xs), mean(ys)
    across = math.fsum((x - mean_x) * (y - mean_y) for x, y in zip(xs, ys, strict=True))
    squares = math.fsum((x - mean_x) ** 2 for x in xs) * math.fsum((y - mean_y) ** 2 for y in ys)
    return max(-1.0, min(1.0, across / math.sqrt(squares))) if squares > 0 else None


def spearman(xs: Sequence[float], ys: Sequence[float]) -> float | None:
    """The correlation of ranks, equal values sharing the mean of theirs."""
    return pearson(ranks(xs), ranks(ys))


def ranks(values: Sequence[float]) -> list[float]:
    """Rank of each value from 1, equal values sharing the mean rank."""
    order = sorted(values)
    first = {value: place for place, value in reversed(list(enumerate(order, 1)))}
    last = {value: place for place, value in enumerate(order, 1)}
    return [(first[value] + last[value]) / 2 for value in values]


def weighted_kappa(xs: Sequence[float], ys: Sequence[float], low: int = LOWEST, high: int = HIGHEST) -> float | None:
    """Cohen's kappa with quadratic weights on the scale from `low` to `high`; fractions are rounded half up.

    None where chance alone leaves no disagreement to be expected (both columns constant and equal).
    """
    pairs = [(_category(x, low, high), _category(y, low, high)) for x, y in zip(xs, ys, strict=True)]
    if not pairs:
        return None
    seen = math.fsum((x - y) ** 2 for x, y in pairs) / len(pairs)
    expected = math.fsum((x - y) ** 2 for x, _ in pairs for _, y in pairs) / len(pairs) ** 2
    return 1 - seen / expected if expected > 0 else None


def bootstrap(
    groups: Sequence[Sequence[T]],
    statistic: Callable[[Sequence[T]], float | None],
    *,
    resamples: int = 2_000,
    seed: int = 0,
    level: float = 0.95,
) -> Interval:
    """`statistic` of all rows, with the percentile interval of draws of whole groups; draws without a value are 0."""
    generator = random.Random(seed)
    draws = []
    for _ in range(resamples):
        drawn = [row for group in generator.choices(groups, k=len(groups)) for row in group]
        draws.append(statistic(drawn) or 0.0)
    draws.sort()
    tail = (1 - level) / 2
    every = [row for group in groups for row in group]
    return Interval(statistic(every) or 0.0, quantile(draws, tail), quantile(draws, 1 - tail))


def mean(values: Sequence[float]) -> float:
    """The arithmetic mean."""
    return math.fsum(values) / len(values)


def median(values: Sequence[float]) -> float:
    """The middle value, or the mean of the two in the middle."""
    order = sorted(values)
    half = len(order) // 2
    return order[half] if len(order) % 2 else (order[half - 1] + order[half]) / 2


def _category(value: float, low: int, high: int) -> int:
    return max(low, min(high, math.floor(value + 0.5)))
