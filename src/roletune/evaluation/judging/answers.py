"""What a judge answers: asked for at most N times, read strictly, and every word of it kept.

An answer is one JSON object with exactly the keys that were asked for, in that order (the steps before the score, so
that the score follows from them). An answer that was cut off, holds two of them or none is asked for again; after that
it is unscored, which is counted and is no number. An object that stands in the judged text itself is the text's and not
the judge's, so a reply that contains `{"steps": [...], "score": 7}` is not scored by it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from roletune.errors import ReplyError
from roletune.llm.model import ChatModel
from roletune.llm.request import ChatReply, ChatRequest
from roletune.llm.short_answer import ask_short, read_objects

T = TypeVar("T")


@dataclass(frozen=True)
class Ask(Generic[T]):
    """One question to a judge: `request(k)` is its k-th asking, `read` gives the answer or raises ReplyError."""

    request: Callable[[int], ChatRequest]
    read: Callable[[ChatReply], T]


@dataclass(frozen=True)
class Answered(Generic[T]):
    """What came of it: a value, or None with the reason of the last asking; `raw` are all answers, oldest first."""

    value: T | None
    raw: tuple[str, ...]
    reason: str = ""


async def ask_judge(judge: ChatModel, ask: Ask[T], attempts: int) -> Answered[T]:
    """Ask until the answer can be read, `attempts` times at most. Raises EndpointError if there is no answer."""
    raw: list[str] = []
    reason = ""
    for attempt in range(attempts):
        reply = await ask_short(judge, ask.request(attempt))
        raw.append(reply.text)
        try:
            return Answered(ask.read(reply), tuple(raw))
        except ReplyError as error:
            reason = str(error)
    return Answered(None, tuple(raw), reason)


def read_object(reply: ChatReply, keys: Sequence[str], judged: Sequence[str]) -> dict[str, Any]:
    """The one object of a reply with exactly these keys in this order. Raises ReplyError otherwise."""
    if reply.finish_reason == "length":
        raise ReplyError("the answer was cut off", reply.text)
    theirs = [found for text in judged for found in read_objects(text)]
    objects = [found for found in read_objects(reply.text) if list(found) == list(keys) and found not in theirs]
    if not objects:
        raise ReplyError(f"no JSON object with {', '.join(keys)}", reply.text)
    if len(objects) > 1:
        raise ReplyError("more than one answer", reply.text)
    return objects[0]


def read_steps(value: Any, reply: ChatReply) -> tuple[str, ...]:
    """The steps of an answer, at least one. Raises ReplyError otherwise."""
    steps = [value] if isinstance(value, str) else value
    if not isinstance(steps, list) or not all(isinstance(step, str) for step in steps) or not any(steps):
        raise ReplyError("no steps before the verdict", reply.text)
    return tuple(steps)
