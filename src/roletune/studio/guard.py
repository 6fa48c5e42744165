"""Who may ask the studio, for what, and what its pages may ask: an ASGI layer around everything.

Guarantees: only the paths that the page needs exist, and none of them names a file (the uploads, downloads, proxies and
the programming interface that Gradio brings are not reached); a page of another origin gets nowhere, neither directly
nor by a name that it makes point to this machine; without the password, if there is one, nothing is answered; every
response forbids the browser to ask another host for anything, so text of a model can't either.
"""

from __future__ import annotations

import base64
import binascii
import hmac
import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import urlsplit

from roletune.inference.serve.gate import RateLimit
from roletune.inference.serve.guard import Rules, host_name
from roletune.inference.serve.refusal import Refusal

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LARGEST_BODY = 2_000_000  # bytes
WRONG_PASSWORDS = 20  # a minute from one address

_READ = re.compile(
    r"/|/config/?|/theme\.css|/favicon\.ico|/manifest\.json|/robots\.txt|/(?:assets|static|svelte)/[\w./@-]+"
    r"|/gradio_api/(?:theme\.css|info/?|app_id/?|startup-events|heartbeat/[\w-]+|queue/data)|/report/[\w.-]+"
)
_WRITE = re.compile(r"/gradio_api/(?:queue/join|cancel|reset)/?")
_POLICY = "; ".join(
    (
        "default-src 'self'",
        "script-src 'self' 'unsafe-inline' 'unsafe-eval'",  # Gradio compiles templates in the page
        "style-src 'self' 'unsafe-inline'",
        "img-src 'self' data: blob:",
        "font-src 'self' data:",
        "media-src 'self' blob:",
        "worker-src 'self' blob:",
        "object-src 'none'",
        "base-uri 'self'",
        "form-action 'self'",
        "frame-ancestors 'self'",
    )
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "referrer-policy": "no-referrer",
    "x-content-type-options": "nosniff",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}


class Answer(NamedTuple):
    """A refusal: status, one sentence, and what else goes into the head."""

    status: int
    text: str
    headers: Mapping[str, str] = {}


class StudioGuard:
    """Refuses, or passes on to `app`; `rules.key` is the password."""

    def __init__(self, app: ASGIApp, rules: Rules) -> None:
        self._app = app
        self._rules = rules
        self._wrong = RateLimit(WRONG_PASSWORDS)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI interface."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":  # the page needs no web socket
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                own = [(name.encode(), value.encode()) for name, value in _HEADERS.items()]
                message = {**message, "headers": [*message.get("headers", []), *own]}
            await send(message)

        refused = self._refused(scope, {name: value.decode("latin-1") for name, value in scope["headers"]})
        if refused is None:
            await self._app(scope, receive, guarded)
            return
        from starlette.responses import PlainTextResponse

        response = PlainTextResponse(refused.text, refused.status, dict(refused.headers))
        await response(scope, receive, guarded)

    def _refused(self, scope: Mapping[str, Any], headers: Mapping[bytes, str]) -> Answer | None:
        called = headers.get(b"host", "")
        if self._rules.hosts and host_name(called) not in self._rules.hosts:
            return Answer(403, "This name is not served. Open the address that roletune studio printed.")
        origin = headers.get(b"origin")
        if origin is not None and urlsplit(origin).netloc.casefold() != called.casefold():
            return Answer(403, "Web pages of another origin may not ask.")
        if self._rules.key and (refused := self._locked(scope, headers)):
            return refused
        if scope["method"] in ("GET", "HEAD"):
            return None if _READ.fullmatch(scope["path"]) else Answer(404, "There is nothing here.")
        if scope["method"] != "POST" or not _WRITE.fullmatch(scope["path"]):
            return Answer(404, "There is nothing here.")
        length = headers.get(b"content-length", "")
        if not length.isdecimal() or int(length) > LARGEST_BODY:
            return Answer(413, f"A request may have {LARGEST_BODY} bytes, and must say how many it has.")
        return None

    def _locked(self, scope: Mapping[str, Any], headers: Mapping[bytes, str]) -> Answer | None:
        given = _password(headers.get(b"authorization", ""))
        if given is not None and hmac.compare_digest(given.encode(), self._rules.key.encode()):
            return None
        if given is not None:
            try:
                self._wrong.check(scope["client"][0] if scope.get("client") else "")
            except Refusal:
                return Answer(429, "Too many wrong passwords. Come back in a minute.", {"retry-after": "60"})
        told = {"www-authenticate": 'Basic realm="roletune studio", charset="UTF-8"'}
        return Answer(401, "The password is missing or wrong; the name does not matter.", told)


def _password(header: str) -> str | None:
    """The password of a Basic authorization; None if there is none."""
    kind, _, given = header.partition(" ")
    if kind.casefold() != "basic":
        return None
    try:
        return base64.b64decode(given, validate=True).decode().partition(":")[2]
    except (binascii.Error, UnicodeDecodeError):
        return None
