"""Two replies side by side, always in both orders: a judge that follows the order has then said nothing.

Of one published judge's verdicts on role-play, 64 % change when the order is swapped. So a pair has a winner only if
both orders name the same one; anything else that could be read is a tie, marked as flipped where the two disagree.
"""

from __future__ import annotations

from typing import Any, Literal

from roletune.errors import ReplyError
from roletune.evaluation.judging.answers import Answered, Ask, read_object, read_steps
from roletune.evaluation.judging.fence import fence
from roletune.evaluation.judging.rubrics import Desk, said, shown_passages
from roletune.llm.request import ChatReply
from roletune.records import InterviewItem, PairVerdict

Better = Literal["first", "second", "tie"]
_SWAPPED: dict[Better, Better] = {"first": "second", "second": "first", "tie": "tie"}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "steps": {"type": "array", "items": {"type": "string"}},
        "better": {"enum": ["first", "second", "tie"]},
    },
    "required": ["steps", "better"],
    "additionalProperties": False,
}


def ask_better(desk: Desk, first: InterviewItem, second: InterviewItem) -> Ask[Better]:
    """The question which of two single replies to one question is better, in this order."""
    turns = (*first.turns, *second.turns)
    values = {
        "evidence": shown_passages(
            desk.evidence(sorted(turns, key=lambda turn: turn.reply))
        ),  # the same in both orders
        "question": fence(first.turns[0].question),
        "first": fence(first.turns[0].reply),
        "second": fence(second.turns[0].reply),
    }

    def read(reply: ChatReply) -> Better:
        found = read_object(reply, ("steps", "better"), said(turns))
        read_steps(found["steps"], reply)
        better = found["better"]
        if better not in _SWAPPED:
            raise ReplyError("the decision is none of first, second, tie", reply.text)
        return better

    return Ask(lambda attempt: desk.request("judge_pair", attempt, SCHEMA, **values), read)


def both_orders(
    a: InterviewItem, b: InterviewItem, judge: str, ab: Answered[Better], ba: Answered[Better]
) -> PairVerdict:
    """What the two askings mean together: `ab` showed `a` first, `ba` showed `b` first."""
    swapped = _SWAPPED[ba.value] if ba.value else None
    winner: Literal["a", "b", "tie"] | None = None
    if ab.value and swapped:
        winner = {"first": "a", "second": "b", "tie": "tie"}[ab.value] if ab.value == swapped else "tie"  # type: ignore[assignment]
    return PairVerdict(
        question=a.question,
        judge=judge,
        a=a.contestant,
        b=b.contestant,
        ab=ab.value,
        ba=ba.value,
        winner=winner,
        flipped=bool(ab.value and swapped and ab.value != swapped),
        longer=_longer(a.turns[0].reply, b.turns[0].reply),
        raw=(*ab.raw, *ba.raw),
    )


def _longer(a: str, b: str) -> Literal["a", "b", ""]:
    """By words, or by characters where nothing is spaced."""
    counts = [(len(text.split()), len(text)) for text in (a, b)]
    if counts[0] == counts[1]:
        return ""
    return "a" if counts[0] > counts[1] else "b"
