"""Whether a text holds a quotation, as models quote: with other quotation marks, dashes, spaces and capitals."""

from __future__ import annotations

import re

_SKIPPED = re.compile(r"\s*(?:\.{3,}|…+|\[…\]|\[\.\.\.\])\s*")


def find_quote(quote: str, text: str) -> tuple[int, int] | None:
    """Start and end of `quote` in `text`, None if it is not there.

    Only letters and digits are compared, without case; a quotation that leaves something out ('he ... left') is there
    if its parts are, in their order. A part must not begin or end inside a word.
    """
    parts = [letters for part in _SKIPPED.split(quote) if (letters := _letters(part)[0])]
    where, places = _letters(text)
    start, end, search = -1, -1, 0
    for part in parts:
        found = _find(part, where, places, text, search)
        if found < 0:
            return None
        start = places[found] if start < 0 else start
        search = found + len(part)
        end = places[search - 1] + 1
    return (start, end) if parts else None


def _letters(text: str) -> tuple[str, list[int]]:
    """Letters and digits of `text` in lower case, and the place of each in it."""
    pairs = [(low, place) for place, one in enumerate(text) if one.isalnum() for low in one.casefold()]
    return "".join(low for low, _ in pairs), [place for _, place in pairs]


def _find(part: str, where: str, places: list[int], text: str, search: int) -> int:
    found = where.find(part, search)
    while found >= 0 and not _whole(places[found], places[found + len(part) - 1] + 1, text):
        found = where.find(part, found + 1)
    return found


def _whole(start: int, end: int, text: str) -> bool:
    before = start == 0 or not _inside(text[start - 1], text[start])
    return before and (end == len(text) or not _inside(text[end - 1], text[end]))


def _inside(left: str, right: str) -> bool:
    """Whether there is no end of a word between two characters; scripts without spaces have one everywhere."""
    return left.isalnum() and right.isalnum() and left < "\u2e80" and right < "\u2e80"
