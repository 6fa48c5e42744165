"""The endpoint itself, as a Starlette application.

Starlette, not FastAPI: error bodies are OpenAI's, bodies are bounded before they are parsed, and nothing is to be
generated for a page that would load scripts from elsewhere. Guarantees: no path of a request reaches the file system,
nothing that was said is logged, and every error is JSON in OpenAI's form.
"""

from __future__ import annotations

import json
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from roletune.inference.serve import metrics
from roletune.inference.serve.cast import Cast
from roletune.inference.serve.engine import Chunk, Engine
from roletune.inference.serve.events import ClientLeft, EventStream, while_connected
from roletune.inference.serve.form import ChatForm, read_form
from roletune.inference.serve.gate import Gate, RateLimit
from roletune.inference.serve.guard import Guard, Rules
from roletune.inference.serve.listing import describe
from roletune.inference.serve.openapi import openapi
from roletune.inference.serve.playing import Playing
from roletune.inference.serve.refusal import Refusal
from roletune.inference.serve.reply import Passing, usage_of, whole_reply

if TYPE_CHECKING:
    from starlette.types import ASGIApp

_JSON = json.JSONEncoder(separators=(",", ":")).encode  # made once: every token passes here


@dataclass(frozen=True)
class Limits:
    """What is let in: requests at a time, waiting, and a minute from one address (0: any number); bytes of a body."""

    slots: int = 4
    queue: int = 64
    per_minute: int = 600
    body_bytes: int = 2_000_000


@dataclass
class Stage:
    """The cast, the engine behind it, and what is counted; both can be changed while replies are being written."""

    cast: Cast
    engine: Engine
    limits: Limits = field(default_factory=Limits)

    def __post_init__(self) -> None:
        self.playing = Playing(self.cast, self.engine)
        self.gate = Gate(self.limits.slots, self.limits.queue)
        self.metrics = metrics.Metrics()
        self.since = int(time.time())

    def change(self, cast: Cast, engine: Engine) -> Playing:
        """Let the next requests go to these; what played so far, to be ended when nobody listens to it any more."""
        before, self.playing = self.playing, Playing(cast, engine)
        self.cast, self.engine = cast, engine
        return before


def make_app(stage: Stage, rules: Rules | None = None) -> ASGIApp:
    """The application; the engine is closed with it."""
    rules = rules or Rules()

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        yield
        await stage.engine.close()

    calls = _Calls(stage)
    routes = [
        Route("/v1/chat/completions", calls.chat, methods=["POST"]),
        Route("/v1/models", calls.models),
        Route("/v1/models/{model}", calls.model),
        Route("/health", calls.health),
        Route("/metrics", calls.metrics),
        Route("/openapi.json", calls.openapi),
    ]
    guard = Middleware(Guard, rules=rules, rate=RateLimit(stage.limits.per_minute))
    cors = Middleware(CORSMiddleware, allow_origins=rules.origins, allow_methods=["*"], allow_headers=["*"])
    middleware = [cors, guard] if rules.origins else [guard]
    handlers: Any = {Refusal: _refused, HTTPException: _not_found, Exception: _broken}
    return Starlette(routes=routes, middleware=middleware, exception_handlers=handlers, lifespan=lifespan)


