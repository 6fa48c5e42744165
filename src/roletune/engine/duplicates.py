"""Near-duplicate texts, by Jaccard similarity of their word sets.

MinHash (datasketch) proposes pairs, so a hundred thousand texts take seconds; the exact similarity decides, so the
answer does not depend on the hash functions but for pairs that MinHash misses close to the threshold.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_EXACT_BELOW = 2000  # so few texts are compared pair by pair: nothing is missed, and it takes under two seconds

_UNSPACED = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff"  # Thai to Chinese
_WORD = re.compile(rf"[{_UNSPACED}]|[^\W_{_UNSPACED}]+(?:['’][^\W_{_UNSPACED}]+)*")


class Duplicate(NamedTuple):
    """Text number `later` repeats text number `earlier`."""

    earlier: int
    later: int
    similarity: float


class Repeats(NamedTuple):
    """Of `texts`, how many are like some other one, and how many like an earlier one (what dropping them takes)."""

    texts: int
    like_another: int
    like_an_earlier: int


def words_of(text: str) -> frozenset[str]:
    """Its lower-case words; a text of a script without spaces counts by character."""
    return frozenset(word_list(text))


def word_list(text: str) -> list[str]:
    """The same in their order, as often as they occur."""
    return _WORD.findall(text.casefold())


def count_words(text: str) -> int:
    """How many; characters where the script has no spaces, so that a Chinese line is not one word."""
    return len(word_list(text))


def spaced(text: str) -> bool:
    """Whether its script puts spaces between words."""
    return re.search(f"[{_UNSPACED}]", text) is None


def jaccard(a: frozenset[str], b: frozenset[str]) -> float:
    """|a & b| / |a | b|, 0 for two empty sets."""
    union = len(a | b)
    return len(a & b) / union if union else 0.0


def near_duplicates(texts: Sequence[str], threshold: float, since: int = 0) -> list[Duplicate]:
    """For each text that repeats an earlier one (similarity >= threshold), its most similar earlier text.

    Texts before `since` are known not to be asked about.
    """
    sets = [words_of(text) for text in texts]
    found = []
    for later, candidates in enumerate(_candidates(sets, threshold)):
        if later < since:
            continue
        scored = [(jaccard(sets[earlier], sets[later]), -earlier) for earlier in candidates]
        best, earlier = max(scored, default=(0.0, 0))
        if best >= threshold:
            found.append(Duplicate(-earlier, later, best))
    return found


def near_vectors(vectors: NDArray[np.float32], threshold: float, since: int = 0) -> list[Duplicate]:
    """The same for texts as vectors [n, width] of length 1, by their cosine similarity."""
    found = []
    for later in range(max(1, since), len(vectors)):
        similarity = vectors[:later] @ vectors[later]
        earlier = int(similarity.argmax())
        if similarity[earlier] >= threshold:
            found.append(Duplicate(earlier, later, min(1.0, float(similarity[earlier]))))
    return found


def count_repeats(texts: Sequence[str], threshold: float) -> Repeats:
    """How many texts are near-duplicates, counted in the two usual ways; texts without a word are like no other."""
    sets = [words_of(text) for text in texts]
    pairs = [
        (earlier, later)
        for later, candidates in enumerate(_candidates(sets, threshold))
        for earlier in candidates
        if jaccard(sets[earlier], sets[later]) >= threshold
    ]
    return Repeats(len(texts), len({number for pair in pairs for number in pair}), len({later for _, later in pairs}))


def _candidates(sets: Sequence[frozenset[str]], threshold: float) -> list[Sequence[int]]:
    if len(sets) <= _EXACT_BELOW:
        return [range(later) for later in range(len(sets))]
    from datasketch import MinHash, MinHashLSH

    # A lower bar for proposals than for the verdict keeps the misses of MinHash away from the threshold.
    index = MinHashLSH(threshold=max(0.1, threshold - 0.15), num_perm=128)
    candidates: list[Sequence[int]] = []
    for number, words in enumerate(sets):
        sketch = MinHash(num_perm=128)
        sketch.update_batch([word.encode() for word in words])
        candidates.append(sorted(index.query(sketch)))
        index.insert(number, sketch)
    return candidates
