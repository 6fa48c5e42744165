"""Passages of the profile that bear on what was said last, within what the character can know. Pure.

A passage that speaks of what the character must not know (`boundary.must_not_know`) is never told, however near it is.
Passages are found by their words (BM25) and, where vectors of texts can be had, by what they mean; both orders count
alike, by reciprocal rank fusion (Cormack et al. 2009, k = 60).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from roletune.engine.retrieval import Bm25
from roletune.inference.recall.notes import Note, Size, within
from roletune.records import Passage, Profile

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Embed = Callable[[Sequence[str]], NDArray[np.float32]]  # texts to rows of length 1

ALIKE = 0.3  # cosine below which a passage has nothing to do with what was said
_RANKED = 20  # passages of each order
_DAMPING = 60


class Knowledge:
    """The passages of a profile, searched; at most `number` of them, in `tokens`, for one message.

    `embed` gives vectors of what texts mean (`models.embedding`); without it they are found by their words alone.
    """

    def __init__(self, profile: Profile, number: int, tokens: int, embed: Embed | None = None) -> None:
        self.passages = known_passages(profile)
        self._number, self.tokens = number, tokens if number else 0
        self._texts = [f"{passage.heading} {passage.text}" for passage in self.passages]
        self._index = Bm25(self._texts)
        self._embed = embed

    def search(self, query: str, number: int) -> list[Passage]:
        """At most `number` passages that share words or meaning with `query`, the best first."""
        orders = [self._index.search(query, max(number, _RANKED)), self._by_meaning(query)]
        score: dict[int, float] = defaultdict(float)
        for order in orders:
            for rank, place in enumerate(order, 1):
                score[place] += 1 / (_DAMPING + rank)
        return [self.passages[place] for place in sorted(score, key=lambda place: (-score[place], place))[:number]]

    def notes(self, query: str, size: Size) -> tuple[Note, ...]:
        """The passages that bear on `query`, as notes."""
        found = self.search(query, self._number) if self._number else []
        return within([Note("passage", each.text, f"{each.source} ({each.id})") for each in found], self.tokens, size)

    def _by_meaning(self, query: str) -> list[int]:
        if self._embed is None or not self._texts or not query.strip():
            return []
        alike = (self._embed(self._texts) @ self._embed([query])[0]).tolist()
        near = [place for place, cosine in enumerate(alike) if cosine >= ALIKE]
        return sorted(near, key=lambda place: -alike[place])[:_RANKED]


def known_passages(profile: Profile) -> Sequence[Passage]:
    """The passages that the character may know of."""
    forbidden = [phrase.casefold() for phrase in profile.boundary.must_not_know if phrase.strip()]
    return [each for each in profile.passages if not any(phrase in each.text.casefold() for phrase in forbidden)]
