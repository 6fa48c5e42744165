"""What a screenplay is made of, whatever it is written in."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Kind = Literal[
    "heading", "section", "synopsis", "comment", "cue", "parenthetical", "dialogue", "action", "break"
]  # a `break` is an empty line or a new paragraph: texts on its two sides are not one paragraph


@dataclass(frozen=True)
class Element:
    """One element: the line it stands on from 1, the level of a section, the printed number of a scene as `label`."""

    kind: Kind
    text: str
    number: int
    level: int = 1
    label: str = ""
