"""Server-sent events as an ASGI response, and work that ends when its client has left.

Guarantees: when the client leaves, the work is cancelled and closed, even if nothing was sent yet; the next event is
sent when the last one was taken, so a slow reader holds no text in memory.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

T = TypeVar("T")

_HEADERS = [(b"content-type", b"text/event-stream; charset=utf-8"), (b"cache-control", b"no-store")]


class ClientLeft(Exception):
    """The client is gone: nobody is to be told anything."""


async def while_connected(receive: Receive, work: Coroutine[Any, Any, T]) -> T:
    """What `work` returns. Raises ClientLeft, with the work cancelled, if the client leaves first."""
    doing, leaving = asyncio.ensure_future(work), asyncio.ensure_future(_left(receive))
    try:
        await asyncio.wait({doing, leaving}, return_when=asyncio.FIRST_COMPLETED)
        if doing.done():
            return doing.result()
        raise ClientLeft
    finally:
        doing.cancel()
        leaving.cancel()
        await asyncio.gather(doing, leaving, return_exceptions=True)


async def _left(receive: Receive) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass


class EventStream:
    """A response of `events`; `end(left)` is called once, whatever happens, with whether the client left early."""

    def __init__(self, events: AsyncIterator[bytes], end: Callable[[bool], None]) -> None:
        self._events = events
        self._end = end

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """The ASGI interface."""
        left = True
        try:
            await while_connected(receive, self._send(send))
            left = False
        except (ClientLeft, OSError):
            pass
        finally:
            close = getattr(self._events, "aclose", None)
            if close:
                await close()
            self._end(left)

    async def _send(self, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": _HEADERS})
        async for event in self._events:
            await send({"type": "http.response.body", "body": event, "more_body": True})
        await send({"type": "http.response.body", "body": b"", "more_body": False})
