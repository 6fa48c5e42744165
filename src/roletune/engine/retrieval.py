"""BM25 (Robertson and Zaragoza, 2009) over a few thousand short texts: k1 1.5, b 0.75, ties in the order of the texts.

Texts are compared by words without plain English endings, those of scripts without spaces by pairs of characters.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache

K1, B = 1.5, 0.75
_ENDING = re.compile(r"(?<=\w{3})(?:ing|ed|es|e|s)$")
_WORD = re.compile(r"[^\W_\u2e80-\u9fff]+|[\u2e80-\u9fff]+")


class Bm25:
    """Texts, searched by words."""

    def __init__(self, texts: Sequence[str]) -> None:
        self._counts = [_counted(text) for text in texts]
        self._lengths = [sum(counts.values()) for counts in self._counts]
        self._mean = sum(self._lengths) / len(self._lengths) if texts else 1.0
        self._holding = Counter(word for counts in self._counts for word in counts)

    def search(self, query: str, number: int) -> list[int]:
        """Places of at most `number` texts, the best first; those that share no word with `query` are left out."""
        words = sorted(set(terms(query)))  # in a fixed order, since sums of floats depend on it
        scored = [(self._score(words, place), -place) for place in range(len(self._counts))]
        return [-place for score, place in sorted(scored, reverse=True)[:number] if score > 0]

    def _score(self, words: Sequence[str], place: int) -> float:
        counts, length = self._counts[place], self._lengths[place]
        damping = K1 * (1 - B + B * length / self._mean)
        shared = [word for word in words if word in counts]
        return sum(self._rarity(word) * counts[word] * (K1 + 1) / (counts[word] + damping) for word in shared)

    def _rarity(self, word: str) -> float:
        found = self._holding[word]
        return math.log(1 + (len(self._counts) - found + 0.5) / (found + 0.5))


@lru_cache(maxsize=20_000)
def _counted(text: str) -> Counter[str]:
    """The terms of a text with their counts; remembered, since a growing chat is searched again with every turn."""
    return Counter(terms(text))


def terms(text: str) -> list[str]:
    """Words in lower case without plain English endings (drink, drinks, drinking); of Chinese pairs of characters."""
    found = []
    for word in _WORD.findall(text.casefold()):
        if word[0] < "\u2e80" or len(word) == 1:
            found.append(_ENDING.sub("", word))
        else:
            found += [word[place : place + 2] for place in range(len(word) - 1)]
    return found
