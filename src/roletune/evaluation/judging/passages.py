"""Which passages of the profile matter for an interview.

A judge that is given the first paragraph of a profile judges facts by what it remembers of a celebrity; of an obscure
character it knows nothing. So it gets the passages whose words the questions and the answers share.
"""

from __future__ import annotations

from collections.abc import Sequence

from roletune.engine.retrieval import Bm25
from roletune.records import Passage

LONGEST = 1_500  # characters of one passage that a judge is shown


class PassageIndex:
    """The passages of one profile, searched by words."""

    def __init__(self, passages: Sequence[Passage]) -> None:
        self.passages = tuple(passages)
        self._index = Bm25([f"{passage.heading}\n{passage.text}" for passage in self.passages])

    def search(self, query: str, number: int) -> list[Passage]:
        """At most `number` passages, the best first; those that share no word with `query` are left out."""
        return [self.passages[place] for place in self._index.search(query, number)]
