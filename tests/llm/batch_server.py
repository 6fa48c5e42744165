"""A local server with OpenAI's files and batches: as much of /v1/files and /v1/batches as the SDK asks."""

import json
import re
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

BUSY = {"status_code": 429, "body": {"error": {"message": "slow down"}}}
REFUSED = {"status_code": 400, "body": {"error": {"message": "not that", "code": "content_filter"}}}


class BatchServer:
    """Answers every request with its last word said again, after `polls` looks at its batch.

    `fate` may say otherwise of a request: a function of (text, attempt) that returns a response, "expired" or None.
    `fails` refuses whole batches with a message. `held` keeps batches in progress. `lost` drops the answer to that many
    creations of a batch, which is made all the same.
    """

    def __init__(self, *, polls=1, fate=lambda text, attempt: None, fails="", lost=0):
        self.polls, self.fate, self.fails, self.lost = polls, fate, fails, lost
        self.held = False
        self.files, self.batches, self.asked = {}, {}, []
        server = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                server.post(self, self.rfile.read(int(self.headers["content-length"])))

            def do_GET(self):
                server.get(self)

            def log_message(self, *args):
                pass

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self._http.server_port}/v1"

    def __enter__(self):
        threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
        return self

    def __exit__(self, *_):
        self._http.shutdown()
        self._http.server_close()

    @property
    def sizes(self):
        """Requests of each batch, in the order of their making."""
        return [batch["request_counts"]["total"] for batch in self.batches.values()]

    def post(self, handler, data):
        if handler.path == "/v1/files":
            content = re.search(rb"\r\n\r\n(\{.*?\}\n)\r\n--", data, re.S)[1].decode()
            return send(handler, self.file(content))
        asked = json.loads(data)
        lines = [json.loads(line) for line in self.files[asked["input_file_id"]].splitlines()]
        identity = f"batch_{len(self.batches) + 1}"
        self.batches[identity] = {
            "id": identity,
            "object": "batch",
            "endpoint": asked["endpoint"],
            "completion_window": asked["completion_window"],
            "created_at": int(time.time()),
            "input_file_id": asked["input_file_id"],
            "metadata": asked["metadata"],
            "status": "in_progress",
            "request_counts": {"total": len(lines), "completed": 0, "failed": 0},
            "looks": 0,
        }
        if self.lost:
            self.lost -= 1
            handler.close_connection = True
            return handler.connection.close()
        return send(handler, self.batches[identity])

    def get(self, handler):
        path = handler.path.partition("?")[0]
        if path == "/v1/batches":
            return send(handler, {"object": "list", "data": list(self.batches.values())[::-1], "has_more": False})
        if file := re.fullmatch(r"/v1/files/(\w+)/content", path):
            return send(handler, self.files[file[1]])
        batch = self.batches[path.rpartition("/")[2]]
        batch["looks"] += 1
        if batch["looks"] >= self.polls and batch["status"] == "in_progress" and not self.held:
            self.work(batch)
        return send(handler, batch)

    def work(self, batch):
        if self.fails:
            batch |= {"status": "failed", "errors": {"object": "list", "data": [{"code": "x", "message": self.fails}]}}
            return
        good, bad = [], []
        for line in self.files[batch["input_file_id"]].splitlines():
            asked = json.loads(line)
            text = asked["body"]["messages"][-1]["content"]
            self.asked.append(text)
            told = self.fate(text, self.asked.count(text))
            row = {"id": "1", "custom_id": asked["custom_id"], "response": None, "error": None}
            if told == "expired":
                bad.append(row | {"error": {"code": "batch_expired", "message": "too late"}})
            elif told:
                bad.append(row | {"response": told})
            else:
                good.append(row | {"response": {"status_code": 200, "body": completion(text.split()[-1])}})
        late = any(row["error"] for row in bad)
        batch |= {"status": "expired" if late else "completed", "output_file_id": self.file(good)}
        if bad:
            batch["error_file_id"] = self.file(bad)

    def file(self, content):
        text = content if isinstance(content, str) else "".join(json.dumps(row) + "\n" for row in content)
        identity = f"file_{len(self.files) + 1}"
        self.files[identity] = text
        about = {"object": "file", "bytes": len(text), "created_at": 1, "filename": "x", "purpose": "batch"}
        return identity if not isinstance(content, str) else {"id": identity, "status": "processed", **about}


def completion(text):
    message = {"role": "assistant", "content": text}
    return {
        "id": "1",
        "object": "chat.completion",
        "created": 1,
        "model": "m",
        "choices": [{"index": 0, "message": message, "finish_reason": "stop"}],
        "usage": {"prompt_tokens": 11, "completion_tokens": 5, "total_tokens": 16},
    }


def send(handler, value):
    data = (value if isinstance(value, str) else json.dumps(value)).encode()
    handler.send_response(200)
    handler.send_header("content-type", "application/json")
    handler.send_header("content-length", str(len(data)))
    handler.end_headers()
    handler.wfile.write(data)
