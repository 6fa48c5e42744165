"""Whether a judge may be believed: its scores against people's, with the baseline that any constant answer reaches.

A judge that gives everybody the same score agrees with people more often than one thinks: on published role-play data a
constant is right in 34 to 69 % of the cases. So a judge counts as usable in a dimension only if, with its bias taken
off (an equal shift moves no ranking), it errs less than the humans' median would, and the whole bootstrap interval of
that gain is above zero. Elsewhere its scores are shown and nobody is ranked by them.

Length: the rank correlation between the words of a reply and what the judge gives beyond the people. Self-preference:
what it gives its own model's replies beyond people, minus the same for others' replies. Position: of the pairs whose
verdict changes with the order, the share in which it was always the first. Each with an interval, for which whole
interviews are drawn: the scores of one reply in several dimensions are no independent evidence.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from roletune.evaluation.bootstrap import wilson
from roletune.evaluation.judging.agreement import (
    bootstrap,
    mean,
    median,
    pearson,
    spearman,
    weighted_kappa,
)
from roletune.evaluation.judging.human import HumanScores
from roletune.evaluation.judging.rubrics import DIMENSIONS
from roletune.records import Agreement, CalibrationReport, InterviewItem, Interviews, JudgeBias, PairVerdict, Trust

FEWEST = 10  # interviews; below, nothing is said
EVERY = "all"


class Scored(NamedTuple):
    """One item in one dimension, scored by a judge and by people; `words` of the replies, `own`: by its own model."""

    item: str
    dimension: str
    judge: float
    human: float
    words: int
    own: bool

    @property
    def residual(self) -> float:
        """What the judge gives beyond people."""
        return self.judge - self.human


def calibrate(interviews: Interviews, human: HumanScores, *, resamples: int = 2_000) -> CalibrationReport:
    """Every judge in every dimension that people scored, and its biases."""
    judged = {(item.id, score.dimension) for item in interviews.items for score in item.scores}
    agreement, biases = [], []
    for judge in interviews.report.judges:
        rows = scored_by(judge, interviews, human)
        for dimension in (*DIMENSIONS, EVERY):
            chosen = [row for row in rows if dimension in (EVERY, row.dimension)]
            unscored = _unscored(judge, dimension, interviews.items, human)
            if chosen or unscored:
                agreement.append(agree(judge, dimension, chosen, unscored, resamples=resamples))
        biases += biases_of(judge, rows, interviews.pairs, resamples=resamples)
    return CalibrationReport(
        agreement=tuple(agreement), biases=tuple(biases), unmatched=sum(key not in judged for key in human)
    )


def scored_by(judge: str, interviews: Interviews, human: HumanScores) -> list[Scored]:
    """What a judge and people both scored."""
    rows = []
    for item in interviews.items:
        words = sum(len(turn.reply.split()) for turn in item.turns)
        own = _own(judge, interviews.models.get(item.contestant, ""))
        for score in item.scores:
            theirs = human.get((item.id, score.dimension))
            if score.judge == judge and score.score is not None and theirs is not None:
                rows.append(Scored(item.id, score.dimension, score.score, theirs, words, own))
    return rows


def agree(judge: str, dimension: str, rows: Sequence[Scored], unscored: int, *, resamples: int = 2_000) -> Agreement:
    """The figures for one judge in one dimension."""
    ours, theirs = [row.judge for row in rows], [row.human for row in rows]
    residuals = [row.residual for row in rows]
    items = by_item(rows)
    bias = bootstrap(items, _bias_of, resamples=resamples) if rows else (0.0, 0.0, 0.0)
    gain = bootstrap(items, _gain, resamples=resamples) if rows else (0.0, 0.0, 0.0)
    why = _objection(ours, len(items), gain[1])
    return Agreement(
        judge=judge,
        dimension=dimension,
        n=len(rows),
        unscored=unscored,
        pearson=pearson(ours, theirs),
        spearman=spearman(ours, theirs),
        kappa=weighted_kappa(ours, theirs),
        bias=bias[0],
        bias_low=bias[1],
        bias_high=bias[2],
        error=mean([abs(value) for value in residuals]) if rows else 0.0,
        constant_error=_constant_error(theirs) if rows else 0.0,
        gain=gain[0],
        gain_low=gain[1],
        gain_high=gain[2],
        usable=not why,
        why=why,
    )


def biases_of(
    judge: str, rows: Sequence[Scored], pairs: Sequence[PairVerdict], *, resamples: int = 2_000
) -> list[JudgeBias]:
    """Those that the data can show; a bias of which there is too little to see is left out."""
    found = []
    flipped = [pair for pair in pairs if pair.judge == judge and pair.flipped and "tie" not in (pair.ab, pair.ba)]
    if flipped:
        rate = wilson(sum(pair.ab == "first" for pair in flipped), len(flipped))
        found.append(_bias(judge, "position", (rate.value, rate.low, rate.high), 0.5, len(flipped)))
    items = by_item(rows)
    if len(items) >= FEWEST and len({row.words for row in rows}) > 1:
        found.append(_bias(judge, "length", bootstrap(items, _length, resamples=resamples), 0.0, len(rows)))
    own = sum(item[0].own for item in items)
    if own >= FEWEST and len(items) - own >= FEWEST:
        found.append(_bias(judge, "self_preference", bootstrap(items, _favour, resamples=resamples), 0.0, len(rows)))
    return found


def trust_in(dimension: str, judges: Sequence[str], calibration: CalibrationReport | None) -> Trust:
    """Whether scores in a dimension may rank: only if every judge that gave them is usable there."""
    rows = [row for row in calibration.agreement if row.dimension == dimension] if calibration else []
    if not rows:
        return "uncalibrated"
    usable = {row.judge for row in rows if row.usable}
    return "calibrated" if usable >= set(judges) else "refused"


def by_item(rows: Sequence[Scored]) -> list[list[Scored]]:
    """The rows of each item together: several scores of one reply are alike, and are drawn together."""
    items: dict[str, list[Scored]] = {}
    for row in rows:
        items.setdefault(row.item, []).append(row)
    return list(items.values())


def _objection(ours: Sequence[float], items: int, gain_low: float) -> str:
    if items < FEWEST:
        return f"fewer than {FEWEST} interviews to compare"
    if len(set(ours)) == 1:
        return f"it always gives {ours[0]:g}"
    return "" if gain_low > 0 else "it is no better than a constant"


def _bias_of(rows: Sequence[Scored]) -> float:
    return mean([row.residual for row in rows])


def _gain(rows: Sequence[Scored]) -> float:
    residuals = [row.residual for row in rows]
    shift = median(residuals)
    return _constant_error([row.human for row in rows]) - mean([abs(value - shift) for value in residuals])


def _constant_error(theirs: Sequence[float]) -> float:
    middle = median(theirs)
    return mean([abs(value - middle) for value in theirs])


def _length(rows: Sequence[Scored]) -> float | None:
    return spearman([float(row.words) for row in rows], [row.residual for row in rows])


def _favour(rows: Sequence[Scored]) -> float:
    own, others = [row.residual for row in rows if row.own], [row.residual for row in rows if not row.own]
    return mean(own) - mean(others) if own and others else 0.0


def _bias(judge: str, kind: str, interval: tuple[float, float, float], neutral: float, n: int) -> JudgeBias:
    value, low, high = interval
    outside = not low <= neutral <= high
    return JudgeBias.model_validate(
        {"judge": judge, "kind": kind, "value": value, "low": low, "high": high, "neutral": neutral, "n": n}
        | {"found": outside}
    )


def _unscored(
    judge: str, dimension: str, items: Sequence[InterviewItem], human: Mapping[tuple[str, str], float]
) -> int:
    return sum(
        score.judge == judge
        and score.score is None
        and dimension in (EVERY, score.dimension)
        and (item.id, score.dimension) in human
        for item in items
        for score in item.scores
    )


def _own(judge: str, model: str) -> bool:
    """Whether a judge is the model that it judges, with or without an adapter: 'm' is 'm' and 'm+adapter'."""
    names = [name.casefold().partition("+")[0].rpartition("/")[2] for name in (judge, model)]
    return bool(names[0]) and names[0] == names[1]
