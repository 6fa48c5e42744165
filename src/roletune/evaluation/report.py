"""The parts of an evaluation become one `Report`, with a verdict in words that the figures allow and no more.

The verdict is composed by `templates/verdict.txt.jinja` from what `judge` finds: whether the interval of the paired
difference leaves room for no difference, how rough the data make it, and what the style checks saw.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from roletune.evaluation import templating
from roletune.evaluation.style import NO_WARNING, NOTES
from roletune.records import (
    Adapter,
    DataStatistics,
    Difference,
    Evaluation,
    Finding,
    Rate,
    Report,
    Suites,
    Timings,
    TrainingReport,
    lowest_loss,
)

FEW_LINES, FEW_SCENES = 40, 10  # below, the interval itself is rough
LEAST_SCENES = 6  # below, scenes that all agree could still agree by chance (sign test: 2 / 2**5 > 0.05)
WEAK = 0.9  # a check that fewer of the adapter's replies pass is named in the verdict

Outcome = Literal["better", "unclear", "worse"]


@dataclass(frozen=True)
class Judgement:
    """What the figures allow to say. `weak` are the checks that too few of the adapter's replies pass."""

    outcome: Outcome
    too_few: bool
    rough: bool
    clean: Rate
    clean_prompt: Rate
    weak: tuple[tuple[str, Rate], ...]
    overfitted: bool
    authentic: bool
    unanswered: int


def outcome_of(difference: Difference) -> Outcome:
    """Better or worse only where the whole interval is on one side of no difference, and scenes enough for one."""
    if difference.n_scenes < LEAST_SCENES:
        return "unclear"
    if difference.ci_high < 0:
        return "better"
    return "worse" if difference.ci_low > 0 else "unclear"


def judge(evaluation: Evaluation, training: TrainingReport, data: DataStatistics) -> Judgement:
    """The figures, read by fixed rules."""
    against = evaluation.likelihood.adapter_vs_base_prompt
    rates = evaluation.style.rates
    weak = [
        (check, rate)
        for check, rate in rates["adapter"].items()
        if check not in (NO_WARNING, *NOTES) and rate.value < WEAK
    ]
    last = max((point.step for point in training.curve if point.validation_loss is not None), default=0)
    return Judgement(
        outcome=outcome_of(against),
        too_few=against.n_scenes < LEAST_SCENES,
        rough=against.n_lines < FEW_LINES or against.n_scenes < FEW_SCENES,
        clean=rates["adapter"][NO_WARNING],
        clean_prompt=rates["base_prompt"][NO_WARNING],
        weak=tuple(sorted(weak, key=lambda item: item[1].value)),
        overfitted=(lowest_loss(training.curve) if training.choice else training.best_step) < last,
        authentic=data.origins.get("authentic", 0) * 2 > sum(data.origins.values()),
        unanswered=len(evaluation.replies) - rates["adapter"][NO_WARNING].n,
    )


def training_report(adapter: Adapter) -> TrainingReport:
    """The figures of a training, as its adapter keeps them."""
    shared = TrainingReport.model_fields.keys() & Adapter.model_fields.keys()
    return TrainingReport(**{name: getattr(adapter, name) for name in shared})


def build_report(
    *,
    adapter: Adapter,
    data: DataStatistics,
    evaluation: Evaluation,
    timings: Timings,
    created: str,
    versions: Mapping[str, str],
    peak_memory_bytes: int,
    suites: Suites | None = None,
    lint: Sequence[Finding] = (),
    notices: Sequence[str] = (),
) -> Report:
    """Everything together; `created` is UTC in ISO 8601, `notices` are shown as they are."""
    training = training_report(adapter)
    return Report(
        character=adapter.character,
        created=created,
        verdict=_verdict(adapter.character, evaluation, training, data, suites or Suites()),
        base_model=adapter.base,
        data=data,
        lint=tuple(lint),
        training=training,
        evaluation=evaluation,
        **dict(suites or Suites()),
        timings=timings,
        versions=dict(versions),
        peak_memory_bytes=peak_memory_bytes,
        notices=tuple(notices),
    )


def _verdict(
    character: str,
    evaluation: Evaluation,
    training: TrainingReport,
    data: DataStatistics,
    suites: Suites,
) -> str:
    template = templating.text().get_template("verdict.txt.jinja")
    paragraph = template.render(
        character=character,
        judgement=judge(evaluation, training, data),
        likelihood=evaluation.likelihood,
        training=training,
        boundary=suites.boundary,
        forgotten=suites.capability.changes.get("training") if suites.capability else None,
    )
    return " ".join(paragraph.split())
