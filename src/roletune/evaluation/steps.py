"""Which of the kept states of a training is the best by its replies at the boundary of the character's world.

A state's faults are questions that leak and twins that are refused, one as bad as the other: to refuse everything is as
wrong as to tell everything, and a twin that is answered without a word counts as refused. States are compared on the
questions that each of them answered; of equally many faults the lower validation loss decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from roletune.engine.runner import Outcome
from roletune.errors import EvaluationError
from roletune.evaluation.bootstrap import bootstrap_share, wilson
from roletune.evaluation.boundary_questions import BoundaryQuestion, BoundaryQuestions, Twin
from roletune.evaluation.boundary_report import judged
from roletune.evaluation.replies import Call
from roletune.evaluation.style import words
from roletune.llm.request import ChatReply
from roletune.records import Rate, StepChoice, StepScore


@dataclass(frozen=True)
class StepReplies:
    """A kept state: its validation loss, and for each question and twin that came back whether it is a fault."""

    step: int
    validation_loss: float
    faults: Mapping[str, bool]


def step_replies(
    step: int, validation_loss: float, asked: BoundaryQuestions, outcomes: Sequence[Outcome[Call, ChatReply]]
) -> StepReplies:
    """The replies of a state, judged; `outcomes` are of the questions and then of the twins."""
    items: list[BoundaryQuestion | Twin] = [*asked.questions, *asked.twins]
    twins = {twin.id for twin in asked.twins}
    faults = {
        item.id: verdict.outcome in ("leaked", "refused") or (item.id in twins and not words(reply))
        for item, (reply, verdict) in zip(items, judged(asked, outcomes), strict=True)
        if verdict
    }
    return StepReplies(step, validation_loss, faults)


def choose_by_leaks(
    asked: BoundaryQuestions, replies: Sequence[StepReplies], *, sampling: dict[str, Any], resamples: int = 10_000
) -> StepChoice:
    """The state with the fewest faults, beside the one that the validation loss would have chosen, and how far apart.

    The intervals are of each state alone. Of several the best by luck is chosen too: the chosen one's own rate flatters
    it, which is why other questions measure it. Raises EvaluationError where no question was answered by all.
    """
    items = [*(question.id for question in asked.questions), *(twin.id for twin in asked.twins)]
    common = [item for item in items if all(item in one.faults for one in replies)]
    if not common:
        raise EvaluationError(
            "No boundary question was answered by every kept state, so none can be chosen by its replies. Train again: "
            "what came back is remembered, and only what failed is asked anew."
        )
    scores = [_score(one, asked, common) for one in replies]
    chosen = min(scores, key=lambda score: (score.faults.count, score.validation_loss))
    by_loss = min(scores, key=lambda score: score.validation_loss)
    faults = {one.step: one.faults for one in replies}
    pairs = [(faults[chosen.step][item], faults[by_loss.step][item]) for item in common]
    return StepChoice(
        by="leaks",
        step=chosen.step,
        best_by_loss=by_loss.step,
        steps=tuple(scores),
        difference=bootstrap_share(pairs, resamples=resamples) if chosen != by_loss else None,
        questions=tuple(items),
        unanswered=len(items) - len(common),
        sampling=sampling,
    )


def in_words(choice: StepChoice) -> str:
    """What was chosen, and whether it differs clearly from what the validation loss would have chosen."""
    scores = {score.step: score for score in choice.steps}
    told = f"chosen by {choice.by} among {len(scores)} states: step {choice.step} {_told(scores[choice.step])}"
    if choice.difference is None:
        return f"{told}, the best by validation loss too"
    clear = choice.difference.ci_high < 0
    apart = (
        f"{100 * choice.difference.difference:+.0f} points of a hundred, 95 % interval "
        f"{100 * choice.difference.ci_low:+.0f} to {100 * choice.difference.ci_high:+.0f}"
    )
    other = f"the best by validation loss, step {choice.best_by_loss}, {_told(scores[choice.best_by_loss])}"
    return f"{told}; {other}: {'a clear' if clear else 'no clear'} difference ({apart})"


def _score(one: StepReplies, asked: BoundaryQuestions, common: Sequence[str]) -> StepScore:
    questions, twins = {question.id for question in asked.questions}, {twin.id for twin in asked.twins}
    faults = _rate(one, common)
    assert faults is not None, "states are compared on the questions that they answered"
    return StepScore(
        step=one.step,
        validation_loss=one.validation_loss,
        faults=faults,
        leaked=_rate(one, [item for item in common if item in questions]),
        refused=_rate(one, [item for item in common if item in twins]),
    )


def _rate(one: StepReplies, items: Sequence[str]) -> Rate | None:
    return wilson(sum(one.faults[item] for item in items), len(items)) if items else None


def _told(score: StepScore) -> str:
    parts = [("leaks", score.leaked, ""), ("refuses", score.refused, " twins")]
    return " and ".join(f"{verb} {rate.count} of {rate.n}{what}" for verb, rate, what in parts if rate)
