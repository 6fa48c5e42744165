"""What is recalled for one message, and how much of it is told.

Guarantees: what is told never takes more than its room; a note is told whole or not at all. Pure.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

Kind = Literal["lore", "memory", "summary", "earlier", "passage", "example"]
Size = Callable[[str], int]

_AROUND = 8  # tokens of a bullet, a heading's share and a line break


@dataclass(frozen=True)
class Note:
    """Something recalled: `source` says where it comes from, in words that `/why` shows.

    A `steady` note is told with the persona prompt, which an engine has read before; any other with the last message,
    or `depth` messages before it.
    """

    kind: Kind
    text: str
    source: str = ""
    steady: bool = False
    before: bool = False  # of the persona prompt, for a steady one
    depth: int = 0


def within(notes: Iterable[Note], tokens: int, size: Size) -> tuple[Note, ...]:
    """The notes that fit `tokens` together; a shorter one may still find room where a longer one did not."""
    kept = []
    for note in notes:
        needed = size(note.text) + _AROUND
        if needed <= tokens:
            kept.append(note)
            tokens -= needed
    return tuple(kept)
