"""Paired comparisons: an interval, a test without assumptions on how scores are spread, and Holm's correction.

Units are drawn and flipped whole: scenes where there are enough of them or lines are what is scored, else single items.
All draws are seeded, so the same scores give the same figures.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

EXACT = 12  # units: up to here all ways to flip their signs are tried
DRAWS_AT_ONCE = 2_000_000  # numbers of a block of draws: 16 MB


class Tested(NamedTuple):
    """A weighted mean with its percentile interval, and the two-sided p of its being 0."""

    value: float
    low: float
    high: float
    p: float


def assess(sums: Sequence[float], weights: Sequence[float], *, resamples: int = 4_000, seed: int = 0) -> Tested:
    """The sum of `sums` over that of `weights`, one entry a unit (at least one, weights above 0)."""
    import numpy as np

    if not any(sums):  # nobody differs anywhere: no draw would
        return Tested(0.0, 0.0, 0.0, 1.0)
    values, sizes = np.asarray(sums, dtype=float), np.asarray(weights, dtype=float)
    generator = np.random.default_rng(seed)
    draws = np.sort(_resampled(values, sizes, resamples, generator))
    low, high = np.quantile(draws, [0.025, 0.975])
    return Tested(
        float(values.sum() / sizes.sum()), float(low), float(high), sign_flip(values[values != 0], resamples, generator)
    )


def sign_flip(values: Floats, draws: int, generator: Any) -> float:
    """How often random signs give a sum at least as far from 0: exact for few units, drawn for many.

    For differences of yes and no it is the exact McNemar test.
    """
    import numpy as np

    n = len(values)
    if n == 0:
        return 1.0
    reached = abs(values.sum()) - 1e-9 * np.abs(values).sum()
    if n <= EXACT:
        signs = 1 - 2 * ((np.arange(2**n)[:, None] >> np.arange(n)) & 1)
        return float(np.mean(np.abs(signs @ values) >= reached))
    hits = 0
    for size in _blocks(draws, n):
        signs = generator.integers(0, 2, size=(size, n), dtype=np.int8) * 2.0 - 1
        hits += int((np.abs(signs @ values) >= reached).sum())
    return (hits + 1) / (draws + 1)  # the order that was seen is one of those possible


def holm(p_values: Sequence[float]) -> list[float]:
    """Adjusted for all of them together (Holm 1979), in their order."""
    adjusted, running = [0.0] * len(p_values), 0.0
    for rank, place in enumerate(sorted(range(len(p_values)), key=lambda k: p_values[k])):
        running = max(running, min(1.0, (len(p_values) - rank) * p_values[place]))
        adjusted[place] = running
    return adjusted


def _resampled(values: Floats, sizes: Floats, draws: int, generator: Any) -> Floats:
    import numpy as np

    found = []
    for size in _blocks(draws, len(values)):
        picked = generator.integers(0, len(values), size=(size, len(values)))
        found.append(values[picked].sum(1) / sizes[picked].sum(1))
    joined: Floats = np.concatenate(found)
    return joined


def _blocks(draws: int, width: int) -> list[int]:
    most = max(1, DRAWS_AT_ONCE // width)
    return [min(most, draws - start) for start in range(0, draws, most)]
