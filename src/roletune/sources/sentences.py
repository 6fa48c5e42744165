"""Long paragraphs are cut at sentences, so that a passage fits a prompt."""

from __future__ import annotations

import re
from typing import NamedTuple

MAX_WORDS = 180

_BREAK = re.compile(r"(?<=[.!?。！？])\s+|(?<=[.!?。！？][\"'”’)])\s+")


class Piece(NamedTuple):
    """A run of sentences, with its offsets in the paragraph."""

    text: str
    start: int
    end: int


def cut(paragraph: str) -> list[Piece]:
    """The paragraph, or runs of its sentences of at most MAX_WORDS words (a longer sentence stays whole)."""
    pieces: list[Piece] = []
    words = 0  # of the last piece
    for sentence in _sentences(paragraph):
        more = len(sentence.text.split())
        if pieces and words + more <= MAX_WORDS:
            last = pieces[-1]
            pieces[-1] = Piece(f"{last.text} {sentence.text}", last.start, sentence.end)
            words += more
        else:
            pieces.append(sentence)
            words = more
    return pieces


def _sentences(paragraph: str) -> list[Piece]:
    """Sentences without the space around them."""
    first = len(paragraph) - len(paragraph.lstrip())
    text = paragraph.strip()
    breaks = [match.span() for match in _BREAK.finditer(text)]
    starts, ends = [0, *(end for _, end in breaks)], [*(start for start, _ in breaks), len(text)]
    return [
        Piece(text[start:end], first + start, first + end)
        for start, end in zip(starts, ends, strict=True)
        if end > start
    ]
