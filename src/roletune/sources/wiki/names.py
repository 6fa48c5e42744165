"""What wikis call their templates, namespaces and sections: `wikitext.yaml`, read once."""

from __future__ import annotations

from fnmatch import fnmatchcase
from functools import cache, lru_cache
from importlib.resources import files as package_files
from typing import Any

import yaml


@cache
def names(group: str) -> frozenset[str]:
    """The names of one group of `wikitext.yaml`."""
    return frozenset(_load()[group])


@cache
def signs() -> dict[str, str]:
    """Templates that stand for a sign, with the sign."""
    return dict(_load()["signs"])


@lru_cache(4096)
def is_one_of(name: str, group: str) -> bool:
    """Whether a template's key is in a group whose names may hold a *."""
    return any(fnmatchcase(name, pattern) for pattern in names(group))


@cache
def _load() -> dict[str, Any]:
    return dict(yaml.safe_load((package_files("roletune.sources.wiki") / "wikitext.yaml").read_text("utf-8")))
