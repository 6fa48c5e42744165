"""What the endpoint itself costs: an engine asked directly, and through `roletune serve`'s facade.

    python benchmarks/serve.py               a scripted engine: milliseconds a request, ratio of throughputs
    python benchmarks/serve.py --embedded    the embedded server with its model, which computes on the same cores
    python benchmarks/serve.py --rounds 3 --requests 30 --streams 4 --delay 0.02

Both are asked the same in turns, so that a busy machine slows both; engine and facade are processes of their own.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import socket
import statistics
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from typing import Any

import psutil

WORDS = 20
QUESTION = {"role": "user", "content": "Who goes there?"}


@dataclass(frozen=True)
class Asked:
    """Where a reply is asked for, with which key and messages."""

    url: str
    key: str
    messages: list[dict[str, str]]


def engine_process(listening: socket.socket, delay: float) -> None:
    """The bare engine: `WORDS` words, `delay` seconds apart."""
    from roletune.inference.serve.run import run
    from roletune.inference.serve.scripted import ScriptedEngine, scripted_app

    engine = ScriptedEngine(lambda _: "word " * WORDS, delay)
    asyncio.run(run(scripted_app(engine), listening, lambda: None))


def mira() -> Any:
    """A character's persona prompt."""
    from roletune.prompts import load_prompt
    from roletune.records import Profile
    from roletune.rendering.persona import Persona

    return Persona(Profile(name="Mira", description="You keep a lighthouse."), load_prompt("persona"))


def facade_process(listening: socket.socket, upstream: str, key: str) -> None:
    """The facade in front of it."""
    from roletune.inference.serve.app import Limits, Stage, make_app
    from roletune.inference.serve.cast import Cast, Performer
    from roletune.inference.serve.engine import HttpEngine
    from roletune.inference.serve.run import run
    from roletune.inference.settings import ChatSettings

    engine = HttpEngine(upstream, key, lambda *_: {"model": "mira"})
    cast = Cast({"mira": Performer("mira", mira(), ChatSettings())}, "base")
    asyncio.run(run(make_app(Stage(cast, engine, Limits(slots=64, per_minute=0))), listening, lambda: None))


async def one(client: Any, asked: Asked, stream: bool) -> None:
    """One request, read to its end."""
    body = {"model": "mira", "messages": asked.messages, "stream": stream, "max_tokens": WORDS, "temperature": 0}
    headers = {"authorization": f"Bearer {asked.key}"}
    async with client.stream("POST", f"{asked.url}/chat/completions", json=body, headers=headers) as response:
        assert response.status_code == 200
        async for _ in response.aiter_bytes():
            pass


async def latency(client: Any, asked: Asked, requests: int) -> float:
    """Seconds of a whole reply, median of `requests` in a row."""
    times = []
    for _ in range(requests):
        started = time.perf_counter()
        await one(client, asked, stream=False)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


async def throughput(client: Any, asked: Asked, streams: int) -> float:
    """Replies a second of `streams` streams at once."""
    started = time.perf_counter()
    await asyncio.gather(*(one(client, asked, stream=True) for _ in range(streams)))
    return streams / (time.perf_counter() - started)


async def measure(bare: Asked, facade: Asked, process: int, options: argparse.Namespace) -> None:
    """Alternate, and print."""
    from openai import DefaultAsyncHttpxClient

    async with DefaultAsyncHttpxClient(trust_env=False, timeout=120) as client:
        for asked in (bare, facade):
            await throughput(client, asked, options.streams)
        slow, ratios, computed = [], [], psutil.Process(process).cpu_times()
        for _ in range(options.rounds):
            direct, through = [await latency(client, asked, options.requests) for asked in (bare, facade)]
            slow.append(1000 * (through - direct))
            direct, through = [await throughput(client, asked, options.streams) for asked in (bare, facade)]
            ratios.append(through / direct)
        after = psutil.Process(process).cpu_times()
    seconds = after.user + after.system - computed.user - computed.system
    replies = options.rounds * (options.requests + options.streams)
    share = options.streams / (options.requests + options.streams)
    print(
        f"the facade computed {1000 * seconds / replies:.1f} ms a reply of {WORDS} tokens, {share:.0%} of them streamed"
    )
    print(f"added to a request: median {statistics.median(slow):.2f} ms of {sorted(round(x, 2) for x in slow)}")
    print(
        f"throughput, {options.streams} streams at once: "
        f"median ratio {statistics.median(ratios):.3f} of {sorted(round(x, 3) for x in ratios)}"
    )


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
    """Start both, measure, end both."""
    from roletune.inference.serve.run import listen
    from roletune.inference.settings import ChatSettings

    settings, listening = ChatSettings(), listen("127.0.0.1", 0)
    system = mira().message(settings.begin(mira()).scene, (settings.partner,))
    async with embedded(options.streams) if options.embedded else scripted(options.delay) as (url, key):
        bare = Asked(url, key, [{"role": "system", "content": system.content}, QUESTION])
        facade = Asked(f"http://127.0.0.1:{listening.getsockname()[1]}/v1", "none", [QUESTION])
        with running(facade_process, listening, url, key) as process:
            await measure(bare, facade, process, options)


def main() -> None:
    """Read the options."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--embedded", action="store_true", help="measure with the embedded server")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=10)
    parser.add_argument("--streams", type=int, default=4)
    parser.add_argument("--delay", type=float, default=0.05, help="seconds between two words of the scripted engine")
    asyncio.run(session(parser.parse_args()))


if __name__ == "__main__":
    main()
