"""What is printed before a speech: the speaker's name and, in brackets, how it is said or how we come to hear it."""

from __future__ import annotations

import re
from typing import NamedTuple

_MARKS = {"vo", "os", "oc", "contd", "cont", "continued", "continuing", "prelap", "offscreen", "voiceover", "more"}


class Cue(NamedTuple):
    """A speaker's name as printed, and what else the cue says, without marks such as (V.O.) and (CONT'D)."""

    name: str
    manners: tuple[str, ...]


def read_cue(text: str) -> Cue:
    """`JARVIS (V.O.) (dry)` -> JARVIS and `dry`; the ^ of dual dialogue and a colon or full stop at the end go too."""
    name, _, rest = text.rstrip("^ ").partition("(")
    manners = (part.strip(" :") for part in re.split(r"[()]", rest))
    return Cue(" ".join(name.split()).rstrip(": "), tuple(part for part in manners if part and not is_mark(part)))


def is_mark(extension: str) -> bool:
    """Whether it says only how we come to hear the speaker: V.O., O.S. CONT'D, cont’d."""
    words = re.split(r"[\s,/]+", re.sub(r"[.'’\-]", "", extension.casefold()).strip())
    return all(word in _MARKS for word in words)
