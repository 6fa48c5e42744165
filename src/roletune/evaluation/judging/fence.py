"""Text that is judged, put between marks that it can't hold: it may say what it likes and stays material.

The mark is a hash of the text itself, so nobody who writes the text can know it (a text would have to hold its own
hash), and the same text always gives the same prompt, as the ledger needs. Control characters and a model's own markup
are made harmless, and the length is bounded.
"""

from __future__ import annotations

import re
from itertools import count

from roletune.records import fingerprint
from roletune.rendering.markup import harmless

LONGEST = 20_000  # characters of one text that a judge is shown
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]")


def fence(text: str, length: int = 12) -> str:
    """`text` between a line `[[MARK` and a line `MARK]]`, where MARK, `length` hex digits, stands nowhere in it."""
    shown = bounded(text)
    marks = (fingerprint(shown, number, length=length) for number in count())
    mark = next(mark for mark in marks if mark not in shown)
    return f"[[{mark}\n{shown}\n{mark}]]"


def bounded(text: str) -> str:
    """The text as anybody is shown it: no control characters, no markup of chat templates, not endless."""
    shown = harmless(_CONTROL.sub("", text.strip()))
    return shown if len(shown) <= LONGEST else f"{shown[:LONGEST]} [...]"
