"""Who may ask at all, decided before anything is read: an ASGI layer around the application.

Guarantees: without the key there is nothing but /health; a page in somebody's browser gets nowhere unless its origin is
allowed, neither directly nor by a name that it makes point to this machine (DNS rebinding).
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass
from typing import TYPE_CHECKING

from roletune.inference.serve.gate import RateLimit
from roletune.inference.serve.refusal import Refusal

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Receive, Scope, Send

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})
_OPEN = {"/health"}


@dataclass(frozen=True)
class Rules:
    """`hosts` are the names by which it may be called (empty: any), `origins` the web pages that may ask."""

    key: str = ""
    hosts: frozenset[str] = LOOPBACK
    origins: tuple[str, ...] = ()


class Guard:
    """Refuses, or passes on to `app`."""

    def __init__(self, app: ASGIApp, rules: Rules, rate: RateLimit) -> None:
        self._app = app
        self._rules = rules
        self._rate = rate

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI interface."""
        if scope["type"] == "http":
            headers = {name: value.decode("latin-1") for name, value in scope["headers"]}
            try:
                self._check(scope, headers)
            except Refusal as refusal:
                from starlette.responses import JSONResponse

                response = JSONResponse(refusal.body, refusal.status, refusal.all_headers)
                await response(scope, receive, send)
                return
        await self._app(scope, receive, send)

    def _check(self, scope: Scope, headers: dict[bytes, str]) -> None:
        rules = self._rules
        if rules.hosts and host_name(headers.get(b"host", "")) not in rules.hosts:
            raise Refusal(403, "This name is not served. Ask 127.0.0.1 or localhost.", "host_not_allowed")
        origin = headers.get(b"origin")
        if origin is not None and origin not in rules.origins and "*" not in rules.origins:
            raise Refusal(403, "Web pages of this origin may not ask. Serve with --cors ORIGIN.", "origin_not_allowed")
        if scope["path"] in _OPEN:
            return
        if rules.key and not _is_key(headers.get(b"authorization", ""), rules.key):
            told = "The API key is missing or wrong. Send it as: Authorization: Bearer KEY"
            raise Refusal(401, told, "invalid_api_key", headers={"www-authenticate": "Bearer"})
        if scope["method"] == "POST":
            self._rate.check(scope["client"][0] if scope.get("client") else "")


def host_name(header: str) -> str:
    """The name without its port; an IPv6 address is in brackets."""
    if header.startswith("["):
        return header[1:].partition("]")[0]
    return header.rpartition(":")[0].casefold() if ":" in header else header.casefold()


def _is_key(header: str, key: str) -> bool:
    kind, _, given = header.partition(" ")
    return kind.casefold() == "bearer" and hmac.compare_digest(given.strip().encode(), key.encode())
