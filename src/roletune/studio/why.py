"""What lies behind an answer: the passages of the profile and the training rows nearest to it, by words (BM25).

They are likely reasons and no proof: a model does not tell what it drew on.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

from roletune.engine.retrieval import Bm25
from roletune.engine.store import read_records
from roletune.inference.conversation import Conversation
from roletune.project import Project
from roletune.records import Example, Passage

NUMBER = 3  # of each kind


@dataclass(frozen=True)
class Why:
    """The nearest passages and training rows, the best first."""

    passages: tuple[Passage, ...] = ()
    rows: tuple[Example, ...] = ()


def behind(project: Project, conversation: Conversation) -> Why:
    """What lies behind the last answer; nothing if nobody has spoken yet."""
    words = "\n".join(turn.text for turn in conversation.turns[-2:])
    if not words:
        return Why()
    passages = conversation.profile.passages
    found = Bm25([f"{each.heading}\n{each.text}" for each in passages]).search(words, NUMBER)
    train = project.build / "dataset" / "train.jsonl"
    rows, index = _rows(train, train.stat().st_mtime_ns) if train.is_file() else ((), None)
    near = index.search(words, NUMBER) if index else []
    return Why(tuple(passages[place] for place in found), tuple(rows[place] for place in near))


@lru_cache(maxsize=4)
def _rows(path: Path, _changed: int) -> tuple[tuple[Example, ...], Bm25]:
    """The rows and their index, for as long as the file is the same."""
    rows = tuple(read_records(path, Example))
    said = ["\n".join(one.content for one in row.messages if one.role != "system") for row in rows]
    return rows, Bm25(said)
