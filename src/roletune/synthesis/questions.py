"""`roletune questions`: passages -> questions for the interview, over the four topics of Character-LLM's interviews.

The writer sees a few passages of the profile and never a dialogue, so that no held-out line is asked after in its own
words. A question that is there already, in other words too, is rejected with the one that it repeats.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from itertools import cycle, islice
from typing import NamedTuple

from pydantic import BaseModel, ConfigDict, Field

from roletune.engine.duplicates import near_duplicates, words_of
from roletune.errors import ReplyError
from roletune.llm.model import ChatModel
from roletune.llm.request import ChatReply, ChatRequest, chat_messages
from roletune.prompts import Prompt
from roletune.records import Passage, Profile, Question, Rejection, fingerprint
from roletune.synthesis.asking import Again, ask_until_read
from roletune.synthesis.labelled import read_blocks

TOPICS = ("past experiences", "relationships", "values", "hard questions")
LABELS = {"question": ("q", "问题", "提问", "问")}

_QUOTES = '"“”「」* '
_NUMBER = re.compile(r"^[\s>#*•\-]*(?:\(?\d{1,3}[.)、:]\s*)?")
_OVERLAP = 0.7  # of the words of two questions, from which they are one
_LONGEST = 300  # characters: what is longer is no question but a talk about one
_SHOWN = 4  # passages in one call


class QuestionsWanted(BaseModel):
    """How many questions, and how they are drawn; `round` numbers repetitions that are to differ."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    per_topic: int = Field(default=15, ge=1, le=200, description="Character-LLM's interviews have about 25")
    per_call: int = Field(default=5, ge=1, le=20)
    round: int = Field(default=0, ge=0)
    temperature: float = 0.7
    top_p: float = 0.95
    max_tokens: int = 600


class TopicCall(NamedTuple):
    """One request to the writer: a topic, some passages, how many questions."""

    topic: str
    passages: tuple[Passage, ...]
    questions: int
    sample: int


def plan_questions(passages: Sequence[Passage], there: Mapping[str, int], wanted: QuestionsWanted) -> list[TopicCall]:
    """What each topic still lacks, `there` being how many it has; the passages are shown in turn."""
    shown = cycle(passages)
    calls = []
    for topic in TOPICS:
        lacking = max(0, wanted.per_topic - there.get(topic, 0))
        for number, begin in enumerate(range(0, lacking, wanted.per_call)):
            count = min(wanted.per_call, lacking - begin)
            some = tuple(islice(shown, min(_SHOWN, len(passages))))
            calls.append(TopicCall(topic, some, count, wanted.round * 1000 + number))
    return calls


async def write_questions(
    call: TopicCall, writer: ChatModel, profile: Profile, prompt: Prompt, wanted: QuestionsWanted, again: Again
) -> list[Question]:
    """The questions of one reply. Raises ReplyError if it holds none."""
    asked = prompt.messages(
        profile=profile, topic=TOPICS.index(call.topic), passages=call.passages, count=call.questions
    )
    request = ChatRequest(
        messages=chat_messages(asked),
        temperature=wanted.temperature,
        top_p=wanted.top_p,
        max_tokens=wanted.max_tokens,
        sample=call.sample,
    )
    return await ask_until_read(writer, request, lambda reply: parse_questions(reply, call), again)


def parse_questions(reply: ChatReply, call: TopicCall) -> list[Question]:
    """At most as many as were asked for, each ending in a question mark or an order ("Tell me ...").

    A writer that forgets the label and makes a list of questions is read too, its other lines are not.
    """
    told = [block.get("question", "").strip(_QUOTES) for block in read_blocks(reply, LABELS)] or _listed(reply.text)
    fit = [text for text in told if len(words_of(text)) > 1 and len(text) <= _LONGEST and text[-1] in "?？.。!！"]
    if not fit:
        raise ReplyError("no question in the reply", reply.text)
    return [Question(id=fingerprint(text, call.topic, length=8), text=text, topic=call.topic) for text in fit][
        : call.questions
    ]


def _listed(text: str) -> list[str]:
    """Lines that are questions, without their numbers."""
    lines = [_NUMBER.sub("", line).strip(_QUOTES) for line in text.splitlines()]
    return [line for line in lines if line[-1:] in ("?", "？")]


def new_questions(written: Sequence[Question], known: Sequence[Question]) -> tuple[list[Question], list[Rejection]]:
    """Those that nobody asked yet, and the others with what they repeat; `known` are there, or were before."""
    every = [*known, *written]
    repeats = {pair.later: pair.earlier for pair in near_duplicates([one.text for one in every], _OVERLAP, len(known))}
    rejected = [
        Rejection(
            stage="questions",
            reason="asks the same again",
            detail=every[earlier].text,
            record=every[later].model_dump(mode="json"),
        )
        for later, earlier in sorted(repeats.items())
    ]
    return [one for k, one in enumerate(every) if k >= len(known) and k not in repeats], rejected
