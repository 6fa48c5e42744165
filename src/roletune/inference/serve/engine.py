"""What writes the text behind the endpoint: any server that speaks OpenAI's chat completions over HTTP.

Guarantees: a request passes as it is, and what comes back is read as JSON and nothing else; an engine that refuses,
breaks or is gone becomes a Refusal with the status that a client understands; who closes a stream stops the writing.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol

from roletune.inference.serve.refusal import Refusal

if TYPE_CHECKING:
    from aiohttp import ClientResponse, ClientSession, ClientTimeout

Chunk = dict[str, Any]
_LONGEST_QUOTE = 300
_CONNECTING, _LISTING = 5.0, 10.0  # seconds
_IDLE = 4.0  # seconds until an unused connection is closed: llama.cpp and uvicorn close theirs after 5


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


Ask = Callable[[], Awaitable["ClientResponse"]]
Adapter = Callable[[str, float], Mapping[str, Any]]


class HttpEngine:
    """A server at `base_url` (up to /v1). `adapter` chooses the character; times are in seconds.

    aiohttp, where the SDK behind every other call would do: its client takes a third of the processor time, and every
    token passes here.
    """

    def __init__(
        self, base_url: str, key: str | None, adapter: Adapter, *, timeout: float = 600.0, trust_env: bool = False
    ) -> None:
        self.adapter = adapter
        self._url = base_url.rstrip("/")
        self._headers = {"accept-encoding": "identity", "content-type": "application/json"}
        if key:
            self._headers["authorization"] = f"Bearer {key}"
        self._timeout = timeout
        self._trust_env = trust_env
        self._opened: ClientSession | None = None

    async def ask(self, body: Mapping[str, Any]) -> Chunk:
        """A whole completion."""
        async with self._answer(body) as response:
            return _object(await response.read())

    async def stream(self, body: Mapping[str, Any]) -> AsyncIterator[list[Chunk]]:
        """Server-sent events, read as they come."""
        async with self._answer(body) as response:
            rest = b""
            async for data in response.content.iter_any():
                *events, rest = (rest + data.replace(b"\r\n", b"\n")).split(b"\n\n")
                chunks = [chunk for event in events if (chunk := _event(event)) is not None]
                if chunks:
                    yield chunks

    async def healthy(self) -> bool:
        """Whether it lists its models."""
        try:
            await self.models()
        except Refusal:
            return False
        return True

    async def models(self) -> list[str]:
        """The ids that it lists. Raises Refusal if it does not answer."""
        listing = partial(self._session.get, f"{self._url}/models", timeout=_seconds(_LISTING))
        async with _told(listing) as response:
            listed = _object(await response.read()).get("data")
        return [str(each["id"]) for each in listed or [] if isinstance(each, dict) and "id" in each]

    async def close(self) -> None:
        """Close the connections."""
        if self._opened:
            await self._opened.close()

    def _answer(self, body: Mapping[str, Any]) -> AbstractAsyncContextManager[ClientResponse]:
        data = json.dumps(dict(body)).encode()
        return _told(partial(self._session.post, f"{self._url}/chat/completions", data=data))

    @property
    def _session(self) -> ClientSession:
        """Opened where there is an event loop; how many may ask at once is the gate's to say."""
        if self._opened is None:
            from aiohttp import ClientSession, DummyCookieJar, TCPConnector

            self._opened = ClientSession(
                connector=TCPConnector(limit=0, keepalive_timeout=_IDLE),
                cookie_jar=DummyCookieJar(),  # one client's would be sent with the next one's request
                headers=self._headers,
                timeout=_seconds(self._timeout),
                trust_env=self._trust_env,
            )
        return self._opened


def _seconds(most: float) -> ClientTimeout:
    """At most that long between two pieces of an answer, which as a whole may take any time."""
    from aiohttp import ClientTimeout

    return ClientTimeout(total=None, sock_connect=min(_CONNECTING, most), sock_read=most)


@asynccontextmanager
async def _told(ask: Ask) -> AsyncIterator[ClientResponse]:
    """An answer with status 200; it is ended with the block. Raises Refusal, also for what is lost while it is read."""
    from aiohttp import ClientError

    try:
        async with await _begun(ask) as response:
            if response.status != 200:
                raise _refusal(response.status, await response.read(), response.headers)
            yield response
    except (ClientError, TimeoutError) as error:
        raise _lost(error) from error


async def _begun(ask: Ask) -> ClientResponse:
    """The beginning of an answer, asked for once more where the connection was an old one that the engine has closed.

    llama.cpp's server closes some after a reply, untold; nothing has been answered then, so nothing is said twice.
    """
    from aiohttp import ClientConnectorError, ClientOSError, ServerDisconnectedError

    try:
        return await ask()
    except ClientConnectorError:
        raise
    except (ClientOSError, ServerDisconnectedError):
        return await ask()


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
    if isinstance(error, TimeoutError):
        return Refusal(504, "The engine did not answer in time.", "engine_timeout")
    return Refusal(503, "The engine can't be reached. Is it running?", "engine_gone", retry_after=5)
