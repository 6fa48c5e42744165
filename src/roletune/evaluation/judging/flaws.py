"""Flaws with proof: a flaw counts only if the words it quotes stand in a reply.

A quotation of one word proves nothing (any reply holds "the"); one flaw told twice is one. What does not count is kept
with the reason, so that a judge who invents quotations is seen.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from roletune.engine.quotes import find_quote
from roletune.engine.retrieval import terms
from roletune.errors import ReplyError
from roletune.evaluation.judging.answers import Ask, read_object
from roletune.evaluation.judging.rubrics import Desk, said, shown_passages, shown_turns
from roletune.llm.request import ChatReply
from roletune.records import Flaw, InterviewItem

KINDS = ("contradiction", "invention", "out_of_role", "voice", "others", "repetition")
MOST = 30  # flaws that are read of one answer
_TEXT = {"type": "string"}
SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "flaws": {
            "type": "array",
            "items": {
                "type": "object",
                "properties": {"kind": {"enum": list(KINDS)}, "quote": _TEXT, "why": _TEXT},
                "required": ["kind", "quote", "why"],
                "additionalProperties": False,
            },
        }
    },
    "required": ["flaws"],
    "additionalProperties": False,
}


def ask_flaws(desk: Desk, item: InterviewItem, judge: str) -> Ask[tuple[Flaw, ...]]:
    """The question for the flaws of one interview."""
    values = {
        "kinds": KINDS,
        "evidence": shown_passages(desk.evidence(item.turns)),
        "turns": shown_turns(item.turns),
    }

    def read(reply: ChatReply) -> tuple[Flaw, ...]:
        rows = read_object(reply, ("flaws",), said(item.turns))["flaws"]
        if not isinstance(rows, list) or not all(isinstance(row, dict) for row in rows):
            raise ReplyError("the flaws are no list of objects", reply.text)
        return prove(rows[:MOST], [turn.reply for turn in item.turns], judge)

    return Ask(lambda attempt: desk.request("judge_flaws", attempt, SCHEMA, **values), read)


def prove(rows: Sequence[dict[str, Any]], replies: Sequence[str], judge: str) -> tuple[Flaw, ...]:
    """The flaws, each with whether its quotation is in one of the replies, and what speaks against it if not."""
    flaws: list[Flaw] = []
    places: set[tuple[str, int, int, int]] = set()
    for row in rows:
        kind, quote, why = (str(row.get(key) or "").strip() for key in ("kind", "quote", "why"))
        place = _place(quote, replies)
        reason = _objection(kind, quote, place, (kind, *place) in places if place else False)
        if place and not reason:
            places.add((kind, *place))
        flaws.append(Flaw(judge=judge, kind=kind, quote=quote, why=why, found=not reason, reason=reason))
    return tuple(flaws)


def _place(quote: str, replies: Sequence[str]) -> tuple[int, int, int] | None:
    found = ((number, find_quote(quote, reply)) for number, reply in enumerate(replies))
    return next(((number, *span) for number, span in found if span), None)


def _objection(kind: str, quote: str, place: tuple[int, int, int] | None, told: bool) -> str:
    if kind not in KINDS:
        return "unknown kind"
    if not re.search(r"\w", quote):
        return "no quotation"
    if place is None:
        return "the quotation is not in the reply"
    if len(terms(quote)) < 2:
        return "one word proves nothing"
    return "told twice" if told else ""
