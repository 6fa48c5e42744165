"""Facts that contradict each other, found by a judge model: two passages that can't both be true.

Pairs are chosen without the model: passages that speak of the same rare words. A verdict counts only with a quotation
from each passage that is really there; others are rejections with their raw text.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from itertools import combinations
from typing import Any

from pydantic import BaseModel, ConfigDict, Field

from roletune.engine.duplicates import words_of
from roletune.engine.quotes import find_quote
from roletune.errors import ReplyError
from roletune.llm.model import ChatModel
from roletune.llm.request import ChatReply, ChatRequest, chat_messages
from roletune.llm.short_answer import ask_short, read_objects
from roletune.prompts import Prompt
from roletune.records import Finding, Passage, Profile

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "contradiction": {"type": "boolean"},
        "first": {"type": "string"},
        "second": {"type": "string"},
        "why": {"type": "string"},
    },
    "required": ["contradiction", "first", "second", "why"],
    "additionalProperties": False,
}
_YES = {"true", "yes", "1", "是", "有"}
_NO = {"false", "no", "0", "否", "没有", "none", ""}


class ContradictionSettings(BaseModel):
    """How much the judge is asked."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    enabled: bool = Field(default=True, description="whether a judge that is bound compares passages, a call a pair")

    pairs: int = Field(default=30, ge=0, description="pairs of passages to ask about, the closest first")
    max_tokens: int = Field(default=300, ge=50)


def choose_pairs(passages: Sequence[Passage], count: int) -> list[tuple[Passage, Passage]]:
    """The `count` pairs that share the most rare words; pairs that share none are not asked about."""
    sets = [words_of(passage.text) for passage in passages]
    spread = Counter(word for words in sets for word in words)
    rare = {word: math.log(len(sets) / number) for word, number in spread.items() if number > 1}
    if len(sets) < 4:  # too few passages to tell rare words
        rare = dict.fromkeys(spread, 1.0)
    scored = [
        (sum(rare.get(word, 0.0) for word in sets[a] & sets[b]), -a, -b) for a, b in combinations(range(len(sets)), 2)
    ]
    best = sorted((row for row in scored if row[0] > 0), reverse=True)[:count]
    return [(passages[-a], passages[-b]) for _, a, b in best]


async def find_contradiction(
    pair: tuple[Passage, Passage],
    judge: ChatModel,
    *,
    profile: Profile,
    prompt: Prompt,
    settings: ContradictionSettings,
) -> list[Finding]:
    """Ask about one pair: no finding or one. Raises ReplyError for a verdict that can't be read or proved."""
    request = ChatRequest(
        messages=chat_messages(prompt.messages(profile=profile, first=pair[0], second=pair[1])),
        temperature=0.0,
        max_tokens=settings.max_tokens,
        schema=SCHEMA,
    )
    return parse_contradiction(await ask_short(judge, request), pair)


def parse_contradiction(reply: ChatReply, pair: tuple[Passage, Passage]) -> list[Finding]:
    """The finding of a verdict, none if there is no contradiction. Raises ReplyError as `find_contradiction`."""
    objects = [one for one in read_objects(reply.text) if "contradiction" in one]
    told = str(objects[0]["contradiction"]).strip().casefold() if objects else "?"
    if told not in _YES | _NO:
        raise ReplyError("no verdict in the reply", reply.text)
    if told in _NO:
        return []
    verdict = {key: str(value) for key, value in objects[0].items()}
    quotes = verdict.get("first", ""), verdict.get("second", "")
    for quote, passage, which in zip(quotes, pair, ("first", "second"), strict=True):
        if find_quote(quote, passage.text) is None:
            raise ReplyError(f"the {which} quotation is not in its passage", reply.text)
    message = f"{quotes[0]!r} against {quotes[1]!r}: {verdict.get('why', '')} Which is right? Correct the other."
    where = ", ".join(dict.fromkeys(passage.source for passage in pair))
    return [Finding(check="contradiction", message=message, where=where)]
