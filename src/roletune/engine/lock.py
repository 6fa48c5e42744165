"""One pipeline in a character's folder at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from roletune.errors import ResourceError

LOCK_NAME = ".lock"


@contextmanager
def project_lock(folder: Path) -> Iterator[None]:
    """Hold `folder` for the length of a `with` block; the system lets go of it when the process ends, however it does.

    Raises ResourceError at once if somebody else holds it, and if nothing can be written there.
    """
    lock = FileLock(folder / LOCK_NAME)
    try:
        folder.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
    except Timeout as error:
        message = f"Another roletune is working on {folder}. Wait until it has finished, or end it."
        raise ResourceError(message) from error
    except OSError as error:
        raise ResourceError(f"{folder} can't be locked: {error.strerror}. Check that you may write there.") from error
    try:
        yield
    finally:
        lock.release()
