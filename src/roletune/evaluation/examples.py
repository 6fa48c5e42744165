"""What a reader is shown of each suite: its best and its worst, chosen by a rule and never by hand.

Where nothing differs nothing is shown. The records hold all of it, and so do the tables beside the page.
"""

from __future__ import annotations

from collections.abc import Sequence
from statistics import fmean
from typing import Any, NamedTuple

from roletune.evaluation.bandit import chances_of
from roletune.evaluation.bootstrap import wilson
from roletune.records import (
    BanditGame,
    BanditReport,
    CapabilityAnswer,
    HeardReply,
    PairedLine,
    PressureAnswer,
    QuestionnaireReport,
    Rate,
    Report,
    RuledAnswer,
)

MOST = 3  # of a kind


class Line(NamedTuple):
    """A held-out line and what it gained, in nats per token; below zero it is likelier to the adapter."""

    text: str
    difference: float


class Opinion(NamedTuple):
    """A statement and what was ticked on the scale, the mean of its repetitions; the adapter says something else."""

    text: str
    prompted: float
    adapter: float


class Pull(NamedTuple):
    """One pull: whether it was of the better lever (None: the reply named none), and whether that paid."""

    better: bool | None
    coin: bool


def examples(report: Report) -> dict[str, Any]:
    """By section, what is shown there."""
    return {
        "lines": line_extremes(report.evaluation.likelihood.lines),
        "tried": tried(report),
        "pressure": talks(report.pressure.answers) if report.pressure else {},
        "capability": moved(report.capability.answers) if report.capability else {},
        "bandit": games(report.bandit) if report.bandit else {},
        "voice": voices(report.voice.heard) if report.voice else {},
        "obedience": obeyed(report.obedience.answers) if report.obedience else {},
        "opinions": opinions(report.questionnaire) if report.questionnaire else [],
        "first": first_options(report.questionnaire) if report.questionnaire else {},
    }


def line_extremes(lines: Sequence[PairedLine]) -> dict[str, list[Line]]:
    """The lines that gained and lost most; none without texts."""
    told = [
        Line(line.text, (line.adapter - line.base_prompt) / line.tokens) for line in lines if line.text and line.tokens
    ]
    ordered = sorted(told, key=lambda line: line.difference)
    if len(ordered) < 2 * MOST:
        return {}
    return {"gained": ordered[:MOST], "lost": ordered[: -MOST - 1 : -1]}


def tried(report: Report) -> dict[str, dict[str, tuple[int, int]]]:
    """What was tried to lead the character out of its world: by category and contestant, leaks and replies."""
    found: dict[str, dict[str, tuple[int, int]]] = {}
    for answer in report.boundary.answers if report.boundary else ():
        for name, verdict in answer.verdicts.items():
            if verdict.outcome in ("leaked", "held", "unclear"):
                row = found.setdefault(answer.category, {})
                leaks, asked = row.get(name, (0, 0))
                row[name] = (leaks + (verdict.outcome == "leaked"), asked + 1)
    return found


def talks(answers: Sequence[PressureAnswer]) -> dict[str, PressureAnswer]:
    """The adapter's talk with the most leaks, and the one that it held longest without any."""
    mine = [answer for answer in answers if answer.contestant == "adapter"]
    gave = [answer for answer in mine if _count(answer, "leaked")]
    held = [answer for answer in mine if not _count(answer, "leaked") and _count(answer, "held")]
    shown: dict[str, PressureAnswer] = {}
    if gave:
        shown["gave way"] = max(gave, key=lambda answer: _count(answer, "leaked"))
    if held:
        shown["held"] = max(held, key=lambda answer: _count(answer, "held"))
    return shown


def moved(answers: Sequence[CapabilityAnswer]) -> dict[str, list[CapabilityAnswer]]:
    """Questions that the training turned right or wrong, with the persona."""
    both = [
        (answer, answer.chosen["base_prompt"] == 0, answer.chosen["adapter"] == 0)
        for answer in answers
        if answer.chosen.get("base_prompt") is not None and answer.chosen.get("adapter") is not None
    ]
    return {
        "gained": [answer for answer, before, after in both if after and not before][:MOST],
        "lost": [answer for answer, before, after in both if before and not after][:MOST],
    }


def games(report: BanditReport) -> dict[str, list[Pull]]:
    """The adapter's game with the most coins and the one with the fewest."""
    mine = sorted((game for game in report.games if game.contestant == "adapter"), key=lambda game: sum(game.rewards))
    if not mine or sum(mine[-1].rewards) == sum(mine[0].rewards):
        return {}
    return {"best": _pulls(mine[-1], report), "worst": _pulls(mine[0], report)}


def voices(heard: Sequence[HeardReply]) -> dict[str, list[HeardReply]]:
    """The adapter's replies that sound most and least like the character; none where there are too few to choose."""
    mine = sorted((one for one in heard if one.contestant == "adapter"), key=lambda one: one.score, reverse=True)
    return {"most": mine[:MOST], "least": mine[: -MOST - 1 : -1]} if len(mine) >= 2 * MOST else {}


def obeyed(answers: Sequence[RuledAnswer]) -> dict[str, list[RuledAnswer]]:
    """The adapter's replies that keep all of many rules, and those that break most."""
    mine = [(answer, broken) for answer in answers if (broken := answer.broken.get("adapter")) is not None]
    kept = sorted((answer for answer, broken in mine if not broken), key=lambda answer: -len(answer.rules))
    worst = sorted((one for one in mine if one[1]), key=lambda one: (-len(one[1]) / len(one[0].rules), -len(one[1])))
    return {"kept": kept[:MOST], "broken": [answer for answer, _ in worst[:MOST]]}


def first_options(report: QuestionnaireReport) -> dict[str, Rate]:
    """By contestant, how often the option that stood first was ticked: whoever always does so has no opinion."""
    ticked: dict[str, list[bool]] = {}
    for answer in report.answers:
        if answer.value is not None:
            ticked.setdefault(answer.contestant, []).append(answer.value == answer.order[0])
    return {name: wilson(sum(found), len(found)) for name, found in ticked.items()}


def opinions(report: QuestionnaireReport) -> list[Opinion]:
    """The statements on which adapter and prompted base are furthest apart."""
    ticked: dict[str, dict[str, list[int]]] = {}
    for answer in report.answers:
        if answer.value is not None and answer.item in report.statements:
            ticked.setdefault(answer.item, {}).setdefault(answer.contestant, []).append(answer.value)
    found = [
        Opinion(report.statements[item], fmean(by["base_prompt"]), fmean(by["adapter"]))
        for item, by in ticked.items()
        if by.keys() >= {"base_prompt", "adapter"}
    ]
    apart = [one for one in found if one.prompted != one.adapter]
    return sorted(apart, key=lambda one: -abs(one.adapter - one.prompted))[:MOST]


def _pulls(game: BanditGame, report: BanditReport) -> list[Pull]:
    first, second = chances_of(game.game, report.chances)
    better = 0 if first >= second else 1
    return [
        Pull(None if arm is None else arm == better, bool(coin))
        for arm, coin in zip(game.arms, game.rewards, strict=True)
    ]


def _count(answer: PressureAnswer, outcome: str) -> int:
    return sum(turn.verdict is not None and turn.verdict.outcome == outcome for turn in answer.turns)
