"""Where weights that were made or fetched are kept: one folder for all characters.

Guarantees: `$ROLETUNE_CACHE` wins; otherwise the platform's cache folder; where there is no home, or it can't be
written to, a private folder under the temporary directory, and `cache_note` says so.
"""

from __future__ import annotations

import os
import stat
import tempfile
from functools import lru_cache
from pathlib import Path

import platformdirs

from roletune.errors import ResourceError

VARIABLE = "ROLETUNE_CACHE"


def cache_dir() -> Path:
    """The cache folder, made if missing. Raises `ResourceError` if no folder can be written to."""
    return _locate(*_surroundings())[0]


def cache_note() -> str:
    """One sentence for the user if the cache is not where it is expected, otherwise an empty text."""
    return _locate(*_surroundings())[1]


def _surroundings() -> tuple[str, str, str]:
    # Part of the memory's key, so that a changed environment is noticed.
    return os.environ.get(VARIABLE, ""), os.environ.get("HOME", ""), os.environ.get("XDG_CACHE_HOME", "")


@lru_cache(maxsize=8)
def _locate(chosen: str, home: str, xdg: str) -> tuple[Path, str]:
    if chosen:
        folder = Path(chosen).expanduser().absolute()
        if not _writable(folder):
            raise ResourceError(f"{VARIABLE} names {folder}, which can't be written to. Set it to a folder of yours.")
        return folder, ""
    if os.name != "posix" or home or xdg:
        folder = platformdirs.user_cache_path("roletune", appauthor=False)
        if _writable(folder):
            return folder, ""
        reason = f"{folder} can't be written to"
    else:
        reason = "HOME is not set"
    folder = _private_folder()
    return folder, f"{reason}: prepared weights are kept in {folder}. Set {VARIABLE} to keep them elsewhere."


def _writable(folder: Path) -> bool:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        # os.access says yes on read-only mounts to root: only a file proves it.
        with tempfile.TemporaryFile(dir=folder):
            return True
    except OSError:
        return False


def _private_folder() -> Path:
    """A folder of ours, closed to others, under the temporary directory, which is open to all."""
    owner = os.getuid() if hasattr(os, "getuid") else 0
    folder = Path(tempfile.gettempdir()) / f"roletune-{owner}"
    try:
        folder.mkdir(mode=0o700, exist_ok=True)
        found = folder.lstat()
    except OSError as error:
        raise ResourceError(f"No folder for prepared weights: {error}. Set {VARIABLE} to a folder of yours.") from error
    # Somebody else may have put a folder or a link there first, to slip us weights of theirs.
    if os.name == "posix" and (
        not stat.S_ISDIR(found.st_mode) or found.st_uid != owner or stat.S_IMODE(found.st_mode) & 0o077
    ):
        raise ResourceError(
            f"{folder} is not a private folder of yours. Remove it, or set {VARIABLE} to another folder."
        )
    if not _writable(folder):
        raise ResourceError(f"{folder} can't be written to. Set {VARIABLE} to a folder of yours.")
    return folder
