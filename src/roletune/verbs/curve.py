"""The learning curve of a character: the same recipe on nested subsets of its training scenes."""

from __future__ import annotations

from collections.abc import Sequence

from roletune.errors import EvaluationError, ProjectError
from roletune.evaluation.learning_curve import fit_curve, shares_told
from roletune.records import DataCurve
from roletune.verbs.ablate import Trials, mean_scores
from roletune.verbs.variants import Variant, share_variant
from roletune.workbench import Workbench


def read_shares(told: str) -> dict[float, Variant]:
    """The variant of each share, the full recipe first. Raises ProjectError for what is no share."""
    try:
        shares = {float(part) for part in told.split(",")}
    except ValueError as error:
        raise ProjectError(f"--shares {told}: these are numbers like 0.25,0.5,1") from error
    if not all(0 < share <= 1 for share in shares):
        raise ProjectError(f"--shares {told}: a share lies above 0, and 1 is all training scenes.")
    return {share: share_variant(share) for share in sorted({*shares, 1.0}, reverse=True)}


def draw_curve(bench: Workbench, shares: Sequence[float], trials: Trials) -> DataCurve:
    """Points, law and what twice the data would bring. Raises EvaluationError for too few sizes."""
    if trials.failed:
        why = "; ".join(f"{name}: {reason}" for name, reason in trials.failed.items())
        raise EvaluationError(f"Not every share could be trained on ({why}). Name larger --shares.")
    lines = set(trials.measured[0].scores[0])
    measured, ascending = trials.measured[::-1], list(shares)[::-1]
    scores = [mean_scores(one.scores, lines) for one in measured]
    sizes = [one.statistics.train_dialogues for one in measured]
    resamples = bench.project.character.evaluate.resamples
    means, law, twice = fit_curve(sizes, scores, resamples=resamples)
    base = trials.base.values()
    return DataCurve(
        character=bench.project.character.name,
        base=bench.base.label,
        seeds=len(measured[0].adapters),
        base_prompt=sum(score.value for score in base) / sum(score.weight for score in base),
        points=shares_told(ascending, sizes, [one.statistics.train_tokens for one in measured], means),
        law=law,
        twice=twice,
        resamples=resamples,
    )
