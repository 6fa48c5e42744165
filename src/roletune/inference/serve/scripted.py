"""An engine that says what it is told to: for tests, examples and measurements, with no weights and no network.

`scripted_app` serves the same over HTTP, in the place of llama.cpp's or vLLM's server.
"""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import AsyncIterator, Callable, Mapping
from typing import TYPE_CHECKING, Any

from roletune.inference.serve.refusal import Refusal

if TYPE_CHECKING:
    from starlette.applications import Starlette

Script = Callable[[Mapping[str, Any]], str | Refusal]


class ScriptedEngine:
    """`script` gives the text for a body, or what is raised; `delay` is in seconds, before the first and each piece.

    Every body is kept in `bodies`; `peak` is how many it answered at once. Tokens are words.
    """

    def __init__(self, script: Script, delay: float = 0.0, models: tuple[str, ...] = ("scripted",)) -> None:
        self.bodies: list[dict[str, Any]] = []
        self.running = self.peak = self.left_early = 0
        self.models = models
        self._script = script
        self._delay = delay

    def adapter(self, who: str, strength: float) -> Mapping[str, Any]:
        """Who is asked, in words."""
        return {"lora": [who, strength]}

    async def ask(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The whole text."""
        chunks = [chunk async for group in self.stream(body) for chunk in group]
        deltas = [chunk["choices"][0] for chunk in chunks if chunk["choices"]]
        text = "".join(choice["delta"].get("content") or "" for choice in deltas)
        entries = [entry for choice in deltas for entry in (choice.get("logprobs") or {}).get("content", [])]
        choice = {
            "index": 0,
            "message": {"role": "assistant", "content": text},
            "finish_reason": deltas[-1]["finish_reason"],
            "logprobs": {"content": entries} if entries else None,
        }
        return _envelope("chat.completion", [choice], chunks[-1]["usage"])

    async def stream(self, body: Mapping[str, Any]) -> AsyncIterator[list[dict[str, Any]]]:
        """The text in pieces, as one chunk each."""
        self.bodies.append(dict(body))
        self.running += 1
        self.peak = max(self.peak, self.running)
        finished = False
        try:
            await asyncio.sleep(self._delay)
            text = self._script(body)
            if isinstance(text, Refusal):
                raise text
            async for chunk in self._chunks(text, body):
                yield [chunk]
            finished = True
        finally:
            self.running -= 1
            self.left_early += not finished

    async def _chunks(self, text: str, body: Mapping[str, Any]) -> AsyncIterator[dict[str, Any]]:
        words = re.findall(r"\s*\S+|\s+$", text)
        cut = words[: body.get("max_tokens", len(words))]
        yield _chunk({"role": "assistant", "content": None})
        for word in cut:
            await asyncio.sleep(self._delay)
            entry = {"token": word, "logprob": -0.5, "bytes": list(word.encode()), "top_logprobs": []}
            yield _chunk({"content": word}, logprobs={"content": [entry]} if body.get("logprobs") else None)
        yield _chunk({}, finish_reason="length" if len(cut) < len(words) else "stop")
        prompt = sum(len(message["content"].split()) for message in body["messages"])
        yield _envelope("chat.completion.chunk", [], _usage(prompt, len(cut)))

    async def healthy(self) -> bool:
        """Always."""
        return True

    async def close(self) -> None:
        """Nothing is open."""


def scripted_app(engine: ScriptedEngine) -> Starlette:
    """The engine as a server of its own, at /v1."""
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse, Response, StreamingResponse
    from starlette.routing import Route

    async def chat(request: Request) -> Response:
        body = await request.json()
        if body.get("stream"):
            return StreamingResponse(_events(engine, body), media_type="text/event-stream")
        try:
            return JSONResponse(await engine.ask(body))
        except Refusal as refusal:
            return JSONResponse(refusal.body, refusal.status, refusal.all_headers)

    async def models(_: Request) -> Response:
        return JSONResponse({"object": "list", "data": [{"id": name, "object": "model"} for name in engine.models]})

    return Starlette(routes=[Route("/v1/chat/completions", chat, methods=["POST"]), Route("/v1/models", models)])


async def _events(engine: ScriptedEngine, body: Mapping[str, Any]) -> AsyncIterator[str]:
    try:
        async for chunks in engine.stream(body):
            for chunk in chunks:
                yield f"data: {json.dumps(chunk)}\n\n"
        yield "data: [DONE]\n\n"
    except Refusal as refusal:
        yield f"data: {json.dumps(refusal.body)}\n\n"


def _chunk(delta: dict[str, Any], finish_reason: str | None = None, logprobs: Any = None) -> dict[str, Any]:
    choice = {"index": 0, "delta": delta, "finish_reason": finish_reason, "logprobs": logprobs}
    return _envelope("chat.completion.chunk", [choice], None)


def _envelope(kind: str, choices: list[Any], usage: dict[str, int] | None) -> dict[str, Any]:
    return {"id": "scripted", "object": kind, "created": 1, "model": "scripted", "choices": choices, "usage": usage}


def _usage(prompt: int, completion: int) -> dict[str, int]:
    return {"prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion}
