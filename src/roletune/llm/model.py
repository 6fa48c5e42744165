"""The one door to text from a model."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from typing import Protocol

from roletune.llm.request import ChatReply, ChatRequest


class ChatModel(Protocol):
    """Anything that answers: a remote endpoint, a local server, a remembered or scripted one."""

    @property
    def identity(self) -> str:
        """What decides its replies: weights, adapter, scale and template, or endpoint and name. Part of every key."""

    @property
    def name(self) -> str:
        """What people call it."""

    async def complete(self, request: ChatRequest) -> ChatReply:
        """The whole reply; EndpointError or BusyError if there is none."""

    def stream(self, request: ChatRequest, on_end: Callable[[ChatReply], None] | None = None) -> AsyncIterator[str]:
        """The reply's text in pieces as they come; the same errors as `complete`.

        `on_end` is given the whole reply after the last piece: who leaves early does not get one.
        """
