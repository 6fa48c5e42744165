"""The server around the application: its socket, its settings, its end.

Guarantees: a port that is taken is told before any weights are loaded; beyond this machine it listens only with a key;
Ctrl-C and SIGTERM let the replies that are being written finish, for a while, and are an end and not a failure, also
while weights are loaded.
"""

from __future__ import annotations

import asyncio
import importlib.util
import ipaddress
import signal
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TYPE_CHECKING

from roletune.errors import MissingExtraError, ProjectError, ResourceError
from roletune.inference.serve.guard import LOOPBACK, Rules

if TYPE_CHECKING:
    import uvicorn
    from starlette.types import ASGIApp

LAST_WORDS = 20  # seconds for replies that are being written when the server is ended
_BACKLOG = 256


def rules_for(host: str, key: str, origins: tuple[str, ...]) -> Rules:
    """Who may ask a server at `host`. Raises ProjectError if that is not this machine alone and there is no key."""
    if is_loopback(host):
        return Rules(key, LOOPBACK | {host.casefold()}, origins)
    if not key:
        raise ProjectError(
            f"At {host} everybody on the network could use the server, so it needs a key. Set the environment variable "
            "that --key names (by default ROLETUNE_API_KEY), or serve at 127.0.0.1."
        )
    return Rules(key, frozenset(), origins)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach `host`."""
    if host.casefold() == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def listen(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 is any free one. Raises ResourceError if it can't be had.

    It says that it is TCP, which `create_server` leaves open: asyncio turns Nagle's algorithm off only for sockets that
    do. With it, the second part of an answer (after its head) waits for the client's delayed acknowledgement, 40 ms.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        opened = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except (OSError, OverflowError) as error:
        raise ResourceError(f"{host}:{port} can't be listened on: {error}. Choose another --port.") from error
    return socket.socket(opened.family, opened.type, socket.IPPROTO_TCP, fileno=opened.detach())


def require_packages() -> None:
    """Raise MissingExtraError if the extra `serve` is not installed."""
    missing = [name for name in ("starlette", "uvicorn", "aiohttp") if importlib.util.find_spec(name) is None]
    if missing:
        raise MissingExtraError("Serving characters", "serve")


async def run(
    app: ASGIApp, listening: socket.socket, on_start: Callable[[], None], *, last_words: int = LAST_WORDS
) -> None:
    """Serve until Ctrl-C or SIGTERM, then for `last_words` seconds what has begun; a second signal ends it at once.

    `on_start` is called when requests are answered. It returns also after a signal, so that its caller ends in order.
    """
    import uvicorn

    class Server(uvicorn.Server):
        def handle_exit(self, sig: int, frame: FrameType | None) -> None:
            # uvicorn's own raises the signal once more when all has ended: the process would die of it.
            self.force_exit, self.should_exit = self.should_exit, True

        async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
            await super().shutdown(sockets)
            if self.force_exit:  # what uvicorn leaves as it is then
                for task in self.server_state.tasks:
                    task.cancel()
                await self.lifespan.shutdown()

        async def startup(self, sockets: list[socket.socket] | None = None) -> None:
            await super().startup(sockets)
            on_start()

    await Server(server_settings(app, last_words)).serve([listening])


def server_settings(app: ASGIApp, last_words: int = LAST_WORDS) -> uvicorn.Config:
    """How HTTP is served."""
    import uvicorn

    return uvicorn.Config(
        app,
        access_log=False,  # nothing that somebody asked is written anywhere
        log_level="error",
        server_header=False,
        proxy_headers=False,  # or whoever sends X-Forwarded-For is a new address to the rate limit each time
        timeout_graceful_shutdown=last_words,
        timeout_keep_alive=30,
    )


@contextmanager
def ended_by_sigterm() -> Iterator[None]:
    """SIGTERM cancels the task that this block is in, as Ctrl-C does, whenever `run` is not there to hear it."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop, task = asyncio.get_running_loop(), asyncio.current_task()
    assert task is not None
    before = signal.signal(signal.SIGTERM, lambda *_: loop.call_soon_threadsafe(task.cancel))
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
