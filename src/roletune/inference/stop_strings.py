"""What of a growing reply may be shown: text up to the first stop string, and nothing that may yet become one.

Pure. Guarantees: the pieces joined are the reply's text; none of them holds a stop string or half a character.
"""

from __future__ import annotations

from collections.abc import Sequence

_HALF = "\ufffd"  # what the bytes of an unfinished character are decoded to


class GrowingText:
    """A reply while it is written, and where it ends: at the first of `stops`, which is not a part of it."""

    def __init__(self, stops: Sequence[str] = ()) -> None:
        self.text = ""
        self.stopped = False
        self._stops = [stop for stop in stops if stop]

    def grow(self, whole: str, *, last: bool = False) -> str:
        """The new piece of the text, given all that was written so far; `last`: nothing more will be."""
        if self.stopped:
            return ""
        ends = [place for stop in self._stops if (place := whole.find(stop)) >= 0]
        self.stopped = bool(ends)
        shown = whole[: min(ends)] if ends else whole if last else self._certain(whole)
        piece = shown[len(self.text) :]
        self.text += piece
        return piece

    def _certain(self, whole: str) -> str:
        """`whole` without an end that the next token can change."""
        whole = whole.rstrip(_HALF)
        longest = max((len(stop) for stop in self._stops), default=1) - 1
        for length in range(min(longest, len(whole)), 0, -1):
            if any(stop.startswith(whole[-length:]) for stop in self._stops):
                return whole[:-length]
        return whole
