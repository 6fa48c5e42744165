"""A streamed completion, put together while it passes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from roletune.errors import EndpointError
from roletune.llm.wire import Answer, Endpoint, clean


class Pieces:
    """The text of a stream of chunks, piece by piece, and afterwards the whole `answer`."""

    def __init__(self, chunks: Any, endpoint: Endpoint) -> None:
        self._chunks = chunks
        self._endpoint = endpoint
        self._first: list[Any] = []
        self._texts: list[str] = []
        self._finish_reason = "unknown"
        self._usage: Any = None

    async def begin(self) -> None:
        """Wait for the first chunk, so that a refusal or a lost connection is noticed while asking again is free."""
        if not hasattr(self._chunks, "__aiter__"):
            raise EndpointError(f"{self._endpoint} answered with something else than a stream. Is base_url right?")
        async for chunk in self._chunks:
            self._first.append(chunk)
            return
        raise EndpointError(f"{self._endpoint} ended the stream before it began.")

    async def __aiter__(self) -> AsyncIterator[str]:
        text = self._take(self._first.pop())
        if text:
            yield text
        async for chunk in self._chunks:
            text = self._take(chunk)
            if text:
                yield text

    def _take(self, chunk: Any) -> str:
        self._usage = chunk.usage or self._usage
        if not chunk.choices:
            return ""
        choice = chunk.choices[0]
        self._finish_reason = choice.finish_reason or self._finish_reason
        text = clean(choice.delta.content or "")
        self._texts.append(text)
        return text

    def answer(self) -> Answer:
        """The whole, once it has passed."""
        return Answer(
            text="".join(self._texts),
            finish_reason=self._finish_reason,
            prompt_tokens=getattr(self._usage, "prompt_tokens", 0) or 0,
            completion_tokens=getattr(self._usage, "completion_tokens", 0) or 0,
        )

    async def close(self) -> None:
        """Let the endpoint stop generating for somebody who has left."""
        if hasattr(self._chunks, "close"):
            await self._chunks.close()
