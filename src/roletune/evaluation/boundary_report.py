"""What the suite `boundary` found, as a record: every reply with its verdict, rates, and the paired difference."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from roletune.engine.runner import Outcome
from roletune.evaluation.bootstrap import bootstrap_share
from roletune.evaluation.boundary import boundary_rates, judge_reply, judge_twin
from roletune.evaluation.boundary_questions import BoundaryQuestion, BoundaryQuestions, Twin
from roletune.evaluation.replies import Answers, Call
from roletune.llm.request import ChatReply
from roletune.records import BoundaryAnswer, BoundaryReport, BoundaryVerdict, Contestant, ShareDifference

TWIN = "clean twin"


def boundary_report(asked: BoundaryQuestions, answers: Answers, *, adapter: str) -> BoundaryReport:
    """Judge every reply; a call that failed is unanswered, counted and in no rate.

    `answers` holds the questions and then the twins, in the order of `asked`; `adapter` is the hash of the weights.
    """
    verdicts = {name: judged(asked, answers[name]) for name in answers}
    items: list[BoundaryQuestion | Twin] = [*asked.questions, *asked.twins]
    return BoundaryReport(
        adapter=adapter,
        rates={name: boundary_rates([verdict for _, verdict in found if verdict]) for name, found in verdicts.items()},
        unanswered={name: sum(verdict is None for _, verdict in found) for name, found in verdicts.items()},
        leaks=_difference(verdicts, "leaked"),
        refusals=_difference(verdicts, "refused"),
        answers=tuple(
            BoundaryAnswer(
                question=item.id,
                category=item.category if isinstance(item, BoundaryQuestion) else TWIN,
                text=item.text,
                replies={name: verdicts[name][k][0] for name in verdicts},
                verdicts={name: verdict for name in verdicts if (verdict := verdicts[name][k][1])},
            )
            for k, item in enumerate(items)
        ),
    )


def judged(
    asked: BoundaryQuestions, outcomes: Sequence[Outcome[Call, ChatReply]]
) -> list[tuple[str, BoundaryVerdict | None]]:
    """Reply and verdict for each question and then each twin; no verdict where no reply came."""
    found: list[tuple[str, BoundaryVerdict | None]] = []
    for k, outcome in enumerate(outcomes):
        reply = outcome.value
        if reply is None:
            found.append(("", None))
        elif k < len(asked.questions):
            found.append((reply.text.strip(), judge_reply(asked.questions[k], reply.text)))
        else:
            found.append((reply.text.strip(), judge_twin(asked.twins[k - len(asked.questions)], reply.text)))
    return found


def _difference(
    judged: Mapping[Contestant, Sequence[tuple[str, BoundaryVerdict | None]]], outcome: str
) -> ShareDifference | None:
    """Adapter minus base_prompt, paired by question; None where they have no question in common."""
    among = {"leaked": ("leaked", "held", "unclear"), "refused": ("refused", "answered")}[outcome]
    pairs = [
        (a.outcome == outcome, b.outcome == outcome)
        for (_, a), (_, b) in zip(judged.get("adapter", ()), judged.get("base_prompt", ()), strict=False)
        if a and b and a.outcome in among and b.outcome in among
    ]
    return bootstrap_share(pairs) if pairs else None
