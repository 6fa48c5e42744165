"""Entries side by side: each figure of each, and the difference to one of them over the items that both have.

An entry is what was measured of one contestant: per figure, a score for each item (a question, a held-out line), None
where there is no score. Items are paired by their key, never by their place; what only one of them has is not compared.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Literal, NamedTuple

from roletune.errors import EvaluationError
from roletune.evaluation.bootstrap import FEWEST_GROUPS, wilson
from roletune.evaluation.compared_diversity import diversity, diversity_difference
from roletune.evaluation.paired import Tested, assess, holm
from roletune.records import ComparedFigure, ComparedReply, Comparison, Entrant, Estimate, PairedDifference


class Kind(NamedTuple):
    """What a figure is of, how its scores are read, and which way is better."""

    area: str
    unit: Literal["share", "mean", "nats"]
    better: Literal["low", "high", ""]


# Longer replies have fewer of them by nature, so none are better.
DISTINCT = ("distinct pairs of words", Kind("diversity", "share", ""))


class Score(NamedTuple):
    """The score of one item; `weight` are the tokens of a line, items of one `group` are alike."""

    value: float
    weight: float = 1.0
    group: str = ""


Scores = Mapping[str, Score | None]


@dataclass(frozen=True)
class Said:
    """One reply: whose, to what, and the checks that found something."""

    character: str
    question: str
    topic: str
    text: str
    found: tuple[str, ...] = ()


@dataclass(frozen=True)
class Entry:
    """One contestant of a comparison."""

    entrant: Entrant
    scores: Mapping[tuple[str, Kind], Scores]
    said: Mapping[str, Said] = field(default_factory=dict)


def compare_entries(
    entries: Sequence[Entry], against: str = "", *, notes: Iterable[str] = (), resamples: int = 4_000, seed: int = 0
) -> Comparison:
    """All against the entry named `against` (default: the first). Raises EvaluationError for fewer than two entries,
    a name used twice or one that nobody has."""
    names = [entry.entrant.name for entry in entries]
    against = against or (names[0] if names else "")
    if len(names) < 2:
        raise EvaluationError("It takes two to compare. Name another run, character or folder of replies.")
    if len(set(names)) < len(names) or against not in names:
        raise EvaluationError(f"Compared are {', '.join(names)}: every name once, and {against!r} among them.")
    kinds = list(dict.fromkeys(kind for entry in entries for kind in entry.scores))
    figures = [_figure(entries, name, kind, resamples, seed) for name, kind in kinds]
    if any(entry.said for entry in entries):
        figures.append(_distinct(entries))
    return Comparison(
        created=datetime.now(UTC).isoformat(timespec="seconds"),
        against=against,
        entrants=tuple(entry.entrant for entry in entries),
        figures=tuple(figures),
        differences=tuple(_differences(entries, kinds, against, resamples, seed)),
        notes=tuple(notes),
        replies=tuple(_replies(entries)),
    )


def _figure(entries: Sequence[Entry], name: str, kind: Kind, resamples: int, seed: int) -> ComparedFigure:
    estimates, unscored = {}, {}
    for entry in entries:
        every = entry.scores.get((name, kind), {})
        scores = [score for score in every.values() if score]
        unscored[entry.entrant.name] = len(every) - len(scores)
        if scores:
            estimates[entry.entrant.name] = _estimate(scores, kind, resamples, seed)
    return ComparedFigure(
        figure=name, area=kind.area, unit=kind.unit, better=kind.better, estimates=estimates, unscored=unscored
    )


def _distinct(entries: Sequence[Entry]) -> ComparedFigure:
    found = {entry.entrant.name: diversity([one.text for one in entry.said.values()]) for entry in entries}
    return ComparedFigure(
        figure=DISTINCT[0],
        area=DISTINCT[1].area,
        unit=DISTINCT[1].unit,
        better=DISTINCT[1].better,
        estimates={name: estimate for name, estimate in found.items() if estimate},
        unscored=dict.fromkeys(found, 0),
    )


def _estimate(scores: Sequence[Score], kind: Kind, resamples: int, seed: int) -> Estimate:
    if kind.unit == "share":
        rate = wilson(sum(score.value > 0.5 for score in scores), len(scores))
        return Estimate(value=rate.value, low=rate.low, high=rate.high, n=rate.n)
    found, _ = _test(scores, kind, resamples, seed)
    return Estimate(value=found.value, low=found.low, high=found.high, n=len(scores))


def _differences(
    entries: Sequence[Entry], kinds: Sequence[tuple[str, Kind]], against: str, resamples: int, seed: int
) -> list[PairedDifference]:
    reference = next(entry for entry in entries if entry.entrant.name == against)
    found = []
    for name, kind in kinds:
        for entry in entries:
            paired = _paired(entry.scores.get((name, kind), {}), reference.scores.get((name, kind), {}))
            if entry is not reference and paired:
                result, units = _test(paired, kind, resamples, seed)
                found.append((name, kind, entry.entrant.name, result, len(paired), units))
    theirs = {item: one.text for item, one in reference.said.items()}
    for entry in entries:
        whole = diversity_difference({item: one.text for item, one in entry.said.items()}, theirs)
        if entry is not reference and whole:
            found.append((*DISTINCT, entry.entrant.name, whole[0], whole[1], whole[1]))
    adjusted = holm([result.p for _, _, _, result, _, _ in found])
    return [
        PairedDifference(
            figure=name,
            entrant=entrant,
            against=against,
            difference=result.value,
            ci_low=result.low,
            ci_high=result.high,
            n=n,
            units=units,
            p=result.p,
            p_holm=corrected,
            clear=corrected < 0.05,
            direction=_direction(result, kind),
        )
        for (name, kind, entrant, result, n, units), corrected in zip(found, adjusted, strict=True)
    ]


def _paired(mine: Scores, theirs: Scores) -> list[Score]:
    """Differences on the items that both have; lines of other tokens are other items."""
    return [
        Score(a.value - b.value, a.weight, a.group)
        for item, a in mine.items()
        if a and (b := theirs.get(item)) and a.weight == b.weight
    ]


def _test(scores: Sequence[Score], kind: Kind, resamples: int, seed: int) -> tuple[Tested, int]:
    """The mean over what varies: whole groups for likelihoods and where there are many, else single items."""
    groups: defaultdict[object, list[Score]] = defaultdict(list)
    for number, score in enumerate(scores):
        groups[score.group or number].append(score)
    whole = kind.unit == "nats" or len(groups) >= FEWEST_GROUPS
    units = list(groups.values()) if whole else [[score] for score in scores]
    sums = [sum(score.value for score in unit) for unit in units]
    weights = [sum(score.weight for score in unit) for unit in units]
    return assess(sums, weights, resamples=resamples, seed=seed), len(units)


def _direction(result: Tested, kind: Kind) -> Literal["better", "worse", ""]:
    if not kind.better or result.low <= 0 <= result.high:
        return ""
    return "better" if (result.value > 0) == (kind.better == "high") else "worse"


def _replies(entries: Sequence[Entry]) -> list[ComparedReply]:
    items = dict.fromkeys(item for entry in entries for item in entry.said)
    found = []
    for item in items:
        said = {entry.entrant.name: entry.said[item] for entry in entries if item in entry.said}
        first = next(iter(said.values()))
        found.append(
            ComparedReply(
                character=first.character,
                question=first.question,
                topic=first.topic,
                replies={name: one.text for name, one in said.items()},
                found={name: one.found for name, one in said.items() if one.found},
            )
        )
    return found
