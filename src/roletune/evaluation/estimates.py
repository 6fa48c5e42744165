"""Estimates with their intervals, as records: the mean of some values, and a figure of all items together."""

from __future__ import annotations

import math
from collections.abc import Sequence

from roletune.errors import EvaluationError
from roletune.evaluation.bootstrap import Z95, bootstrap_mean
from roletune.records import Estimate


def estimate_mean(values: Sequence[float], *, resamples: int = 10_000, seed: int = 0) -> Estimate:
    """The mean with its percentile interval; values are taken to be independent. Raises EvaluationError for none."""
    if not values:
        raise EvaluationError("There is nothing to take the mean of: no reply was long enough, or none came.")
    mean = bootstrap_mean(values, resamples=resamples, seed=seed)
    return Estimate(value=mean.value, low=mean.low, high=mean.high, n=mean.n)


def jackknife(whole: float, without: Sequence[float]) -> Estimate:
    """A share of all items together, with a normal 95 % interval cut to between 0 and 1.

    `without` is the same share of all items but one, for each that is left out: for shares that drawing an item twice
    would change. Raises EvaluationError for fewer than two items.
    """
    error = standard_error(without)
    return Estimate(value=whole, low=max(0.0, whole - Z95 * error), high=min(1.0, whole + Z95 * error), n=len(without))


def standard_error(without: Sequence[float]) -> float:
    """The jackknife's standard error (Tukey 1958). Raises EvaluationError for fewer than two items."""
    n = len(without)
    if n < 2:
        raise EvaluationError("One item has no interval: there is nothing to leave out. Ask more questions.")
    centre = sum(without) / n
    return math.sqrt((n - 1) / n * sum((value - centre) ** 2 for value in without))