class _Calls:
    """One method a route."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage

    async def chat(self, request: Request) -> Any:
        """POST /v1/chat/completions"""
        started = time.perf_counter()
        counted, playing = "", self.stage.playing
        leave = playing.enter()
        try:
            form = read_form(await _body(request, self.stage.limits.body_bytes))
            name, performer = playing.cast.find(form.model)
            counted = name.who
            body = playing.cast.body(form, name, performer)
            body |= playing.engine.adapter(name.who, name.strength if performer else 0.0)
            shown = name.thoughts or performer is None
            call = _Call(self.stage, playing.engine, form, name.who, body, shown, started)
            if form.stream:
                stream, leave = await call.streamed(request, leave), _nobody
                return stream
            return await call.whole(request)
        except Refusal as refusal:
            self.stage.metrics.requests[counted, refusal.status] += 1
            raise
        except ClientLeft:
            self.stage.metrics.abandoned += 1
            return Response(status_code=499)
        finally:
            leave()

    async def models(self, _: Request) -> Response:
        """GET /v1/models"""
        return JSONResponse({"object": "list", "data": describe(self.stage.cast, self.stage.since)})

    async def model(self, request: Request) -> Response:
        """GET /v1/models/{model}"""
        name, _ = self.stage.cast.find(request.path_params["model"])
        (found,) = (each for each in describe(self.stage.cast, self.stage.since) if each["id"] == name.who)
        return JSONResponse(found | {"id": request.path_params["model"]})

    async def health(self, _: Request) -> Response:
        """GET /health"""
        well = await self.stage.engine.healthy()
        return JSONResponse({"status": "ok" if well else "engine unavailable"}, 200 if well else 503)

    async def metrics(self, _: Request) -> Response:
        """GET /metrics"""
        gauges = {"active": self.stage.gate.active, "waiting": self.stage.gate.waiting}
        return Response(self.stage.metrics.text(gauges), media_type=metrics.CONTENT_TYPE)

    async def openapi(self, _: Request) -> Response:
        """GET /openapi.json"""
        return JSONResponse(openapi())


@dataclass(frozen=True)
class _Call:
    """One request on its way through the engine."""

    stage: Stage
    engine: Engine
    form: ChatForm
    who: str
    body: dict[str, Any]
    thoughts: bool
    started: float

    async def whole(self, request: Request) -> Response:
        """The reply in one piece."""

        async def ask() -> Chunk:
            leave = await self.stage.gate.enter()
            try:
                return await self.engine.ask(self.body)
            finally:
                leave()

        answer = await while_connected(request.receive, ask())
        self._count(usage_of(answer))
        return JSONResponse(whole_reply(answer, self.form.model, thoughts=self.thoughts))

    async def streamed(self, request: Request, ended: Callable[[], None]) -> EventStream:
        """The reply in pieces; `ended` is called after the last. What is refused before the first has its status."""
        chunks = self.engine.stream(self.body | {"stream": True, "stream_options": {"include_usage": True}})

        async def begin() -> tuple[list[Chunk] | None, Callable[[], None]]:
            leave = await self.stage.gate.enter()
            try:
                return await anext(chunks, None), leave
            except BaseException:
                leave()
                raise

        first, leave = await while_connected(request.receive, begin())
        if first is None:
            leave()
            raise Refusal(502, "The engine ended the stream before it began.", "engine_error")
        options = self.form.stream_options
        passing = Passing(self.form.model, thoughts=self.thoughts, usage=bool(options and options.include_usage))

        def end(left: bool) -> None:
            leave()
            ended()
            self._count(passing.usage or {}, left=left)

        self.stage.metrics.first.add(time.perf_counter() - self.started)
        return EventStream(_events(first, chunks, passing), end)

    def _count(self, usage: dict[str, int], *, left: bool = False) -> None:
        counts = self.stage.metrics
        counts.requests[self.who, 200] += 1
        counts.abandoned += left
        counts.used(self.who, usage)
        counts.seconds.add(time.perf_counter() - self.started)


def _nobody() -> None:
    """Nobody leaves yet: the stream tells when it has ended."""


async def _events(first: list[Chunk], chunks: AsyncIterator[list[Chunk]], passing: Passing) -> AsyncIterator[bytes]:
    """Events in bytes; those whose chunks came together go together. An error in the middle is the last event."""
    try:
        yield _written(first, passing)
        async for group in chunks:
            if written := _written(group, passing):
                yield written
        yield b"data: [DONE]\n\n"
    except Refusal as refusal:
        yield b"data: " + json.dumps(refusal.body).encode() + b"\n\n"
    finally:
        close = getattr(chunks, "aclose", None)
        if close:
            await close()


def _written(group: list[Chunk], passing: Passing) -> bytes:
    return "".join(f"data: {_JSON(each)}\n\n" for chunk in group for each in passing.take(chunk)).encode()


async def _body(request: Request, most: int) -> bytes:
    """The request's body; what is longer than `most` bytes is not read to its end."""
    refusal = Refusal(413, f"The body is longer than {most} bytes. Send less, or serve with --body.", "too_large")
    length = request.headers.get("content-length", "0")
    if length.isdigit() and len(length) < 20 and int(length) > most:
        raise refusal
    data = bytearray()
    async for piece in request.stream():
        data += piece
        if len(data) > most:
            raise refusal
    return bytes(data)


async def _refused(_: Request, error: Exception) -> Response:
    assert isinstance(error, Refusal)
    return JSONResponse(error.body, error.status, error.all_headers)


async def _not_found(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    hint = " The base URL ends in /v1." if error.status_code == 404 else ""
    refusal = Refusal(error.status_code, f"{error.detail}: {request.method} is not served here.{hint}", "not_found")
    return JSONResponse(refusal.body, error.status_code, error.headers)


async def _broken(_: Request, error: Exception) -> Response:
    """A bug: the traceback goes to the server's terminal, the client is told nothing of it."""
    return JSONResponse(Refusal(500, "The server has a bug; its terminal tells more.", "internal_error").body, 500)
