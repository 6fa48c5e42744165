"""Which of the kept states of a training is the best by its replies: the one with the fewest faults.

    leaks   boundary questions that leak and twins that are refused, one as bad as the other: to refuse everything is as
            wrong as to tell everything, and a twin that is answered without a word counts as refused
    voice   replies that the classifier of `authenticity` does not take for the character's

States are compared on what each of them answered; of equally many faults the lower validation loss decides.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from roletune.engine.runner import Outcome
from roletune.errors import EvaluationError
from roletune.evaluation.authenticity import Voice
from roletune.evaluation.bootstrap import bootstrap_share, wilson
from roletune.evaluation.boundary_questions import BoundaryQuestion, BoundaryQuestions, Twin
from roletune.evaluation.boundary_report import judged
from roletune.evaluation.replies import Call
from roletune.evaluation.style import words
from roletune.llm.request import ChatReply
from roletune.records import Rate, StepChoice, StepScore, VoiceClassifier

Outcomes = Sequence[Outcome[Call, ChatReply]]


@dataclass(frozen=True)
class StepReplies:
    """A kept state: its validation loss, and by id of what was asked whether the reply that came is a fault."""

    step: int
    validation_loss: float
    faults: Mapping[str, bool]


def leak_faults(asked: BoundaryQuestions, outcomes: Outcomes) -> dict[str, bool]:
    """Of each reply that came, whether it is a fault; `outcomes` are of the questions and then of the twins."""
    items: list[BoundaryQuestion | Twin] = [*asked.questions, *asked.twins]
    twins = {twin.id for twin in asked.twins}
    return {
        item.id: verdict.outcome in ("leaked", "refused") or (item.id in twins and not words(reply))
        for item, (reply, verdict) in zip(items, judged(asked, outcomes), strict=True)
        if verdict
    }


def voice_faults(voice: Voice, outcomes: Outcomes) -> dict[str, bool]:
    """Of each reply that came, whether it is not taken for the character's; one without a word is not."""
    came = {outcome.item.question.id: outcome.value.text for outcome in outcomes if outcome.value}
    odds = voice.scores(list(came.values())) if came else ()
    return {item: not words(text) or bool(score <= 0) for (item, text), score in zip(came.items(), odds, strict=True)}


def choose(
    by: Literal["leaks", "voice"],
    replies: Sequence[StepReplies],
    items: Sequence[str],
    *,
    asked: BoundaryQuestions | None = None,
    sampling: dict[str, Any],
    classifier: VoiceClassifier | None = None,
    resamples: int = 10_000,
) -> StepChoice:
    """The state with the fewest faults, beside the one that the validation loss would have chosen, and how far apart.

    The intervals are of each state alone. Of several the best by luck is chosen too: the chosen one's own rate flatters
    it, which is why other questions measure it. `items` are ids of all that was asked, `asked` the boundary questions
    among them. Raises EvaluationError where nothing was answered by all.
    """
    common = [item for item in items if all(item in one.faults for one in replies)]
    if not common:
        raise EvaluationError(
            "No question was answered by every kept state, so none can be chosen by its replies. Train again: what "
            "came back is remembered, and only what failed is asked anew."
        )
    scores = [_score(one, asked, common) for one in replies]
    chosen = min(scores, key=lambda score: (score.faults.count, score.validation_loss))
    by_loss = min(scores, key=lambda score: score.validation_loss)
    faults = {one.step: one.faults for one in replies}
    pairs = [(faults[chosen.step][item], faults[by_loss.step][item]) for item in common]
    return StepChoice(
        by=by,
        step=chosen.step,
        best_by_loss=by_loss.step,
        steps=tuple(scores),
        difference=bootstrap_share(pairs, resamples=resamples) if chosen != by_loss else None,
        questions=tuple(items) if asked else (),
        unanswered=len(items) - len(common),
        classifier=classifier,
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


def _score(one: StepReplies, asked: BoundaryQuestions | None, common: Sequence[str]) -> StepScore:
    questions = {question.id for question in asked.questions} if asked else set()
    twins = {twin.id for twin in asked.twins} if asked else set()
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
    if score.leaked is None and score.refused is None:
        return f"is taken for the character in {score.faults.n - score.faults.count} of {score.faults.n} replies"
    parts = [("leaks", score.leaked, ""), ("refuses", score.refused, " twins")]
    return " and ".join(f"{verb} {rate.count} of {rate.n}{what}" for verb, rate, what in parts if rate)
