"""Which files of a folder are sources."""

from __future__ import annotations

from pathlib import Path

from roletune.sources.formats import EXTENSIONS


def readable_files(folder: Path, *, any_name: bool) -> list[Path]:
    """The files of a folder, but for a README.md, hidden ones and, unless `any_name`, those of no known extension."""
    found = [path for path in folder.iterdir() if path.is_file() and not path.name.startswith(".")]
    known = [path for path in found if any_name or path.suffix.casefold() in EXTENSIONS]
    return sorted(path for path in known if path.name != "README.md")
