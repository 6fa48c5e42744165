"""Estimates with their intervals, as records: the mean of some values, and a figure of all items together."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from typing import TypeVar

from roletune.errors import EvaluationError
from roletune.evaluation.bootstrap import Z95, bootstrap_mean
from roletune.records import Estimate

T = TypeVar("T")


def estimate_mean(values: Sequence[float], *, resamples: int = 10_000, seed: int = 0) -> Estimate:
    """The mean with its percentile interval; values are taken to be independent. Raises EvaluationError for none."""
    if not values:
        raise EvaluationError("There is nothing to take the mean of: no reply was long enough, or none came.")
    mean = bootstrap_mean(values, resamples=resamples, seed=seed)
    return Estimate(value=mean.value, low=mean.low, high=mean.high, n=mean.n)


def jackknife(items: Sequence[T], figure: Callable[[Sequence[T]], float]) -> Estimate:
    """`figure` of all items, with a normal 95 % interval from leaving out one at a time, cut to between 0 and 1.

    For shares that drawing an item twice would change. Raises EvaluationError for fewer than two items.
    """
    n = len(items)
    if n < 2:
        raise EvaluationError("One item has no interval: there is nothing to leave out. Ask more questions.")
    without = [figure([*items[:k], *items[k + 1 :]]) for k in range(n)]
    centre = sum(without) / n
    error = math.sqrt((n - 1) / n * sum((value - centre) ** 2 for value in without))
    whole = figure(items)
    return Estimate(value=whole, low=max(0.0, whole - Z95 * error), high=min(1.0, whole + Z95 * error), n=n)
