"""Downloads from a small server on this machine."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from roletune.errors import SourceError
from roletune.sources.web import MAX_BYTES, download, kept_path

PAGE = b"<html><body><p>Mira keeps the light.</p></body></html>"
ANSWERS = {
    "/mira": (200, {"Content-Type": "text/html; charset=utf-8"}, PAGE),
    "/notes.md": (200, {"Content-Type": "text/plain"}, b"# Mira"),
    "/plain": (200, {"Content-Type": "text/plain"}, b"Mira"),
    "/moved": (302, {"Location": "/mira"}, b""),
    "/circle": (302, {"Location": "/circle"}, b""),
    "/file": (302, {"Location": "file:///etc/passwd"}, b""),
    "/film": (200, {"Content-Type": "video/mp4"}, b"0"),
    "/bomb": (200, {"Content-Type": "text/html"}, b"x" * (MAX_BYTES + 1)),
}


class Answers(BaseHTTPRequestHandler):
    asked = []  # noqa: RUF012 - shared on purpose: a server makes one object an answer

    def do_GET(self):
        self.asked.append((self.path, self.headers["User-Agent"]))
        status, headers, body = ANSWERS.get(self.path, (404, {}, b""))
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        pass


@pytest.fixture(scope="module")
def server():
    http = ThreadingHTTPServer(("127.0.0.1", 0), Answers)
    threading.Thread(target=http.serve_forever, daemon=True).start()
    yield f"http://127.0.0.1:{http.server_port}"
    http.shutdown()
    http.server_close()


@pytest.mark.parametrize(
    ("path", "suffix"), [("/mira", ".html"), ("/notes.md", ".md"), ("/plain", ".txt"), ("/moved", ".html")]
)
def test_what_is_there_is_kept_with_the_extension_that_suits_it(server, tmp_path, path, suffix):
    found = download(server + path, tmp_path)
    assert found.suffix == suffix
    assert found.read_bytes() == (ANSWERS[path][2] or PAGE)


def test_a_page_is_downloaded_once_unless_asked_for_again(server, tmp_path):
    Answers.asked.clear()
    first = download(f"{server}/mira", tmp_path, contact="me@example.org")
    assert download(f"{server}/mira#part", tmp_path) == first == kept_path(f"{server}/mira", tmp_path)
    assert download(f"{server}/mira", tmp_path, refresh=True) == first
    assert [path for path, _ in Answers.asked] == ["/mira", "/mira"]
    assert "(me@example.org)" in Answers.asked[0][1]


@pytest.mark.parametrize(
    ("path", "message"),
    [
        ("/gone", "answers 404"),
        ("/circle", "redirects in a circle"),
        ("/file", "can't be had"),
        ("/film", "holds video/mp4, which can't be read"),
        ("/bomb", "over 10 MB"),
    ],
)
def test_what_can_not_be_had_is_refused_and_nothing_is_kept(server, tmp_path, path, message):
    with pytest.raises(SourceError, match=message):
        download(server + path, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("url", ["http://127.0.0.1:9/x", "ftp://example.org/x", "http:///x", "http://[::1/x"])
def test_no_network_and_no_address_are_told_with_a_cure(tmp_path, url):
    with pytest.raises(SourceError, match=r"Check the address|Write it as"):
        download(url, tmp_path)
