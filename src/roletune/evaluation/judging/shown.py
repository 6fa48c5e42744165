"""The interviews that a reader of the report sees: the adapter's best and worst, with all that the judges had and said.

Chosen by a rule and not by hand: the highest and the lowest mean over the dimensions, of each form. Texts are bounded,
so that a judge who writes a novel does not fill the page; every word is in the suite's own file.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from roletune.evaluation.judging.agreement import mean
from roletune.evaluation.judging.passages import LONGEST
from roletune.evaluation.judging.rubrics import DIMENSIONS_OF
from roletune.records import (
    Contestant,
    InterviewItem,
    InterviewTurn,
    JudgeScore,
    Passage,
    ShownInterview,
    ShownPassage,
    ShownScore,
)

WHO: Contestant = "adapter"
MOST_STEPS, LONGEST_STEP, LONGEST_REPLY = 12, 600, 3_000  # characters


def score_of(item: InterviewItem, dimension: str) -> float | None:
    """The mean over the judges that gave a score; None if none did."""
    given = [score.score for score in item.scores if score.dimension == dimension and score.score is not None]
    return mean(given) if given else None


def shown_interviews(items: Sequence[InterviewItem], passages: Mapping[str, Passage]) -> tuple[ShownInterview, ...]:
    """The best and the worst of each form; none where all are scored alike."""
    shown: list[ShownInterview] = []
    for form in dict.fromkeys(item.form for item in items):
        held = [item for item in items if item.form == form and item.contestant == WHO and not item.failed]
        ordered = sorted(((value, item) for item in held if (value := _mean(item)) is not None), key=lambda one: one[0])
        if ordered and ordered[0][0] < ordered[-1][0]:
            shown.append(_shown("best", *ordered[-1], passages))
            shown.append(_shown("worst", *ordered[0], passages))
    return tuple(shown)


def _mean(item: InterviewItem) -> float | None:
    found = [score for dimension in DIMENSIONS_OF[item.form] if (score := score_of(item, dimension)) is not None]
    return mean(found) if found else None


def _shown(
    place: Literal["best", "worst"], value: float, item: InterviewItem, passages: Mapping[str, Passage]
) -> ShownInterview:
    given = dict.fromkeys(identity for score in item.scores for identity in score.evidence)
    return ShownInterview(
        place=place,
        contestant=item.contestant,
        form=item.form,
        topic=item.topic,
        mean=value,
        turns=tuple(
            InterviewTurn(question=_cut(turn.question, LONGEST_REPLY), reply=_cut(turn.reply, LONGEST_REPLY))
            for turn in item.turns
        ),
        scores=tuple(_score(score) for score in item.scores),
        flaws=item.flaws,
        passages=tuple(
            ShownPassage(heading=passages[one].heading, text=_cut(passages[one].text, LONGEST))
            for one in given
            if one in passages
        ),
    )


def _score(score: JudgeScore) -> ShownScore:
    return ShownScore(
        judge=score.judge,
        dimension=score.dimension,
        score=score.score,
        steps=tuple(_cut(step, LONGEST_STEP) for step in score.steps[:MOST_STEPS]),
        reason=score.reason,
    )


def _cut(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]}…"
