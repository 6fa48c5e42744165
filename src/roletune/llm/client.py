"""Any OpenAI-compatible endpoint as a ChatModel.

Guarantees: at most `concurrency` requests at a time, no more a minute than the limits say, and fewer after a 429
(`llm.limits`); what may pass (429, 5xx, timeouts, lost connections, garbage) is tried again with growing pauses and as
the endpoint's Retry-After asks, what will not (400, 401, 404) is not; when all attempts fail the error says what to do.
The key is read when the first request is made, so a run that finds every reply in the ledger needs none, and it appears
in no message, log or key.
"""

from __future__ import annotations

import asyncio
import os
import random
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, TypeVar
from urllib.parse import urlsplit

from roletune.errors import BusyError, EndpointError
from roletune.llm.backoff import Backoff
from roletune.llm.limits import Limits, Turn, guess_tokens
from roletune.llm.pieces import Pieces
from roletune.llm.request import ChatReply, ChatRequest
from roletune.llm.wire import Answer, Endpoint, Failure, body, explain, read_answer, without_password

if TYPE_CHECKING:
    from openai import AsyncOpenAI

T = TypeVar("T")

_NO_KEY = "none"  # the SDK wants a key, servers on one's own machine do not
_LOOPBACK = {"localhost", "127.0.0.1", "::1"}


@dataclass(eq=False)
class OpenAIChatModel:
    """A model behind `base_url` (which ends where `/chat/completions` begins).

    `extra` goes into the body of every request. `when_gone` is the advice for an endpoint that can't be reached.
    `timeout` is in seconds and for one attempt. `identity` is what decides the replies; by default address and name.
    """

    base_url: str
    model: str
    api_key: str | None = field(default=None, repr=False)
    api_key_env: str | None = None
    identity: str = ""
    name: str = ""
    concurrency: int = 8
    requests_per_minute: float = 0
    tokens_per_minute: float = 0
    timeout: float = 600.0
    backoff: Backoff = field(default_factory=Backoff)
    extra: dict[str, Any] = field(default_factory=dict)
    when_gone: str = "Is it running, and is base_url right?"

    def __post_init__(self) -> None:
        self.base_url = self.base_url.rstrip("/")
        self.identity = self.identity or endpoint_identity(self.base_url, self.model)
        self.name = self.name or self.model
        self._connection: _Connection | None = None
        self._gone = False

    async def complete(self, request: ChatRequest) -> ChatReply:
        """The whole reply; cut off at `max_tokens` it is returned as it is, with finish_reason "length"."""
        from openai.types.chat import ChatCompletion

        connection = self._connect()
        sent = self.body(request)

        async def ask() -> ChatReply:
            started = time.perf_counter()
            # As `chat.completions.create` does, but for its walk through every message, which is a third of its time.
            completion = await connection.client.post("/chat/completions", body=sent, cast_to=ChatCompletion)
            return self._reply(request, read_answer(completion, connection.endpoint), started)

        async with self._answered(ask, connection, _guess(request)) as (reply, turn):
            turn.succeeded(reply.prompt_tokens + reply.completion_tokens)
            return reply

    def body(self, request: ChatRequest) -> dict[str, Any]:
        """What is sent for `request`, as JSON."""
        fields = body(request, self.endpoint(), self.extra)
        extra = fields.pop("extra_body")
        return {**fields, **extra}

    def endpoint(self) -> Endpoint:
        """The endpoint as messages name it."""
        return Endpoint(self.base_url, self.model, self.api_key_env, _secret(self), self.when_gone)

    async def ask(self, question: Callable[[AsyncOpenAI], Awaitable[T]]) -> T:
        """Anything else of the same endpoint (files, batches), within the same limits and with the same patience."""
        connection = self._connect()
        async with self._answered(lambda: question(connection.client), connection, 0) as (value, _):
            return value

    async def stream(
        self, request: ChatRequest, on_end: Callable[[ChatReply], None] | None = None
    ) -> AsyncIterator[str]:
        """The reply in pieces; it is asked for again only as long as no piece has come."""
        from openai import OpenAIError

        connection = self._connect()
        fields = body(request, connection.endpoint, self.extra)
        fields |= {"stream": True, "stream_options": {"include_usage": True}}

        async def begin() -> Pieces:
            pieces = Pieces(await connection.client.chat.completions.create(**fields), connection.endpoint)
            await pieces.begin()
            return pieces

        started = time.perf_counter()
        async with self._answered(begin, connection, _guess(request)) as (pieces, turn):
            try:
                async for piece in pieces:
                    yield piece
            except (OpenAIError, ValueError) as error:
                raise explain(error, connection.endpoint).error from error
            finally:
                await pieces.close()
            reply = self._reply(request, pieces.answer(), started)
            turn.succeeded(reply.prompt_tokens + reply.completion_tokens)
        if on_end:
            on_end(reply)

    def _reply(self, request: ChatRequest, answer: Answer, started: float) -> ChatReply:
        return ChatReply(
            text=answer.text,
            finish_reason=answer.finish_reason,
            prompt_tokens=answer.prompt_tokens,
            completion_tokens=answer.completion_tokens,
            seconds=time.perf_counter() - started,
            key=request.key(self.identity),
        )

    @asynccontextmanager
    async def _answered(
        self, attempt: Callable[[], Awaitable[T]], connection: _Connection, tokens: int
    ) -> AsyncIterator[tuple[T, Turn]]:
        """What `attempt` gave in the end, its slot held for the length of the block; nobody pauses in a slot."""
        from openai import OpenAIError

        number = 0
        while True:
            number += 1
            async with connection.limits.turn(tokens) as turn:
                try:
                    value = await attempt()
                except (OpenAIError, EndpointError, ValueError) as error:  # ValueError: JSON that is none
                    failure = explain(error, connection.endpoint)
                    delay = self._pause(number, failure, turn)
                    if delay is None:
                        raise failure.error from error
                else:
                    self._gone = False
                    yield value, turn
                    return
            await asyncio.sleep(delay)

    def _pause(self, number: int, failure: Failure, turn: Turn) -> float | None:
        """Seconds to wait after attempt `number`; None to give up."""
        if not failure.again:
            return None
        if isinstance(failure.error, BusyError):
            after = failure.error.retry_after
            delay = self.backoff.delay(number, after, random.random(), slower=failure.slower)
            if failure.slower:
                turn.refused(None if delay is None else after)
            return delay
        # Once an endpoint was given up, a thousand waiting requests try it once each, not six times.
        delay = None if self._gone else self.backoff.delay(number, None, random.random())
        self._gone = delay is None
        return delay

    def _connect(self) -> _Connection:
        """The connection of this event loop: pools and semaphores can't be carried from one loop to the next."""
        loop = asyncio.get_running_loop()
        if self._connection is None or self._connection.loop is not loop:
            self._connection = _Connection(self, loop)
        return self._connection

    async def close(self) -> None:
        """Close the open connections; the model can still be used and then opens new ones."""
        connection, self._connection = self._connection, None
        if connection and connection.loop is asyncio.get_running_loop():
            await connection.client.close()


