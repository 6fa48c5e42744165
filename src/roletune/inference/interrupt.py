"""Ctrl-C for one piece of work: it stops, and the program goes on."""

from __future__ import annotations

import asyncio
import signal
import sys
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any


async def until_interrupted(work: Coroutine[Any, Any, None]) -> bool:
    """Do `work`; False if Ctrl-C stopped it. While it goes on, what is typed is not shown.

    Ctrl-C is caught in the main thread only: elsewhere this is `await work`.
    """
    loop = asyncio.get_running_loop()
    task = loop.create_task(work)
    pressed = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal pressed
        pressed = True
        loop.call_soon_threadsafe(task.cancel)

    try:
        with _on_interrupt(stop), _without_echo():
            await task
    except asyncio.CancelledError:
        if not pressed:  # somebody else ended us, too
            raise
    return not task.cancelled()


@contextmanager
def _on_interrupt(stop: Any) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _without_echo() -> Iterator[None]:
    """Keep keys out of the middle of what is printed; they are not lost, the next prompt gets them."""
    if sys.platform == "win32" or not sys.stdin.isatty():
        yield
        return
    import termios

    terminal = sys.stdin.fileno()
    before = termios.tcgetattr(terminal)
    quiet = list(before)
    quiet[3] &= ~termios.ECHO
    termios.tcsetattr(terminal, termios.TCSANOW, quiet)
    try:
        yield
    finally:
        termios.tcsetattr(terminal, termios.TCSANOW, before)
