"""Why the character answered so: what it was told, and what in its passages and training rows is most alike.

What was told is a fact: those notes were in the prompt. The rest is likeness of words (BM25) with the answer, which
tells where it may come from; what a network really drew on can't be read off it. Pure.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from roletune.engine.retrieval import Bm25
from roletune.inference.recall.knowledge import Knowledge
from roletune.inference.recall.notes import Note
from roletune.records import Example, Passage

NEAREST = 3


@dataclass(frozen=True)
class Row:
    """A reply that was trained on, with what it answers; `id` and `dialogue` are those of the record."""

    id: str
    dialogue: str
    asked: str
    answered: str


@dataclass(frozen=True)
class Why:
    """`notes` were in the prompt; `passages` and `rows` are most like the question and its answer."""

    question: str
    answer: str
    notes: tuple[Note, ...] = ()
    passages: tuple[Passage, ...] = ()
    rows: tuple[Row, ...] = ()
    left_out: int = 0
    prompt_tokens: int = 0
    strength: float = 1.0


class TrainingRows:
    """The replies of a training set, searched by words."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._rows = rows
        self._index = Bm25([f"{row.asked} {row.answered} {row.answered}" for row in rows])

    def nearest(self, question: str, answer: str, number: int = NEAREST) -> tuple[Row, ...]:
        """The rows that share most words with both; the answer's count twice."""
        return tuple(self._rows[place] for place in self._index.search(f"{question} {answer}", number))


def rows_of(examples: Iterable[Example]) -> list[Row]:
    """Every reply that carries loss."""
    return [
        Row(example.id, example.dialogue, example.messages[k - 1].content if k else "", message.content)
        for example in examples
        for k, message in enumerate(example.messages)
        if message.loss
    ]


def nearest_passages(knowledge: Knowledge | None, question: str, answer: str) -> tuple[Passage, ...]:
    """The passages most like the answer."""
    return tuple(knowledge.search(f"{question} {answer}", NEAREST)) if knowledge else ()
