"""Which passages of the profile matter for an interview: BM25 (Robertson and Zaragoza, 2009), k1 1.5 and b 0.75.

A judge that is given the first paragraph of a profile judges facts by what it remembers of a celebrity; of an obscure
character it knows nothing. So it gets the passages whose words the questions and the answers share. Scripts without
spaces are compared by pairs of characters.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Sequence
from functools import cached_property

from roletune.records import Passage

K1, B = 1.5, 0.75
LONGEST = 1_500  # characters of one passage that a judge is shown
_ENDING = re.compile(r"(?<=\w{3})(?:ing|ed|es|e|s)$")
_WORD = re.compile(r"[^\W_\u2e80-\u9fff]+|[\u2e80-\u9fff]+")


class PassageIndex:
    """The passages of one profile, searched by words."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self.passages = tuple(passages)
        self._counts = [Counter(terms(f"{passage.heading}\n{passage.text}")) for passage in self.passages]
        self._lengths = [sum(counts.values()) for counts in self._counts]

    @cached_property
    def _mean_length(self) -> float:
        return sum(self._lengths) / len(self._lengths) or 1.0

    @cached_property
    def _rarity(self) -> dict[str, float]:
        found = Counter(term for counts in self._counts for term in counts)
        total = len(self.passages)
        return {term: math.log(1 + (total - n + 0.5) / (n + 0.5)) for term, n in found.items()}

    def search(self, query: str, number: int) -> list[Passage]:
        """At most `number` passages, the best first; those that share no word with `query` are left out."""
        wanted = set(terms(query))
        scored = [(self._score(wanted, place), -place) for place in range(len(self.passages))]
        best = sorted((pair for pair in scored if pair[0] > 0), reverse=True)[:number]
        return [self.passages[-place] for _, place in best]

    def _score(self, wanted: set[str], place: int) -> float:
        counts, length = self._counts[place], self._lengths[place]
        damping = K1 * (1 - B + B * length / self._mean_length)
        # In a fixed order: a sum of floats in the order of a set would differ from run to run.
        shared = sorted(wanted & counts.keys())
        return sum(self._rarity[term] * counts[term] * (K1 + 1) / (counts[term] + damping) for term in shared)


def terms(text: str) -> list[str]:
    """Words in lower case without plain English endings (drink, drinks, drinking); of Chinese pairs of characters."""
    found = []
    for word in _WORD.findall(text.casefold()):
        if word[0] < "\u2e80" or len(word) == 1:
            found.append(_ENDING.sub("", word))
        else:
            found += [word[place : place + 2] for place in range(len(word) - 1)]
    return found
