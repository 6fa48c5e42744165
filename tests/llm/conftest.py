"""A real HTTP server on loopback that answers as each test tells it to."""

import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest


class Endpoint:
    """Plays `script`: one answer a request, the last one again and again. Keeps every request's body and headers.

    The answers are its functions: completion, status, raw, dropped, streamed.
    """

    def __init__(self):
        self.script = []
        self.bodies = []
        self.headers = []
        self.running = self.peak = 0
        self._lock = threading.Lock()
        endpoint = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                endpoint.answer(self)

            def log_message(self, *args):
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.server.server_port}/v1"

    def answer(self, handler):
        body = json.loads(handler.rfile.read(int(handler.headers["content-length"])))
        with self._lock:
            step = self.script[min(len(self.bodies), len(self.script) - 1)]
            self.bodies.append(body)
            self.headers.append({name.lower(): value for name, value in handler.headers.items()})
            self.running += 1
            self.peak = max(self.peak, self.running)
        try:
            step(handler)
        finally:
            with self._lock:
                self.running -= 1


def completion(text="Good evening, sir.", finish_reason="stop", meanwhile=lambda: None):
    def step(handler):
        meanwhile()
        message = {"role": "assistant", "content": text}
        answer = {
            "id": "1",
            "object": "chat.completion",
            "created": 1,
            "model": "m",
            "choices": [{"index": 0, "message": message, "finish_reason": finish_reason}],
            "usage": {"prompt_tokens": 11, "completion_tokens": 5, "total_tokens": 16},
        }
        reply(handler, 200, json.dumps(answer))

    return step


def status(http, message="no", headers=None, **error):
    return lambda handler: reply(handler, http, json.dumps({"error": {"message": message, **error}}), headers)


def raw(text, kind="application/json", code=200):
    return lambda handler: reply(handler, code, text, {"content-type": kind})


def dropped(after=""):
    """Close the connection, after a beginning that promised more."""

    def step(handler):
        if after:
            handler.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 999\r\n\r\n")
            handler.wfile.write(after.encode())
        handler.close_connection = True
        handler.connection.close()

    return step


def streamed(*pieces, finish_reason="stop", broken=False):
    def step(handler):
        handler.wfile.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        for piece in pieces:
            send(handler, [{"index": 0, "delta": {"content": piece}, "finish_reason": None}])
        if broken:
            handler.close_connection = True
            handler.connection.close()
            return
        send(handler, [{"index": 0, "delta": {}, "finish_reason": finish_reason}])
        send(handler, [], {"prompt_tokens": 7, "completion_tokens": len(pieces), "total_tokens": 9})
        chunk(handler, b"data: [DONE]\n\n")
        handler.wfile.write(b"0\r\n\r\n")

    return step


def send(handler, choices, usage=None):
    event = {"id": "1", "object": "chat.completion.chunk", "created": 1, "model": "m", "choices": choices}
    chunk(handler, f"data: {json.dumps(event | {'usage': usage})}\n\n".encode())


def chunk(handler, data):
    handler.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
    handler.wfile.flush()


def reply(handler, code, text, headers=None):
    data = text.encode()
    handler.send_response(code)
    for name, value in ({"content-type": "application/json"} | (headers or {})).items():
        handler.send_header(name, value)
    handler.send_header("content-length", str(len(data)))
    handler.end_headers()
    handler.wfile.write(data)


for answer in (completion, status, raw, dropped, streamed):
    setattr(Endpoint, answer.__name__, staticmethod(answer))


@pytest.fixture
def endpoint():
    endpoint = Endpoint()
    thread = threading.Thread(target=endpoint.server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    yield endpoint
    endpoint.server.shutdown()
    endpoint.server.server_close()
