"""Intervals: a paired bootstrap that resamples scenes, and Wilson's interval for a share.

Lines of one scene are alike, so a line is not the unit that varies: whole scenes are drawn with replacement, both
contestants on the same draw (a paired cluster bootstrap, percentile interval). The same seed gives the same interval.
Few scenes make any interval rough; the report says how many there were.
"""

from __future__ import annotations

import math
import random
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from roletune.errors import EvaluationError
from roletune.records import Estimate, Rate, ShareDifference

Z95 = 1.959963984540054
FEWEST_GROUPS = 20  # below it, values are drawn one by one


class Interval(NamedTuple):
    """An estimate with the bounds of its 95 % interval."""

    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Mean:
    """A mean over `n` items with its interval; `drawn` is how many units the resampling drew."""

    value: float
    low: float
    high: float
    n: int
    drawn: int


def bootstrap_mean(
    values: Sequence[float],
    groups: Sequence[Hashable] = (),
    *,
    resamples: int = 1000,
    seed: int = 0,
    level: float = 0.95,
) -> Mean:
    """The mean of `values` with its percentile interval. A mean of paired differences is a paired comparison.

    With `groups` (one a value) whole groups are drawn, because the values of one are alike; with fewer than
    FEWEST_GROUPS of them single values are drawn, since draws of five units say little about an interval. Raises
    EvaluationError for no values.
    """
    if not values:
        raise EvaluationError("There are no scores to take a mean of.")
    alike: dict[Hashable, list[float]] = {}
    for value, group in zip(values, groups or range(len(values)), strict=True):
        alike.setdefault(group, []).append(value)
    units = list(alike.values()) if len(alike) >= FEWEST_GROUPS else [[value] for value in values]
    sums = [(sum(unit), len(unit)) for unit in units]
    generator = random.Random(seed)
    draws = sorted(_per_token(generator.choices(sums, k=len(sums))) for _ in range(resamples))
    mean = sum(values) / len(values)
    tail = (1 - level) / 2
    return Mean(mean, quantile(draws, tail), quantile(draws, 1 - tail), n=len(values), drawn=len(units))


def bootstrap_per_token(
    scenes: Mapping[str, Sequence[tuple[float, int]]], *, resamples: int = 10_000, seed: int = 0
) -> Interval:
    """Interval of a difference in nats per token.

    `scenes` maps a scene to its lines as (summed difference in nats, tokens). The estimate is the sum of differences
    over the sum of the tokens, in the data and in each of `resamples` draws of as many scenes as there are.
    Raises EvaluationError for no scenes or no tokens.
    """
    sums = [(sum(nats for nats, _ in lines), sum(tokens for _, tokens in lines)) for lines in scenes.values()]
    sums = [(nats, tokens) for nats, tokens in sums if tokens]
    if not sums:
        raise EvaluationError("There are no held-out lines to compare. Add scenes, or widen the test share.")
    generator = random.Random(seed)
    draws = sorted(_per_token(generator.choices(sums, k=len(sums))) for _ in range(resamples))
    return Interval(_per_token(sums), quantile(draws, 0.025), quantile(draws, 0.975))


def bootstrap_share(pairs: Sequence[tuple[bool, bool]], *, resamples: int = 10_000, seed: int = 0) -> ShareDifference:
    """First minus second share of yes, with the percentile interval of `resamples` draws of whole pairs.

    Raises EvaluationError for no pairs.
    """
    if not pairs:
        raise EvaluationError("There are no answers to compare.")
    differences = [a - b for a, b in pairs]
    generator = random.Random(seed)
    n = len(differences)
    draws = sorted(sum(generator.choices(differences, k=n)) / n for _ in range(resamples))
    return ShareDifference(
        difference=sum(differences) / n, ci_low=quantile(draws, 0.025), ci_high=quantile(draws, 0.975), n=n
    )


def quantile(ordered: Sequence[float], share: float) -> float:
    """The value below which `share` of the ascending values `ordered` lie, interpolated linearly between neighbours."""
    place = share * (len(ordered) - 1)
    below = math.floor(place)
    above = min(below + 1, len(ordered) - 1)
    return ordered[below] + (place - below) * (ordered[above] - ordered[below])


def wilson(count: int, n: int) -> Rate:
    """`count` of `n` with Wilson's 95 % score interval. Raises EvaluationError for n = 0: no trials are no share."""
    if n <= 0 or not 0 <= count <= n:
        raise EvaluationError(f"{count} of {n} is not a share. A check with nothing to look at has no rate.")
    share = count / n
    centre = share + Z95**2 / (2 * n)
    margin = Z95 * math.sqrt(share * (1 - share) / n + Z95**2 / (4 * n**2))
    scale = 1 + Z95**2 / n
    # At the ends the algebra gives exactly 0 and 1; floating point needs to be told.
    low = 0.0 if count == 0 else (centre - margin) / scale
    high = 1.0 if count == n else (centre + margin) / scale
    return Rate(value=share, low=low, high=high, count=count, n=n)


def newcombe(first: Rate, second: Rate) -> Estimate:
    """First minus second of two shares that are not paired, with Newcombe's hybrid interval of Wilson's bounds.

    `n` is that of the first, whose share is asked about. (R. G. Newcombe, Statistics in Medicine 17, 1998, method 10.)
    """
    difference = first.value - second.value
    below = math.hypot(first.value - first.low, second.high - second.value)
    above = math.hypot(first.high - first.value, second.value - second.low)
    return Estimate(value=difference, low=difference - below, high=difference + above, n=first.n)


def _per_token(sums: Sequence[tuple[float, int]]) -> float:
    return sum(nats for nats, _ in sums) / sum(tokens for _, tokens in sums)
