"""Passages of the profile that bear on what was said last, within what the character can know. Pure.

A passage that speaks of what the character must not know (`boundary.must_not_know`) is never told.
"""

from __future__ import annotations

from collections.abc import Sequence

from roletune.engine.retrieval import Bm25
from roletune.inference.recall.notes import Note, Size, within
from roletune.records import Passage, Profile


class Knowledge:
    """The passages of a profile, searched by words; at most `number` of them, in `tokens`, for one message."""

    def __init__(self, profile: Profile, number: int, tokens: int) -> None:
        self.passages = known_passages(profile)
        self._number, self.tokens = number, tokens if number else 0
        self._index = Bm25([f"{passage.heading} {passage.text}" for passage in self.passages])

    def search(self, query: str, number: int) -> list[Passage]:
        """At most `number` passages that share words with `query`, the best first."""
        return [self.passages[place] for place in self._index.search(query, number)]

    def notes(self, query: str, size: Size) -> tuple[Note, ...]:
        """The passages that bear on `query`, as notes."""
        found = self.search(query, self._number) if self._number else []
        return within([Note("passage", each.text, f"{each.source} ({each.id})") for each in found], self.tokens, size)


def known_passages(profile: Profile) -> Sequence[Passage]:
    """The passages that the character may know of."""
    forbidden = [phrase.casefold() for phrase in profile.boundary.must_not_know if phrase.strip()]
    return [each for each in profile.passages if not any(phrase in each.text.casefold() for phrase in forbidden)]
