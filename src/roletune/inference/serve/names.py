"""Model names: `jarvis`, `jarvis:0.7` (strength of the adapter), `jarvis+thoughts`, both, and `base`. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass

BASE = "base"
STRONGEST = 2.0  # times what was trained; beyond it adapters produce noise
_NAME = re.compile(r"(?P<who>[^:+]+)(?::(?P<strength>\d{1,3}(?:\.\d{1,6})?))?(?P<thoughts>\+thoughts)?", re.I)
_FOREIGN = re.compile(r"[^\w.-]+")


@dataclass(frozen=True)
class ModelName:
    """Who speaks, with how much of its adapter, and whether its thoughts are shown."""

    who: str
    strength: float = 1.0
    thoughts: bool = False


def parse_name(text: str) -> ModelName | None:
    """What a client means by `text`, whatever the case; None if it is no such name."""
    match = _NAME.fullmatch(text.strip())
    if match is None:
        return None
    strength = float(match["strength"] or 1.0)
    if strength > STRONGEST:
        return None
    return ModelName(match["who"].strip().casefold(), strength, match["thoughts"] is not None)


def served_name(folder: str) -> str:
    """The name under which the character in a folder of this name is served; '' if nothing is left of it."""
    return _FOREIGN.sub("-", folder.casefold()).strip("-.")
