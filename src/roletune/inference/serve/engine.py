"""What writes the text behind the endpoint: any server that speaks OpenAI's chat completions over HTTP.

Guarantees: a request passes as it is, and what comes back is read as JSON and nothing else; an engine that refuses,
breaks or is gone becomes a Refusal with the status that a client understands; who closes a stream stops the writing.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable, Mapping
from typing import Any, Protocol

from roletune.inference.serve.refusal import Refusal

Chunk = dict[str, Any]
_LONGEST_QUOTE = 300


class Engine(Protocol):
    """Answers in the form of OpenAI's chat completions."""

    def adapter(self, who: str, strength: float) -> Mapping[str, Any]:
        """The fields of a body that make it answer as `who` (a performer's name or `base`). Raises Refusal."""

    async def ask(self, body: Mapping[str, Any]) -> Chunk:
        """A whole completion. Raises Refusal."""

    def stream(self, body: Mapping[str, Any]) -> AsyncIterator[list[Chunk]]:
        """The chunks of a streamed one, those together that came together. Raises Refusal before or after the first."""

    async def healthy(self) -> bool:
        """Whether it answers."""

    async def close(self) -> None:
        """Let go of its connections."""


Adapter = Callable[[str, float], Mapping[str, Any]]


class HttpEngine:
    """A server at `base_url` (up to /v1). `adapter` chooses the character; times are in seconds."""

    def __init__(
        self, base_url: str, key: str | None, adapter: Adapter, *, timeout: float = 600.0, trust_env: bool = False
    ) -> None:
        from openai import DefaultAsyncHttpxClient, Timeout

        headers = {"authorization": f"Bearer {key}"} if key else {}
        limits = Timeout(timeout, connect=min(5.0, timeout))
        self.adapter = adapter
        self._url = base_url.rstrip("/")
        self._client: Any = DefaultAsyncHttpxClient(headers=headers, timeout=limits, trust_env=trust_env)

    async def ask(self, body: Mapping[str, Any]) -> Chunk:
        """A whole completion."""
        response = await self._send(body)
        try:
            return _object(await self._read(response))
        finally:
            await response.aclose()

    async def stream(self, body: Mapping[str, Any]) -> AsyncIterator[list[Chunk]]:
        """Server-sent events, read as they come."""
        response = await self._send(body)
        try:
            rest = b""
            async for data in self._bytes(response):
                *events, rest = (rest + data.replace(b"\r\n", b"\n")).split(b"\n\n")
                chunks = [chunk for event in events if (chunk := _event(event)) is not None]
                if chunks:
                    yield chunks
        finally:
            await response.aclose()

    async def healthy(self) -> bool:
        """Whether it lists its models."""
        try:
            response = await self._client.get(f"{self._url}/models", timeout=5.0)
        except _errors():
            return False
        return bool(response.status_code == 200)

    async def models(self) -> list[str]:
        """The ids that it lists. Raises Refusal if it does not answer."""
        try:
            response = await self._client.get(f"{self._url}/models", timeout=10.0)
        except _errors() as error:
            raise _lost(error) from error
        if response.status_code != 200:
            raise _refusal(response.status_code, response.content, response.headers)
        listed = _object(response.content).get("data")
        return [str(each["id"]) for each in listed or [] if isinstance(each, dict) and "id" in each]

    async def close(self) -> None:
        """Close the connections."""
        await self._client.aclose()

    async def _send(self, body: Mapping[str, Any]) -> Any:
        request = self._client.build_request("POST", f"{self._url}/chat/completions", json=dict(body))
        try:
            response = await self._client.send(request, stream=True)
        except _errors() as error:
            raise _lost(error) from error
        if response.status_code == 200:
            return response
        try:
            raise _refusal(response.status_code, await self._read(response), response.headers)
        finally:
            await response.aclose()

    async def _read(self, response: Any) -> bytes:
        return b"".join([data async for data in self._bytes(response)])

    async def _bytes(self, response: Any) -> AsyncIterator[bytes]:
        try:
            async for data in response.aiter_bytes():
                yield data
        except _errors() as error:
            raise _lost(error) from error


def _errors() -> type[Exception]:
    """The HTTP client's own errors: the OpenAI SDK has changed from one library to its successor."""
    from openai import DefaultAsyncHttpxClient

    library = __import__(DefaultAsyncHttpxClient.__mro__[1].__module__.partition(".")[0])
    found: type[Exception] = library.HTTPError
    return found


def _event(event: bytes) -> Chunk | None:
    """The chunk in one server-sent event; None for comments and the end mark."""
    data = b"\n".join(line[5:].strip() for line in event.split(b"\n") if line.startswith(b"data:"))
    if not data or data == b"[DONE]":
        return None
    chunk = _object(data)
    if "error" in chunk:
        raise _refusal(_status(chunk["error"]), data, {})
    return chunk


def _status(error: Any) -> int:
    code = error.get("code") if isinstance(error, dict) else None
    return code if isinstance(code, int) and 400 <= code < 600 else 500


def _object(data: bytes) -> Chunk:
    try:
        value = json.loads(data)
    except (ValueError, RecursionError) as error:
        raise Refusal(502, "The engine answered with something else than JSON.", "engine_error") from error
    if not isinstance(value, dict):
        raise Refusal(502, "The engine answered with something else than an object.", "engine_error")
    return value


def _refusal(status: int, data: bytes, headers: Mapping[str, str]) -> Refusal:
    """The engine's refusal in our words: what the client can mend is its own, everything else is ours."""
    try:
        error = json.loads(data)["error"]
        told, kind = str(error["message"])[:_LONGEST_QUOTE], str(error.get("type", ""))
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        told, kind = "", ""
    if "context" in kind or "context" in told:
        message = f"The conversation is longer than the model's context. Leave out its oldest messages. {told}"
        return Refusal(400, message.strip(), "context_length_exceeded", "messages")
    if status in (400, 413, 422):
        return Refusal(400, f"The engine refused the request. {told}".strip(), "engine_refused")
    if status in (429, 503):
        wait = headers.get("retry-after", "")
        later = min(int(wait), 3600) if wait.isascii() and wait.isdigit() else 1
        return Refusal(429 if status == 429 else 503, "The engine is busy. Ask again later.", "busy", None, later)
    return Refusal(502, f"The engine failed (HTTP {status}). Its log says why.", "engine_error")


def _lost(error: Exception) -> Refusal:
    if "Timeout" in type(error).__name__:
        return Refusal(504, "The engine did not answer in time.", "engine_timeout")
    return Refusal(503, "The engine can't be reached. Is it running?", "engine_gone", retry_after=5)
