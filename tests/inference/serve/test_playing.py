"""Characters come and go while others speak."""

import asyncio
import json
import os
import signal
from contextlib import asynccontextmanager

import httpx
import pytest
from tests.inference.serve.conftest import cast
from tests.inference.stage import PERSONA, SETTINGS

from roletune.errors import ModelError
from roletune.inference.serve.app import Limits, Stage, make_app
from roletune.inference.serve.cast import Cast, Performer
from roletune.inference.serve.playing import Rotation, on_hangup
from roletune.inference.serve.run import listen, run
from roletune.inference.serve.scripted import ScriptedEngine

WORDS = 60


class Watched(ScriptedEngine):
    closed = 0

    async def close(self):
        self.closed += 1


def other_cast():
    return Cast({"hamlet": Performer("hamlet", PERSONA, SETTINGS)}, "smol")


def asked(client, who, stream=True):
    return client.stream(
        "POST",
        "/v1/chat/completions",
        json={"model": who, "stream": stream, "messages": [{"role": "user", "content": "Hello?"}]},
    )


async def said(lines):
    told = [line[6:] async for line in lines if line.startswith("data: ") and line != "data: [DONE]"]
    return "".join(json.loads(each)["choices"][0]["delta"].get("content") or "" for each in told)


async def until(condition):
    for _ in range(500):
        if condition():
            return
        await asyncio.sleep(0.01)
    raise AssertionError("it did not happen")


def test_streams_stay_whole_while_the_cast_changes_and_the_old_engine_ends_with_the_last():
    engines = [Watched(lambda _: "old " * WORDS, 0.01), Watched(lambda _: "new " * 3)]
    opened, left = [], []

    @asynccontextmanager
    async def opening():
        place = len(opened)
        opened.append(place)
        yield (cast(), other_cast())[place], engines[place]
        left.append(place)

    async def session():
        async with Rotation(opening) as rotation:
            stage = Stage(rotation.cast, rotation.engine, Limits(slots=32, per_minute=0))
            sock = listen("127.0.0.1", 0)
            url = f"http://127.0.0.1:{sock.getsockname()[1]}"
            serving = asyncio.create_task(run(make_app(stage), sock, lambda: None))
            async with httpx.AsyncClient(base_url=url, timeout=30) as client:
                await during(client, rotation, stage)
            serving.cancel()
            await asyncio.gather(serving, return_exceptions=True)

    async def during(client, rotation, stage):
        async def whole(who):
            async with asked(client, who) as response:
                assert response.status_code == 200
                return await said(response.aiter_lines())

        speaking = [asyncio.create_task(whole("jarvis")) for _ in range(8)]
        await until(lambda: engines[0].running == 8)
        await rotation.change(stage.change)
        assert (await whole("hamlet")).split() == ["new"] * 3
        async with asked(client, "jarvis") as response:
            assert response.status_code == 404
        assert (engines[0].running, engines[0].closed, left) == (8, 0, [])
        models = (await client.get("/v1/models")).json()["data"]
        assert [each["id"] for each in models] == ["hamlet", "hamlet+thoughts", "base"]
        assert [reply.split() for reply in await asyncio.gather(*speaking)] == [["old"] * WORDS] * 8
        await until(lambda: left == [0])
        assert (engines[0].closed, engines[0].left_early) == (1, 0)

    asyncio.run(session())
    assert left == [0, 1]


def test_what_does_not_open_changes_nothing():
    @asynccontextmanager
    async def opening():
        if engine.bodies:
            raise ModelError("These characters were trained on different base models.")
        yield cast(), engine

    engine = Watched(lambda _: "old")

    async def session():
        async with Rotation(opening) as rotation:
            stage = Stage(rotation.cast, rotation.engine)
            engine.bodies.append({})
            with pytest.raises(ModelError):
                await rotation.change(stage.change)
            assert stage.playing.engine is engine
            assert engine.closed == 0

    asyncio.run(session())


def test_a_hangup_begins_the_work():
    done = []

    async def work():
        done.append(1)

    async def session():
        with on_hangup(work):
            os.kill(os.getpid(), signal.SIGHUP)
            await until(lambda: done)

    asyncio.run(session())


def test_a_signal_ends_the_server_in_order_and_a_reply_that_goes_on_and_on_is_cut():
    engine = Watched(lambda _: "word " * 10_000, 0.01)

    async def session():
        sock = listen("127.0.0.1", 0)
        url = f"http://127.0.0.1:{sock.getsockname()[1]}"
        stage = Stage(cast(), engine, Limits(per_minute=0))
        started = asyncio.Event()
        serving = asyncio.create_task(run(make_app(stage), sock, started.set, last_words=1))
        await started.wait()
        async with httpx.AsyncClient(base_url=url, timeout=30) as client, asked(client, "jarvis") as response:
            pieces = response.aiter_bytes()
            await anext(pieces)
            os.kill(os.getpid(), signal.SIGTERM)
            with pytest.raises(httpx.RemoteProtocolError):
                async for _ in pieces:
                    pass
            await serving
        assert (engine.left_early, engine.closed, stage.gate.active) == (1, 1, 0)

    asyncio.run(session())
