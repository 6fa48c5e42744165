"""A two-armed bandit: whether a character that plays a game learns from what happens to it.

One arm pays more often than the other. Regret is what always pulling the better arm would have been expected to earn
more, a pull; it is computed from the chances of the arms pulled, not from luck. Whoever pulls at random loses half the
gap between the arms a pull, whoever always pulls one arm does so too over games in which the better arm changes sides.
"""

from __future__ import annotations

import random
import re
from collections.abc import Awaitable, Callable, Sequence
from itertools import pairwise
from typing import NamedTuple

from roletune.errors import EvaluationError
from roletune.evaluation.bootstrap import wilson
from roletune.evaluation.estimates import estimate_mean
from roletune.records import BanditGame, BanditReport, BanditScores, Contestant, Estimate, Rate

History = Sequence[tuple[int, int]]
"""(arm, reward) of each pull so far."""
Policy = Callable[[History], Awaitable[int | None]]
"""Chooses the next arm, 0 or 1; None where a model's reply names none."""


class Played(NamedTuple):
    """What happened: the arm of each round (None: no arm was named), and what it paid."""

    arms: tuple[int | None, ...]
    rewards: tuple[int, ...]


async def play(policy: Policy, chances: tuple[float, float], rounds: int, *, seed: int = 0) -> Played:
    """Play `rounds` with a policy. Whether an arm pays is drawn beforehand, so every policy meets the same luck.

    Raises EvaluationError for arms that are alike.
    """
    if chances[0] == chances[1] or not all(0 <= chance <= 1 for chance in chances):
        raise EvaluationError(f"The arms pay with {chances}. Give two different chances between 0 and 1.")
    generator = random.Random(seed)
    luck = [[int(generator.random() < chance) for chance in chances] for _ in range(rounds)]
    arms: list[int | None] = []
    rewards: list[int] = []
    for pays in luck:
        arm = await policy([(one, won) for one, won in zip(arms, rewards, strict=True) if one is not None])
        arms.append(arm if arm in (0, 1) else None)
        rewards.append(pays[arm] if arm in (0, 1) else 0)
    return Played(tuple(arms), tuple(rewards))


def read_arm(reply: str, names: tuple[str, str]) -> int | None:
    """The arm that the reply names; None for both or neither."""
    found = [
        arm for arm, name in enumerate(names) if re.search(rf"(?<!\w){re.escape(name)}(?!\w)", reply, re.IGNORECASE)
    ]
    return found[0] if len(found) == 1 else None


def chances_of(game: int, chances: tuple[float, float]) -> tuple[float, float]:
    """The better arm changes sides from game to game."""
    return chances if game % 2 == 0 else (chances[1], chances[0])


def bandit_report(
    games: Sequence[BanditGame], *, adapter: str, chances: tuple[float, float], resamples: int = 10_000
) -> BanditReport:
    """The scores of every contestant over its games, and the paired difference of the regrets."""
    names: list[Contestant] = list(dict.fromkeys(game.contestant for game in games))
    return BanditReport(
        adapter=adapter,
        chances=chances,
        random_regret=abs(chances[0] - chances[1]) / 2,
        scores={
            name: _scores([game for game in games if game.contestant == name], chances, resamples) for name in names
        },
        difference=_difference(games, chances, resamples),
        games=tuple(games),
    )


def regret(game: BanditGame, chances: tuple[float, float]) -> float | None:
    """Expected loss against the better arm a pull; None where no arm was pulled."""
    arms = [arm for arm in game.arms if arm is not None]
    pays = chances_of(game.game, chances)
    return sum(max(pays) - pays[arm] for arm in arms) / len(arms) if arms else None


def _scores(games: Sequence[BanditGame], chances: tuple[float, float], resamples: int) -> BanditScores:
    regrets = [value for game in games if (value := regret(game, chances)) is not None]
    best: list[bool] = []
    won: list[bool] = []
    lost: list[bool] = []
    for game in games:
        pays = chances_of(game.game, chances)
        best += [pays[arm] == max(pays) for arm in game.arms if arm is not None]
        for (before, paid), (after, _) in pairwise(zip(game.arms, game.rewards, strict=True)):
            if before is not None and after is not None:
                (won if paid else lost).append(before == after)
    return BanditScores(
        regret=estimate_mean(regrets, resamples=resamples) if regrets else None,
        share_best=_rate(best),
        stayed_after_win=_rate(won),
        moved_after_loss=_rate([not stayed for stayed in lost]),
        unscored=sum(arm is None for game in games for arm in game.arms),
    )


def _difference(games: Sequence[BanditGame], chances: tuple[float, float], resamples: int) -> Estimate | None:
    """Regret of the adapter minus that of base_prompt, paired by game."""
    of = {(game.contestant, game.game): regret(game, chances) for game in games}
    pairs = [(value, of.get(("base_prompt", game))) for (name, game), value in of.items() if name == "adapter"]
    differences = [own - other for own, other in pairs if own is not None and other is not None]
    return estimate_mean(differences, resamples=resamples) if differences else None


def _rate(found: Sequence[bool]) -> Rate | None:
    return wilson(sum(found), len(found)) if found else None
