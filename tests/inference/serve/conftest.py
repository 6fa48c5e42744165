"""The endpoint on a real loopback socket, over an engine that says what it is told to."""

import asyncio
import socket
import threading
from contextlib import contextmanager

import openai
import pytest
import uvicorn
from tests.inference.stage import PERSONA, SETTINGS

from roletune.inference.serve.app import Limits, Stage, make_app
from roletune.inference.serve.cast import Cast, Performer
from roletune.inference.serve.guard import Rules
from roletune.inference.serve.run import listen, server_settings
from roletune.inference.serve.scripted import ScriptedEngine

THOUGHT = "<thought>He is tired.</thought>\nFor you, sir, always."


def cast():
    jarvis = Performer("jarvis", PERSONA, SETTINGS, ("JARVIS is an AI character: what it says is made up.",))
    return Cast({"jarvis": jarvis}, "smol")


@contextmanager
def listening(app):
    """`app` on a port of its own; its base URL without /v1."""
    sock = listen("127.0.0.1", 0)
    server = uvicorn.Server(server_settings(app, last_words=2))
    ready = threading.Event()
    startup = server.startup

    async def start(sockets=None):
        await startup(sockets)
        ready.set()

    server.startup = start
    thread = threading.Thread(target=lambda: asyncio.run(server.serve([sock])), daemon=True)
    thread.start()
    assert ready.wait(10)
    try:
        yield f"http://127.0.0.1:{sock.getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(10)


class Served:
    def __init__(self, url, engine, stage):
        self.url = url
        self.engine = engine
        self.stage = stage
        self.port = int(url.rpartition(":")[2])

    def client(self, key="none"):
        return openai.OpenAI(base_url=f"{self.url}/v1", api_key=key, max_retries=0)

    def raw(self, request, until=b""):
        """What comes back for bytes on the wire, to the end or until a mark."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=10) as connection:
            connection.sendall(request)
            got = b""
            while data := connection.recv(65536):
                got += data
                if until and until in got:
                    break
            return got


@pytest.fixture
def serve():
    """`with serve(script, delay=..., rules=..., **limits) as served`"""

    @contextmanager
    def opened(script=lambda body: "For you, sir, always.", *, delay=0.0, rules=None, **limits):
        engine = ScriptedEngine(script, delay)
        stage = Stage(cast(), engine, Limits(**{"slots": 32, "per_minute": 0} | limits))
        with listening(make_app(stage, rules or Rules())) as url:
            yield Served(url, engine, stage)

    return opened
