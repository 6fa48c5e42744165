"""A model that says what it is told to: for tests, examples and dry runs, with no weights and no network."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Callable, Sequence

from roletune.errors import EndpointError, RoletuneError
from roletune.llm.request import ChatReply, ChatRequest

Line = str | ChatReply | RoletuneError


class ScriptedModel:
    """A ChatModel with its replies given: a list, taken in turn, or a function of the request.

    An error in the place of a reply is raised. Every request is kept in `requests`, unless `keep` is off. A script that
    is over raises EndpointError. Tokens are counted as words.
    """

    def __init__(
        self,
        script: Sequence[Line] | Callable[[ChatRequest], Line],
        *,
        identity: str = "scripted",
        name: str = "scripted",
        keep: bool = True,
    ) -> None:
        self.identity = identity
        self.name = name
        self.requests: list[ChatRequest] = []
        self._script = script
        self._keep = keep
        self._number = 0

    async def complete(self, request: ChatRequest) -> ChatReply:
        """The next line of the script."""
        self._number += 1
        if self._keep:
            self.requests.append(request)
        line = self._script(request) if callable(self._script) else self._next(self._script)
        if isinstance(line, RoletuneError):
            raise line
        return line if isinstance(line, ChatReply) else self._reply(request, line)

    async def stream(
        self, request: ChatRequest, on_end: Callable[[ChatReply], None] | None = None
    ) -> AsyncIterator[str]:
        """The next line of the script, word by word."""
        reply = await self.complete(request)
        for piece in re.findall(r"\s*\S+|\s+$", reply.text):
            yield piece
        if on_end:
            on_end(reply)

    def _next(self, script: Sequence[Line]) -> Line:
        if self._number > len(script):
            raise EndpointError(
                f"The script of {self.name!r} has {len(script)} replies, and this is request {self._number}. "
                "Give it more replies, or a function."
            )
        return script[self._number - 1]

    def _reply(self, request: ChatRequest, text: str) -> ChatReply:
        return ChatReply(
            text=text,
            finish_reason="stop",
            prompt_tokens=sum(len(message["content"].split()) for message in request.messages),
            completion_tokens=len(text.split()),
            seconds=0.0,
            key=request.key(self.identity),
        )
