"""Who may ask the studio, and for what: paths, hosts, origins, password, and what pages may ask in turn."""

import asyncio
import base64

import pytest

from roletune.errors import ProjectError
from roletune.studio.guard import WRONG_PASSWORDS, StudioGuard
from roletune.studio.server import rules_for

HERE = {"host": "127.0.0.1:7860"}
LOCKED = rules_for("192.0.2.7", "sesame")


async def application(scope, receive, send):
    await send({"type": "http.response.start", "status": 200, "headers": []})
    await send({"type": "http.response.body", "body": b"in"})


def ask(path="/", method="GET", headers=HERE, rules=None, guard=None):
    """The status, and the headers."""
    sent = []
    scope = {
        "type": "http",
        "method": method,
        "path": path,
        "headers": [(name.encode(), value.encode()) for name, value in headers.items()],
        "client": ("127.0.0.1", 1),
    }

    async def send(message):
        sent.append(message)

    asyncio.run((guard or StudioGuard(application, rules or rules_for("127.0.0.1", "")))(scope, None, send))
    return sent[0]["status"], {name.decode(): value.decode() for name, value in sent[0]["headers"]}


def posted(**headers):
    return {"method": "POST", "headers": HERE | {"content-length": "10"} | headers}


def basic(password, name="anybody"):
    return {"authorization": "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()}


@pytest.mark.parametrize(
    "path", ["/", "/config", "/theme.css", "/assets/index-1.js", "/gradio_api/queue/data", "/report/mira"]
)
def test_what_the_page_needs_is_there(path):
    assert ask(path)[0] == 200


@pytest.mark.parametrize(
    "path",
    [
        "/gradio_api/file=/etc/passwd",
        "/gradio_api/file/etc/passwd",
        "/file=/etc/passwd",
        "/gradio_api/proxy=http://example.org/",
        "/gradio_api/stream/a/b/1/playlist.m3u8",
        "/gradio_api/upload_progress",
        "/gradio_api/openapi.json",
        "/monitoring",
        "/docs",
        "/report/../../etc/passwd",
        "/report/a/b",
        "//etc/passwd",
    ],
)
def test_nothing_that_names_a_file_is_reached(path):
    assert ask(path)[0] == 404


@pytest.mark.parametrize(
    "path", ["/gradio_api/upload", "/gradio_api/run/predict", "/gradio_api/call/say", "/login", "/"]
)
def test_nothing_but_the_pages_own_events_can_be_posted(path):
    assert ask(path, **posted())[0] == 404
    assert ask("/gradio_api/queue/join", **posted())[0] == 200


@pytest.mark.parametrize("method", ["PUT", "DELETE", "PATCH", "OPTIONS"])
def test_other_methods_are_refused(method):
    assert ask("/", method)[0] == 404


@pytest.mark.parametrize("length", ["", "99999999999", "-1", "ten"])
def test_a_body_has_a_length_and_a_limit(length):
    assert ask("/gradio_api/queue/join", **posted(**{"content-length": length}))[0] == 413


@pytest.mark.parametrize("host", ["example.org", "127.0.0.1.example.org", "", "192.0.2.7:7860"])
def test_another_name_for_this_machine_is_refused(host):
    assert ask(headers={"host": host})[0] == 403


@pytest.mark.parametrize("origin", ["http://example.org", "null", "http://127.0.0.1:9999", "file://"])
def test_a_page_of_another_origin_is_refused(origin):
    assert ask("/gradio_api/queue/join", **posted(origin=origin))[0] == 403
    assert ask("/gradio_api/queue/join", **posted(origin="http://127.0.0.1:7860"))[0] == 200


def test_every_answer_forbids_to_ask_another_host():
    for status, headers in (ask(), ask("/docs"), ask(headers={"host": "example.org"})):
        assert status in (200, 403, 404)
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "http:" not in headers["content-security-policy"]


def test_more_than_this_machine_needs_a_password():
    with pytest.raises(ProjectError, match="ROLETUNE_STUDIO_PASSWORD"):
        rules_for("0.0.0.0", "")
    anywhere = HERE | {"host": "studio.example.org"}
    assert ask(headers=anywhere, rules=LOCKED)[0] == 401
    assert ask("/report/mira", headers=anywhere, rules=LOCKED)[0] == 401
    assert ask(headers=anywhere | basic("sesame"), rules=LOCKED)[0] == 200
    assert ask(headers=anywhere | basic("sesam"), rules=LOCKED)[0] == 401
    assert ask(headers=anywhere | {"authorization": "Basic ?"}, rules=LOCKED)[0] == 401


def test_passwords_can_not_be_tried_without_end():
    guard = StudioGuard(application, LOCKED)
    for _ in range(WRONG_PASSWORDS):
        assert ask(headers=HERE | basic("wrong"), guard=guard)[0] == 401
    assert ask(headers=HERE | basic("wrong"), guard=guard)[0] == 429
    assert ask(headers=HERE | basic("sesame"), guard=guard)[0] == 200
