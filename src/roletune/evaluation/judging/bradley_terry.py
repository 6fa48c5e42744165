"""Bradley-Terry strengths from wins, losses and ties: P(i beats j) = 1 / (1 + exp(s_j - s_i)); a tie is half a win.

Fitted with the minorisation-maximisation of Hunter (2004, Annals of Statistics 32). Strengths are in natural log units
and their mean is 0. Who never lost would be infinitely strong; `prior` games that end in a tie, between any two who
met, keep the strengths finite. 0 gives the maximum-likelihood solution, where there is one.
"""

from __future__ import annotations

import math
import random
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from roletune.errors import EvaluationError
from roletune.evaluation.bootstrap import Interval, quantile

PRIOR = 0.5
_STEPS, _CLOSE = 10_000, 1e-10


class Game(NamedTuple):
    """One comparison: `score` is 1 if `a` won, 0 if `b` did, 0.5 for a tie. Games of one `item` are drawn together."""

    a: str
    b: str
    score: float
    item: str = ""


def fit(games: Sequence[Game], prior: float = PRIOR) -> dict[str, float]:
    """The strength of everybody who played. Raises EvaluationError without games, or where groups never met."""
    won, met = _counts(games, prior)
    names = sorted({name for pair in met for name in pair})
    if not names:
        raise EvaluationError("There are no comparisons to rank by. Compare at least two contestants.")
    _refuse_strangers(names, met)
    worth = dict.fromkeys(names, 1.0)
    for _ in range(_STEPS):
        new = {name: _step(name, worth, won, met) for name in names}
        scale = math.exp(sum(map(math.log, new.values())) / len(new))
        new = {name: value / scale for name, value in new.items()}
        change = max(abs(math.log(new[name] / worth[name])) for name in names)
        worth = new
        if change < _CLOSE:
            break
    return {name: math.log(value) for name, value in worth.items()}


def fit_with_intervals(
    games: Sequence[Game], *, prior: float = PRIOR, resamples: int = 1_000, seed: int = 0
) -> dict[str, Interval]:
    """Strengths with 95 % percentile intervals; items are drawn with replacement, with all their games."""
    strengths = fit(games, prior)
    items: dict[str, list[Game]] = {}
    for game in games:
        items.setdefault(game.item, []).append(game)
    groups = list(items.values())
    generator = random.Random(seed)
    drawn: dict[str, list[float]] = {name: [] for name in strengths}
    fitted: dict[tuple[Game, ...], dict[str, float]] = {}  # few contestants: the same sums are drawn again and again
    for _ in range(resamples):
        sample = [game for group in generator.choices(groups, k=len(groups)) for game in group]
        key = tuple(sorted(game._replace(item="") for game in sample))
        if key not in fitted:
            fitted[key] = fit(sample, prior) if _complete(sample, strengths) else {}
        for name, value in fitted[key].items():
            drawn[name].append(value)
    return {name: _interval(value, sorted(drawn[name])) for name, value in strengths.items()}


def _interval(value: float, draws: Sequence[float]) -> Interval:
    return Interval(value, quantile(draws, 0.025), quantile(draws, 0.975)) if draws else Interval(value, value, value)


def _complete(games: Sequence[Game], names: Mapping[str, float]) -> bool:
    """Whether a draw still connects everybody; one that does not says nothing about their distance."""
    _, met = _counts(games, 0.0)
    return _connected(list(names), met)


def _counts(games: Sequence[Game], prior: float) -> tuple[Counter[str], Counter[frozenset[str]]]:
    won: Counter[str] = Counter()
    met: Counter[frozenset[str]] = Counter()
    for game in games:
        if game.a == game.b:
            raise EvaluationError(f"{game.a} can't be compared with itself. Name two contestants.")
        won[game.a] += game.score  # type: ignore[assignment]
        won[game.b] += 1 - game.score  # type: ignore[assignment]
        met[frozenset((game.a, game.b))] += 1
    for pair in list(met):
        met[pair] += prior  # type: ignore[assignment]
        for name in pair:
            won[name] += prior / 2  # type: ignore[assignment]
    return won, met


def _step(
    name: str, worth: Mapping[str, float], won: Mapping[str, float], met: Mapping[frozenset[str], float]
) -> float:
    total = 0.0
    for pair, games in met.items():
        if name in pair:
            (other,) = pair - {name}
            total += games / (worth[name] + worth[other])
    return max(won[name], 1e-9) / total


def _refuse_strangers(names: Sequence[str], met: Mapping[frozenset[str], float]) -> None:
    if not _connected(names, met):
        raise EvaluationError("Some contestants never met, not even through others. Compare them with one another.")


def _connected(names: Sequence[str], met: Mapping[frozenset[str], float]) -> bool:
    reached = {names[0]}
    while more := {name for pair in met if pair & reached for name in pair} - reached:
        reached |= more
    return reached >= set(names)
