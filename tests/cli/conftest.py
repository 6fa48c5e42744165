"""A writer behind an HTTP endpoint on this machine, as slow as a test wants it."""

import json
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from types import SimpleNamespace

import pytest
from tests.character import make_character, write_like_a_model


class WriterEndpoint:
    """Answers chat completions like `write_like_a_model`, after `delay` seconds; keeps what it was asked."""

    def __init__(self):
        self.asked = []
        self.answered = 0
        self.delay = 0.0
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                endpoint._answer(self)

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"

    def _answer(self, handler):
        body = json.loads(handler.rfile.read(int(handler.headers["content-length"])))
        self.asked.append(json.dumps(body["messages"]))
        time.sleep(self.delay)
        text = write_like_a_model(SimpleNamespace(messages=body["messages"], sample=0))
        answer = {
            "id": "1",
            "object": "chat.completion",
            "created": 1,
            "model": "quill",
            "choices": [{"index": 0, "message": {"role": "assistant", "content": text}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": 11, "completion_tokens": 5, "total_tokens": 16},
        }
        data = json.dumps(answer).encode()
        handler.send_response(200)
        handler.send_header("content-type", "application/json")
        handler.send_header("content-length", str(len(data)))
        handler.end_headers()
        try:
            handler.wfile.write(data)
            self.answered += 1
        except OSError:
            pass  # who asked was killed


@pytest.fixture
def endpoint():
    writer = WriterEndpoint()
    threading.Thread(target=writer.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    yield writer
    writer.server.shutdown()
    writer.server.server_close()


@pytest.fixture
def folder(tmp_path, endpoint):
    """A character whose writer is the endpoint."""
    writer = {"url": endpoint.url, "model": "quill", "key": "", "concurrency": 2}
    return make_character(
        tmp_path / "mira",
        models={"writer": writer},
        scenes={"count": 2, "per_call": 1, "replacements": 0},
        protective={"count": 12, "twins": False},
        profile_fields={"enabled": False},  # the writer only writes scenes and dialogues
    )
