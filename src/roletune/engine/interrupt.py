"""Ctrl-C for work that never waits: asyncio tells its task at the next await, which would be after the training."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def stops_at_once() -> Iterator[None]:
    """Within this block Ctrl-C raises KeyboardInterrupt where the program stands (main thread only)."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
