"""A model that is opened when it is first asked."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable

from roletune.llm.model import ChatModel
from roletune.llm.request import ChatReply, ChatRequest


class OnDemandModel:
    """A ChatModel whose identity is known before it runs: a local server that remembered replies need not start.

    `is_open` tells whether what was opened still is: a server that has died is opened anew when it is next asked.
    """

    def __init__(
        self,
        identity: str,
        name: str,
        open_model: Callable[[], Awaitable[ChatModel]],
        is_open: Callable[[], bool] = lambda: True,
    ) -> None:
        self.identity = identity
        self.name = name
        self._open = open_model
        self._is_open = is_open
        self._model: ChatModel | None = None
        self._opening = asyncio.Lock()

    async def complete(self, request: ChatRequest) -> ChatReply:
        """The whole reply of the opened model."""
        return await (await self._opened()).complete(request)

    async def stream(
        self, request: ChatRequest, on_end: Callable[[ChatReply], None] | None = None
    ) -> AsyncIterator[str]:
        """The reply of the opened model in pieces."""
        async for piece in (await self._opened()).stream(request, on_end):
            yield piece

    async def _opened(self) -> ChatModel:
        async with self._opening:
            if self._model is None or not self._is_open():
                self._model = await self._open()
            return self._model
