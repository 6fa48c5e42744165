"""What an engine answers, made into what the client is told: under the model's name that it asked for, thoughts hidden.

Only the fields of OpenAI's format pass; an engine's own (timings, reasoning, its file's name) do not. Pure.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from roletune.inference.serve.engine import Chunk
from roletune.inference.thoughts import Hidden
from roletune.llm.wire import clean

Usage = dict[str, int]


def whole_reply(answer: Mapping[str, Any], model: str, *, thoughts: bool) -> Chunk:
    """A completion."""
    choices = [_whole_choice(choice, thoughts) for choice in _choices(answer)]
    return _envelope(answer, "chat.completion", model) | {"choices": choices, "usage": usage_of(answer)}


class Passing:
    """One streamed reply while it passes."""

    def __init__(self, model: str, *, thoughts: bool, usage: bool) -> None:
        self.usage: Usage | None = None
        self._model = model
        self._thoughts = thoughts
        self._tell_usage = usage
        self._hidden: dict[int, Hidden] = {}

    def take(self, chunk: Mapping[str, Any]) -> list[Chunk]:
        """What the client is told of one chunk: nothing, one chunk, or several."""
        envelope = _envelope(chunk, "chat.completion.chunk", self._model)
        told = [envelope | {"choices": [choice]} for each in _choices(chunk) for choice in self._choice(each)]
        if isinstance(chunk.get("usage"), Mapping):
            self.usage = usage_of(chunk)
            if self._tell_usage:
                told.append(envelope | {"choices": [], "usage": self.usage})
        return told

    def _choice(self, choice: Mapping[str, Any]) -> list[Chunk]:
        index, delta, finish = choice.get("index") or 0, choice.get("delta") or {}, choice.get("finish_reason")
        hidden = self._hidden.get(index)
        first = hidden is None
        if hidden is None:
            hidden = self._hidden[index] = Hidden(shown=self._thoughts)
        text, entries = hidden.feed(clean(delta.get("content") or ""), _entries(choice), last=finish is not None)
        role = {"role": "assistant"} if first else {}
        told = []
        if text or role:
            told.append(_delta(index, role | {"content": text}, entries))
        if finish is not None:
            told.append(_delta(index, {}, [], finish))
        return told


def _delta(index: int, delta: Mapping[str, str], entries: Sequence[Any], finish: str | None = None) -> Chunk:
    logprobs = {"content": list(entries), "refusal": None} if entries else None
    return {"index": index, "delta": dict(delta), "logprobs": logprobs, "finish_reason": finish}


def _whole_choice(choice: Mapping[str, Any], thoughts: bool) -> Chunk:
    message = choice.get("message") or {}
    text, entries = Hidden(shown=thoughts).feed(clean(message.get("content") or ""), _entries(choice), last=True)
    return {
        "index": choice.get("index") or 0,
        "message": {"role": "assistant", "content": text, "refusal": None},
        "logprobs": {"content": entries, "refusal": None} if entries else None,
        "finish_reason": choice.get("finish_reason") or "stop",
    }


def usage_of(answer: Mapping[str, Any]) -> Usage:
    """Tokens of the prompt, of the reply, and both; zeros from an engine that does not count."""
    found = answer.get("usage") or {}
    prompt, completion = (_number(found.get(f"{kind}_tokens")) for kind in ("prompt", "completion"))
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}


def _number(value: Any) -> int:
    return value if isinstance(value, int) else 0


def _choices(answer: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return [choice for choice in answer.get("choices") or [] if isinstance(choice, Mapping)]


def _entries(choice: Mapping[str, Any]) -> list[Any]:
    return list((choice.get("logprobs") or {}).get("content") or [])


def _envelope(answer: Mapping[str, Any], kind: str, model: str) -> Chunk:
    return {
        "id": str(answer.get("id", "")),
        "object": kind,
        "created": _number(answer.get("created")),
        "model": model,
    }
