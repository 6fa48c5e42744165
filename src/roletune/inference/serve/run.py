"""The server around the application: its socket, its settings, its end.

Guarantees: a port that is taken is told before any weights are loaded; beyond this machine it listens only with a key;
Ctrl-C and SIGTERM let the replies that are being written finish, for a while, and are an end and not a failure.
"""

from __future__ import annotations

import importlib.util
import ipaddress
import socket
from collections.abc import Callable
from types import FrameType
from typing import TYPE_CHECKING

from roletune.errors import MissingExtraError, ProjectError, ResourceError
from roletune.inference.serve.guard import LOOPBACK, Rules

if TYPE_CHECKING:
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
    """A listening socket; port 0 is any free one. Raises ResourceError if it can't be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host, port), family=family, backlog=_BACKLOG)
    except (OSError, OverflowError) as error:
        raise ResourceError(f"{host}:{port} can't be listened on: {error}. Choose another --port.") from error


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

    config = uvicorn.Config(
        app,
        access_log=False,  # nothing that somebody asked is written anywhere
        log_level="error",
        server_header=False,
        timeout_graceful_shutdown=last_words,
        timeout_keep_alive=30,
    )
    await Server(config).serve([listening])
