"""How fast the engine is: calls to an endpoint of known latency and limit, and records through a scripted model.

    python benchmarks/engine.py                      both
    python benchmarks/engine.py --calls 200 --records 5000
    python benchmarks/engine.py --records 0 --peers curator   the same calls through bespokelabs-curator as well

The endpoint runs in a process of its own and answers every call after the same time, at most so many at a time; the
ideal is ceil(calls / limit) x latency. A record is the whole way of a call: question, ledger (committed), reply, parsed
scene, one line in a file; the second time every reply is remembered. Memory is the peak of the process. A peer runs in
an environment of its own, made the first time in roletune's cache folder, or in `--cache`.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import math
import resource
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import engine_curator

from roletune.engine.runner import each
from roletune.llm.client import OpenAIChatModel
from roletune.llm.ledger import Ledger, RememberedModel
from roletune.llm.model import ChatModel
from roletune.llm.request import ChatReply, ChatRequest
from roletune.llm.scripted import ScriptedModel
from roletune.models.cache import cache_dir
from roletune.records import Provenance, Scene

WORDS = "the lamp keeper wrote that harbour ice broke early and nobody believed her until boats came back " * 4

AT_A_TIME = 256  # replies that come together share a commit, and a disk can do about a hundred of them a second


def request(number: int) -> ChatRequest:
    """A question like those of the stage `scenes`: about 1,000 characters."""
    return ChatRequest(
        messages=(
            {"role": "system", "content": "You invent short scenes. " + WORDS},
            {"role": "user", "content": f"Passage {number}: {WORDS} Invent a scene from this."},
        )
    )


def scene(number: int, reply: ChatReply) -> Scene:
    """What is made of a reply."""
    provenance = Provenance(source=f"passage:{number}", request=reply.key)
    return Scene(id=reply.key[:16], title=f"Number {number}", background=reply.text, provenance=provenance)


async def ask(model: ChatModel, count: int, concurrency: int, out: Path) -> list[float]:
    """Seconds, seconds of processor time, and peak memory in MB after a fifth of the records and after all."""
    peaks: list[float] = []

    async def work(number: int) -> Scene:
        return scene(number, await model.complete(request(number)))

    started, worked = time.perf_counter(), time.process_time()
    with out.open("w", encoding="utf-8") as file:

        def keep(number: int, outcome: Any) -> None:
            file.write(outcome.value.model_dump_json() + "\n")
            if number == count // 5:
                peaks.append(peak_megabytes())

        await each(range(count), work, keep, concurrency=concurrency)
    return [time.perf_counter() - started, time.process_time() - worked, *peaks, peak_megabytes()]


def peak_megabytes() -> float:
    """Of this process, until now."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def measure_records(count: int) -> dict[str, Any]:
    """Records a second, asked and remembered."""
    figures: dict[str, Any] = {"records": count}
    with TemporaryDirectory() as folder, Ledger(Path(folder) / "ledger.sqlite") as ledger:
        for name in ("asked", "remembered"):
            model = RememberedModel(ScriptedModel(lambda _: WORDS, keep=False), ledger, "scenes")
            seconds, worked, early, late = asyncio.run(ask(model, count, AT_A_TIME, Path(folder) / "scenes.jsonl"))
            figures[name] = {
                "records_per_second": round(count / seconds),
                "records_per_processor_second": round(count / worked),
                "peak_mb_after_a_fifth": round(early, 1),
                "peak_mb": round(late, 1),
            }
    return figures


@contextmanager
def endpoint(limit: int, latency: float) -> Iterator[str]:
    """The URL of an endpoint that lives as long as it is needed."""
    command = [sys.executable, __file__, "--serve", str(latency), "--limit", str(limit)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        try:
            yield f"http://127.0.0.1:{int(server.stdout.readline())}/v1"
        finally:
            server.terminate()


def measure_calls(count: int, limit: int, latency: float) -> dict[str, Any]:
    """The time that calls take, and how many times the ideal that is."""
    with (
        endpoint(limit, latency) as url,
        TemporaryDirectory() as folder,
        Ledger(Path(folder) / "ledger.sqlite") as ledger,
    ):
        remote = OpenAIChatModel(url, "m", api_key="k", concurrency=limit)

        async def all_calls() -> list[float]:
            model = RememberedModel(remote, ledger, "scenes")
            await remote.complete(request(-1))  # imports and the first connection are not the engine's speed
            figures = await ask(model, count, limit, Path(folder) / "scenes.jsonl")
            await remote.close()
            return figures

        seconds, worked, *_ = asyncio.run(all_calls())
    ideal = math.ceil(count / limit) * latency
    figures = {"calls": count, "limit": limit, "latency": latency, "ideal_seconds": ideal}
    per_call = round(1000 * worked / count, 2)
    return figures | {
        "seconds": round(seconds, 2),
        "times_ideal": round(seconds / ideal, 3),
        "processor_milliseconds_per_call": per_call,
    }


def measure_curator(count: int, limit: int, latency: float, cache: Path | None) -> dict[str, Any]:
    """The same through curator; it gets one question more, which is asked before the clock starts."""
    python = engine_curator.interpreter(cache or cache_dir() / "benchmarks")
    with endpoint(limit, latency) as url, TemporaryDirectory() as folder:
        questions = Path(folder) / "questions.jsonl"
        rows = [{"messages": request(number).messages} for number in range(-1, count)]
        questions.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
        seconds = engine_curator.seconds(python, url, questions, limit)
    ideal = math.ceil(count / limit) * latency
    return {"package": engine_curator.PACKAGE, "seconds": round(seconds, 2), "times_ideal": round(seconds / ideal, 3)}


async def serve(latency: float, limit: int) -> None:
    """The endpoint: a completion after `latency` seconds; more than `limit` at a time wait for a place."""
    places = asyncio.Semaphore(limit)
    message = {"role": "assistant", "content": WORDS}
    usage = {"prompt_tokens": 250, "completion_tokens": 70, "total_tokens": 320}
    answer = {"id": "1", "object": "chat.completion", "created": 1, "model": "m", "usage": usage}
    answer["choices"] = [{"index": 0, "message": message, "finish_reason": "stop"}]
    data = json.dumps(answer).encode()
    head = f"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {len(data)}\r\n\r\n".encode()

    async def connection(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while True:
                asked = await reader.readuntil(b"\r\n\r\n")
                length = asked.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0]
                await reader.readexactly(int(length))
                async with places:
                    await asyncio.sleep(latency)
                writer.write(head + data)
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()

    server = await asyncio.start_server(connection, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    """Measure and print JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=2000)
    parser.add_argument("--limit", type=int, default=32)
    parser.add_argument("--latency", type=float, default=1.0, help="seconds")
    parser.add_argument("--records", type=int, default=100_000)
    parser.add_argument("--peers", default="", choices=["", "curator"], help="who does the same calls as well")
    parser.add_argument("--cache", type=Path, help="where the environment of a peer is made")
    parser.add_argument("--serve", type=float, help="be the endpoint, with this latency")
    asked = parser.parse_args()
    if asked.serve is not None:
        asyncio.run(serve(asked.serve, asked.limit))
        return
    figures = {}
    if asked.records:
        figures["records"] = measure_records(asked.records)
    if asked.calls:
        figures["endpoint"] = measure_calls(asked.calls, asked.limit, asked.latency)
    if asked.peers:
        figures["curator"] = measure_curator(asked.calls, asked.limit, asked.latency, asked.cache)
    print(json.dumps(figures, indent=2))


if __name__ == "__main__":
    main()
