"""How much data is enough: a power law through the losses of nested subsets, and what it makes of twice the data.

Loss = floor + factor * scenes ** -exponent, in nats per token (Hestness et al. 2017, https://arxiv.org/abs/1712.00409).
The exponent is looked for on a grid, the other two by least squares, none of them below 0. The interval is that of a
bootstrap over held-out scenes, the same draw for every size: it knows nothing of other seeds, nor of another law.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from roletune.errors import EvaluationError
from roletune.evaluation.comparing import Score
from roletune.records import CurvePoint, Estimate, PowerLaw

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

FEWEST_SIZES = 3
EXPONENTS = (0.05, 1.5, 60)  # from, to, how many


def fit_curve(
    sizes: Sequence[int], scores: Sequence[Mapping[str, Score]], *, resamples: int = 2_000, seed: int = 0
) -> tuple[list[Estimate], PowerLaw, Estimate]:
    """The mean loss of each size, the law, and the change that twice the largest size would bring.

    `sizes` are numbers of training scenes, ascending; `scores` hold the same held-out lines for each of them. Raises
    EvaluationError for fewer than three different sizes or no lines.
    """
    import numpy as np

    if len(set(sizes)) < FEWEST_SIZES or not scores[0]:
        raise EvaluationError(
            f"A curve needs held-out lines and {FEWEST_SIZES} different sizes; these are {', '.join(map(str, sizes))} "
            "training scenes. Add scenes, or name other --shares."
        )
    nats, tokens = _by_scene(scores)
    drawn = np.random.default_rng(seed).integers(0, len(tokens), size=(resamples, len(tokens)))
    losses = nats[drawn].sum(1) / tokens[drawn].sum(1)[:, None]  # a draw and a size
    seen = nats.sum(0) / tokens.sum()
    low, high = np.quantile(losses, [0.025, 0.975], axis=0)
    n = len(scores[0])
    means = [
        Estimate(value=float(v), low=float(a), high=float(b), n=n) for v, a, b in zip(seen, low, high, strict=True)
    ]
    at = np.asarray(sizes, dtype=float)
    floor, factor, exponent = (float(value[0]) for value in fit_power_law(at, seen[None]))
    low, high = np.quantile(_gain(at, losses), [0.025, 0.975])
    value = float(_gain(at, seen[None])[0])
    twice = Estimate(value=value, low=float(low), high=float(high), n=len(tokens))
    return means, PowerLaw(floor=floor, factor=factor, exponent=exponent), twice


def fit_power_law(sizes: Floats, losses: Floats) -> tuple[Floats, Floats, Floats]:
    """Floor, factor and exponent for each row of `losses` (draws, sizes)."""
    import numpy as np

    best: Any = (np.full(len(losses), np.inf), *(np.zeros(len(losses)) for _ in range(3)))
    for exponent in np.geomspace(*EXPONENTS[:2], EXPONENTS[2]):
        x = sizes**-exponent
        centred = x - x.mean()
        factor = np.maximum(0.0, losses @ centred / (centred @ centred))
        floor = losses.mean(1) - factor * x.mean()
        through = losses @ x / (x @ x)  # with a floor of 0
        factor = np.where(floor < 0, through, factor)
        floor = np.maximum(0.0, floor)
        error = ((losses - floor[:, None] - factor[:, None] * x) ** 2).sum(1)
        better = error < best[0]
        best = tuple(
            np.where(better, new, old)
            for new, old in zip((error, floor, factor, np.full(len(losses), exponent)), best, strict=True)
        )
    return best[1], best[2], best[3]


def shares_told(
    shares: Sequence[float], scenes: Sequence[int], tokens: Sequence[int], means: Sequence[Estimate]
) -> tuple[CurvePoint, ...]:
    """The points of the curve as records."""
    rows = zip(shares, scenes, tokens, means, strict=True)
    return tuple(CurvePoint(share=share, scenes=n, tokens=count, nll=mean) for share, n, count, mean in rows)


def _gain(sizes: Floats, losses: Floats) -> Floats:
    _, factor, exponent = fit_power_law(sizes, losses)
    largest = sizes[-1]
    gained: Floats = factor * ((2 * largest) ** -exponent - largest**-exponent)
    return gained


def _by_scene(scores: Sequence[Mapping[str, Score]]) -> tuple[Floats, Floats]:
    """Nats (scene, size) and tokens (scene)."""
    import numpy as np

    scenes: defaultdict[str, list[str]] = defaultdict(list)
    for line, score in scores[0].items():
        scenes[score.group].append(line)
    nats = [[sum(one[line].value for line in lines) for one in scores] for lines in scenes.values()]
    return np.array(nats), np.array([sum(scores[0][line].weight for line in lines) for lines in scenes.values()])
