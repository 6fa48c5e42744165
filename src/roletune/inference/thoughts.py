"""What of a growing reply may be shown when thoughts are hidden: everything outside of `<thought>...</thought>`. Pure.

Guarantees: nothing of a thought is shown, however its marks are cut into pieces; a thought that is never ended hides
the rest. Log-probabilities go with their text: those of hidden or half hidden pieces are dropped.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

_BEGIN, _END = "<thought>", "</thought>"


class Hidden:
    """One reply while it passes, with thoughts taken out; with `shown` it passes as it is."""

    def __init__(self, *, shown: bool = False) -> None:
        self._shown = shown
        self._inside = False
        self._crossed = False  # whether the piece that passes touches a thought
        self._held = ""
        self._skip_space = False
        self._entries: list[Any] = []

    def feed(self, text: str, entries: Sequence[Any] = (), *, last: bool = False) -> tuple[str, list[Any]]:
        """The new text to show and the log-probabilities of its tokens; `last`: nothing more will come."""
        if self._shown:
            return text, list(entries)
        self._entries += entries
        whole, self._held = self._held + text, ""
        self._crossed = self._inside or self._skip_space
        shown = self._outside(whole, last)
        if self._crossed:
            self._entries = []
        if not shown:
            return "", []
        passed, self._entries = self._entries, []
        return shown, passed

    def _outside(self, whole: str, last: bool) -> str:
        shown: list[str] = []
        while whole:
            mark = _END if self._inside else _BEGIN
            before, found, rest = whole.partition(mark)
            if not found:
                held = 0 if last else _overlap(whole, mark)
                before, self._held = whole[: len(whole) - held], whole[len(whole) - held :]
            if not self._inside and before:
                shown.append(self._without_gap(before))
            if not found:
                break
            self._crossed = True
            self._skip_space = self._inside  # the line break between a thought and what is said
            self._inside, whole = not self._inside, rest
        return "".join(shown)

    def _without_gap(self, text: str) -> str:
        if self._skip_space:
            text = text.lstrip()
            self._skip_space = not text
        return text


def without_thoughts(text: str) -> str:
    """A whole text without its thoughts."""
    return Hidden().feed(text, last=True)[0]


def _overlap(text: str, mark: str) -> int:
    """How many characters at the end of `text` may be the beginning of `mark`."""
    return next((n for n in range(min(len(mark) - 1, len(text)), 0, -1) if text.endswith(mark[:n])), 0)
