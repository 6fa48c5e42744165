"""What the endpoint itself costs: a scripted engine over HTTP, asked directly and through `roletune serve`'s facade.

    python benchmarks/serve.py            prints milliseconds a request and the ratio of throughputs
    python benchmarks/serve.py --rounds 3 --requests 30 --streams 4 --delay 0.02

Both are asked in turns, so that a busy machine slows both; engine and facade are processes of their own.
"""

from __future__ import annotations

import argparse
import asyncio
import multiprocessing
import socket
import statistics
import time
from collections.abc import Coroutine
from typing import Any

import psutil

WORDS = 20


def engine_process(listening: socket.socket, delay: float) -> None:
    """The bare engine: `WORDS` words, `delay` seconds apart."""
    from roletune.inference.serve.run import run
    from roletune.inference.serve.scripted import ScriptedEngine, scripted_app

    engine = ScriptedEngine(lambda _: "word " * WORDS, delay)
    serving(run(scripted_app(engine), listening, lambda: None))


def facade_process(listening: socket.socket, upstream: str) -> None:
    """The facade in front of it."""
    from roletune.inference.serve.app import Limits, Stage, make_app
    from roletune.inference.serve.cast import Cast, Performer
    from roletune.inference.serve.engine import HttpEngine
    from roletune.inference.serve.run import run
    from roletune.inference.settings import ChatSettings
    from roletune.prompts import load_prompt
    from roletune.records import Profile
    from roletune.rendering.persona import Persona

    persona = Persona(Profile(name="Mira", description="You keep a lighthouse."), load_prompt("persona"))
    engine = HttpEngine(upstream, None, lambda *_: {"model": "mira"})
    cast = Cast({"mira": Performer("mira", persona, ChatSettings())}, "base")
    serving(run(make_app(Stage(cast, engine, Limits(slots=64, per_minute=0))), listening, lambda: None))


def serving(work: Coroutine[Any, Any, None]) -> None:
    """As `roletune serve` does it."""
    from roletune.inference.serve.run import event_loop

    with asyncio.Runner(loop_factory=event_loop) as runner:
        runner.run(work)


async def one(client: Any, url: str, stream: bool) -> None:
    """One request, read to its end."""
    body = {"model": "mira", "messages": [{"role": "user", "content": "Who goes there?"}], "stream": stream}
    async with client.stream("POST", f"{url}/chat/completions", json=body) as response:
        assert response.status_code == 200
        async for _ in response.aiter_bytes():
            pass


async def latency(client: Any, url: str, requests: int) -> float:
    """Seconds of a whole reply, median of `requests` in a row."""
    times = []
    for _ in range(requests):
        started = time.perf_counter()
        await one(client, url, stream=False)
        times.append(time.perf_counter() - started)
    return statistics.median(times)


async def throughput(client: Any, url: str, streams: int) -> float:
    """Words a second of `streams` streams at once."""
    started = time.perf_counter()
    await asyncio.gather(*(one(client, url, stream=True) for _ in range(streams)))
    return streams * WORDS / (time.perf_counter() - started)


async def measure(bare: str, facade: str, process: int, options: argparse.Namespace) -> None:
    """Alternate, and print."""
    from openai import DefaultAsyncHttpxClient

    async with DefaultAsyncHttpxClient(trust_env=False, timeout=120) as client:
        for url in (bare, facade):
            await one(client, url, stream=True)
        slow, ratios, computed = [], [], psutil.Process(process).cpu_times().user
        for _ in range(options.rounds):
            direct, through = [await latency(client, url, options.requests) for url in (bare, facade)]
            slow.append(1000 * (through - direct))
            direct, through = [await throughput(client, url, options.streams) for url in (bare, facade)]
            ratios.append(through / direct)
        computed = psutil.Process(process).cpu_times().user - computed
    replies = options.rounds * (options.requests + options.streams)
    print(
        f"the facade computed {1000 * computed / replies:.1f} ms a reply of {WORDS} words, {options.streams} streamed"
    )
    print(f"added to a request: median {statistics.median(slow):.2f} ms of {sorted(round(x, 2) for x in slow)}")
    print(
        f"throughput, {options.streams} streams at {1 / options.delay:.0f} words/s each: "
        f"median ratio {statistics.median(ratios):.3f} of {sorted(round(x, 3) for x in ratios)}"
    )


def main() -> None:
    """Start both, measure, end both."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--requests", type=int, default=10)
    parser.add_argument("--streams", type=int, default=4)
    parser.add_argument("--delay", type=float, default=0.05, help="seconds between two words of the engine")
    options = parser.parse_args()
    from roletune.inference.serve.run import listen

    sockets = [listen("127.0.0.1", 0) for _ in range(2)]
    bare, facade = (f"http://127.0.0.1:{each.getsockname()[1]}/v1" for each in sockets)
    context = multiprocessing.get_context("fork")
    processes = [
        context.Process(target=engine_process, args=(sockets[0], options.delay), daemon=True),
        context.Process(target=facade_process, args=(sockets[1], bare), daemon=True),
    ]
    for process in processes:
        process.start()
    try:
        asyncio.run(measure(bare, facade, processes[1].pid or 0, options))
    finally:
        for process in processes:
            process.terminate()
            process.join()


if __name__ == "__main__":
    main()
