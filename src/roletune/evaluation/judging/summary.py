"""Interviews that were judged, in figures: means, paired differences, flaws; each with n and an interval.

Several judges of one item are averaged first, so that an item counts once. A failed interview and an unscored
dimension are counted and are in no mean.
"""

from __future__ import annotations

from collections.abc import Sequence

from roletune.evaluation.bootstrap import bootstrap_mean, wilson
from roletune.evaluation.estimates import estimate_mean
from roletune.evaluation.judging.agreement import mean
from roletune.evaluation.judging.calibration import EVERY, trust_in
from roletune.evaluation.judging.contests import pairwise_report
from roletune.evaluation.judging.rubrics import DIMENSIONS_OF
from roletune.evaluation.judging.shown import score_of, shown_interviews
from roletune.records import (
    CalibrationReport,
    Contestant,
    Dimension,
    Estimate,
    FlawRate,
    InterviewDifference,
    InterviewForm,
    InterviewItem,
    InterviewReport,
    InterviewScore,
    PairVerdict,
    PairwiseReport,
    Passage,
    Rate,
)

LEAST = 6  # paired questions; below, scores that all agree could still agree by chance


def summarise(
    items: Sequence[InterviewItem],
    pairs: Sequence[PairVerdict],
    *,
    adapter: str,
    judges: Sequence[str],
    flaws: bool = True,
    calibration: CalibrationReport | None = None,
    passages: Sequence[Passage] = (),
    resamples: int = 2_000,
) -> InterviewReport:
    """The report on a set of interviews; `flaws` tells whether they were looked for, `passages` are the evidence."""
    contestants = list(dict.fromkeys(item.contestant for item in items))
    forms = list(dict.fromkeys(item.form for item in items))
    return InterviewReport(
        adapter=adapter,
        judges=tuple(judges),
        questions=len({item.question for item in items if item.form == "single"}),
        talks=len({item.question for item in items if item.form == "multi"}),
        failed={name: sum(bool(i.failed) for i in items if i.contestant == name) for name in contestants},
        unread={judge: rate for judge in judges if (rate := _unread(items, judge))},
        scores=tuple(
            _scores(items, form, dimension, name, resamples)
            for form in forms
            for dimension in DIMENSIONS_OF[form]
            for name in contestants
            if judges
        ),
        differences=tuple(_differences(items, forms, judges, calibration, resamples)) if judges else (),
        overall=_overall(items, resamples) if judges else None,
        flaws=tuple(flaw_rate(items, name) for name in contestants if flaws and judges),
        pairs=_pairs(pairs, judges, calibration, resamples),
        calibration=calibration,
        shown=shown_interviews(items, {passage.id: passage for passage in passages}),
    )


def _unread(items: Sequence[InterviewItem], judge: str) -> Rate | None:
    given = [score.score is None for item in items for score in item.scores if score.judge == judge]
    return wilson(sum(given), len(given)) if given else None


def _pairs(
    pairs: Sequence[PairVerdict], judges: Sequence[str], calibration: CalibrationReport | None, resamples: int
) -> PairwiseReport | None:
    """Comparisons have no human scores of their own: their judges are believed as far as in all dimensions together."""
    found = pairwise_report(pairs, resamples=resamples)
    return found and found.model_copy(update={"trust": trust_in(EVERY, judges, calibration)})


def flaw_rate(items: Sequence[InterviewItem], contestant: Contestant) -> FlawRate:
    """The share of a contestant's interviews in which at least one quoted flaw was found."""
    held = [item for item in items if item.contestant == contestant and not item.failed]
    read = [item for item in held if item.flaws or not item.unread]
    flawed = sum(any(flaw.found for flaw in item.flaws) for item in read)
    return FlawRate(
        contestant=contestant,
        flawed=wilson(flawed, len(read)) if read else None,
        unfounded=sum(not flaw.found for item in read for flaw in item.flaws),
        unread=sum(len(item.unread) for item in held),
    )


def _scores(
    items: Sequence[InterviewItem], form: InterviewForm, dimension: Dimension, name: Contestant, resamples: int
) -> InterviewScore:
    held = [item for item in items if item.form == form and item.contestant == name and not item.failed]
    values = [score for item in held if (score := score_of(item, dimension)) is not None]
    found = bootstrap_mean(values, resamples=resamples) if values else None
    return InterviewScore(
        form=form,
        dimension=dimension,
        contestant=name,
        mean=found.value if found else None,
        low=found.low if found else None,
        high=found.high if found else None,
        n=len(values),
        unscored=len(held) - len(values),
    )


def _differences(
    items: Sequence[InterviewItem],
    forms: Sequence[InterviewForm],
    judges: Sequence[str],
    calibration: CalibrationReport | None,
    resamples: int,
) -> list[InterviewDifference]:
    """Adapter minus base_prompt, wherever both were scored; corrected for all comparisons of the table (Bonferroni)."""
    paired = {
        (form, dimension): values
        for form in forms
        for dimension in DIMENSIONS_OF[form]
        if (values := _paired(items, form, dimension))
    }
    found = []
    for (form, dimension), values in paired.items():
        difference = bootstrap_mean(values, resamples=resamples)
        corrected = bootstrap_mean(values, resamples=resamples, level=1 - 0.05 / len(paired))
        found.append(
            InterviewDifference(
                form=form,
                dimension=dimension,
                difference=difference.value,
                ci_low=difference.low,
                ci_high=difference.high,
                n=len(values),
                clear=len(values) >= LEAST and not corrected.low <= 0 <= corrected.high,
                trust=trust_in(dimension, judges, calibration),
            )
        )
    return found


def _overall(items: Sequence[InterviewItem], resamples: int) -> Estimate | None:
    """Over the single questions on which both were scored in the same dimensions, each dimension counting once."""
    own, other = (_scored(items, name) for name in ("adapter", "base_prompt"))
    differences = [
        mean([score - other[question][dimension] for dimension, score in given.items()])
        for question, given in own.items()
        if given and given.keys() == other.get(question, {}).keys()
    ]
    return estimate_mean(differences, resamples=resamples) if differences else None


def _scored(items: Sequence[InterviewItem], name: Contestant) -> dict[str, dict[Dimension, float]]:
    """By single question, a contestant's scores by dimension."""
    held = [item for item in items if item.form == "single" and item.contestant == name and not item.failed]
    return {
        item.question: {
            dimension: score
            for dimension in DIMENSIONS_OF["single"]
            if (score := score_of(item, dimension)) is not None
        }
        for item in held
    }


def _paired(items: Sequence[InterviewItem], form: InterviewForm, dimension: Dimension) -> list[float]:
    by_contestant: dict[Contestant, dict[str, float]] = {"adapter": {}, "base_prompt": {}}
    for item in items:
        score = score_of(item, dimension)
        if item.form == form and item.contestant in by_contestant and not item.failed and score is not None:
            by_contestant[item.contestant][item.question] = score
    adapted, prompted = by_contestant["adapter"], by_contestant["base_prompt"]
    return [adapted[question] - prompted[question] for question in adapted if question in prompted]
