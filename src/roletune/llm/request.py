"""A call to a model as a value: what is asked, and what came back.

A request with a model's identity has a key: the same key always means the same question to the same weights, so a reply
can be remembered under it (`llm.ledger`).
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from typing import Any

from roletune.records import Message

ChatMessage = Mapping[str, str]
"""One message as the chat-completions format has it: `role` and `content`."""


def chat_messages(messages: Iterable[Message]) -> tuple[ChatMessage, ...]:
    """The messages of a record without what only training needs."""
    return tuple({"role": message.role, "content": message.content} for message in messages)


_CANONICAL = json.JSONEncoder(ensure_ascii=True, sort_keys=True).encode


@dataclass(frozen=True)
class ChatRequest:
    """One question to a model.

    `schema` is a JSON schema that the reply must follow, on endpoints that have that. `sample` numbers repetitions of
    one question: 0 and 1 are different calls with different replies. `extra` goes into the request's body as it is
    (`{"lora": [{"id": 0, "scale": 1.0}]}`, `{"min_p": 0.05}`).
    """

    messages: tuple[ChatMessage, ...]
    temperature: float = 0.7
    top_p: float = 1.0
    max_tokens: int = 512
    seed: int | None = None
    stop: tuple[str, ...] = ()
    schema: dict[str, Any] | None = None
    sample: int = 0
    extra: dict[str, Any] = field(default_factory=dict)

    def key(self, identity: str) -> str:
        """SHA-256, in hex, of everything that decides the reply, and of who is asked.

        What is not set is left out, so a field that is added to this class one day does not orphan every old reply.
        """
        key = self._keys.get(identity)
        if key is None:
            text = f"[{_CANONICAL(identity)}, {self._settings()}]"
            self._keys[identity] = key = hashlib.sha256(text.encode()).hexdigest()
        return key

    @cached_property
    def _keys(self) -> dict[str, str]:
        """By identity: made once, though the asking, the ledger and the model each want it."""
        return {}

    def _settings(self) -> str:
        """What is set, as canonical JSON."""
        settings = {name: value for name, value in self.fields().items() if value not in (None, (), [], {})}
        return _CANONICAL(settings)

    def fields(self) -> dict[str, Any]:
        """Its fields by name, not copied: that would take longer than all the rest of a remembered call."""
        values = self.__dict__
        return {name: values[name] for name in _NAMES}


_NAMES = [one.name for one in fields(ChatRequest)]


@dataclass(frozen=True)
class ChatReply:
    """What a model answered; `finish_reason` "length" means it was cut off at `max_tokens`."""

    text: str
    finish_reason: str
    prompt_tokens: int
    completion_tokens: int
    seconds: float
    key: str
    cached: bool = False
