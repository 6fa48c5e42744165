"""Asking until the reply can be read: with what was wrong with the last one, a bounded number of times.

Guarantees: every attempt is a call of its own, so each is in the ledger and none is paid twice when the stage is run
again; after the last attempt the ReplyError is raised, with the raw text of the reply that was given last. A reply that
repeats the example of its prompt is none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TypeVar

from roletune.engine.duplicates import count_words, word_list
from roletune.errors import ReplyError
from roletune.llm.model import ChatModel
from roletune.llm.request import ChatMessage, ChatReply, ChatRequest
from roletune.prompts import Prompt

R = TypeVar("R")

_TELLING = 5  # words of a line of the prompt's example that a reply may not have
_SHOWN = 800  # characters of the reply in vain: a weak writer's whole reply would fill a small context


@dataclass(frozen=True)
class Again:
    """How often a reply that can't be read is asked for again, and in which words (`prompts/en/again.md`)."""

    prompt: Prompt
    times: int = 1


async def ask_until_read(
    writer: ChatModel,
    request: ChatRequest,
    read: Callable[[ChatReply], R],
    again: Again | None = None,
    example: str = "",
) -> R:
    """What `read` makes of the reply; while it raises ReplyError, the writer is asked again and told why.

    `example` is the one that the prompt itself shows (`Prompt.example`): a reply with its lines is not read.
    """
    attempt = request
    for left in range(again.times if again else 0, -1, -1):
        reply = await writer.complete(attempt)
        try:
            _refuse_a_copy(reply, example)
            return read(reply)
        except ReplyError as error:
            if again is None or not left:
                raise
            # From the first question: what was shown of earlier attempts does not pile up. The number tells two
            # attempts apart that failed in the same words.
            attempt = replace(
                request,
                messages=_corrected(request.messages, reply.text, again.prompt.text(reason=str(error))),
                sample=request.sample + again.times - left + 1,
            )
    raise AssertionError("the last attempt returns or raises")


def _refuse_a_copy(reply: ChatReply, example: str) -> None:
    """Raise ReplyError if a line of the reply is one of the example."""
    if _lines(reply.text) & _lines(example):
        raise ReplyError("the reply repeats the example", reply.text)


def _lines(text: str) -> set[str]:
    """The lines that are long enough to be nobody's by chance, as their words."""
    return {" ".join(word_list(line)) for line in text.splitlines() if count_words(line) >= _TELLING}


def _corrected(messages: tuple[ChatMessage, ...], told: str, correction: str) -> tuple[ChatMessage, ...]:
    """The conversation with the reply in vain and what was wrong with it; an empty reply can't be a message."""
    told = told.strip()
    shown = told if len(told) <= _SHOWN else f"{told[:_SHOWN]} …"
    if shown:
        return (*messages, {"role": "assistant", "content": shown}, {"role": "user", "content": correction})
    *before, last = messages
    return (*before, {**last, "content": f"{last['content']}\n\n{correction}"})
