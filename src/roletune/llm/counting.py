"""A model that counts what it is asked and answers nothing: for telling what a run would take before it is paid."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass

from roletune.errors import RefusedError
from roletune.llm.limits import guess_tokens
from roletune.llm.request import ChatReply, ChatRequest


@dataclass(frozen=True)
class Asked:
    """One call that would be made; `guess` are tokens of the prompt, `characters` those of the stored request."""

    guess: int
    characters: int
    max_tokens: int


class CountingModel:
    """A ChatModel that stands for another one; each question is counted once, however often it is asked.

    It refuses as an endpoint refuses one request, so that nobody asks again and the other questions are asked, too.
    """

    def __init__(self, identity: str, name: str) -> None:
        self.identity = identity
        self.name = name
        self._asked: dict[str, Asked] = {}  # by key, in the order of the first time
        self._taken = 0

    def take(self) -> list[Asked]:
        """What was asked since this was called last; it stays known."""
        asked = list(self._asked.values())[self._taken :]
        self._taken = len(self._asked)
        return asked

    async def complete(self, request: ChatRequest) -> ChatReply:
        """Raises RefusedError."""
        text = "".join(message["content"] for message in request.messages)
        size = len(json.dumps(request.fields(), ensure_ascii=False))
        self._asked.setdefault(request.key(self.identity), Asked(guess_tokens(text), size, request.max_tokens))
        raise RefusedError("This is a dry run: nothing is asked.")

    async def stream(
        self, request: ChatRequest, on_end: Callable[[ChatReply], None] | None = None
    ) -> AsyncIterator[str]:
        """Raises RefusedError."""
        await self.complete(request)
        yield ""
