"""What the endpoint itself costs: the same request answered by an engine directly, and through `roletune serve`.

    python benchmarks/serve.py               a scripted engine: milliseconds a request, ratio of throughputs
    python benchmarks/serve.py --embedded    the embedded server with its model, which computes on the same cores
    python benchmarks/serve.py --rounds 3 --requests 30 --streams 4 --delay 0.02 --json figures.json

The engine is sent, directly, the very body that the facade sends it (persona prompt, samplers, stop strings), so that
both replies are the same work. Engine, facade and client are processes of their own. A pair is one whole reply each,
taken in turns in changing order, so that a busy machine slows both; `added` is the median of the pairs' differences.
A scripted engine waits once before a whole reply and before each word of a stream. As the measure's own noise, the
same is done with the engine in both places (`noise`): a difference below that can't be told from none.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import multiprocessing
import socket
import statistics
import time
from collections.abc import AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

import psutil

from roletune.inference.serve.scripted import ScriptedEngine

WORDS = 20
ASKED = {
    "model": "mira",
    "messages": [{"role": "user", "content": "Who goes there?"}],
    "max_tokens": WORDS,
    "temperature": 0,
}


@dataclass(frozen=True)
class Asked:
    """Where a reply is asked for, with which key and body."""

    url: str
    key: str
    body: Mapping[str, Any]


@dataclass(frozen=True)
class Figures:
    """What was measured: milliseconds of pairs, ratios of rounds (facade / engine), processor time of the facade."""

    engine: str
    requests: int
    added_ms: float
    added_ms_quartiles: tuple[float, float]
    noise_ms: float
    noise_ms_quartiles: tuple[float, float]
    streams: int
    throughput_ratios: tuple[float, ...]
    noise_ratios: tuple[float, ...]
    facade_cpu_ms_whole: float
    facade_cpu_ms_stream: float

    def __str__(self) -> str:
        (low, high), (quiet, loud) = self.added_ms_quartiles, self.noise_ms_quartiles
        return "\n".join(
            [
                f"{self.engine}: added to a request: median {self.added_ms:.2f} ms ({low:.2f} to {high:.2f}: middle "
                f"half of {self.requests} pairs); noise {self.noise_ms:.2f} ms ({quiet:.2f} to {loud:.2f})",
                f"throughput, {self.streams} streams at once: median ratio "
                f"{statistics.median(self.throughput_ratios):.3f} of {_rounded(self.throughput_ratios)}; noise "
                f"{statistics.median(self.noise_ratios):.3f} of {_rounded(self.noise_ratios)}",
                f"the facade computed {self.facade_cpu_ms_whole:.1f} ms a whole reply, "
                f"{self.facade_cpu_ms_stream:.1f} ms a streamed one, of {WORDS} tokens",
            ]
        )


class OnePause(ScriptedEngine):
    """Words one by one in a stream, and at once in a whole reply: twenty waits would add up to noise."""

    def __init__(self, pause: float) -> None:
        super().__init__(lambda _: "word " * WORDS, pause)
        self._at_once = ScriptedEngine(lambda _: "word " * WORDS)
        self._pause = pause

    async def ask(self, body: Mapping[str, Any]) -> dict[str, Any]:
        """The whole text, after one pause."""
        await asyncio.sleep(self._pause)
        return await self._at_once.ask(body)


def engine_process(listening: socket.socket, delay: float) -> None:
    """The bare engine: `WORDS` words, `delay` seconds apart in a stream."""
    from roletune.inference.serve.run import run
    from roletune.inference.serve.scripted import scripted_app

    asyncio.run(run(scripted_app(OnePause(delay)), listening, lambda: None))


@cache
def cast() -> Any:
    """One character with its persona prompt."""
    from roletune.inference.serve.cast import Cast, Performer
    from roletune.inference.settings import ChatSettings
    from roletune.prompts import load_prompt
    from roletune.records import Profile
    from roletune.rendering.persona import Persona

    mira = Persona(Profile(name="Mira", description="You keep a lighthouse."), load_prompt("persona"))
    return Cast({"mira": Performer("mira", mira, ChatSettings())}, "base")


def facade_process(listening: socket.socket, upstream: str, key: str) -> None:
    """The facade in front of it."""
    from roletune.inference.serve.app import Limits, Stage, make_app
    from roletune.inference.serve.engine import HttpEngine
    from roletune.inference.serve.run import run

    engine = HttpEngine(upstream, key, lambda *_: {"model": "mira"})
    asyncio.run(run(make_app(Stage(cast(), engine, Limits(slots=64, per_minute=0))), listening, lambda: None))


def as_the_facade_sends_it() -> dict[str, Any]:
    """The body that reaches the engine through the facade."""
    from roletune.inference.serve.form import read_form

    form = read_form(json.dumps(ASKED).encode())
    return {**cast().body(form, *cast().find(form.model)), "model": "mira"}


async def one(client: Any, asked: Asked, stream: bool) -> float:
    """Seconds of one request, read to its end."""
    body: dict[str, Any] = {**asked.body, "stream": stream}
    if stream:
        body["stream_options"] = {"include_usage": True}
    started = time.perf_counter()
    headers = {"authorization": f"Bearer {asked.key}"}
    async with client.stream("POST", f"{asked.url}/chat/completions", json=body, headers=headers) as response:
        assert response.status_code == 200
        async for _ in response.aiter_bytes():
            pass
    return time.perf_counter() - started


async def differences(client: Any, first: Asked, second: Asked, requests: int) -> list[float]:
    """How many milliseconds longer the second took, `requests` times, each being asked first in turns."""
    found = []
    for turn in range(requests):
        pair = [first, second][:: -1 if turn % 2 else 1]
        taken = [await one(client, asked, stream=False) for asked in pair][:: -1 if turn % 2 else 1]
        found.append(1000 * (taken[1] - taken[0]))
    return found


async def ratio(client: Any, first: Asked, second: Asked, streams: int) -> float:
    """Replies a second of `streams` streams at once, the second's over the first's."""
    seconds = []
    for asked in (first, second):
        started = time.perf_counter()
        await asyncio.gather(*(one(client, asked, stream=True) for _ in range(streams)))
        seconds.append(time.perf_counter() - started)
    return seconds[0] / seconds[1]


async def measure(bare: Asked, facade: Asked, process: int, options: argparse.Namespace) -> Figures:
    """Everything, the facade and the noise in turns."""
    from openai import DefaultAsyncHttpxClient

    added, noise, ratios, noises, computed = [], [], [], [], [0.0, 0.0]
    async with DefaultAsyncHttpxClient(trust_env=False, timeout=120) as client:
        for asked in (bare, facade):
            await ratio(client, asked, asked, options.streams)
            await differences(client, asked, asked, 5)
        for _ in range(options.rounds):
            before = _computed(process)
            added += await differences(client, bare, facade, options.requests)
            between = _computed(process)
            ratios.append(await ratio(client, bare, facade, options.streams))
            computed = [computed[0] + between - before, computed[1] + _computed(process) - between]
            noise += await differences(client, bare, bare, options.requests)
            noises.append(await ratio(client, bare, bare, options.streams))
    replies = (len(added), options.rounds * options.streams)
    return Figures(
        "embedded engine" if options.embedded else "scripted engine",
        len(added),
        *_middle(added),
        *_middle(noise),
        options.streams,
        tuple(ratios),
        tuple(noises),
        *(1000 * seconds / number for seconds, number in zip(computed, replies, strict=True)),
    )


def _computed(process: int) -> float:
    times = psutil.Process(process).cpu_times()
    return times.user + times.system


def _middle(values: list[float]) -> tuple[float, tuple[float, float]]:
    """The median and the quartiles."""
    low, median, high = statistics.quantiles(values, n=4)
    return median, (low, high)


def _rounded(values: tuple[float, ...]) -> list[float]:
    return sorted(round(value, 3) for value in values)


@asynccontextmanager
async def embedded(slots: int) -> AsyncIterator[tuple[str, str]]:
    """The URL and key of the embedded server with the base model."""
    from roletune.llm.server import LocalServer
    from roletune.models.weights import resolve

    gguf = resolve("smollm2-135m-instruct").gguf
    assert gguf is not None
    async with LocalServer(gguf, n_ctx=512, n_parallel=slots) as server:
        yield server.base_url, server.chat_model("base").api_key or ""


@asynccontextmanager
async def scripted(delay: float) -> AsyncIterator[tuple[str, str]]:
    """The same of a scripted engine."""
    from roletune.inference.serve.run import listen

    listening = listen("127.0.0.1", 0)
    with running(engine_process, listening, delay):
        yield f"http://127.0.0.1:{listening.getsockname()[1]}/v1", "none"


@contextmanager
def running(target: Any, *args: Any) -> Iterator[int]:
    """A process of that; its number."""
    process = multiprocessing.get_context("fork").Process(target=target, args=args, daemon=True)
    process.start()
    try:
        yield process.pid or 0
    finally:
        process.terminate()
        process.join()


async def session(options: argparse.Namespace) -> None:
    """Start both, measure, end both; print, and write what was asked for."""
    from roletune.inference.serve.run import listen

    listening = listen("127.0.0.1", 0)
    async with embedded(options.streams) if options.embedded else scripted(options.delay) as (url, key):
        bare = Asked(url, key, as_the_facade_sends_it())
        facade = Asked(f"http://127.0.0.1:{listening.getsockname()[1]}/v1", "none", ASKED)
        with running(facade_process, listening, url, key) as process:
            figures = await measure(bare, facade, process, options)
    print(figures)
    if options.json:
        options.json.write_text(json.dumps(asdict(figures), indent=1) + "\n")


def main() -> None:
    """Read the options."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--embedded", action="store_true", help="measure with the embedded server")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=20, help="pairs of whole replies a round")
    parser.add_argument("--streams", type=int, default=4)
    parser.add_argument("--delay", type=float, default=0.05, help="seconds that the scripted engine waits")
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the figures there")
    asyncio.run(session(parser.parse_args()))


if __name__ == "__main__":
    main()
