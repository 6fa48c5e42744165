"""Few-shot examples from a character's own lines: what somebody said to it, and what it answered.

After RoleGPT (RoleLLM, Wang et al. 2023): the pairs whose first half is most like what is asked now, found with BM25,
put before it as real turns ("dialogue engineering") or told in the prompt. Only authentic and written dialogues of the
train split give pairs, so a held-out line is never its own example. The same question finds the same pairs; whole pairs
go, the least alike first, where they would take too much room.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import pairwise
from typing import NamedTuple

from roletune.engine.retrieval import Bm25
from roletune.records import Dialogue, Message, Profile
from roletune.rendering.viewpoint import perceived, spoken

NUMBER = 5  # as in the paper
ROOM = 2400  # characters of all pairs together, some 600 tokens; a Chinese character takes the room of four


class Pair(NamedTuple):
    """What was said to the character, and its answer."""

    asked: str
    answered: str


def pairs_of(dialogues: Iterable[Dialogue], profile: Profile) -> list[Pair]:
    """Every exchange of the train split that no model wrote, each once; speakers are not named."""
    found: dict[Pair, None] = {}
    for dialogue in dialogues:
        if dialogue.split != "train" or dialogue.origin == "generated" or dialogue.system:
            continue
        turns = [turn for turn in perceived(dialogue.turns, profile) if turn.kind == "speech"]
        for before, after in pairwise(spoken(turns, profile, partners=())):
            if before.role == "user":
                found[Pair(before.content, after.content)] = None
    return list(found)


class FewShot:
    """Pairs of one character, searched by what is asked."""

    def __init__(self, pairs: Sequence[Pair], *, number: int = NUMBER, room: int = ROOM) -> None:
        self._pairs, self._number, self._room = list(pairs), number, room
        self._index = Bm25([pair.asked for pair in pairs])

    def select(self, query: str) -> list[Pair]:
        """At most `number` pairs, the most alike first; where too few share a word, the first ones fill up."""
        alike = self._index.search(query, self._number)
        rest = (place for place in range(len(self._pairs)) if place not in alike)
        chosen, left = list[Pair](), self._room
        for place in [*alike, *rest][: self._number]:
            left -= _room(self._pairs[place])
            if left < 0:
                break
            chosen.append(self._pairs[place])
        return chosen


def as_turns(pairs: Sequence[Pair]) -> list[Message]:
    """The pairs as strictly alternating turns, the most alike last: nearest to the question."""
    return [
        message
        for pair in reversed(pairs)
        for message in (Message(role="user", content=pair.asked), Message(role="assistant", content=pair.answered))
    ]


def _room(pair: Pair) -> int:
    text = pair.asked + pair.answered
    return len(text) + 3 * sum(sign >= "\u2e80" for sign in text)
