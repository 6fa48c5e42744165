"""Answers of the character from its training split that are shown with a message, after RoleGPT (Wang et al. 2023).

Told in the persona prompt or put before the chat as real turns; found with BM25 by what is said last. Whole pairs go,
the least alike first, where they would take more than their room. Pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from roletune.inference.conversation import Count
from roletune.inference.recall.notes import Note
from roletune.prompts import Prompt
from roletune.records import Message
from roletune.rendering.few_shot import FewShot, Pair, as_turns
from roletune.rendering.markup import harmless

How = Literal["none", "prompt", "turns"]


@dataclass(frozen=True)
class Shown:
    """What the prompt begins with, and the notes that say what was shown."""

    system: Message
    turns: tuple[Message, ...] = ()
    notes: tuple[Note, ...] = ()


@dataclass(frozen=True)
class Shots:
    """The pairs of one character, and how they are shown; `tokens` is the room for them, `prompt` is `examples`."""

    few: FewShot
    how: How
    tokens: int
    prompt: Prompt

    def show(self, system: Message, query: str, name: str, room: int, count: Count) -> Shown:
        """`system` with the pairs most like `query`, in at most `room` tokens more than it takes alone."""
        pairs, most = self.few.select(query), count([system]) + min(room, self.tokens)
        while pairs:
            shown = self._shown(system, pairs, name)
            if count([shown.system, *shown.turns]) <= most:
                return shown
            pairs = pairs[:-1]
        return Shown(system)

    def _shown(self, system: Message, pairs: Sequence[Pair], name: str) -> Shown:
        notes = tuple(Note("example", f"{pair.asked} → {pair.answered}", "dialogues") for pair in pairs)
        if self.how == "turns":
            return Shown(system, tuple(_plain(each) for each in as_turns(pairs)), notes)
        text = harmless(self.prompt.text(name=name, pairs=list(reversed(pairs))))
        lines = [line for line in text.splitlines() if line.strip()]
        return Shown(system.model_copy(update={"content": "\n".join([system.content, *lines])}), (), notes)


def _plain(message: Message) -> Message:
    return message.model_copy(update={"content": harmless(message.content)})