class _Connection:
    """What belongs to one event loop."""

    def __init__(self, model: OpenAIChatModel, loop: asyncio.AbstractEventLoop) -> None:
        self.loop = loop
        self.limits = Limits(model.concurrency, model.requests_per_minute, model.tokens_per_minute)
        self.endpoint = model.endpoint()
        self.client = _sdk_client(model, self.endpoint.secret or _NO_KEY)


def endpoint_identity(base_url: str, model: str) -> str:
    """What decides the replies of an endpoint, as far as we can know: address and name."""
    return f"{without_password(base_url.rstrip('/'))} {model}"


def _guess(request: ChatRequest) -> int:
    """About how many tokens a call takes at most, as providers reckon: the prompt, and all that may be answered."""
    return guess_tokens("".join(message["content"] for message in request.messages)) + request.max_tokens


def _secret(model: OpenAIChatModel) -> str | None:
    if model.api_key or not model.api_key_env:
        return model.api_key
    key = os.environ.get(model.api_key_env, "").strip()
    if not key:
        raise EndpointError(
            f"The model {model.name!r} needs a key, and the environment variable {model.api_key_env} is not set. "
            f"Set it (export {model.api_key_env}=...) and run the command again."
        )
    return key


def _sdk_client(model: OpenAIChatModel, key: str) -> AsyncOpenAI:
    from openai import AsyncOpenAI, DefaultAsyncHttpxClient, Timeout

    timeout = Timeout(model.timeout, connect=min(10.0, model.timeout))
    # A proxy set for the outside world must not see, or fail, what stays on this machine.
    proxied = urlsplit(model.base_url).hostname not in _LOOPBACK
    http = DefaultAsyncHttpxClient(trust_env=proxied, timeout=timeout)
    return AsyncOpenAI(api_key=key, base_url=model.base_url, max_retries=0, timeout=timeout, http_client=http)
