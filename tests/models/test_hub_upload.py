"""Uploading to a stand-in for the hub on this machine: what it is asked for, and what it gets."""

import base64
import json
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from roletune.errors import ModelError
from roletune.models.hub import upload

pytest.importorskip("huggingface_hub")


class StandIn(BaseHTTPRequestHandler):
    """Makes repositories, takes commits of plain files, and keeps what it was told."""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"] or 0))
        server = self.server
        if self.headers["Authorization"] != "Bearer secret":
            return self.answer(401, {"error": "Invalid username or password."})
        if self.path == "/api/repos/create":
            server.made.append(json.loads(body))
            return self.answer(200, {"url": f"http://{self.headers['Host']}/me/mira"})
        if self.path.endswith("/preupload/main"):
            files = [
                {"path": file["path"], "uploadMode": "regular", "shouldIgnore": False}
                for file in json.loads(body)["files"]
            ]
            return self.answer(200, {"files": files})
        if self.path.endswith("/commit/main"):
            for line in body.decode().splitlines():
                value = json.loads(line)
                if value["key"] == "file":
                    server.files[value["value"]["path"]] = base64.b64decode(value["value"]["content"])
            url = f"http://{self.headers['Host']}/me/mira/commit/abc"
            return self.answer(200, {"commitUrl": url, "commitOid": "abc", "pullRequestUrl": None})
        return self.answer(200, {})

    do_GET = do_HEAD = lambda self: self.answer(404, {})

    def answer(self, code, value):
        told = json.dumps(value).encode()
        self.send_response(code)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(told)))
        self.end_headers()
        self.wfile.write(told)

    def log_message(self, *_):
        pass


@contextmanager
def hub():
    server = ThreadingHTTPServer(("127.0.0.1", 0), StandIn)
    server.made, server.files = [], {}
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server, f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


@pytest.fixture
def folder(tmp_path):
    exported = tmp_path / "out"
    (exported / "merged").mkdir(parents=True)
    (exported / "README.md").write_text("---\nlibrary_name: peft\n---\n# Mira\n")
    (exported / "adapter_model.safetensors").write_bytes(bytes(range(200)))
    (exported / "merged" / "config.json").write_text("{}")
    return exported


def test_the_files_of_the_folder_arrive_as_they_are_in_a_private_repository(folder, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "secret")
    with hub() as (server, url):
        assert upload(folder, "me/mira", endpoint=url) == f"{url}/me/mira"
    assert server.made[0]["name"] == "mira"
    assert server.made[0].get("private", server.made[0].get("visibility") == "private")
    assert set(server.files) == {"README.md", "adapter_model.safetensors"}
    assert server.files["adapter_model.safetensors"] == bytes(range(200))


def test_a_hub_that_refuses_and_one_that_is_not_there_are_told_apart(folder, monkeypatch):
    monkeypatch.setenv("HF_TOKEN", "wrong")
    with hub() as (_, url), pytest.raises(ModelError, match="does not take me/mira"):
        upload(folder, "me/mira", endpoint=url)
    with pytest.raises(ModelError, match="can't be reached"):
        upload(folder, "me/mira", endpoint=url)
    with pytest.raises(ModelError, match="not the name of a repository"):
        upload(folder, "../mira", endpoint=url)
