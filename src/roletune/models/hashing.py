"""Hash weights once: gigabytes are read again only when a file's size or time of change differs."""

from __future__ import annotations

import contextlib
import hashlib
import os
import tempfile
from collections.abc import Sequence
from pathlib import Path

from roletune.errors import ModelError
from roletune.models.cache import cache_dir


def hash_files(paths: Sequence[Path]) -> str:
    """The SHA-256 of the files' contents in the given order, in hex; of one file, that file's own SHA-256."""
    digests = [hash_file(path) for path in paths]
    return digests[0] if len(digests) == 1 else hashlib.sha256("\n".join(digests).encode()).hexdigest()


def hash_file(path: Path) -> str:
    """The SHA-256 of a file in hex, remembered in the cache folder. Raises `ModelError` if it can't be read."""
    try:
        found = path.stat()
        key = f"{path.resolve()}\n{found.st_size}\n{found.st_mtime_ns}"
        memory = cache_dir() / "hashes" / hashlib.sha256(key.encode()).hexdigest()
        if (digest := _remembered(memory)) is not None:
            return digest
        with path.open("rb") as file:
            digest = hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{path} can't be read ({error.strerror}). Check the path and its permissions.") from error
    _remember(memory, digest)
    return digest


def _remembered(memory: Path) -> str | None:
    try:
        digest = memory.read_text(encoding="ascii")
    except (OSError, UnicodeDecodeError):
        return None
    return digest if len(digest) == 64 else None


def _remember(memory: Path, digest: str) -> None:
    # A full or read-only cache costs time, not correctness.
    with contextlib.suppress(OSError):
        memory.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.NamedTemporaryFile("w", dir=memory.parent, delete=False, encoding="ascii") as file:
            file.write(digest)
        os.replace(file.name, memory)
